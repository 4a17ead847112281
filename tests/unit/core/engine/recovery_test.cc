// Answers after a restart equal answers before, for every model and every way of keeping rows.
#include <cmath>
#include <filesystem>

#include "tests/unit/core/engine/engine_fixture.h"

namespace mneme::engine {
namespace {

using models::LinearRule;
using models::Retain;

struct Kind {
  const char* name;
  models::MemorySpec spec;
};

std::vector<Kind> Kinds() {
  models::MemorySpec partitioned = LinearSpecOf(24, 12, LinearRule::kCmm);
  std::get<models::LinearSpec>(partitioned.model).partitions = 3;
  return {{"dense", DenseSpecOf(24)},
          {"hetero", DenseSpecOf(24, 12)},
          {"cmm", LinearSpecOf(24, 12, LinearRule::kCmm)},
          {"ridge", LinearSpecOf(24, 12, LinearRule::kRidge)},
          {"partitioned", partitioned},
          {"responses", LinearSpecOf(24, 12, LinearRule::kRidge, Retain::kResponses)},
          {"statistics", LinearSpecOf(24, 12, LinearRule::kRidge, Retain::kStatistics)}};
}

class RecoveryTest : public EngineTest, public ::testing::WithParamInterface<bool> {
 protected:
  void StoreRange(const Kind& kind, size_t first, size_t count, bool upsert = false) {
    StoreCommand command{
        .memory = kind.name, .keys = keys_.view().slice(first, count), .upsert = upsert};
    if (kind.spec.response_dim > 0) command.responses = responses_.view().slice(first, count);
    if (kind.spec.retain != Retain::kStatistics) command.ids = Numbers(first, count);
    auto reply = Store(command);
    ASSERT_TRUE(reply.ok()) << kind.name << reply.status();
  }
  void DeleteRange(const Kind& kind, size_t first, size_t count) {
    DeleteCommand command{.memory = kind.name};
    if (kind.spec.retain != Retain::kStatistics) command.ids = Numbers(first, count);
    if (kind.spec.retain != Retain::kAll) {
      command.keys = keys_.view().slice(first, count);
      command.responses = responses_.view().slice(first, count);
    }
    auto reply = Delete(command);
    ASSERT_TRUE(reply.ok()) << kind.name << reply.status();
    EXPECT_EQ(reply->deleted, count);
  }
  QueryReply Ask(const Kind& kind, size_t top) {
    auto reply = Query({.memory = kind.name,
                        .cues = {.cues = cues_},
                        .spec = {.top = kind.spec.retain == Retain::kStatistics ? 0 : top}});
    EXPECT_TRUE(reply.ok()) << kind.name << reply.status();
    return reply.ok() ? *std::move(reply) : QueryReply{};
  }
  static void ExpectSame(const Kind& kind, const QueryReply& a, const QueryReply& b) {
    EXPECT_EQ(a.position, b.position) << kind.name;
    ASSERT_EQ(a.answer.recalls.flat().size(), b.answer.recalls.flat().size()) << kind.name;
    for (size_t i = 0; i < a.answer.recalls.flat().size(); ++i) {
      ASSERT_NEAR(a.answer.recalls.flat()[i], b.answer.recalls.flat()[i], 2e-5) << kind.name;
    }
    for (size_t i = 0; i < a.answer.cues.size(); ++i) {
      ASSERT_EQ(a.answer.cues[i].top.size(), b.answer.cues[i].top.size()) << kind.name;
      for (size_t j = 0; j < a.answer.cues[i].top.size(); ++j) {
        EXPECT_EQ(a.answer.cues[i].top[j].id, b.answer.cues[i].top[j].id) << kind.name;
      }
    }
  }

