// A dense memory asked with QuerySpec::rows answers as a memory that holds the passing rows only.
#include <string>
#include <vector>

#include "core/models/model.h"
#include "gtest/gtest.h"
#include "tests/unit/core/models/dense/dense_test_util.h"

namespace mneme::models {
namespace {

constexpr size_t kDim = 12, kItems = 2600, kCues = 5;

// Lists score the cue as it came, bit for bit; after steps the state differs by rounding.
void ExpectSameFigures(const CueAnswer& a, const CueAnswer& b, bool list) {
  EXPECT_EQ(a.status, b.status);
  EXPECT_EQ(a.steps, b.steps);
  EXPECT_EQ(a.n_support, b.n_support);
  EXPECT_NEAR(a.energy, b.energy, 1e-6 * (1 + std::abs(b.energy)));
  EXPECT_NEAR(a.p_max, b.p_max, 1e-6);
  EXPECT_NEAR(a.n_eff, b.n_eff, 1e-6 * (1 + b.n_eff));
  EXPECT_NEAR(a.mass, b.mass, 1e-6);
  EXPECT_NEAR(a.score_mean, b.score_mean, 1e-6 * (1 + std::abs(b.score_mean)));
  EXPECT_NEAR(a.score_std, b.score_std, 1e-6 * (1 + b.score_std));
  EXPECT_NEAR(a.z_best, b.z_best, 1e-5);
  EXPECT_NEAR(a.z_gap, b.z_gap, 1e-5);
  ASSERT_EQ(a.top.size(), b.top.size());
  for (size_t i = 0; i < a.top.size(); ++i) {
    EXPECT_EQ(a.top[i].row, b.top[i].row);
    EXPECT_EQ(a.top[i].id, b.top[i].id);
    EXPECT_NEAR(a.top[i].score, b.top[i].score, list ? 0 : 1e-6 * (1 + std::abs(b.top[i].score)));
    EXPECT_NEAR(a.top[i].share, b.top[i].share, 1e-6);
  }
}

class DenseRows : public testing::TestWithParam<Similarity> {
 protected:
  // Rows that were replaced and rows that were deleted lie between those that live.
  void SetUp() override {
    RecordProperty("seed", 41);
    keys_ =
        UnitRows<float>(kItems, kDim, random_);  // exponents of a few nats: float32 carries 1e-6
    responses_ = UnitRows<float>(kItems, 3, random_);
    for (size_t i = 0; i < kItems; ++i) live_.push_back(i % 9 != 4);
  }

  MemorySpec Memory(bool hetero) const {
    return Spec(kDim, {.similarity = GetParam(), .beta = 6}, hetero ? 3 : 0);
  }

  std::unique_ptr<Model> Full(bool hetero) const {
    auto model = Make(Memory(hetero));
    Absorb(*model, keys_, 0, kItems, hetero ? responses_.view() : MatrixView());
    std::vector<uint64_t> gone;
    for (size_t i = 0; i < kItems; ++i) {
      if (!live_[i]) gone.push_back(i);
    }
    ForgetRows(*model, gone);
    return model;
  }

  std::unique_ptr<Model> Fresh(bool hetero, const RowSet& rows) const {
    auto model = Make(Memory(hetero));
    for (size_t i = 0; i < kItems; ++i) {
      if (live_[i] && rows.Passes(i)) {
        Absorb(*model, keys_, i, i + 1, hetero ? responses_.view() : MatrixView());
      }
    }
    return model;
  }

  std::vector<RowSet> Sets() {
    std::vector<RowSet> sets = {{}, {.listed_pass = false}};  // none passes; all pass
    for (const double share : {0.5, 0.01, 0.001}) {
      for (const bool listed_pass : {true, false}) {
        RowSet set{.listed_pass = listed_pass};
        for (size_t i = 0; i < kItems; ++i) {
          if (random_.Uniform() < share) set.listed.push_back(i);
        }
        sets.push_back(std::move(set));
      }
    }
    RowSet second_tile;
    for (size_t i = kItems / 3; i < kItems / 2; ++i) second_tile.listed.push_back(i);
    sets.push_back(second_tile);
    return sets;
  }

