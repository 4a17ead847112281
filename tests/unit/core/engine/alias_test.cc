// Aliases: names that stand for memories wherever a memory is named.
#include <atomic>
#include <thread>

#include "gmock/gmock.h"
#include "tests/unit/core/engine/engine_fixture.h"

namespace mneme::engine {
namespace {

class AliasTest : public EngineTest {
 protected:
  AliasTest() {
    EXPECT_TRUE(Create("v1", DenseSpecOf(8)).ok());
    EXPECT_TRUE(Create("v2", DenseSpecOf(8)).ok());
  }
  absl::StatusOr<AliasInfo> Set(std::string alias, std::string memory, std::string expected = "") {
    return Await<AliasInfo>([&](auto done) { engine_->SetAlias({alias, memory, expected}, done); });
  }
  absl::StatusOr<bool> DropAlias(std::string alias, bool allow_missing = false) {
    return Await<bool>([&](auto done) { engine_->DropAlias({alias, allow_missing}, done); });
  }
  const Matrix keys_ = UnitRows(10, 8, 3);
};

TEST_F(AliasTest, StandsForTheMemoryInEveryCall) {
  ASSERT_TRUE(Set("faces", "v1").ok());
  ASSERT_TRUE(Store({.memory = "faces", .keys = keys_, .ids = Numbers(1, 10)}).ok());
  EXPECT_EQ(engine_->GetMemory("faces")->name, "v1");
  EXPECT_EQ(engine_->GetMemory("v1")->stats.items, 10u);
  EXPECT_TRUE(GetItem("faces", ItemId(uint64_t{3})).ok());
  EXPECT_TRUE(Query({.memory = "faces", .cues = {.cues = keys_}, .spec = {.top = 1}}).ok());
  EXPECT_EQ(Delete({.memory = "faces", .ids = Numbers(1, 2)})->deleted, 2u);
  EXPECT_EQ(Update({.name = "faces", .description = "all of them"})->name, "v1");
  EXPECT_EQ(engine_->GetMemory("v1")->labels.description, "all of them");
  EXPECT_EQ(engine_->UsageOf("faces")->name, "v1");
}

TEST_F(AliasTest, IsDurableAndListed) {
  ASSERT_TRUE(Set("b", "v1").ok());
  ASSERT_TRUE(Set("a", "v2").ok());
  ASSERT_TRUE(Set("c", "v2").ok());
  ASSERT_TRUE(*DropAlias("c"));
  Reopen(/*clean=*/false);
  const std::vector<AliasInfo> all = engine_->ListAliases("", 10);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].alias, "a");
  EXPECT_EQ(all[0].memory, "v2");
  EXPECT_EQ(all[0].update_unix_nanos, clock_.NowUnixNanos());
  EXPECT_EQ(engine_->ListAliases("a", 10).size(), 1u);
  EXPECT_EQ(engine_->ListAliases("", 1).size(), 1u);
  EXPECT_EQ(engine_->GetMemory("b")->name, "v1");
}

TEST_F(AliasTest, NamesExcludeEachOther) {
  ASSERT_TRUE(Set("faces", "v1").ok());
  EXPECT_EQ(Reason(Set("v2", "v1").status()), "MEMORY_EXISTS");
  EXPECT_EQ(Reason(Create("faces", DenseSpecOf(8)).status()), "ALIAS_EXISTS");
  EXPECT_EQ(Reason(Set("other", "faces").status()), "ALIAS_OF_ALIAS");
  EXPECT_EQ(Reason(Set("other", "nothing").status()), "MEMORY_NOT_FOUND");
  EXPECT_EQ(Reason(Set("Bad Name", "v1").status()), "MEMORY_NAME");
  EXPECT_EQ(Reason(Set("v1", "v1").status()), "MEMORY_EXISTS");
  EXPECT_EQ(Reason(engine_->CloneMemory({.source = "v1", .name = "faces"}).status()),
            "ALIAS_EXISTS");
  EXPECT_EQ(engine_->ListAliases("", 10).size(), 1u);
}

TEST_F(AliasTest, AMemoryWithAliasesIsNotDropped) {
  ASSERT_TRUE(Set("faces", "v1").ok());
  const absl::Status refused = Drop("v1").status();
  EXPECT_EQ(Reason(refused), "HAS_ALIASES");
  EXPECT_EQ(GetErrorDetail(refused)->given, "faces");
  EXPECT_EQ(Reason(Drop("faces").status()), "HAS_ALIASES");  // it is the memory that is meant
  ASSERT_TRUE(Set("faces", "v2").ok());
  EXPECT_TRUE(Drop("v1").ok());
}

TEST_F(AliasTest, ASwapNamesWhatItExpects) {
  ASSERT_TRUE(Set("faces", "v1").ok());
  const absl::Status raced = Set("faces", "v1", "v2").status();
  EXPECT_TRUE(absl::IsAborted(raced)) << raced;
  EXPECT_EQ(Reason(raced), "ALIAS_RACED");
  EXPECT_EQ(GetErrorDetail(raced)->expected, "v1");
  EXPECT_EQ(engine_->GetMemory("faces")->name, "v1");
  EXPECT_TRUE(Set("faces", "v2", "v1").ok());
  EXPECT_EQ(engine_->GetMemory("faces")->name, "v2");
  EXPECT_EQ(Reason(Set("absent", "v1", "v2").status()), "ALIAS_RACED");
}

TEST_F(AliasTest, DroppingOneThatIsNotThere) {
  EXPECT_EQ(Reason(DropAlias("faces").status()), "ALIAS_NOT_FOUND");
  EXPECT_FALSE(*DropAlias("faces", /*allow_missing=*/true));
  EXPECT_EQ(Reason(DropAlias("v1").status()), "ALIAS_NOT_FOUND");
}

// A retry after a swap is a new request to the other memory: outcomes are kept under the memory.
TEST_F(AliasTest, RequestIdsAreTheMemorysOwn) {
  ASSERT_TRUE(Set("faces", "v1").ok());
  const StoreCommand command{
      .memory = "faces", .keys = keys_, .ids = Numbers(1, 10), .request_id = "r", .body_hash = 7};
  ASSERT_TRUE(Store(command).ok());
  EXPECT_TRUE(Store(command)->replayed);
  StoreCommand by_name = command;
  by_name.memory = "v1";
  EXPECT_TRUE(Store(by_name)->replayed);
  ASSERT_TRUE(Set("faces", "v2").ok());
  auto retried = Store(command);
  ASSERT_TRUE(retried.ok()) << retried.status();
  EXPECT_FALSE(retried->replayed);
  EXPECT_EQ(engine_->GetMemory("v2")->stats.items, 10u);
}

TEST_F(AliasTest, NoCallFindsASwappedAliasPointingNowhere) {
  ASSERT_TRUE(Set("faces", "v1").ok());
  std::atomic<bool> stop{false};
  std::atomic<size_t> asked{0}, failed{0};
  std::thread reader([&] {
    while (!stop) {
      failed += !engine_->GetMemory("faces").ok();
      ++asked;
    }
  });
  for (int i = 0; i < 50 || asked == 0; ++i) ASSERT_TRUE(Set("faces", i % 2 ? "v1" : "v2").ok());
  stop = true;
  reader.join();
  EXPECT_EQ(failed, 0u);
}

}  // namespace
}  // namespace mneme::engine
