// Tests of how the sums of a linear memory become a served matrix: by rank-one factors or anew.
#include "core/models/linear/sums_learner.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/unit/core/models/linear_testing.h"

namespace mneme::models {
namespace {

constexpr uint64_t kSeed = 5;
constexpr size_t kDk = 64;
constexpr size_t kDv = 24;

Matrix Cues(size_t count, size_t d, uint64_t seed) {
  Matrix cues(count, d);
  Random random(seed, 9);
  for (size_t i = 0; i < count; ++i) random.FillUnit(cues.row(i));
  return cues;
}

Matrix RecallOf(const ServedWeights& weights, MatrixView cues) {
  Matrix out(cues.rows, kDv);
  weights.Recall(cues, kDv, out.data());
  return out;
}

// A learner and the rows it is fed with.
class Fixture {
 public:
  Fixture(const LinearSpec& spec, size_t rows)
      : spec_(LinearMemory(kDk, kDv, spec)),
        frame_(spec),
        rows_(rows, kDk, kDv, kSeed),
        learner_(MakeLearner(spec_)) {}

  double lambda() const { return dynamic_cast<const RidgeLearner&>(*learner_).lambda(); }
  void Add(size_t first, size_t count) { Feed(first, count, &PartitionLearner::Add); }
  void Remove(size_t first, size_t count) { Feed(first, count, &PartitionLearner::Remove); }
  ServedWeights Publish() { return learner_->Publish(); }
  // What the sums say, computed from nothing else.
  ServedWeights Folded() const {
    ByteWriter out;
    learner_->Save(out);
    const std::string saved = out.Take();
    ByteReader in(saved);
    const auto fresh = MakeLearner(spec_);
    EXPECT_TRUE(fresh->Load(in).ok());
    return fresh->Publish();
  }

 private:
  void Feed(size_t first, size_t count, void (PartitionLearner::*take)(const LearnerRows&)) {
    std::vector<uint32_t> index(count);
    std::iota(index.begin(), index.end(), static_cast<uint32_t>(first));
    const RowBlock block = rows_.Block();
    ((*learner_).*take)({.block = block, .rows = index, .key_frame = frame_});
  }

  MemorySpec spec_;
  KeyFrame frame_;
  TestRows rows_;
  std::unique_ptr<PartitionLearner> learner_;
};

class SumsLearners : public testing::TestWithParam<LinearRule> {
 protected:
  void SetUp() override { RecordProperty("seed", std::to_string(kSeed)); }
  LinearSpec Spec() const { return {.rule = GetParam()}; }
};
INSTANTIATE_TEST_SUITE_P(Rules, SumsLearners, testing::Values(LinearRule::kCmm, LinearRule::kRidge),
                         [](const auto& rule) {
                           return rule.param == LinearRule::kCmm ? "Cmm" : "Ridge";
                         });

TEST_P(SumsLearners, FactorsServeWhatTheSumsSay) {
  const Matrix cues = Cues(50, kDk, kSeed);
  Fixture f(Spec(), 200);
  f.Add(0, 140);
  const ServedWeights first = f.Publish();
  EXPECT_EQ(first.factors, 0u);
  size_t expected_factors = 0;
  for (size_t step = 0; step < 10; ++step) {
    f.Add(140 + 2 * step, 2);  // two at once
    f.Remove(7 * step, 1);
    expected_factors += 3;
    const ServedWeights served = f.Publish();
    EXPECT_EQ(served.factors, expected_factors);
    EXPECT_EQ(served.base, first.base) << "a store copied the matrix";
    const Matrix recalled = RecallOf(served, cues);
    EXPECT_LT(LargestDifference(recalled, RecallOf(f.Folded(), cues)), 2e-6);
    for (size_t b = 0; b < cues.rows(); ++b) {  // one cue takes another path than many
      const Matrix one = RecallOf(served, cues.view().slice(b, 1));
      EXPECT_LT(LargestDifference(one, recalled.view().slice(b, 1)), 1e-6);
    }
  }
}

TEST_P(SumsLearners, FoldWhenTheFactorsAreFull) {
  Fixture f(Spec(), 142 + kFactorsMax);
  f.Add(0, 140);
  const ServedWeights first = f.Publish();
  for (size_t i = 0; i < kFactorsMax; ++i) f.Add(140 + i, 1);
  const ServedWeights full = f.Publish();
  EXPECT_EQ(full.factors, kFactorsMax);
  EXPECT_EQ(full.base, first.base);
  f.Add(140 + kFactorsMax, 1);
  const ServedWeights folded = f.Publish();
  EXPECT_EQ(folded.factors, 0u);
  EXPECT_NE(folded.base, first.base);
  // The view of before still answers with its own factors.
  f.Add(141 + kFactorsMax, 1);
  EXPECT_NE(f.Publish().block, full.block);
}

TEST(SumsLearner, FoldsWhereLambdaStepsOrARemovalWouldLoseDigits) {
  const Matrix cues = Cues(20, kDk, kSeed);
  Fixture f({}, 64);
  f.Add(0, 30);
  EXPECT_DOUBLE_EQ(f.lambda(), 0);  // nothing published yet
  f.Publish();
  EXPECT_DOUBLE_EQ(f.lambda(), 16e-3 / 64);
  f.Add(30, 1);
  EXPECT_EQ(f.Publish().factors, 1u);
  f.Add(31, 1);  // the 32nd
  EXPECT_EQ(f.Publish().factors, 0u);
  EXPECT_DOUBLE_EQ(f.lambda(), 32e-3 / 64);

  // With lambda = 1e-6 a lone key is all that stands against lambda in its direction: 1 - k^T P k =
  // 1e-6.
  Fixture stiff({.lambda = 1e-6}, 5);
  stiff.Add(0, 5);
  stiff.Publish();
  stiff.Remove(2, 1);
  const ServedWeights served = stiff.Publish();
  EXPECT_EQ(served.factors, 0u);
  EXPECT_LT(LargestDifference(RecallOf(served, cues), RecallOf(stiff.Folded(), cues)), 1e-12);
}

TEST(SumsLearner, RecursiveUpdatesStayWithTheBatchSolutionThroughManyFolds) {
  RecordProperty("seed", std::to_string(kSeed));
  const Matrix cues = Cues(20, kDk, kSeed);
  Fixture f({.lambda = 0.01}, 600);
  Random random(kSeed, 3);
  size_t added = 0, removed = 0;
  while (added < 600) {
    const size_t add = std::min<size_t>(1 + random.Below(3), 600 - added);
    f.Add(added, add);
    added += add;
    if (removed + 40 < added && random.Below(2) == 0) f.Remove(removed++, 1);
    const Matrix expected = RecallOf(f.Folded(), cues);
    ASSERT_LT(LargestDifference(RecallOf(f.Publish(), cues), expected), 5e-6) << added;
  }
  EXPECT_GT(removed, 50u);
}

}  // namespace
}  // namespace mneme::models
