// What a spec may be, and how a refusal is worded.
#include "core/models/spec.h"

#include <cmath>
#include <string>
#include <utility>

#include "core/base/status.h"
#include "core/models/model.h"
#include "gtest/gtest.h"

namespace mneme::models {
namespace {

struct Refused {
  std::string field;
  MemorySpec spec;
};

Refused Binary(std::string field, BinaryIndexSpec binary) {
  return {std::move(field), {.key_dim = 2, .model = DenseSpec{.index = IndexSpec{.kind = binary}}}};
}

Refused Index(std::string field, IndexSpec index) {
  return {std::move(field), {.key_dim = 2, .model = DenseSpec{.index = index}}};
}

Refused Dense(std::string field, DenseSpec dense, size_t response_dim = 0) {
  return {std::move(field),
          {.key_dim = 2, .response_dim = response_dim, .model = std::move(dense)}};
}

DenseSpec PowerOf(Separation separation, int power) {
  return {.similarity = Similarity::kDot,
          .separation = separation,
          .power = power,
          .state = StateSpace::kSphere};
}

Refused Linear(std::string field, LinearSpec linear, Retain retain = Retain::kAll) {
  return {std::move(field),
          {.key_dim = 2, .response_dim = 1, .retain = retain, .model = std::move(linear)}};
}

TEST(Spec, EachBadFieldIsNamedWithWhatWasGivenAndWhatIsAllowed) {
  const Refused cases[] = {
      {"key_dim", {.model = DenseSpec{}}},
      Dense("similarity", {.similarity = static_cast<Similarity>(9)}),
      Dense("separation", {.separation = static_cast<Separation>(9)}),
      Dense("state", {.state = static_cast<StateSpace>(9)}),
      Dense("no_support", {.no_support = static_cast<NoSupportPolicy>(9)}),
      // Powers: of products; of directions; of numbers in range; even ones are signed.
      Dense("similarity", {.separation = Separation::kPower, .power = 3}),
      Dense("similarity",
            {.similarity = Similarity::kL1, .separation = Separation::kRectifiedPower, .power = 3}),
      Dense("state",
            {.similarity = Similarity::kDot, .separation = Separation::kPower, .power = 3}),
      Dense("power", PowerOf(Separation::kPower, 1)),
      Dense("power", PowerOf(Separation::kRectifiedPower, 17)),
      Dense("power", PowerOf(Separation::kPower, 0)),
      Dense("power", {.power = 3}),
      Dense("power",
            {.similarity = Similarity::kCosine, .separation = Separation::kPower, .power = 4}),
      Dense("power", PowerOf(Separation::kPower, 4), 3),
      // Supports: balls of l2, of stored rows; a radius where there are supports, not beside beta.
      Dense("similarity", {.similarity = Similarity::kDot, .separation = Separation::kRelu1}),
      Dense("similarity", {.similarity = Similarity::kCosine, .separation = Separation::kRelu1}),
      Dense("similarity", {.similarity = Similarity::kL1, .separation = Separation::kRelu1}),
      Dense("state", {.separation = Separation::kRelu1, .state = StateSpace::kSphere}),
      Dense("radius", {.radius = 1}),
      Dense("radius", {.separation = Separation::kRelu1, .beta = 1, .radius = 1}),
      Dense("radius", {.separation = Separation::kRelu1, .radius = 0}),
      Dense("radius", {.separation = Separation::kRelu1, .radius = -1}),
      Dense("radius", {.separation = Separation::kRelu1, .radius = std::nan("")}),
      Dense("radius", {.separation = Separation::kRelu1, .radius = 1e20}),
      Dense("no_support", {.no_support = NoSupportPolicy::kNearest}),
      Dense("no_support",
            {.separation = Separation::kArgMax, .no_support = NoSupportPolicy::kWiden}),
      // States.
      Dense("state", {.similarity = Similarity::kL1, .state = StateSpace::kSphere}),
      Dense("state", {.separation = Separation::kArgMax, .state = StateSpace::kSphere}),
      Dense("state", {.similarity = Similarity::kCosine, .state = StateSpace::kBinary}),
      Dense("state", {.similarity = Similarity::kDot, .state = StateSpace::kBinary}, 3),
      // What recalls do not depend on.
      Dense("beta", {.separation = Separation::kArgMax, .beta = 1}),
      Dense("beta", {.similarity = Similarity::kCosine,
                     .separation = Separation::kRectifiedPower,
                     .power = 3,
                     .beta = 1}),
      // Encoders compare directions, for exp alone.
      Dense("encoder", {.encoder = Encoder::kLinear}),
      Dense("encoder", {.similarity = Similarity::kCosine, .encoder = static_cast<Encoder>(9)}),
      Dense("encoder", {.similarity = Similarity::kCosine,
                        .separation = Separation::kArgMax,
                        .encoder = Encoder::kCentre}),
      Dense("encoder", {.similarity = Similarity::kDot,
                        .state = StateSpace::kBinary,
                        .encoder = Encoder::kLinear}),
      Dense("encoder", {.similarity = Similarity::kCosine,
                        .state = StateSpace::kSphere,
                        .encoder = Encoder::kLinear}),
      Dense("encoder",
            {.similarity = Similarity::kCosine, .index = IndexSpec{}, .encoder = Encoder::kLinear}),
      // Indexes serve exp alone.
      Dense("index", {.separation = Separation::kRelu1, .index = IndexSpec{}}),
      Dense("index", {.separation = Separation::kArgMax, .index = IndexSpec{}}),
      Dense("index", {.similarity = Similarity::kL1, .index = IndexSpec{}}),
      Dense("index", {.state = StateSpace::kSphere, .index = IndexSpec{}}),
      {"beta", {.key_dim = 2, .model = DenseSpec{.beta = 0}}},
      {"beta", {.key_dim = 2, .model = DenseSpec{.beta = std::nan("")}}},
      {"beta", {.key_dim = 2, .model = DenseSpec{.beta = -INFINITY}}},
      {"steps_max", {.key_dim = 2, .model = DenseSpec{.steps_max = 0}}},
      {"tolerance", {.key_dim = 2, .model = DenseSpec{.tolerance = 0}}},
      {"retain", {.key_dim = 2, .retain = Retain::kStatistics, .model = DenseSpec{}}},
      Binary("index.binary.bits", {.bits = 100}),
      Binary("index.binary.bits", {.bits = 4160}),
      Binary("index.binary.tile_keep", {.tile_size = 16}),
      Binary("index.binary.tile_keep", {.tile_size = 16, .tile_keep = 17}),
      Binary("index.binary.tile_keep", {.tile_keep = 1}),
      Binary("index.binary.tile_keep", {.tile_size = 2048, .tile_keep = 2}),
      Index("index.graph.links", {.kind = GraphIndexSpec{.links = 1}}),
      Index("index.graph.construction_width",
            {.kind = GraphIndexSpec{.links = 16, .construction_width = 15}}),
      Index("index.target_recall", {.target_recall = 0}),
      Index("index.target_recall", {.target_recall = 1.01}),
      Index("index.target_recall", {.target_recall = std::nan("")}),
      Index("index.rescore_depth", {.rescore_depth = 9}),
      Index("index.rescore_depth", {.rescore_depth = 8193}),
      {"response_dim", {.key_dim = 2, .model = LinearSpec{}}},
      {"lambda", {.key_dim = 2, .response_dim = 1, .model = LinearSpec{.lambda = -1}}},
      {"partitions", {.key_dim = 2, .response_dim = 1, .model = LinearSpec{.partitions = 0}}},
      Linear("lambda", {.lambda = 0}),
      Linear("lambda", {.rule = LinearRule::kRls, .lambda = INFINITY}),
      Linear("lambda", {.rule = LinearRule::kDelta, .lambda = 1}),
      Linear("beta", {.rule = LinearRule::kDelta, .beta = 0}),
      Linear("beta", {.rule = LinearRule::kGatedDelta, .beta = 1.5}),
      Linear("beta", {.rule = LinearRule::kDelta, .beta = std::nan("")}),
      Linear("beta", {.rule = LinearRule::kRidge, .beta = 0.5}),
      Linear("gamma", {.rule = LinearRule::kDecayed, .gamma = 0}),
      Linear("gamma", {.rule = LinearRule::kRls, .gamma = 1.1}),
      Linear("gamma", {.rule = LinearRule::kGatedDelta, .gamma = -1}),
      Linear("gamma", {.rule = LinearRule::kCmm, .gamma = 0.9}),
      Linear("gamma", {.rule = LinearRule::kDelta, .gamma = 0.9}),
      Linear("list_size", {.rule = LinearRule::kCmm, .list_size = 5}),
      Linear("tail_fraction", {.rule = LinearRule::kRidge, .tail_fraction = 0.1}),
      Linear("tail_fraction", {.rule = LinearRule::kTam, .tail_fraction = 0}),
      Linear("tail_fraction", {.rule = LinearRule::kTam, .tail_fraction = 1}),
      Linear("tail_fraction", {.rule = LinearRule::kTam, .tail_fraction = std::nan("")}),
      Linear("tail_fraction", {.rule = LinearRule::kTam, .list_size = 5, .tail_fraction = 0.1}),
      Linear("load_limit", {.load_policy = LoadPolicy::kRefuse}),
      Linear("load_limit", {.load_policy = LoadPolicy::kWarn, .load_limit = -1}),
      Linear("load_limit", {.load_policy = LoadPolicy::kGrow, .load_limit = std::nan("")}),
      Linear("load_limit", {.load_limit = 0.1}),
      Linear("fast_statistics", {.rule = LinearRule::kRidge, .fast_statistics = true}),
      Linear("key_mean", {.key_mean = {1, 2, 3}}),
      Linear("key_mean", {.key_mean = {1, INFINITY}}),
      Linear("retain", {.rule = LinearRule::kDecayed, .gamma = 0.9}, Retain::kStatistics),
      Linear("retain", {.rule = LinearRule::kRls, .gamma = 0.9}, Retain::kStatistics),
      Linear("retain", {.load_policy = LoadPolicy::kGrow, .load_limit = 1}, Retain::kStatistics),
      Linear("retain", {.rule = LinearRule::kTam}, Retain::kResponses),
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

TEST(Spec, WhatARuleUsesIsAccepted) {
  const Refused cases[] = {
      Linear("CMM of before", {.rule = LinearRule::kCmm, .lambda = 0.1}),
      Linear("decayed", {.rule = LinearRule::kDecayed, .gamma = 0.9}, Retain::kResponses),
      Linear("undecayed", {.rule = LinearRule::kDecayed}, Retain::kStatistics),
      Linear("delta", {.rule = LinearRule::kDelta, .beta = 0.5}, Retain::kStatistics),
      Linear("gated", {.rule = LinearRule::kGatedDelta, .beta = 0.5, .gamma = 0.9}),
      Linear("rls", {.rule = LinearRule::kRls, .lambda = 1e-6, .gamma = 0.999}),
      Linear("tam", {.rule = LinearRule::kTam, .lambda = 1e-3, .tail_fraction = 0.1}),
      Linear("tam", {.rule = LinearRule::kTam, .list_size = 20}),
      Linear("warn", {.load_policy = LoadPolicy::kWarn, .load_limit = 0.1}, Retain::kStatistics),
      Linear("grow", {.load_policy = LoadPolicy::kGrow, .load_limit = 0.1}),
      Linear("fast", {.rule = LinearRule::kCmm, .fast_statistics = true, .key_mean = {1, 2}}),
  };
  for (const Refused& fine : cases) {
    SCOPED_TRACE(fine.field);
    EXPECT_TRUE(ValidateSpec(fine.spec).ok()) << ValidateSpec(fine.spec);
  }
  const absl::Status status =
      ValidateSpec(Linear("", {.rule = LinearRule::kCmm, .gamma = 0.5}).spec);
  EXPECT_NE(status.message().find("DECAYED, GATED_DELTA, RLS"), std::string::npos) << status;
}

TEST(Spec, NamesAreThoseOfTheContract) {
  EXPECT_EQ(Name(Similarity::kCosine), "COSINE");
  EXPECT_EQ(Name(Retain::kStatistics), "STATISTICS");
  EXPECT_EQ(Name(LinearRule::kRidge), "RIDGE");
}

}  // namespace
}  // namespace mneme::models
