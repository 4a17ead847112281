// Tests of the rules whose writes depend on their order (decayed, delta, gated delta), against
// their definition row by row in float64.
#include "core/models/linear/ordered_learner.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/unit/core/models/linear_testing.h"

namespace mneme::models {
namespace {

constexpr uint64_t kSeed = 31;
constexpr size_t kDk = 20;
constexpr size_t kDv = 12;

// W by the definition.
class Definition {
 public:
  explicit Definition(const LinearSpec& spec) : spec_(spec), w_(kDv, kDk) {}

  void Write(const TestRows& rows, size_t row) {
    const std::vector<double> k = Unit(rows.keys.row(row)), v = Unit(rows.responses.row(row));
    const std::vector<double> recall = Recall(k);
    const bool decayed = spec_.rule == LinearRule::kDecayed;
    const double strength = std::min(1.0, spec_.beta * rows.weights[row]);
    for (size_t i = 0; i < kDv; ++i) {
      const double u =
          decayed ? rows.weights[row] * v[i] : strength * (v[i] - spec_.gamma * recall[i]);
      for (size_t j = 0; j < kDk; ++j) w_.at(i, j) = spec_.gamma * w_.at(i, j) + u * k[j];
    }
  }
  void Erase(const TestRows& rows, size_t row) {
    const std::vector<double> k = Unit(rows.keys.row(row));
    const std::vector<double> recall = Recall(k);
    for (size_t i = 0; i < kDv; ++i) {
      for (size_t j = 0; j < kDk; ++j) w_.at(i, j) -= recall[i] * k[j];
    }
  }
  const MatrixD& w() const { return w_; }

 private:
  std::vector<double> Recall(std::span<const double> k) const {
    std::vector<double> y(kDv);
    for (size_t i = 0; i < kDv; ++i) {
      for (size_t j = 0; j < kDk; ++j) y[i] += w_.at(i, j) * k[j];
    }
    return y;
  }

