// Rule FEDERATED: what a memory gives to the node of a federation, and what it serves of it.
#include <memory>
#include <string>

#include "core/models/linear/federated_learner.h"
#include "core/models/linear/linear_model.h"
#include "gtest/gtest.h"
#include "tests/unit/core/models/linear_testing.h"

namespace mneme::models {
namespace {

constexpr size_t kDim = 3;

MemorySpec Spec() {
  MemorySpec spec;
  spec.key_dim = kDim;
  spec.response_dim = 2;
  spec.model = LinearSpec{.rule = LinearRule::kFederated};
  return spec;
}

// Rows whose keys are 2 e_(number mod 3), and whose responses are (3, 4).
class Rows {
 public:
  Rows(uint64_t first, size_t count) : keys_(count, kDim), responses_(count, 2) {
    for (size_t i = 0; i < count; ++i) {
      keys_.at(i, (first + i) % kDim) = 2;
      responses_.at(i, 0) = 3;
      responses_.at(i, 1) = 4;
      ids_.push_back(ItemId(first + i));
      weights_.push_back(1 + static_cast<float>(i));
      numbers_.push_back(first + i);
    }
  }
  RowBlock block() const {
    return {.keys = keys_.view(),
            .responses = responses_.view(),
            .ids = ids_,
            .weights = weights_,
            .row_numbers = numbers_};
  }

