// Calibration: what it measures, what it chooses, and when it says no. Time is the test's own.
#include "core/models/index/calibration.h"

#include "core/base/status.h"
#include "core/models/index/rescore.h"
#include "tests/unit/core/models/index/index_test_util.h"

namespace mneme::models {
namespace {

constexpr size_t kRows = 1000, kDim = 12;

// An index that knows the exact order and drops the first ones of it: the answer's row at rank r is
// among `depth` candidates where depth > lost + r. Each cue costs `ns_per_candidate` a candidate.
class DroppingView final : public CandidateView {
 public:
  DroppingView(const Matrix& keys, size_t hidden_until, ManualClock& clock, int64_t ns)
      : keys_(keys), hidden_until_(hidden_until), clock_(clock), ns_(ns) {}
  size_t key_dim() const override { return kDim; }
  size_t live_rows() const override { return keys_.rows(); }
  uint64_t bytes() const override { return 0; }

 protected:
  absl::StatusOr<std::vector<CandidateList>> Find(MatrixView cues, size_t depth) const override {
    std::vector<CandidateList> out(cues.rows);
    for (size_t c = 0; c < cues.rows; ++c) {
      for (size_t i = 0; i < keys_.rows(); ++i) {
        const double score = PlainScore(Similarity::kDot, cues.row(c), keys_.row(i));
        out[c].push_back({.row_number = i, .distance = static_cast<float>(-score)});
      }
      std::sort(out[c].begin(), out[c].end());
      // Below the depth at which it wakes up, the index finds the worst rows.
      if (depth < hidden_until_) std::reverse(out[c].begin(), out[c].end());
      out[c].resize(std::min(depth, out[c].size()));
      std::sort(out[c].begin(), out[c].end());
      clock_.Advance(ns_ * static_cast<int64_t>(depth));
    }
    return out;
  }

 private:
  const Matrix& keys_;
  size_t hidden_until_;
  ManualClock& clock_;
  int64_t ns_;
};

class Calibrating : public testing::Test {
 protected:
  absl::StatusOr<Calibration> Run(const CandidateView& view, const CalibrationOptions& options = {},
                                  MatrixView given = {}) {
    const ExactTop exact = [&](MatrixView cues,
                               size_t k) -> absl::StatusOr<std::vector<std::vector<ScoredRow>>> {
      cues_seen_ += cues.rows;
      clock_.Advance(exact_ns_ * static_cast<int64_t>(cues.rows));
      CandidateList all;
      for (uint64_t i = 0; i < store_.live_rows(); ++i) all.push_back({.row_number = i});
      const std::vector<CandidateList> lists(cues.rows, all);
      return RescoreTop(store_, Similarity::kDot, cues, lists, k);
    };
    return Calibrate(view, store_, Similarity::kDot, given, exact, clock_, options);
  }

