// The check of a data directory finds what is wrong, says of which memory, and nothing where all is
// well.
#include "core/engine/fsck.h"

#include "gmock/gmock.h"
#include "tests/unit/core/engine/admin_fixture.h"

namespace mneme::engine {
namespace {

class FsckTest : public AdminTest {
 protected:
  void SetUp() override {
    MakeAll();
    ASSERT_TRUE(Await<AliasInfo>([&](auto done) {
                  engine_->SetAlias({"faces", "dense", ""}, done);
                }).ok());
    for (const char* name : {"dense", "ridge"}) uids_[name] = engine_->GetMemory(name)->uid;
    ASSERT_TRUE(engine_->Close().ok());
    engine_.reset();
  }
  // Changes the directory behind the engine's back.
  void Break(const std::function<void(storage::Storage&, storage::CommitBatch&)>& change) {
    auto storage = storage::OpenRocksDbStorage({.directory = directory_ + "/data"});
    ASSERT_TRUE(storage.ok());
    auto batch = (*storage)->NewBatch();
    change(**storage, *batch);
    ASSERT_TRUE((*storage)->Commit(std::move(batch), Sync::kDisk).ok());
  }
  FsckReport Check() {
    auto storage =
        storage::OpenRocksDbStorage({.directory = directory_ + "/data", .read_only = true});
    MNEME_CHECK(storage.ok());
    auto report = CheckDataDirectory(**storage, clock_, [](std::string_view, double) {});
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *report : FsckReport{};
  }
  static const CheckedMemory& Of(const FsckReport& report, const std::string& name) {
    for (const CheckedMemory& memory : report.memories)
      if (memory.name == name) return memory;
    MNEME_CHECK(false);
  }

  std::map<std::string, MemoryUid> uids_;
};

TEST_F(FsckTest, FindsNothingWhereAllIsWell) {
  const FsckReport report = Check();
  EXPECT_TRUE(report.clean());
  EXPECT_THAT(report.shared, ::testing::IsEmpty());
  EXPECT_EQ(report.aliases, 1u);
  EXPECT_EQ(report.orphans, 0u);
  ASSERT_EQ(report.memories.size(), MemoryKinds().size());
  for (const CheckedMemory& memory : report.memories) {
    EXPECT_THAT(memory.damage, ::testing::IsEmpty()) << memory.name;
    EXPECT_EQ(memory.items, 80u) << memory.name;
    EXPECT_EQ(memory.position, 2u) << memory.name;
  }
  EXPECT_EQ(Of(report, "ridge").checkpoint_position, 2u);  // written when the engine closed
  Open();
  EXPECT_EQ(engine_->GetMemory("dense")->stats.items, 80u);
}

TEST_F(FsckTest, ARowThatIsGoneIsDamageOfItsMemoryAlone) {
  Break([&](storage::Storage&, storage::CommitBatch& batch) {
    batch.EraseRow(uids_["dense"], 3, nullptr);
  });
  const FsckReport report = Check();
  EXPECT_FALSE(report.clean());
  EXPECT_THAT(Of(report, "dense").damage, ::testing::Not(::testing::IsEmpty()));
  for (const CheckedMemory& memory : report.memories) {
    if (memory.name == "dense") continue;
    EXPECT_THAT(memory.damage, ::testing::IsEmpty()) << memory.name;
  }
}

TEST_F(FsckTest, AModelThatDisagreesWithItsRowsIsFound) {
  // Gone with its id, as if it had been deleted, but the log knows of no delete.
  const ItemId id(uint64_t{3});
  Break([&](storage::Storage&, storage::CommitBatch& batch) {
    batch.EraseRow(uids_["ridge"], 3, &id);
  });
  EXPECT_THAT(Of(Check(), "ridge").damage, ::testing::Not(::testing::IsEmpty()));
}

TEST_F(FsckTest, AStateThatIsNoCheckpointIsFound) {
  Break([&](storage::Storage&, storage::CommitBatch& batch) {
    batch.PutState(uids_["ridge"], 2, "nonsense");
  });
  EXPECT_THAT(Of(Check(), "ridge").damage,
              ::testing::Contains(::testing::HasSubstr("cannot be read")));
}

TEST_F(FsckTest, AnAliasOfNothingIsFound) {
  Break([&](storage::Storage&, storage::CommitBatch& batch) {
    batch.PutAlias({"lost", "nothing", 1});
  });
  const FsckReport report = Check();
  EXPECT_FALSE(report.clean());
  EXPECT_THAT(report.shared, ::testing::Contains(::testing::HasSubstr("'nothing'")));
}

TEST_F(FsckTest, OrphansAreToldOfAndAreNoDamage) {
  Break([&](storage::Storage& storage, storage::CommitBatch&) {
    ASSERT_TRUE(storage.CopyMemory(storage, uids_["dense"], 77, "", nullptr).ok());
  });
  const FsckReport report = Check();
  EXPECT_TRUE(report.clean());
  EXPECT_EQ(report.orphans, 1u);
}

}  // namespace
}  // namespace mneme::engine