 private:
  Matrix keys_, responses_;
  std::vector<ItemId> ids_;
  std::vector<float> weights_;
  std::vector<uint64_t> numbers_;
};

std::shared_ptr<const Matrix> Weights(float value) {
  auto weights = std::make_shared<Matrix>(2, kDim);
  for (float& x : weights->flat()) x = value;
  return weights;
}

float RecallOf(LinearModel& model) {
  Matrix cues(1, kDim);
  cues.at(0, 0) = 1;
  const std::shared_ptr<const View> view = model.Publish();
  auto query = view->Begin({.cues = cues.view(), .mask = {}}, QuerySpec{});
  EXPECT_TRUE(query.ok()) << query.status();
  std::unique_ptr<Partial> partial = (*query)->Empty();
  bool done = false;
  while (!done) {
    (*query)->Probe(0, (*query)->parts(), *partial);
    done = *(*query)->Settle(*partial);
  }
  return (*query)->TakeAnswer().recalls.at(0, 0);
}

TEST(Federated, RowsDoNotChangeTheMatrixAndAreTakenInItsFrame) {
  LinearModel model(Spec());
  ASSERT_TRUE(model.Absorb(Rows(7, 2).block()).ok());
  EXPECT_EQ(RecallOf(model), 0);
  const FederatedRows rows = *model.Exchange({});
  EXPECT_EQ(rows.first, 0u);
  EXPECT_EQ(rows.keys, (std::vector<float>{0, 1, 0, 0, 0, 1}));
  EXPECT_EQ(rows.responses, (std::vector<float>{0.6f, 0.8f, 0.6f, 0.8f}));
  EXPECT_EQ(rows.weights, (std::vector<float>{1, 2}));
  EXPECT_TRUE(rows.state->empty());
}

TEST(Federated, GivesOnlyRowsFromThePositionAskedFor) {
  LinearModel model(Spec());
  ASSERT_TRUE(model.Absorb(Rows(0, 4).block()).ok());
  EXPECT_EQ(model.Exchange({.from = 3})->weights, (std::vector<float>{4}));
  ASSERT_TRUE(model.Absorb(Rows(10, 1).block()).ok());
  const FederatedRows rows = *model.Exchange({.from = 4});
  EXPECT_EQ(rows.first, 4u);
  EXPECT_EQ(rows.weights.size(), 1u);
  EXPECT_EQ(model.Exchange({.from = 100})->weights.size(), 0u);
}

TEST(Federated, ServesTheWeightsThatItWasGiven) {
  LinearModel model(Spec());
  ASSERT_TRUE(model.Exchange({.weights = Weights(0.5f)}).ok());
  EXPECT_EQ(RecallOf(model), 0.5f);
  const auto wrong = std::make_shared<const Matrix>(kDim, 2);
  EXPECT_FALSE(model.Exchange({.weights = wrong}).ok());
  EXPECT_EQ(RecallOf(model), 0.5f);
}

TEST(Federated, GoesOnFromTheNewestStateAndTheRowsBehindIt) {
  LinearModel model(Spec());
  ASSERT_TRUE(model.Absorb(Rows(0, 5).block()).ok());
  ASSERT_TRUE(model
                  .Exchange({.weights = Weights(1),
                             .state = std::make_shared<const std::string>("node"),
                             .learned = 3})
                  .ok());
  ASSERT_TRUE(model.Absorb(Rows(5, 1).block()).ok());
  LinearModel again(Spec());
  ASSERT_TRUE(again.Load(model.Save()).ok());
  EXPECT_EQ(RecallOf(again), 1);
  const FederatedRows rows = *again.Exchange({});
  EXPECT_EQ(*rows.state, "node");
  EXPECT_EQ(rows.first, 3u);
  EXPECT_EQ(rows.weights, (std::vector<float>{4, 5, 1}));
  EXPECT_EQ(again.Save().size(), model.Save().size());
}

TEST(Federated, ARowThatWasTakenIsSuppressedAndOneThatWasNotIsUnlearned) {
  LinearModel model(Spec());
  ASSERT_TRUE(model.Absorb(Rows(0, 1).block()).ok());
  ASSERT_TRUE(model.Exchange({}).ok());
  ASSERT_TRUE(model.Absorb(Rows(1, 2).block()).ok());
  EXPECT_EQ(model.CountSuppressed(Rows(0, 3).block()), 1u);
  ASSERT_TRUE(model.Forget(Rows(0, 2).block()).ok());
  EXPECT_EQ(model.Publish()->stats().items, 1u);
  EXPECT_EQ(model.Publish()->stats().suppressed, 1u);
  const FederatedRows rows = *model.Exchange({.from = 1});
  ASSERT_EQ(rows.weights.size(), 2u);
  EXPECT_EQ(std::vector<float>(rows.keys.begin(), rows.keys.begin() + kDim),
            (std::vector<float>{0, 0, 0}));
  EXPECT_EQ(rows.keys[kDim + 2], 1);
}

TEST(Federated, CountsTheRowsThatNoNodeTookBeforeTheyHadToGo) {
  MemorySpec spec = Spec();
  spec.key_dim = spec.response_dim = 1024;
  const size_t most = kFederatedRowBytesMax / (2048 * sizeof(float));
  LinearModel model(spec);
  Matrix vectors(most + 2, 1024);
  std::vector<ItemId> ids;
  std::vector<uint64_t> numbers;
  for (size_t i = 0; i < vectors.rows(); ++i) {
    vectors.at(i, 0) = 1;
    ids.push_back(ItemId(i));
    numbers.push_back(i);
  }
  const RowBlock block{
      .keys = vectors.view(), .responses = vectors.view(), .ids = ids, .row_numbers = numbers};
  ASSERT_TRUE(model.Absorb(block).ok());
  const FederatedRows rows = *model.Exchange({});
  EXPECT_EQ(rows.first, 2u);
  EXPECT_EQ(rows.weights.size(), most);
  EXPECT_EQ(rows.missed, 2u);
}

TEST(Federated, ADamagedStateIsRefused) {
  LinearModel model(Spec());
  ASSERT_TRUE(model.Absorb(Rows(0, 3).block()).ok());
  const std::string saved = model.Save();
  for (size_t bytes = 0; bytes < saved.size(); ++bytes) {
    LinearModel again(Spec());
    EXPECT_FALSE(again.Load(saved.substr(0, bytes)).ok()) << bytes;
  }
}

TEST(Federated, OtherRulesLearnByThemselves) {
  MemorySpec spec = Spec();
  spec.model = LinearSpec{.rule = LinearRule::kDelta};
  LinearModel model(spec);
  EXPECT_EQ(model.Exchange({}).status().code(), absl::StatusCode::kUnimplemented);
}

TEST(Federated, TakesOnePartitionThatDoesNotGrow) {
  MemorySpec spec = Spec();
  spec.model = LinearSpec{.rule = LinearRule::kFederated, .partitions = 2};
  EXPECT_FALSE(ValidateSpec(spec).ok());
  spec.model = LinearSpec{
      .rule = LinearRule::kFederated, .load_policy = LoadPolicy::kGrow, .load_limit = 0.1};
  EXPECT_FALSE(ValidateSpec(spec).ok());
}

}  // namespace
}  // namespace mneme::models
