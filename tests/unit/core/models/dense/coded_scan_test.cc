// A pass that reads codes answers as one that reads keys: the same lists bit for bit, the same
// recalls, and what it says of its sums is true.
#include <cmath>
#include <string>
#include <vector>

#include "core/math/kernels.h"
#include "core/models/dense/coded_scores.h"
#include "core/models/dense/dense_run.h"
#include "core/models/store/explicit_store.h"
#include "gtest/gtest.h"
#include "tests/unit/core/models/dense/dense_test_util.h"

namespace mneme::models {
namespace {

struct Data {
  const char* name;
  Similarity similarity;
  double beta;
  size_t dim = 64;
  float offset = 0;  // of all coordinates: far from the origin codes are coarse
  bool duplicates = false;
  bool extremes = false;  // rows whose squares leave float32
};

void PrintTo(const Data& data, std::ostream* out) { *out << data.name; }

// 3,000 rows in tiles, some dead, with weights; the last group of 16 is not full.
class CodedScan : public ::testing::TestWithParam<Data> {
 protected:
  static constexpr size_t kRows = 3003;
  static constexpr size_t kCues = 66;
  static constexpr uint64_t kSeed = 11;

  void SetUp() override {
    RecordProperty("seed", kSeed);
    Random random(kSeed);
    const size_t d = GetParam().dim;
    keys_ = UnitRows<float>(kRows, d, random);
    for (float& x : keys_.flat()) x += GetParam().offset;
    if (GetParam().similarity == Similarity::kCosine) Normalise();
    if (GetParam().duplicates) {
      for (size_t i = 100; i < kRows; i += 100) {
        std::copy_n(keys_.row(7).begin(), d, keys_.row(i).begin());
      }
    }
    if (GetParam().extremes) {
      for (float& x : keys_.row(1500)) x *= 1e20f;
      for (float& x : keys_.row(1501)) x *= 1e-25f;
    }
    cues_ = Noisy(keys_, kCues, 0.4, random);
    std::vector<float> log_weights(kRows);
    for (float& weight : log_weights) weight = static_cast<float>(random.Uniform()) - 0.5f;
    std::vector<uint64_t> numbers(kRows), dead;
    for (size_t i = 0; i < kRows; ++i) {
      numbers[i] = 3 * i;
      if (i % 9 == 4) dead.push_back(3 * i);
    }
    ASSERT_TRUE(
        store_.Append({.keys = keys_, .log_weights = log_weights, .row_numbers = numbers}).ok());
    ASSERT_TRUE(store_.Remove(dead).ok());
    view_ = store_.Publish();
  }

  void Normalise() {
    for (size_t i = 0; i < kRows; ++i) {
      double squares = 0;
      for (const float x : keys_.row(i)) squares += static_cast<double>(x) * x;
      for (float& x : keys_.row(i)) x = static_cast<float>(x / std::sqrt(squares));
    }
  }

  DenseRun<float> Run(bool use_codes, QueryKind kind, size_t top, MatrixView cues,
                      bool choose = false) const {
    DenseRun<float> run({.kernel = {.similarity = GetParam().similarity, .beta = GetParam().beta},
                         .dynamics = {.steps_max = 5},
                         .kind = kind,
                         .output_dim = kind == QueryKind::kList ? 0 : GetParam().dim,
                         .top = top,
                         .live_rows = view_.live_rows(),
                         .use_codes = use_codes},
                        cues, {});
    if (choose) run.ChooseCodes(view_.tile(0));
    for (bool done = false; !done;) {
      // Two partials, as of two threads.
      DensePartial parts[] = {run.Empty(), run.Empty()};
      for (size_t t = 0; t < view_.tiles(); ++t) run.Add(view_.tile(t), {}, parts[t % 2]);
      parts[0].Merge(parts[1]);
      done = run.Settle(parts[0]);
    }
    return run;
  }