  const Matrix keys_ = UnitRows(400, 24, 5);
  const Matrix responses_ = UnitRows(400, 12, 6);
  const Matrix cues_ = UnitRows(10, 24, 7);
};

TEST_P(RecoveryTest, AnswersAreAsBefore) {
  const std::vector<Kind> kinds = Kinds();
  for (const Kind& kind : kinds) {
    ASSERT_TRUE(Create(kind.name, kind.spec).ok()) << kind.name;
    StoreRange(kind, 0, 100);
    for (size_t i = 100; i < 120; ++i) StoreRange(kind, i, 1);
    DeleteRange(kind, 10, 5);
  }
  std::vector<QueryReply> before;
  for (const Kind& kind : kinds) before.push_back(Ask(kind, 4));
  Reopen(GetParam());
  for (size_t i = 0; i < kinds.size(); ++i) {
    ExpectSame(kinds[i], before[i], Ask(kinds[i], 4));
    EXPECT_EQ(engine_->GetMemory(kinds[i].name)->stats.items, 115u) << kinds[i].name;
  }
  // On from a checkpoint: more rows, rows of before the checkpoint taken out, and again.
  before.clear();
  for (const Kind& kind : kinds) {
    StoreRange(kind, 200, 50);
    DeleteRange(kind, 50, 10);
    before.push_back(Ask(kind, 4));
  }
  Reopen(GetParam());
  for (size_t i = 0; i < kinds.size(); ++i) {
    ExpectSame(kinds[i], before[i], Ask(kinds[i], 4));
    EXPECT_EQ(engine_->GetMemory(kinds[i].name)->stats.items, 155u) << kinds[i].name;
  }
}

TEST_P(RecoveryTest, UpsertsAreReplayed) {
  for (const Kind& kind : Kinds()) {
    if (kind.spec.retain != Retain::kAll) continue;
    ASSERT_TRUE(Create(kind.name, kind.spec).ok());
    StoreRange(kind, 0, 60);
    // Item 5 again, with other vectors.
    StoreCommand command{.memory = kind.name,
                         .keys = keys_.view().slice(300, 1),
                         .ids = Numbers(5, 1),
                         .upsert = true};
    if (kind.spec.response_dim > 0) command.responses = responses_.view().slice(300, 1);
    ASSERT_TRUE(Store(command).ok());
    const QueryReply before = Ask(kind, 3);
    Reopen(GetParam());
    ExpectSame(kind, before, Ask(kind, 3));
    auto item = GetItem(kind.name, ItemId(uint64_t{5}));
    ASSERT_TRUE(item.ok());
    EXPECT_EQ(item->key, std::vector<float>(keys_.row(300).begin(), keys_.row(300).end()));
    EXPECT_EQ(engine_->GetMemory(kind.name)->stats.items, 60u);
  }
}

TEST_P(RecoveryTest, RowsAndNumbersAreNeverUsedTwice) {
  const Kind kind{"m", DenseSpecOf(24)};
  ASSERT_TRUE(Create(kind.name, kind.spec).ok());
  StoreRange(kind, 0, 10);
  const uint64_t last = GetItem("m", ItemId(uint64_t{9}))->row;
  DeleteRange(kind, 5, 5);
  Reopen(GetParam());
  StoreRange(kind, 20, 1);
  EXPECT_GT(GetItem("m", ItemId(uint64_t{20}))->row, last);
  EXPECT_EQ(engine_->GetMemory("m")->position, 3u);
}

TEST_P(RecoveryTest, DroppedMemoriesStayDropped) {
  ASSERT_TRUE(Create("a", DenseSpecOf(24)).ok());
  const Kind kind{"a", DenseSpecOf(24)};
  StoreRange(kind, 0, 10);
  ASSERT_TRUE(Drop("a").ok());
  Reopen(GetParam());
  EXPECT_EQ(engine_->GetMemory("a").status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(Create("a", DenseSpecOf(24)).ok());
  EXPECT_EQ(engine_->GetMemory("a")->stats.items, 0u);
}

TEST_F(EngineTest, RowsThatAreNotKeptLeaveTheDiskWithACheckpoint) {
  const Matrix keys = UnitRows(20, 24, 5), responses = UnitRows(20, 12, 6);
  ASSERT_TRUE(
      Create("statistics", LinearSpecOf(24, 12, LinearRule::kCmm, Retain::kStatistics)).ok());
  ASSERT_TRUE(Create("responses", LinearSpecOf(24, 12, LinearRule::kCmm, Retain::kResponses)).ok());
  ASSERT_TRUE(Store({.memory = "statistics", .keys = keys, .responses = responses}).ok());
  ASSERT_TRUE(
      Store({.memory = "responses", .keys = keys, .responses = responses, .ids = Numbers(0, 20)})
          .ok());
  const MemoryUid statistics = engine_->GetMemory("statistics")->uid,
                  kept = engine_->GetMemory("responses")->uid;
  EXPECT_EQ(Reason(GetItem("statistics", ItemId(uint64_t{1})).status()), "ITEMS_NOT_KEPT");
  EXPECT_EQ(Reason(Delete({.memory = "responses", .ids = Numbers(0, 1)}).status()),
            "VECTORS_NEEDED");
  ASSERT_TRUE(engine_->Close().ok());
  engine_.reset();
  auto storage = storage::OpenRocksDbStorage({.directory = directory_ + "/data"});
  ASSERT_TRUE(storage.ok());
  size_t rows = 0, keys_left = 0;
  ASSERT_TRUE((*storage)
                  ->ScanRows(statistics, 0, ~0ull,
                             [&](const storage::RowView&) {
                               ++rows;
                               return absl::OkStatus();
                             })
                  .ok());
  EXPECT_EQ(rows, 0u);
  ASSERT_TRUE((*storage)
                  ->ScanRows(kept, 0, ~0ull,
                             [&](const storage::RowView& row) {
                               ++rows;
                               keys_left += !row.key.empty();
                               EXPECT_EQ(row.response.size(), 12u);
                               return absl::OkStatus();
                             })
                  .ok());
  EXPECT_EQ(rows, 20u);
  EXPECT_EQ(keys_left, 0u);
}

INSTANTIATE_TEST_SUITE_P(Stops, RecoveryTest, ::testing::Bool(),
                         [](const auto& param) { return param.param ? "Clean" : "Killed"; });

// After a clean stop it does not matter what becomes of the log's files.
TEST_F(EngineTest, CloseLeavesNothingInTheLogAlone) {
  const models::MemorySpec linear = LinearSpecOf(8, 8, models::LinearRule::kRidge);
  for (const bool full : {false, true}) {  // what is closed first may have come from an empty log
    ASSERT_TRUE(Create(full ? "c" : "a", DenseSpecOf(8)).ok());
    ASSERT_TRUE(Create(full ? "d" : "b", linear).ok());
    const Matrix keys = UnitRows(20, 8, 3);
    ASSERT_TRUE(Store({.memory = full ? "c" : "a", .keys = keys}).ok());
    ASSERT_TRUE(Store({.memory = full ? "d" : "b", .keys = keys, .responses = keys}).ok());
    ASSERT_TRUE(engine_->Close().ok());
    engine_.reset();
    for (const auto& entry : std::filesystem::directory_iterator(directory_ + "/data/db")) {
      if (entry.path().extension() == ".log") std::filesystem::remove(entry.path());
    }
    Open();
    EXPECT_EQ(engine_->ListMemories("", 10).size(), full ? 4u : 2u);
    for (const MemoryInfo& info : engine_->ListMemories("", 10)) {
      EXPECT_EQ(info.stats.items, 20u) << info.name;
      EXPECT_EQ(info.health, Health::kServing) << info.name;
    }
  }
}

}  // namespace
}  // namespace mneme::engine