  Matrix keys_ = ClusteredRows(kRows, kDim, 30, 1);
  StoreView store_ = StoreOf(keys_);
  ManualClock clock_;
  int64_t exact_ns_ = 1'000'000;
  size_t cues_seen_ = 0;
};

TEST_F(Calibrating, ChoosesTheLeastDepthThatReachesTheTarget) {
  const DroppingView view(keys_, 200, clock_, 1000);
  const auto made = Run(view, {.stored_cues = 100});
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->verdict, IndexVerdict::kUse);
  EXPECT_EQ(made->depth, 256u);  // 32, 64 and 128 lie below 200
  ASSERT_EQ(made->table.size(), 4u);
  EXPECT_EQ(made->table[2].recall.share, 0);
  EXPECT_EQ(made->recall.share, 1);
  EXPECT_LT(made->recall.low, 1);
  EXPECT_EQ(made->table[3].candidates_ns, 257'000);  // one more, for the cue itself
  EXPECT_EQ(made->exact_ns, 1'000'000);
  EXPECT_EQ(made->rows, kRows);
  EXPECT_FALSE(made->IsDueAt(1999));
  EXPECT_TRUE(made->IsDueAt(2000));
}

TEST_F(Calibrating, AStoredCueIsLeftOutOfItsOwnAnswer) {
  // With depth 10 and the cue itself in the first place, ten others are found only because one
  // more candidate is asked for.
  const DroppingView view(keys_, 0, clock_, 1);
  const auto made = Run(view, {.k = 10, .stored_cues = 50, .least_depth = 10, .most_depth = 10});
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->recall.share, 1);
}

TEST_F(Calibrating, GivenCuesCountAsWell) {
  const DroppingView view(keys_, 0, clock_, 1);
  const Matrix given = ClusteredRows(70, kDim, 30, 2);
  const auto made = Run(view, {.stored_cues = 60, .batch = 16}, given);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(cues_seen_, 130u);
  EXPECT_TRUE(made->use());
}

TEST_F(Calibrating, TellsHowFarItIsAndStopsWhenTold) {
  const DroppingView view(keys_, 200, clock_, 1000);
  std::vector<double> shares;
  CalibrationOptions options = {.stored_cues = 100, .batch = 20, .progress = [&](double share) {
                                  shares.push_back(share);
                                  return true;
                                }};
  ASSERT_TRUE(Run(view, options).ok());
  ASSERT_FALSE(shares.empty());
  EXPECT_TRUE(std::is_sorted(shares.begin(), shares.end()));
  EXPECT_GT(shares.front(), 0);
  EXPECT_LE(shares.back(), 1);
  const size_t all = shares.size();
  shares.clear();
  options.progress = [&](double share) {
    shares.push_back(share);
    return shares.size() < 7;
  };
  EXPECT_TRUE(absl::IsCancelled(Run(view, options).status()));
  EXPECT_EQ(shares.size(), 7u);
  EXPECT_GT(all, 7u);
}

TEST_F(Calibrating, SaysNoWhereNoDepthReachesTheTarget) {
  const DroppingView view(keys_, 10'000, clock_, 1);
  const auto made = Run(view, {.stored_cues = 50, .most_depth = 128});
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->verdict, IndexVerdict::kRecallTooLow);
  EXPECT_NE(made->why.find("128 candidates"), std::string::npos) << made->why;
  EXPECT_FALSE(made->use());
}

TEST_F(Calibrating, SaysNoWhereTheExactScanIsAsFast) {
  exact_ns_ = 33'000;
  const DroppingView view(keys_, 0, clock_, 1000);
  const auto made = Run(view, {.stored_cues = 50});
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->verdict, IndexVerdict::kExactIsFaster);
  EXPECT_NE(made->why.find("33.0 us"), std::string::npos) << made->why;
  exact_ns_ = 33'001;
  EXPECT_TRUE(Run(view, {.stored_cues = 50})->use());
}

TEST_F(Calibrating, SaysNoWhereAllRowsWouldBeCandidates) {
  keys_ = ClusteredRows(33, kDim, 3, 3);
  store_ = StoreOf(keys_);
  const auto made = Run(DroppingView(keys_, 0, clock_, 1));
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->verdict, IndexVerdict::kTooFewRows);
  EXPECT_NE(made->why.find("33 rows"), std::string::npos) << made->why;
}

TEST_F(Calibrating, TheSameSeedAsksTheSameCues) {
  const DroppingView view(keys_, 0, clock_, 1);
  const CalibrationOptions options = {.stored_cues = 20, .seed = 5};
  const auto a = Run(view, options), b = Run(view, options);
  EXPECT_EQ(a->recall.share, b->recall.share);
  EXPECT_EQ(a->depth, b->depth);
}

TEST_F(Calibrating, RefusesOptionsOutOfBounds) {
  const DroppingView view(keys_, 0, clock_, 1);
  for (const CalibrationOptions& options :
       {CalibrationOptions{.target_recall = 0}, CalibrationOptions{.target_recall = 1.1},
        CalibrationOptions{.k = 0}, CalibrationOptions{.k = 1001},
        CalibrationOptions{.stored_cues = 513}, CalibrationOptions{.stored_cues = 0},
        CalibrationOptions{.least_depth = 0}, CalibrationOptions{.least_depth = 9, .most_depth = 8},
        CalibrationOptions{.most_depth = kCandidateDepthMax}, CalibrationOptions{.batch = 0}}) {
    const absl::Status status = Run(view, options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(GetErrorDetail(status)->reason, "CALIBRATION");
  }
  EXPECT_FALSE(Run(view, {}, Matrix(513, kDim)).ok());
  EXPECT_FALSE(Run(view, {}, Matrix(5, kDim + 1)).ok());
}

// By hand: 98 of 100 gives [0.9300, 0.9945]; none of 10 gives [0, 0.2775].
TEST(WilsonShare, GivesTheIntervalOfTheFormula) {
  const MeasuredShare share = WilsonShare(98, 100);
  EXPECT_EQ(share.share, 0.98);
  EXPECT_NEAR(share.low, 0.93001, 5e-5);
  EXPECT_NEAR(share.high, 0.99450, 5e-5);
  EXPECT_NEAR(WilsonShare(0, 10).low, 0, 1e-12);
  EXPECT_NEAR(WilsonShare(0, 10).high, 0.27753, 5e-5);
  EXPECT_EQ(WilsonShare(0, 0).high, 1);
}

}  // namespace
}  // namespace mneme::models