  LinearSpec spec_;
  MatrixD w_;
};

// W of a partition, in float64.
MatrixD WeightsOf(const LinearModel& model) {
  const auto& learner = dynamic_cast<const OrderedLearner&>(model.learner(0));
  MatrixD w = learner.matrix().Clone();
  for (double& x : w.flat()) x *= learner.decay().scale();
  return w;
}

double Norm(const MatrixD& m) {
  double squared = 0;
  for (double x : m.flat()) squared += x * x;
  return std::sqrt(squared);
}

double Distance(const MatrixD& a, const MatrixD& b) {
  MatrixD difference = a.Clone();
  for (size_t i = 0; i < a.flat().size(); ++i) difference.flat()[i] -= b.flat()[i];
  return Norm(difference);
}

// The recalls that are served, against W in float64.
void ExpectServes(const View& view, const MatrixD& w, MatrixView cues) {
  const Matrix recalls = Recall(view, cues);
  for (size_t b = 0; b < cues.rows; ++b) {
    const std::vector<double> q = Unit(cues.row(b));
    for (size_t i = 0; i < w.rows(); ++i) {
      double y = 0;
      for (size_t j = 0; j < q.size(); ++j) y += w.at(i, j) * q[j];
      ASSERT_NEAR(recalls.at(b, i), y, 3e-6 * std::max(1.0, Norm(w)));
    }
  }
}

TestRows WeightedRows(size_t n) {
  TestRows rows(n, kDk, kDv, kSeed);
  Random random(kSeed, 2);
  for (float& weight : rows.weights) weight = static_cast<float>(0.25 + 2 * random.Uniform());
  return rows;
}

struct Rule {
  std::string name;
  LinearSpec spec;
};

class OrderedRules : public testing::TestWithParam<Rule> {
 protected:
  void SetUp() override { RecordProperty("seed", std::to_string(kSeed)); }
  MemorySpec Memory(Retain retain = Retain::kAll) const {
    return LinearMemory(kDk, kDv, GetParam().spec, retain);
  }
};
INSTANTIATE_TEST_SUITE_P(
    Rules, OrderedRules,
    testing::Values(Rule{"Decayed", {.rule = LinearRule::kDecayed, .gamma = 0.98}},
                    Rule{"DecayedFast", {.rule = LinearRule::kDecayed, .gamma = 0.3}},
                    Rule{"Undecayed", {.rule = LinearRule::kDecayed}},
                    Rule{"Delta", {.rule = LinearRule::kDelta}},
                    Rule{"DeltaSoft", {.rule = LinearRule::kDelta, .beta = 0.4}},
                    Rule{"Gated", {.rule = LinearRule::kGatedDelta, .beta = 0.5, .gamma = 0.95}},
                    Rule{"GatedFast", {.rule = LinearRule::kGatedDelta, .gamma = 0.2}}),
    [](const auto& rule) { return rule.param.name; });

TEST_P(OrderedRules, WritesWhatTheDefinitionSaysHoweverRowsAreBatched) {
  const TestRows rows = WeightedRows(500);
  for (uint64_t stream = 1; stream <= 4; ++stream) {
    SCOPED_TRACE(stream);
    Random random(kSeed, stream);
    const uint64_t batch_max = stream == 1 ? 1 : stream == 2 ? 400 : 40;
    LinearModel model(Memory());
    Definition definition(GetParam().spec);
    for (size_t first = 0; first < rows.size();) {
      const size_t count = std::min<size_t>(1 + random.Below(batch_max), rows.size() - first);
      ASSERT_TRUE(model.Absorb(rows.Block(first, count)).ok());
      for (size_t i = first; i < first + count; ++i) definition.Write(rows, i);
      first += count;
      ASSERT_LT(Distance(WeightsOf(model), definition.w()), 1e-11) << first;
      if (random.Below(3) == 0) {
        ExpectServes(*model.Publish(), definition.w(), rows.keys.view().slice(0, 5));
      }
    }
    ExpectServes(*model.Publish(), definition.w(), rows.keys.view().slice(450, 50));
  }
}

TEST_P(OrderedRules, SavedHalfWayItGoesOnAsIfNothingHappened) {
  const TestRows rows = WeightedRows(300);
  LinearModel live(Memory());
  ASSERT_TRUE(live.Absorb(rows.Block(0, 150)).ok());
  live.Publish();
  ASSERT_TRUE(live.Forget(rows.Block(100, 5)).ok());
  LinearModel replayed(Memory());
  ASSERT_TRUE(replayed.Load(live.Save()).ok());
  ASSERT_TRUE(replayed.Restore(rows.Block(0, 100)).ok());
  ASSERT_TRUE(replayed.Restore(rows.Block(105, 45)).ok());
  EXPECT_EQ(replayed.Save(), live.Save());
  for (LinearModel* model : {&live, &replayed}) {
    for (size_t i = 150; i < 300; i += 3) {
      ASSERT_TRUE(model->Absorb(rows.Block(i, 3)).ok());
      ASSERT_TRUE(model->Forget(rows.Block((i - 150) / 3, 1)).ok());
      if (model == &live) model->Publish();
    }
  }
  EXPECT_EQ(replayed.Save(), live.Save());  // to the bit: what was served changes no state
  EXPECT_LT(
      LargestDifference(Recall(*live.Publish(), rows.keys), Recall(*replayed.Publish(), rows.keys)),
      1e-5);
  EXPECT_EQ(live.Publish()->stats().items, replayed.Publish()->stats().items);
  EXPECT_EQ(live.Publish()->stats().suppressed, replayed.Publish()->stats().suppressed);
}

TEST_P(OrderedRules, ForgettingEverythingLeavesNothing) {
  const TestRows rows = WeightedRows(200);
  LinearModel model(Memory());
  ASSERT_TRUE(model.Absorb(rows.Block()).ok());
  model.Publish();
  for (size_t i = 200; i-- > 0;) ASSERT_TRUE(model.Forget(rows.Block(i, 1)).ok());
  EXPECT_EQ(Norm(WeightsOf(model)), 0);
  const auto view = model.Publish();
  EXPECT_EQ(view->stats().items, 0u);
  EXPECT_EQ(view->stats().suppressed, 0u);
  const Matrix recalls = Recall(*view, rows.keys);
  for (float x : recalls.flat()) EXPECT_EQ(x, 0);
}

TEST(DecayedRule, ForgetsExactlyWhatIsLeftOfARow) {
  RecordProperty("seed", std::to_string(kSeed));
  for (const double gamma : {1.0, 0.999, 0.98, 0.5}) {
    SCOPED_TRACE(gamma);
    for (const uint32_t partitions : {1u, 3u}) {
      const LinearSpec spec{.rule = LinearRule::kDecayed, .partitions = partitions, .gamma = gamma};
      const TestRows rows = WeightedRows(600);
      LinearModel model(LinearMemory(kDk, kDv, spec, Retain::kResponses));
      std::vector<bool> forgotten(600);
      Random random(kSeed, 4);
      for (size_t first = 0; first < 600; first += 20) {
        ASSERT_TRUE(model.Absorb(rows.Block(first, 20)).ok());
        model.Publish();
        for (int j = 0; j < 6; ++j) {  // young and old ones
          const size_t i = j < 3 ? first + random.Below(20) : random.Below(first + 20);
          if (forgotten[i]) continue;
          forgotten[i] = true;
          ASSERT_TRUE(model.Forget(rows.Block(i, 1)).ok());
        }
      }
      // The steps of a partition are its own rows, forgotten ones too.
      for (size_t p = 0; p < partitions; ++p) {
        MatrixD expected(kDv, kDk);
        for (size_t i = 0; i < 600; ++i) {
          if (model.router().PartitionOf(i, rows.ids[i]) != p) continue;
          const std::vector<double> k = Unit(rows.keys.row(i)), v = Unit(rows.responses.row(i));
          for (size_t a = 0; a < kDv; ++a) {
            for (size_t b = 0; b < kDk; ++b) {
              expected.at(a, b) *= gamma;
              if (!forgotten[i]) expected.at(a, b) += rows.weights[i] * v[a] * k[b];
            }
          }
        }
        const auto& learner = dynamic_cast<const OrderedLearner&>(model.learner(p));
        MatrixD w = learner.matrix().Clone();
        for (double& x : w.flat()) x *= learner.decay().scale();
        EXPECT_LT(Distance(w, expected), 1e-12 * Norm(expected)) << p;
        EXPECT_EQ(model.CountSuppressed(rows.Block()), 0u);
      }
    }
  }
}

TEST(DecayedRule, StepsAreKeptInRunsAndNotForEver) {
  RowSteps steps;
  for (uint64_t i = 0; i < 1000; ++i) steps.Append(i < 500 ? i : i + 7, i);
  EXPECT_LE(steps.bytes(), 4 * 3 * sizeof(uint64_t));  // two runs
  EXPECT_EQ(steps.Find(499), 499u);
  EXPECT_EQ(steps.Find(500), std::nullopt);
  EXPECT_EQ(steps.Find(507), 500u);
  EXPECT_EQ(steps.Find(1007), std::nullopt);
  steps.DropBefore(501);
  EXPECT_EQ(steps.Find(0), std::nullopt);
  EXPECT_EQ(steps.Find(507), 500u);

  // gamma = 0.5 leaves nothing after 1,000 rows; in three partitions runs are short.
  LinearModel model(LinearMemory(
      kDk, kDv, {.rule = LinearRule::kDecayed, .partitions = 3, .gamma = 0.5}, Retain::kResponses));
  TestRows moving = WeightedRows(1000);
  const auto ages = [&] {
    const ModelStats stats = model.Publish()->stats();
    for (const ByteAccount& account : stats.bytes) {
      if (account.what == "ages") return account.bytes;
    }
    return uint64_t{0};
  };
  uint64_t bytes = 0;
  for (size_t round = 0; round < 30; ++round) {
    for (size_t i = 0; i < 1000; ++i) {
      moving.row_numbers[i] = round * 1000 + i;
      moving.ids[i] = ItemId(round * 1000 + i);
    }
    ASSERT_TRUE(model.Absorb(moving.Block()).ok());
    if (round == 12) bytes = ages();
  }
  EXPECT_GT(bytes, 0u);
  EXPECT_LE(ages(), bytes);
}

TEST(DeltaRule, TheNewestAssociationIsExactAtFullStrength) {
  RecordProperty("seed", std::to_string(kSeed));
  const TestRows rows(300, kDk, kDv, kSeed);
  for (const bool unit : {true, false}) {
    LinearModel model(LinearMemory(
        kDk, kDv,
        {.rule = LinearRule::kDelta, .normalize_keys = unit, .normalize_responses = unit}));
    for (size_t i = 0; i < 300; i += 5) {
      ASSERT_TRUE(model.Absorb(rows.Block(i, 5)).ok());
      const size_t newest = i + 4;
      const Matrix recall = Recall(*model.Publish(), rows.keys.view().slice(newest, 1));
      const std::vector<double> v = Unit(rows.responses.row(newest));
      for (size_t j = 0; j < kDv; ++j) {
        EXPECT_NEAR(recall.at(0, j), unit ? v[j] : rows.responses.at(newest, j), 2e-5);
      }
    }
  }
}

TEST(DeltaRule, AnErasedKeyRecallsZeroAndOthersFeelItAsPredicted) {
  RecordProperty("seed", std::to_string(kSeed));
  const size_t d = 64, n = 64;
  const TestRows rows(n + 400, d, d, kSeed);
  LinearModel model(LinearMemory(d, d, {.rule = LinearRule::kDelta}, Retain::kResponses));
  ASSERT_TRUE(model.Absorb(rows.Block(0, n)).ok());
  EXPECT_EQ(model.CountSuppressed(rows.Block(3, 2)), 2u);
  const MatrixView others = rows.keys.view().slice(n, 400);
  const Matrix before = Recall(*model.Publish(), others);
  double erased = 0;
  const Matrix whole = Recall(*model.Publish(), rows.keys.view().slice(3, 1));
  for (float x : whole.flat()) erased += static_cast<double>(x) * x;
  ASSERT_TRUE(model.Forget(rows.Block(3, 1)).ok());
  const auto view = model.Publish();
  EXPECT_EQ(view->stats().suppressed, 1u);
  EXPECT_EQ(view->stats().items, n - 1);
  const Matrix nothing = Recall(*view, rows.keys.view().slice(3, 1));
  for (float x : nothing.flat()) EXPECT_NEAR(x, 0, 2e-7);
  const MatrixD w = WeightsOf(model);
  const std::vector<double> k = Unit(rows.keys.row(3));
  for (size_t i = 0; i < d; ++i) {
    double y = 0;
    for (size_t j = 0; j < d; ++j) y += w.at(i, j) * k[j];
    EXPECT_NEAR(y, 0, 1e-14);
  }
  // Mean square |W k|^2 / d over random keys.
  const Matrix after = Recall(*view, others);
  double perturbed = 0;
  for (size_t i = 0; i < after.flat().size(); ++i) {
    const double difference = after.flat()[i] - before.flat()[i];
    perturbed += difference * difference / 400;
  }
  EXPECT_NEAR(perturbed, erased / static_cast<double>(d), 0.25 * erased / static_cast<double>(d));
}

TEST(DeltaRule, AZeroKeyWritesNothing) {
  TestRows rows(3, kDk, kDv, kSeed);
  std::ranges::fill(rows.keys.row(1), 0.0f);
  const LinearSpec spec{.rule = LinearRule::kDelta, .normalize_keys = false};
  LinearModel model(LinearMemory(kDk, kDv, spec));
  LinearModel without(LinearMemory(kDk, kDv, spec));
  ASSERT_TRUE(model.Absorb(rows.Block()).ok());
  ASSERT_TRUE(without.Absorb(rows.Block(0, 1)).ok());
  ASSERT_TRUE(without.Absorb(rows.Block(2, 1)).ok());
  EXPECT_LT(Distance(WeightsOf(model), WeightsOf(without)), 1e-14);
  ASSERT_TRUE(model.Forget(rows.Block(1, 1)).ok());
  EXPECT_LT(Distance(WeightsOf(model), WeightsOf(without)), 1e-14);
}

}  // namespace
}  // namespace mneme::models