  Matrix keys_;
  Matrix cues_;
  ExplicitStore store_{GetParam().dim, 0, /*codes=*/true};
  StoreView view_;
};

TEST_P(CodedScan, ListsAreBitForBitThoseOfTheKeys) {
  for (const size_t batch : {size_t{1}, kCues}) {
    for (const size_t top : {1u, 10u, 700u}) {
      const MatrixView cues = cues_.view().slice(0, batch);
      const auto coded = Run(true, QueryKind::kList, top, cues);
      const auto plain = Run(false, QueryKind::kList, top, cues);
      EXPECT_TRUE(coded.coded());
      EXPECT_FALSE(plain.coded());
      for (size_t c = 0; c < batch; ++c) {
        SCOPED_TRACE(::testing::Message() << "cue " << c << " of " << batch << " top " << top);
        const DenseOutcome& got = coded.outcomes()[c];
        const DenseOutcome& wanted = plain.outcomes()[c];
        ASSERT_TRUE(got.error.ok());
        ASSERT_EQ(got.top.size(), wanted.top.size());
        for (size_t k = 0; k < wanted.top.size(); ++k) {
          ASSERT_EQ(got.top[k].row.row_number, wanted.top[k].row.row_number) << k;
          ASSERT_EQ(got.top[k].row.score, wanted.top[k].row.score) << k;
        }
      }
    }
  }
}

TEST_P(CodedScan, SharesAreOffByNoMoreThanIsSaid) {
  const auto coded = Run(true, QueryKind::kList, 10, cues_);
  const auto plain = Run(false, QueryKind::kList, 10, cues_);
  for (size_t c = 0; c < kCues; ++c) {
    const DenseOutcome& got = coded.outcomes()[c];
    const DenseOutcome& wanted = plain.outcomes()[c];
    SCOPED_TRACE(::testing::Message() << "cue " << c << " error " << got.share_error);
    EXPECT_EQ(wanted.share_error, 0);
    constexpr double kRounding = 1e-4;
    EXPECT_LE(std::abs(got.mass - wanted.mass), (got.share_error + kRounding) * wanted.mass);
    for (size_t k = 0; k < got.top.size(); ++k) {
      EXPECT_LE(std::abs(got.top[k].share - wanted.top[k].share),
                (got.share_error + kRounding) * wanted.top[k].share);
    }
  }
}

TEST_P(CodedScan, RecallsAreThoseOfTheKeys) {
  for (const size_t batch : {size_t{1}, kCues}) {
    const MatrixView cues = cues_.view().slice(0, batch);
    auto coded = Run(true, QueryKind::kRetrieve, 3, cues);
    auto plain = Run(false, QueryKind::kRetrieve, 3, cues);
    EXPECT_TRUE(coded.coded());
    // Of the numbers: float32 keeps seven digits of them.
    const double scale = GetParam().extremes && GetParam().similarity == Similarity::kDot
                             ? 1e18
                             : 1 + static_cast<double>(GetParam().offset);
    ExpectClose<float>(coded.recalls(), plain.recalls(), 2e-4 * scale);
    for (size_t c = 0; c < batch; ++c) {
      SCOPED_TRACE(::testing::Message() << "cue " << c << " of " << batch);
      const DenseOutcome& got = coded.outcomes()[c];
      const DenseOutcome& wanted = plain.outcomes()[c];
      EXPECT_EQ(got.status, wanted.status);
      EXPECT_EQ(got.share_error, 0);
      EXPECT_NEAR(got.p_max, wanted.p_max, 1e-3);
      EXPECT_NEAR(got.energy, wanted.energy, 1e-4 * (1 + std::abs(wanted.energy)) * scale * scale);
      for (size_t k = 0; k < got.top.size(); ++k) {
        EXPECT_EQ(got.top[k].row.row_number, wanted.top[k].row.row_number) << k;
      }
    }
  }
}

// Where few rows weigh their keys are read, and nothing is left open; where many do, a read-out
// takes all keys.
TEST_P(CodedScan, SharpListsHaveExactSharesAndBluntRecallsTakeNoCodes) {
  const bool sharp = GetParam().beta > 10 && GetParam().offset == 0;
  const auto coded = Run(true, QueryKind::kList, 10, cues_, /*choose=*/true);
  const auto plain = Run(false, QueryKind::kList, 10, cues_);
  EXPECT_TRUE(coded.coded());
  size_t exact = 0;
  for (size_t c = 0; c < kCues; ++c) {
    if (coded.outcomes()[c].share_error != 0) continue;
    ++exact;
    // A plain batch scores by a matrix product, whose rounding the exponents feel (beta 80).
    EXPECT_NEAR(coded.outcomes()[c].mass, plain.outcomes()[c].mass, 5e-5) << c;
    EXPECT_NEAR(coded.outcomes()[c].energy, plain.outcomes()[c].energy,
                1e-5 * std::max(1.0, std::abs(plain.outcomes()[c].energy)))
        << c;
  }
  EXPECT_EQ(exact == kCues, sharp) << exact;
  EXPECT_EQ(Run(true, QueryKind::kRetrieve, 3, cues_, /*choose=*/true).coded(), sharp);
}

// Few rows' keys are read: else codes would be of no use.
TEST_P(CodedScan, UpperBoundsAreBoundsAndRuleMostRowsOut) {
  const size_t d = GetParam().dim;
  TileScratch<float> scratch;
  const math::CodedCue code = math::EncodeCue(cues_.row(0).data(), d);
  const float squared = math::SquaredNorm(cues_.row(0).data(), d);
  const CueBlock<float> block = {
      .count = 1, .cues = cues_.row(0).data(), .squared_norms = &squared, .codes = &code};
  const DenseKernelSpec spec = {.similarity = GetParam().similarity};
  size_t above = 0, rows = 0;
  for (size_t t = 0; t < view_.tiles(); ++t) {
    const TileView tile = view_.tile(t);
    if (tile.coded_rows == 0) continue;  // scanned by its keys
    MultiplyCodes(block, tile, scratch);
    const float error = ScoreByCodes(spec, block, 0, tile, scratch);
    for (size_t i = 0; i < tile.rows; ++i) {
      const float score = RowScore(spec, block, 0, tile, i);
      EXPECT_LE(score, scratch.upper[i]);
      EXPECT_LE(std::abs(score - scratch.scores[i]), error);
      above += scratch.upper[i] >= RowScore(spec, block, 0, view_.tile(0), 0) ? 1 : 0;
      ++rows;
    }
  }
  if (GetParam().offset == 0 && !GetParam().duplicates) {
    EXPECT_LE(above, rows / 100);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Dense, CodedScan,
    ::testing::Values(
        Data{.name = "Dot", .similarity = Similarity::kDot, .beta = 80},
        Data{.name = "Cosine", .similarity = Similarity::kCosine, .beta = 80},
        Data{.name = "L2", .similarity = Similarity::kL2, .beta = 80},
        Data{.name = "SmallBeta", .similarity = Similarity::kL2, .beta = 3},
        Data{.name = "OddDim", .similarity = Similarity::kDot, .beta = 60, .dim = 37},
        Data{.name = "FarAway", .similarity = Similarity::kL2, .beta = 80, .offset = 3},
        Data{
            .name = "ExtremesDot", .similarity = Similarity::kDot, .beta = 1e-18, .extremes = true},
        Data{.name = "ExtremesL2", .similarity = Similarity::kL2, .beta = 80, .extremes = true},
        Data{.name = "Duplicates", .similarity = Similarity::kDot, .beta = 80, .duplicates = true}),
    [](const auto& data) { return std::string(data.param.name); });

}  // namespace
}  // namespace mneme::models
