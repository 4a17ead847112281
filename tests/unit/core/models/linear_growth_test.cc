// Tests of memories that grow by generations of partitions, and of what else decides where rows go
// and what is counted.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "core/models/linear/linear_model.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/core/models/linear_testing.h"

namespace mneme::models {
namespace {

constexpr uint64_t kSeed = 12;

// Two matrices of 8 x 4 each; at a load of 0.5 they hold 32 items.
MemorySpec Growing(LinearRule rule = LinearRule::kCmm) {
  return LinearMemory(
      8, 4, {.rule = rule, .partitions = 2, .load_policy = LoadPolicy::kGrow, .load_limit = 0.5});
}

std::vector<uint64_t> Starts(const LinearModel& model) {
  const std::span<const uint64_t> starts = model.router().starts();
  return {starts.begin(), starts.end()};
}

TEST(LinearGrowth, AGenerationBeginsWhereTheLoadWouldPassItsLimit) {
  const TestRows rows(100, 8, 4, kSeed);
  LinearModel model(Growing());
  ASSERT_TRUE(model.Absorb(rows.Block(0, 32)).ok());
  EXPECT_EQ(Starts(model), std::vector<uint64_t>({0}));
  EXPECT_EQ(model.Publish()->stats().partitions, 2u);
  ASSERT_TRUE(model.Absorb(rows.Block(32, 68)).ok());
  EXPECT_EQ(Starts(model), std::vector<uint64_t>({0, 32, 64, 96}));
  const ModelStats stats = model.Publish()->stats();
  EXPECT_EQ(stats.partitions, 8u);
  EXPECT_EQ(stats.items, 100u);
  EXPECT_LE(stats.partition_items, 32u);
  EXPECT_GE(stats.partition_items, 16u);
}

TEST(LinearGrowth, DoesNotDependOnHowRowsWereBatched) {
  RecordProperty("seed", std::to_string(kSeed));
  const TestRows rows(300, 8, 4, kSeed);
  std::string state;
  std::vector<uint64_t> starts;
  for (uint64_t stream = 0; stream < 5; ++stream) {
    SCOPED_TRACE(stream);
    Random random(kSeed, stream);
    LinearModel model(Growing());
    // The same writes in the same order: after row 100, rows 50 to 99 go.
    const auto absorb = [&](size_t first, size_t last) {
      while (first < last) {
        const size_t count = std::min<size_t>(1 + random.Below(90), last - first);
        ASSERT_TRUE(model.Absorb(rows.Block(first, count)).ok());
        first += count;
      }
    };
    absorb(0, 100);
    ASSERT_TRUE(model.Forget(rows.Block(50, 50)).ok());
    absorb(100, 300);
    if (stream == 0) starts = Starts(model);
    EXPECT_EQ(Starts(model), starts);
    EXPECT_EQ(model.Publish()->stats().items, 250u);
  }
  EXPECT_EQ(starts[3], 96u);
  EXPECT_EQ(starts[4], 132u);  // the four rows of generation 3 went, and made room
}

TEST(LinearGrowth, RowsAreFoundAndForgottenWhereTheyWere) {
  RecordProperty("seed", std::to_string(kSeed));
  const TestRows rows(150, 8, 4, kSeed);
  for (const LinearRule rule : {LinearRule::kCmm, LinearRule::kRidge, LinearRule::kRls}) {
    LinearModel model(Growing(rule));
    ASSERT_TRUE(model.Absorb(rows.Block()).ok());
    LinearModel loaded(Growing(rule));
    ASSERT_TRUE(loaded.Load(model.Save()).ok());
    ASSERT_TRUE(loaded.Restore(rows.Block()).ok());
    EXPECT_EQ(Starts(loaded), Starts(model));
    for (LinearModel* either : {&model, &loaded}) {
      // The best item of a cue, and the recall of its own partition.
      const auto answer = Ask(*either->Publish(), {.cues = rows.keys}, {.top = 1});
      ASSERT_TRUE(answer.ok());
      for (size_t i = 0; i < 150; ++i) {
        const ScoredItem& best = answer->cues[i].top[0];
        const size_t partition = either->router().PartitionOf(best.row, best.id);
        std::vector<size_t> with_it;
        for (size_t j = 0; j < 150; ++j) {
          if (either->router().PartitionOf(j, rows.ids[j]) == partition) with_it.push_back(j);
        }
        const LinearRule as = rule == LinearRule::kCmm ? rule : LinearRule::kRidge;
        const double lambda = rule == LinearRule::kRls
                                  ? 1e-3
                                  : DefaultLambda(static_cast<int64_t>(with_it.size()), 8);
        const Matrix expected =
            NaiveRecall(rows, with_it, as, lambda, rows.keys.view().slice(i, 1));
        for (size_t j = 0; j < 4; ++j) {
          ASSERT_NEAR(answer->recalls.at(i, j), expected.at(0, j), 2e-4);
        }
      }
      for (size_t i = 0; i < 150; i += 10) ASSERT_TRUE(either->Forget(rows.Block(i, 10)).ok());
      for (size_t p = 0; p < either->router().partitions(); ++p) {
        EXPECT_EQ(either->learner(p).items(), 0) << p;
        for (double x : SumsOf(*either, p).a.flat()) EXPECT_NEAR(x, 0, 1e-12);
      }
    }
  }
}

TEST(LinearGrowth, StopsAtItsBound) {
  LinearSpec spec{.rule = LinearRule::kCmm,
                  .partitions = 100,
                  .load_policy = LoadPolicy::kGrow,
                  .load_limit = 0.01};  // room for 0.04 items a matrix: 4 a generation
  const TestRows rows(60, 2, 2, kSeed);
  LinearModel model(LinearMemory(2, 2, spec));
  ASSERT_TRUE(model.Absorb(rows.Block()).ok());
  EXPECT_EQ(Starts(model), std::vector<uint64_t>({0, 4}));
  const ModelStats stats = model.Publish()->stats();
  EXPECT_EQ(stats.partitions, 200u);
  EXPECT_EQ(stats.items, 60u);
}

TEST(LinearGrowth, EveryGenerationTakesARowHoweverSmallTheLimit) {
  LinearSpec spec{.rule = LinearRule::kCmm, .load_policy = LoadPolicy::kGrow, .load_limit = 1e-9};
  const TestRows rows(5, 2, 2, kSeed);
  LinearModel model(LinearMemory(2, 2, spec));
  ASSERT_TRUE(model.Absorb(rows.Block()).ok());
  EXPECT_EQ(Starts(model), std::vector<uint64_t>({0, 1, 2, 3, 4}));
}

TEST(LinearStats, BytesByKindAreAllBytes) {
  const TestRows rows(500, 8, 4, kSeed);
  const struct {
    LinearSpec spec;
    std::vector<std::string> kinds;
  } cases[] = {
      {{.rule = LinearRule::kCmm}, {"W", "factors", "statistics", "codebook"}},
      {{.rule = LinearRule::kRidge, .partitions = 3},
       {"W", "factors", "statistics", "solver", "codebook"}},
      {{.rule = LinearRule::kDecayed, .gamma = 0.9},
       {"W", "factors", "statistics", "ages", "codebook"}},
      {{.rule = LinearRule::kGatedDelta, .gamma = 0.9}, {"W", "factors", "statistics", "codebook"}},
      {{.rule = LinearRule::kRls}, {"W", "factors", "statistics", "solver", "codebook"}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(Name(c.spec.rule));
    LinearModel model(LinearMemory(8, 4, c.spec));
    ASSERT_TRUE(model.Absorb(rows.Block(0, 499)).ok());
    model.Publish();
    ASSERT_TRUE(model.Absorb(rows.Block(499, 1)).ok());
    const ModelStats stats = model.Publish()->stats();
    uint64_t sum = 0;
    std::vector<std::string> kinds;
    for (const ByteAccount& account : stats.bytes) {
      sum += account.bytes;
      kinds.emplace_back(account.what);
      EXPECT_GT(account.bytes, 0u);
      if (account.what == "W") {
        EXPECT_EQ(account.bytes, c.spec.partitions * 8 * 4 * sizeof(float));
      }
    }
    EXPECT_EQ(sum, stats.fixed_bytes + stats.row_bytes);
    EXPECT_THAT(kinds, testing::UnorderedElementsAreArray(c.kinds));
  }
}

TEST(LinearStats, PairsThatWereNeverStoredCountAgainstTheMemoryNotOnePartition) {
  const TestRows rows(40, 8, 4, kSeed);
  LinearModel model(
      LinearMemory(8, 4, {.rule = LinearRule::kCmm, .partitions = 8}, Retain::kStatistics));
  RowBlock stored = rows.Block(0, 6), others = rows.Block(20, 5);
  stored.ids = others.ids = {};
  ASSERT_TRUE(model.Absorb(stored).ok());
  ASSERT_TRUE(model.Forget(others).ok());
  int64_t least = 0;
  for (size_t p = 0; p < 8; ++p) least = std::min(least, model.learner(p).items());
  ASSERT_LT(least, 0) << "the seed sends all to partitions that hold something";
  EXPECT_EQ(model.Publish()->stats().items, 1u);  // as who counts writes would say
  LinearModel loaded(
      LinearMemory(8, 4, {.rule = LinearRule::kCmm, .partitions = 8}, Retain::kStatistics));
  ASSERT_TRUE(loaded.Load(model.Save()).ok());
  EXPECT_EQ(loaded.Publish()->stats().items, 1u);
  ASSERT_TRUE(model.Forget(stored).ok());
  EXPECT_EQ(model.Publish()->stats().items, 0u);
  // Stored after all, the pairs cancel what was subtracted.
  ASSERT_TRUE(model.Absorb(others).ok());
  for (size_t p = 0; p < 8; ++p) {
    for (double x : SumsOf(model, p).a.flat()) EXPECT_NEAR(x, 0, 1e-15);
  }
}

// A state as version 1 wrote it, by hand: correlation matrix, 2 x 1, one item 3 * [0.6, 0.8].
TEST(LinearState, Version1IsStillRead) {
  std::string blob = "MNLINEAR";
  const auto put = [&blob](auto number) {
    blob.append(reinterpret_cast<const char*>(&number), sizeof(number));
  };
  put(uint32_t{1});
  for (uint8_t flag : {1, 1, 1, 0}) put(flag);  // CMM, unit keys, unit responses, free lambda
  for (uint64_t size : {2, 1, 1}) put(size);
  put(0.0);
  put(int64_t{1});
  put(3 * 0.6);
  put(3 * 0.8);
  const MemorySpec spec = LinearMemory(2, 1, {.rule = LinearRule::kCmm});
  LinearModel model(spec);
  ASSERT_TRUE(model.Load(blob).ok());
  Matrix cue(1, 2);
  cue.at(0, 0) = 1;
  EXPECT_FLOAT_EQ(Recall(*model.Publish(), cue).at(0, 0), 1.8f);
  LinearModel again(spec);
  ASSERT_TRUE(again.Load(model.Save()).ok());  // as version 2
  EXPECT_EQ(again.Save(), model.Save());
  EXPECT_FALSE(model.Load(blob + "x").ok());
  EXPECT_FALSE(model.Load(blob.substr(0, blob.size() - 1)).ok());
  LinearModel delta(LinearMemory(2, 1, {.rule = LinearRule::kDelta}));
  EXPECT_EQ(delta.Load(blob).code(), absl::StatusCode::kDataLoss);
}

TEST(LinearState, BelongsToItsSpec) {
  const TestRows rows(10, 8, 4, kSeed);
  const LinearSpec spec{.rule = LinearRule::kGatedDelta, .beta = 0.5, .gamma = 0.9};
  LinearModel model(LinearMemory(8, 4, spec));
  ASSERT_TRUE(model.Absorb(rows.Block()).ok());
  const std::string saved = model.Save();
  LinearSpec beta = spec, gamma = spec, mean = spec, rule = spec;
  beta.beta = 0.6;
  gamma.gamma = 0.8;
  mean.key_mean.assign(8, 0.5f);
  rule.rule = LinearRule::kDecayed;
  rule.beta = 1;
  for (const LinearSpec& other : {beta, gamma, mean, rule}) {
    LinearModel refuses(LinearMemory(8, 4, other));
    EXPECT_EQ(refuses.Load(saved).code(), absl::StatusCode::kDataLoss);
  }
  LinearModel takes(LinearMemory(8, 4, spec));
  EXPECT_TRUE(takes.Load(saved).ok());
}

}  // namespace
}  // namespace mneme::models
