// Lists of the dense memory: which rows, in which order, with which shares.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/models/model.h"
#include "gtest/gtest.h"
#include "tests/unit/core/models/dense/dense_test_util.h"

namespace mneme::models {
namespace {

class Lists : public testing::TestWithParam<Similarity> {};

TEST_P(Lists, ListsOfABatchAreBitForBitThoseOfItsCuesAlone) {
  RecordProperty("seed", 33);
  Random random(33);
  const size_t d = 100, n = 3000;
  Matrix keys(n, d);
  for (size_t i = 0; i < n;
       ++i) {  // long vectors, near each other: products round their order away
    for (size_t j = 0; j < d; ++j)
      keys.at(i, j) = 20 + 0.01f * static_cast<float>(random.Gaussian());
  }
  auto model = Make(Spec(d, {.similarity = GetParam(), .beta = 1}));
  Absorb(*model, keys, 0, n);
  const auto view = model->Publish();
  const auto cues = Noisy(keys, 12, 0.05, random);
  const auto mask = MaskRows(12, d, [](size_t, size_t j) { return j % 5 != 0; });
  for (const auto& bits : {std::vector<uint8_t>(), mask}) {
    const QuerySpec spec{.kind = QueryKind::kList, .top = 40};
    const Answer batch = Ask(*view, {.cues = cues, .mask = bits}, spec);
    for (size_t i = 0; i < 12; ++i) {
      SCOPED_TRACE(i);
      const size_t row = (d + 7) / 8;
      const Answer alone = Ask(*view,
                               {.cues = cues.view().slice(i, 1),
                                .mask = bits.empty() ? std::span<const uint8_t>()
                                                     : std::span(bits).subspan(i * row, row)},
                               spec);
      for (size_t k = 0; k < 40; ++k) {
        EXPECT_EQ(batch.cues[i].top[k].row, alone.cues[0].top[k].row);
        EXPECT_EQ(batch.cues[i].top[k].score, alone.cues[0].top[k].score);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Dense, Lists,
                         testing::Values(Similarity::kDot, Similarity::kCosine, Similarity::kL2),
                         [](const auto& similarity) {
                           return std::string(Name(similarity.param));
                         });

TEST(DenseLists, ListsAreTheSortedScoresWithTheirShares) {
  RecordProperty("seed", 28);
  Random random(28);
  auto keys = GaussianRows<float>(3000, 10, random);
  for (size_t i = 0; i < 3000; i += 10) {  // ties: copies in every tile
    std::copy_n(keys.row(7).begin(), 10, keys.row(i).begin());
  }
  auto model = Make(Spec(10, {.beta = 0.7}));
  Absorb(*model, keys, 0, 3000);
  for (const size_t batch : {1, 6}) {
    auto cues = GaussianRows<float>(batch, 10, random);
    std::copy_n(keys.row(7).begin(), 10, cues.row(0).begin());
    for (const size_t top : {1, 5, 200, 10000}) {
      SCOPED_TRACE(testing::Message() << "batch " << batch << ", top " << top);
      const Answer answer =
          Ask(*model->Publish(), {.cues = cues}, {.kind = QueryKind::kList, .top = top}, 1);
      EXPECT_TRUE(answer.recalls.empty());
      for (size_t c = 0; c < batch; ++c) {
        std::vector<std::pair<double, uint64_t>> expected(3000);
        double mass = 0, mean = 0;
        for (size_t i = 0; i < 3000; ++i) {
          double squares = 0;
          for (size_t j = 0; j < 10; ++j) squares += std::pow(cues.at(c, j) - keys.at(i, j), 2);
          expected[i] = {squares / 2, i};  // ascending: best first, ties by id
          mass += std::exp(-0.7 * squares / 2);
          mean -= squares / 2 / 3000;
        }
        std::sort(expected.begin(), expected.end());
        const CueAnswer& cue = answer.cues[c];
        ASSERT_EQ(cue.top.size(), std::min<size_t>(top, 3000));
        EXPECT_NEAR(cue.score_mean, mean, 1e-4);
        double held = 0;
        for (size_t k = 0; k < cue.top.size(); ++k) {
          EXPECT_NEAR(cue.top[k].score, -expected[k].first, 1e-4);
          EXPECT_NEAR(cue.top[k].share, std::exp(-0.7 * expected[k].first) / mass, 1e-5);
          held += cue.top[k].share;
          if (k == 0) continue;
          const bool tie = cue.top[k].score == cue.top[k - 1].score;
          EXPECT_TRUE(cue.top[k].score < cue.top[k - 1].score ||
                      (tie && cue.top[k - 1].id < cue.top[k].id));
        }
        EXPECT_DOUBLE_EQ(cue.mass, std::min(1.0, held));
      }
      // The copies of the cue come first, the smallest ids of them.
      for (size_t k = 0; k < std::min<size_t>(top, 200); ++k) {
        const uint64_t id = answer.cues[0].top[k].id.number();
        EXPECT_EQ(id, k == 0 ? 0u : k == 1 ? 7u : (k - 1) * 10);
      }
    }
  }
}

// A batch is scanned by a matrix product, which cancels: where one item has nearly all, its share
// must not be that of the product's score.
TEST(DenseLists, SharesOfABatchAreThoseOfDoubles) {
  RecordProperty("seed", 29);
  Random random(29);
  const size_t n = 2'000, d = 64;
  const double beta = 0.6;
  const auto keys = GaussianRows<float>(n, d, random);
  auto model = Make(Spec(d, {.beta = beta}));
  Absorb(*model, keys, 0, n);
  const auto cues = Noisy(keys, 64, 1, random);
  for (const size_t top : {1, 10}) {
    const Answer answer =
        Ask(*model->Publish(), {.cues = cues}, {.kind = QueryKind::kList, .top = top}, 1);
    for (size_t c = 0; c < cues.rows(); ++c) {
      SCOPED_TRACE(testing::Message() << "top " << top << ", cue " << c);
      std::vector<double> weights(n);
      for (size_t i = 0; i < n; ++i) {
        double squares = 0;
        for (size_t j = 0; j < d; ++j) squares += std::pow(cues.at(c, j) - keys.at(i, j), 2);
        weights[i] = std::exp(-beta * squares / 2);
      }
      const double all = std::accumulate(weights.begin(), weights.end(), 0.0);
      std::sort(weights.rbegin(), weights.rend());
      const double listed = std::accumulate(weights.begin(), weights.begin() + top, 0.0);
      EXPECT_NEAR(answer.cues[c].mass, listed / all, 2e-6);
      EXPECT_NEAR(answer.cues[c].top[0].share, weights[0] / all, 2e-6);
    }
  }
}

TEST(DenseLists, CandidatesAloneAreListedAndTheirShareIsOfAll) {
  RecordProperty("seed", 29);
  Random random(29);
  const auto keys = UnitRows<float>(3000, 10, random);
  const auto cues = Noisy(keys, 2, 0.3, random);
  auto model = Make(Spec(10, {.beta = 8}));
  Absorb(*model, keys, 0, 3000);
  ForgetRows(*model, {4});
  const auto view = model->Publish();
  const Answer all = Ask(*view, {.cues = cues}, {.kind = QueryKind::kList, .top = 3000});
  const QuerySpec spec{.kind = QueryKind::kList,
                       .candidate_rows = std::vector<uint64_t>{1, 4, 700, 1024, 2999, 5000}};
  const Answer some = Ask(*view, {.cues = cues}, spec, 1);
  EXPECT_EQ(some.items_scored, 4u);  // 4 was forgotten, 5000 never stored
  for (size_t c = 0; c < 2; ++c) {
    ASSERT_EQ(some.cues[c].top.size(), 4u);
    std::set<uint64_t> rows;
    for (const ScoredItem& item : some.cues[c].top) {
      rows.insert(item.row);
      const auto& list = all.cues[c].top;
      const auto same = std::find_if(list.begin(), list.end(),
                                     [&item](const ScoredItem& x) { return x.row == item.row; });
      ASSERT_NE(same, list.end());
      EXPECT_EQ(item.score, same->score);
      EXPECT_NEAR(item.share, same->share, 1e-5 * same->share);
    }
    EXPECT_EQ(rows, (std::set<uint64_t>{1, 700, 1024, 2999}));
    EXPECT_TRUE(
        std::is_sorted(some.cues[c].top.begin(), some.cues[c].top.end(),
                       [](const ScoredItem& a, const ScoredItem& b) { return a.score > b.score; }));
  }
  const Answer none = Ask(*view, {.cues = cues},
                          {.kind = QueryKind::kList, .candidate_rows = std::vector<uint64_t>{}});
  EXPECT_TRUE(none.cues[0].top.empty());
  EXPECT_EQ(none.items_scored, 0u);
}

}  // namespace
}  // namespace mneme::models
