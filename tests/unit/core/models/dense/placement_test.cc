// Items dealt out to eight places by their ids, each place a memory of its own; partial answers
// meet, and the answer is that of one memory with all items.
#include <memory>
#include <string>
#include <vector>

#include "core/models/dense/dense_model.h"
#include "gtest/gtest.h"
#include "tests/unit/core/models/dense/dense_test_util.h"

namespace mneme::models {
namespace {

constexpr size_t kPlaces = 8, kItems = 20'000, kDim = 64, kCues = 40, kTop = 10;

struct Kind {
  std::string name;
  Similarity similarity;
  size_t response_dim;
  QueryKind query = QueryKind::kRetrieve;
};

class Placements : public testing::TestWithParam<Kind> {};

// The place of an item, by a hash of its id alone.
size_t PlaceOf(uint64_t id) { return (id * 0x9e3779b97f4a7c15ull >> 40) % kPlaces; }

std::unique_ptr<Model> StoreAt(const MemorySpec& spec, const Matrix& keys, const Matrix& responses,
                               const std::vector<uint64_t>& items) {
  Matrix own_keys(items.size(), keys.cols()), own_responses(items.size(), responses.cols());
  std::vector<ItemId> ids;
  for (size_t i = 0; i < items.size(); ++i) {
    std::ranges::copy(keys.row(items[i]), own_keys.row(i).begin());
    std::ranges::copy(responses.row(items[i]), own_responses.row(i).begin());
    ids.emplace_back(items[i]);
  }
  RowBlock block{.keys = own_keys, .ids = ids, .row_numbers = items};
  if (spec.response_dim > 0) block.responses = own_responses;
  auto model = std::make_unique<DenseModel>(spec);
  EXPECT_TRUE(model->Absorb(block).ok());
  return model;
}

// What a coordinator does: each place probes its items; all partials go to all places, which take
// the same step.
Answer AskTogether(const std::vector<std::shared_ptr<const View>>& views, const CueBatch& cues,
                   const QuerySpec& spec) {
  std::vector<std::unique_ptr<Query>> queries;
  for (const auto& view : views) queries.push_back(*view->Begin(cues, spec));
  while (true) {
    std::vector<std::unique_ptr<Partial>> partials;
    for (const auto& query : queries) {
      partials.push_back(query->Empty());
      query->Probe(0, query->parts(), *partials.back());
    }
    bool done = false;
    for (const auto& query : queries) {
      const auto merged = query->Empty();
      for (const auto& partial : partials) query->Merge(*merged, *partial);
      done = *query->Settle(*merged);
    }
    if (done) return queries[0]->TakeAnswer();
  }
}

TEST_P(Placements, EightGiveTheAnswerOfOne) {
  const Kind& kind = GetParam();
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const auto keys = UnitRows<float>(kItems, kDim, random);
    const auto responses =
        GaussianRows<float>(kItems, std::max<size_t>(1, kind.response_dim), random);
    const auto cues = Noisy(keys, kCues, 0.4, random);
    MemorySpec spec = Spec(kDim, {.similarity = kind.similarity, .beta = 24});
    spec.response_dim = kind.response_dim;
    std::vector<uint64_t> all;
    std::vector<std::vector<uint64_t>> places(kPlaces);
    for (uint64_t i = 0; i < kItems; ++i) {
      all.push_back(i);
      places[PlaceOf(i)].push_back(i);
    }
    std::vector<std::unique_ptr<Model>> models;
    std::vector<std::shared_ptr<const View>> views;
    for (const std::vector<uint64_t>& items : places) {
      ASSERT_GT(items.size(), kItems / kPlaces / 2);
      models.push_back(StoreAt(spec, keys, responses, items));
      views.push_back(models.back()->Publish());
    }
    const auto one = StoreAt(spec, keys, responses, all);
    const QuerySpec query{.kind = kind.query, .top = kTop};
    const Answer whole = Ask(*one->Publish(), {.cues = cues}, query);
    const Answer together = AskTogether(views, {.cues = cues}, query);
    ExpectClose<float>(together.recalls, whole.recalls, 1e-5);
    for (size_t i = 0; i < kCues; ++i) {
      SCOPED_TRACE(i);
      EXPECT_EQ(together.cues[i].status, whole.cues[i].status);
      EXPECT_EQ(together.cues[i].steps, whole.cues[i].steps);
      EXPECT_NEAR(together.cues[i].energy, whole.cues[i].energy, 1e-5);
      // Lists read the mean of the scores off the codes, whose scales are those of each place.
      if (kind.query == QueryKind::kRetrieve) {
        EXPECT_NEAR(together.cues[i].z_best, whole.cues[i].z_best, 1e-4);
      }
      ASSERT_EQ(whole.cues[i].top.size(), kTop);
      ASSERT_EQ(together.cues[i].top.size(), kTop);
      for (size_t k = 0; k < kTop; ++k) {
        EXPECT_EQ(together.cues[i].top[k].id, whole.cues[i].top[k].id);
        EXPECT_NEAR(together.cues[i].top[k].share, whole.cues[i].top[k].share, 1e-5);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Dense, Placements,
    testing::Values(Kind{"L2", Similarity::kL2, 0}, Kind{"Dot", Similarity::kDot, 0},
                    Kind{"Cosine", Similarity::kCosine, 0}, Kind{"Responses", Similarity::kL2, 7},
                    Kind{"Lists", Similarity::kL2, 0, QueryKind::kList},
                    Kind{"CosineLists", Similarity::kCosine, 0, QueryKind::kList}),
    [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace mneme::models
