// Clone: a copy that answers as its source did, is its own from then on, and is whole or not there.
#include <atomic>

#include "absl/strings/numbers.h"
#include "core/base/status.h"
#include "tests/unit/core/engine/admin_fixture.h"

namespace mneme::engine {
namespace {

using CloneTest = AdminTest;

TEST_F(CloneTest, AnswersAsItsSourceAndGoesItsOwnWay) {
  MakeAll();
  for (const MemoryKind& kind : MemoryKinds()) {
    SCOPED_TRACE(kind.name);
    const std::string name = kind.name + "-copy";
    const JobInfo job = End(engine_->CloneMemory({.source = kind.name, .name = name}));
    ASSERT_TRUE(job.status.ok()) << job.status;
    EXPECT_EQ(job.kind, JobKind::kClone);
    const MemoryInfo copy = std::get<MemoryInfo>(job.result);
    EXPECT_EQ(copy.name, name);
    EXPECT_NE(copy.uid, engine_->GetMemory(kind.name)->uid);
    EXPECT_EQ(copy.stats.items, 80u);
    ExpectSame(name, Ask(kind, kind.name), Ask(kind, name));
    StoreRange(kind, name, 80, 10);
    EXPECT_EQ(engine_->GetMemory(name)->stats.items, 90u);
    EXPECT_EQ(engine_->GetMemory(kind.name)->stats.items, 80u);
  }
  const auto item = GetItem("dense-copy", ItemId(uint64_t{7}));
  ASSERT_TRUE(item.ok()) << item.status();
  EXPECT_EQ(item->payload.payload, "p");
  EXPECT_EQ(engine_->GetMemory("tam-copy")->stats.trained->items, 80u);
  std::vector<QueryReply> before;
  for (const MemoryKind& kind : MemoryKinds()) before.push_back(Ask(kind, kind.name + "-copy"));
  Reopen(/*clean=*/false);
  const std::vector<MemoryKind> kinds = MemoryKinds();
  for (size_t i = 0; i < kinds.size(); ++i)
    ExpectSame(kinds[i].name, before[i], Ask(kinds[i], kinds[i].name + "-copy"));
}

TEST_F(CloneTest, KeepsPolicyAndLabelsAndIsNotFrozen) {
  ASSERT_TRUE(Create({.name = "m",
                      .labels = {.description = "d", .labels = {{"a", "b"}}},
                      .spec = DenseSpecOf(24),
                      .item_policy = {.items_max = 500}})
                  .ok());
  ASSERT_TRUE(Update({.name = "m", .frozen = true}).ok());
  ASSERT_TRUE(End(engine_->CloneMemory({.source = "m", .name = "copy"})).status.ok());
  const auto copy = engine_->GetMemory("copy");
  EXPECT_EQ(copy->labels.description, "d");
  EXPECT_EQ(copy->labels.labels.at("a"), "b");
  EXPECT_EQ(copy->item_policy.items_max, 500u);
  EXPECT_FALSE(copy->frozen);
  EXPECT_EQ(copy->revision, 1u);
}

TEST_F(CloneTest, RefusesWhatCannotBe) {
  ASSERT_TRUE(Create("m", DenseSpecOf(24)).ok());
  EXPECT_EQ(Reason(engine_->CloneMemory({.source = "n", .name = "copy"}).status()),
            "MEMORY_NOT_FOUND");
  EXPECT_EQ(Reason(engine_->CloneMemory({.source = "m", .name = "m"}).status()), "MEMORY_EXISTS");
  EXPECT_EQ(Reason(engine_->CloneMemory({.source = "m", .name = "M"}).status()), "MEMORY_NAME");
}

TEST_F(CloneTest, LeavesTheReserveOfTheDiskAlone) {
  constexpr uint64_t kReserve = 1 << 20;
  constexpr uint64_t kPlenty = uint64_t{1} << 40;
  std::atomic<uint64_t> at_first{kPlenty}, later{kPlenty};
  std::atomic<int> asked{0};
  wrap_ = [&](std::unique_ptr<storage::Storage> storage) {
    return std::make_unique<DiskGauge>(
        std::move(storage), [&] { return asked++ == 0 ? at_first.load() : later.load(); });
  };
  options_.disk_bytes_reserve = kReserve;
  Reopen(/*clean=*/true);
  MakeAll();
  const auto clone = [&](uint64_t first, uint64_t then) {
    at_first = first;
    later = then;
    asked = 0;
    return End(engine_->CloneMemory({.source = "dense", .name = "copy"})).status;
  };
  // Room for the rows, and not for what writing them takes on the way.
  const absl::Status refused = clone(kReserve + 80 * 24 * 4, kPlenty);
  EXPECT_EQ(Reason(refused), "FULL");
  uint64_t needed = 0;
  ASSERT_TRUE(absl::SimpleAtoi(GetErrorDetail(refused)->given, &needed)) << refused;
  EXPECT_GT(needed, 80u * 24 * 4);
  EXPECT_EQ(GetErrorDetail(refused)->expected, absl::StrCat("at most ", 80 * 24 * 4));
  // Filled by others while it goes on.
  EXPECT_EQ(Reason(clone(kPlenty, kReserve)), "FULL");
  EXPECT_FALSE(engine_->GetMemory("copy").ok());
  EXPECT_TRUE(clone(kPlenty, kPlenty).ok());
  at_first = later = 0;
  EXPECT_TRUE(Drop("copy").ok());
  EXPECT_EQ(Orphans(), 0u);
}

TEST_F(CloneTest, CancelledLeavesNothing) {
  MakeAll();
  OpenGated(GatedCopyStorage::Where::kBefore);
  const auto job = engine_->CloneMemory({.source = "dense", .name = "copy"});
  ASSERT_TRUE(job.ok()) << job.status();
  gate_->WaitUntilReached();
  ASSERT_TRUE(engine_->jobs().Cancel(job->id).ok());
  gate_->Open();
  EXPECT_TRUE(absl::IsCancelled(End(job).status)) << End(job).status;
  EXPECT_FALSE(engine_->GetMemory("copy").ok());
  EXPECT_EQ(Orphans(), 0u);
}

TEST_F(CloneTest, ANameTakenMeanwhileIsRefusedAndNothingIsLeft) {
  MakeAll();
  OpenGated(GatedCopyStorage::Where::kAfter);
  const auto job = engine_->CloneMemory({.source = "dense", .name = "copy"});
  ASSERT_TRUE(job.ok()) << job.status();
  gate_->WaitUntilReached();
  ASSERT_TRUE(Create("copy", DenseSpecOf(3)).ok());
  gate_->Open();
  EXPECT_EQ(Reason(End(job).status), "MEMORY_EXISTS");
  EXPECT_EQ(engine_->GetMemory("copy")->spec.key_dim, 3u);
  EXPECT_EQ(Orphans(), 0u);
}

TEST_F(CloneTest, OfASourceThatIsDeletedMeanwhileFails) {
  MakeAll();
  OpenGated(GatedCopyStorage::Where::kBefore);
  const auto job = engine_->CloneMemory({.source = "dense", .name = "copy"});
  ASSERT_TRUE(job.ok()) << job.status();
  gate_->WaitUntilReached();
  ASSERT_TRUE(Drop("dense").ok());
  gate_->Open();
  EXPECT_EQ(Reason(End(job).status), "MEMORY_NOT_FOUND");
  EXPECT_FALSE(engine_->GetMemory("copy").ok());
  EXPECT_EQ(Orphans(), 0u);
}

TEST_F(CloneTest, WritesDuringTheCopyAreNotInIt) {
  MakeAll();
  OpenGated(GatedCopyStorage::Where::kAfter);
  const MemoryKind dense = MemoryKinds().front();
  const QueryReply before = Ask(dense, "dense");
  const auto job = engine_->CloneMemory({.source = "dense", .name = "copy"});
  ASSERT_TRUE(job.ok()) << job.status();
  gate_->WaitUntilReached();
  StoreRange(dense, "dense", 80, 20);
  gate_->Open();
  ASSERT_TRUE(End(job).status.ok()) << End(job).status;
  ExpectSame("copy", before, Ask(dense, "copy"));
}

}  // namespace
}  // namespace mneme::engine
