// What a spec may be, and how a refusal is worded.
#include "core/models/spec.h"

#include <cmath>
#include <string>

#include "core/base/status.h"
#include "core/models/model.h"
#include "gtest/gtest.h"

namespace mneme::models {
namespace {

struct Refused {
  std::string field;
  MemorySpec spec;
};

TEST(Spec, EachBadFieldIsNamedWithWhatWasGivenAndWhatIsAllowed) {
  const Refused cases[] = {
      {"key_dim", {.model = DenseSpec{}}},
      {"similarity", {.key_dim = 2, .model = DenseSpec{.similarity = Similarity::kL1}}},
      {"beta", {.key_dim = 2, .model = DenseSpec{.beta = 0}}},
      {"beta", {.key_dim = 2, .model = DenseSpec{.beta = std::nan("")}}},
      {"beta", {.key_dim = 2, .model = DenseSpec{.beta = -INFINITY}}},
      {"steps_max", {.key_dim = 2, .model = DenseSpec{.steps_max = 0}}},
      {"tolerance", {.key_dim = 2, .model = DenseSpec{.tolerance = 0}}},
      {"retain", {.key_dim = 2, .retain = Retain::kStatistics, .model = DenseSpec{}}},
      {"response_dim", {.key_dim = 2, .model = LinearSpec{}}},
      {"lambda", {.key_dim = 2, .response_dim = 1, .model = LinearSpec{.lambda = -1}}},
      {"partitions", {.key_dim = 2, .response_dim = 1, .model = LinearSpec{.partitions = 0}}},
  };
  for (const Refused& refused : cases) {
    SCOPED_TRACE(refused.field);
    const absl::Status status = ValidateSpec(refused.spec);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    const auto detail = GetErrorDetail(status);
    ASSERT_TRUE(detail.has_value());
    EXPECT_EQ(detail->reason, "SPEC");
    EXPECT_TRUE(detail->given.starts_with(refused.field + "=")) << detail->given;
    EXPECT_FALSE(detail->expected.empty());
    EXPECT_FALSE(detail->next_step.empty());
    EXPECT_FALSE(MakeModel(refused.spec).ok());
  }
}

TEST(Spec, EachFamilyMakesItsModel) {
  const auto dense = MakeModel({.key_dim = 3, .model = DenseSpec{}});
  ASSERT_TRUE(dense.ok()) << dense.status();
  EXPECT_EQ((*dense)->law(), Law::kAnswersAdd);
  const auto linear = MakeModel({.key_dim = 3, .response_dim = 2, .model = LinearSpec{}});
  ASSERT_TRUE(linear.ok()) << linear.status();
  EXPECT_EQ((*linear)->law(), Law::kStatesAdd);
}

TEST(Spec, NamesAreThoseOfTheContract) {
  EXPECT_EQ(Name(Similarity::kCosine), "COSINE");
  EXPECT_EQ(Name(Retain::kStatistics), "STATISTICS");
  EXPECT_EQ(Name(LinearRule::kRidge), "RIDGE");
}

}  // namespace
}  // namespace mneme::models