  Random random_{41};
  Matrix keys_, responses_;
  std::vector<bool> live_;
};

TEST_P(DenseRows, AnswersAreThoseOfAMemoryThatHoldsOnlyThem) {
  const auto full = Full(false), full_hetero = Full(true);
  const auto mask = MaskRows(kCues, kDim, [](size_t i, size_t j) { return (i + j) % 3 != 0; });
  const auto cues = Noisy(keys_, kCues, 0.3, random_);
  for (const RowSet& rows : Sets()) {
    for (const bool hetero : {false, true}) {
      const auto fresh = Fresh(hetero, rows);
      for (const auto& bits : {std::vector<uint8_t>(), mask}) {
        for (const QueryKind kind : {QueryKind::kRetrieve, QueryKind::kList}) {
          for (const size_t count : {size_t{1}, kCues}) {
            SCOPED_TRACE(testing::Message()
                         << rows.listed.size() << " listed, pass " << rows.listed_pass
                         << ", hetero " << hetero << ", mask " << !bits.empty() << ", list "
                         << (kind == QueryKind::kList) << ", cues " << count);
            const CueBatch batch = {
                .cues = cues.view().slice(0, count),
                .mask = std::span(bits).first(bits.empty() ? 0 : count * ((kDim + 7) / 8))};
            QuerySpec spec{.kind = kind, .top = 7, .steps_max = 6};
            const Answer expected = Ask(*fresh->Publish(), batch, spec);
            spec.rows = std::make_shared<const RowSet>(rows);
            const Answer answer = Ask(*(hetero ? full_hetero : full)->Publish(), batch, spec, 1);
            EXPECT_EQ(answer.items_scored, expected.items_scored);
            ExpectClose(answer.recalls.view(), expected.recalls.view(), 1e-6);
            for (size_t i = 0; i < count; ++i) {
              SCOPED_TRACE(i);
              ExpectSameFigures(answer.cues[i], expected.cues[i], kind == QueryKind::kList);
            }
            ASSERT_FALSE(HasFailure());
          }
        }
      }
    }
  }
}

TEST_P(DenseRows, CandidatesThatDoNotPassAreNotListed) {
  const auto model = Full(false);
  const RowSet rows{.listed = {0, 1, 2, 5}};
  const Answer answer = Ask(*model->Publish(), {.cues = keys_.view().slice(1, 1)},
                            {.kind = QueryKind::kList,
                             .candidate_rows = std::vector<uint64_t>{1, 3, 4, 5},
                             .rows = std::make_shared<const RowSet>(rows)});
  ASSERT_EQ(answer.cues[0].top.size(), 2u);
  EXPECT_EQ(answer.items_scored, 2u);
  std::vector<uint64_t> named = {answer.cues[0].top[0].row, answer.cues[0].top[1].row};
  std::sort(named.begin(), named.end());
  EXPECT_EQ(named, (std::vector<uint64_t>{1, 5}));
  // Shares are of the mass of the rows that pass.
  const auto fresh = Fresh(false, rows);
  const Answer all = Ask(*fresh->Publish(), {.cues = keys_.view().slice(1, 1)},
                         {.kind = QueryKind::kList, .top = 4});
  for (const ScoredItem& item : answer.cues[0].top) {
    for (const ScoredItem& other : all.cues[0].top) {
      if (other.row == item.row) {
        EXPECT_NEAR(item.share, other.share, 1e-6);
      }
    }
  }
}

TEST_P(DenseRows, ThatAreNoneGiveAnEmptyStore) {
  const auto model = Full(false);
  for (const QueryKind kind : {QueryKind::kRetrieve, QueryKind::kList}) {
    const Answer answer = Ask(*model->Publish(), {.cues = keys_.view().slice(0, 2)},
                              {.kind = kind, .top = 3, .rows = std::make_shared<const RowSet>()});
    EXPECT_EQ(answer.cues[1].status, AnswerStatus::kEmptyStore);
    EXPECT_TRUE(answer.cues[1].top.empty());
    EXPECT_EQ(answer.items_scored, 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(Dense, DenseRows,
                         testing::Values(Similarity::kDot, Similarity::kCosine, Similarity::kL2),
                         [](const auto& similarity) {
                           return std::string(Name(similarity.param));
                         });

TEST(QuerySpecRows, BatchOnlyWithTheSameRows) {
  const auto set = [](std::vector<uint64_t> listed, bool pass) {
    return std::make_shared<const RowSet>(RowSet{std::move(listed), pass});
  };
  const auto with = [](std::shared_ptr<const RowSet> rows, bool unexpired = false) {
    return QuerySpec{.rows = std::move(rows), .rows_are_unexpired = unexpired};
  };
  const auto one = set({1, 2}, true);
  EXPECT_TRUE(with(one).BatchesWith(with(one)));
  EXPECT_TRUE(with(one).BatchesWith(with(set({1, 2}, true))));
  EXPECT_FALSE(with(one).BatchesWith(with(set({1, 3}, true))));
  EXPECT_FALSE(with(one).BatchesWith(with(set({1, 2}, false))));
  EXPECT_FALSE(with(one).BatchesWith(with(nullptr)));
  EXPECT_FALSE(with(nullptr).BatchesWith(with(one)));
  EXPECT_FALSE(with(one).BatchesWith(with(one, true)));
}

}  // namespace
}  // namespace mneme::models
