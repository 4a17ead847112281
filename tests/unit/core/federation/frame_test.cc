#include "core/federation/frame.h"

#include <functional>
#include <limits>

#include "gtest/gtest.h"
#include "tests/unit/core/federation/federated.h"

namespace mneme::federation {
namespace {

constexpr size_t kNumbers = size_t{kDim} * kDim;

Frame FrameOf(Body body) { return {.header = {}, .body = std::move(body)}; }

std::string WhyNot(const Body& body, const Spec& spec = SmallSpec()) {
  const absl::Status status = Check(FrameOf(body), LinePlan(spec));
  if (status.ok()) return "";
  const auto detail = GetErrorDetail(status);
  EXPECT_TRUE(detail.has_value());
  EXPECT_EQ(detail->reason, "FRAME");
  return std::string(status.message());
}

Numbers Matrix(float value) {
  return Pack(std::vector<float>(kNumbers, value), WireType::kFloat32);
}

TEST(Frame, GoodOnesPass) {
  EXPECT_EQ(WhyNot(SumOf(0, 2, 5, 1)), "");
  EXPECT_EQ(WhyNot(GradUp{.root = 0, .tally = {.contributors = {{.node = 1}}}}), "")
      << "nobody had new items";
  EXPECT_EQ(WhyNot(ParamDown{.root = 1, .tag = 3, .base_tag = 3, .memory = Matrix(1)}), "");
  EXPECT_EQ(WhyNot(ParamDown{.root = 1, .tag = 9, .base_tag = 3, .unchanged = true}), "");
  EXPECT_EQ(WhyNot(Hello{}), "");
}

TEST(Frame, SumsThatCannotBeAreRefused) {
  const auto broken = [](const std::function<void(GradUp&)>& breaks) {
    GradUp up = SumOf(0, 2, 5, 1);
    breaks(up);
    return WhyNot(up);
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const double infinite = std::numeric_limits<double>::infinity();
  EXPECT_NE(broken([](GradUp& up) { up.values.bytes.pop_back(); }), "");
  EXPECT_NE(broken([&](GradUp& up) { up.values = Matrix(nan); }), "");
  EXPECT_NE(broken([](GradUp& up) { up.root = 7; }), "");
  EXPECT_NE(broken([](GradUp& up) { up.form = static_cast<GradientForm>(9); }), "");
  EXPECT_NE(broken([](GradUp& up) { up.form = GradientForm::kNone; }), "");
  EXPECT_NE(broken([](GradUp& up) { up.rank = 1; }), "");
  EXPECT_NE(broken([](GradUp& up) { up.places = "1234"; }), "");
  EXPECT_NE(broken([](GradUp& up) { up.tally.items = 2; }), "");
  EXPECT_NE(broken([&](GradUp& up) { up.tally.norm_sum = infinite; }), "");
  EXPECT_NE(broken([&](GradUp& up) { up.tally.loss_sum = std::nan(""); }), "");
  EXPECT_NE(broken([](GradUp& up) { up.tally.key_squared_max = 1e20; }), "");
  EXPECT_NE(broken([](GradUp& up) { up.tally.contributors[0].node = 0; }), "") << "the root";
  EXPECT_NE(broken([](GradUp& up) { up.tally.contributors[0].node = 9; }), "");
  EXPECT_NE(broken([](GradUp& up) { up.tally.contributors[0].oldest_tag = 6; }), "");
  EXPECT_NE(broken([](GradUp& up) { up.tally.contributors[0].evaluations = 0; }), "");
  EXPECT_NE(broken([](GradUp& up) { up.tally.contributors[0].newest_evaluation = 0; }), "");
  EXPECT_NE(broken([](GradUp& up) { up.tally.contributors.push_back(up.tally.contributors[0]); }),
            "");
  EXPECT_NE(broken([](GradUp& up) { up.tally.contributors[0].weight = up.tally.weight_sum = 5; }),
            "")
      << "more than the plan gives it, with any boost";
}

TEST(Frame, FactorsOfASumPassOnlyWhereItemsAreShared) {
  GradUp up = SumOf(0, 2, 5, 1);
  up.form = GradientForm::kLowRank;
  up.rank = 1;
  up.values = Pack(std::vector<float>(kDim, 1), WireType::kFloat32);
  up.keys = up.values;
  EXPECT_NE(WhyNot(up), "");
  Spec shared = SmallSpec();
  shared.privacy.share_items = true;
  EXPECT_EQ(WhyNot(up, shared), "");
  Spec low_rank = SmallSpec();
  low_rank.wire.compression = Compression::kLowRank;
  EXPECT_EQ(WhyNot(up, low_rank), "");
  up.rank = 1'000'000'000;
  EXPECT_NE(WhyNot(up, shared), "");
}

TEST(Frame, ChangesOfAMemoryAreCheckedLikeMemories) {
  Spec spec = SmallSpec();
  spec.wire.compression = Compression::kLowRank;
  const Numbers row = Pack(std::vector<float>(kDim, 1), WireType::kFloat32);
  const ParamDown good{
      .root = 1,
      .tag = 5,
      .base_tag = 5,
      .change = {.from = 3, .steps = {{.scale = 0.5F, .rank = 1}}, .errors = row, .keys = row}};
  EXPECT_EQ(WhyNot(good, spec), "");
  EXPECT_NE(WhyNot(good), "") << "not with this compression";
  const auto broken = [&](const std::function<void(ParamDown&)>& breaks) {
    ParamDown down = good;
    breaks(down);
    return WhyNot(down, spec);
  };
  EXPECT_NE(broken([](ParamDown& down) { down.memory = Matrix(1); }), "") << "both";
  EXPECT_NE(broken([](ParamDown& down) { down.unchanged = true; }), "");
  EXPECT_NE(broken([](ParamDown& down) { down.change.from = 5; }), "") << "from itself";
  EXPECT_NE(broken([](ParamDown& down) { down.change.steps.clear(); }), "");
  EXPECT_NE(broken([](ParamDown& down) { down.change.errors.bytes.pop_back(); }), "");
  EXPECT_NE(broken([](ParamDown& down) { down.change.keys = {}; }), "");
  for (const uint32_t rank : {0U, 2U, std::numeric_limits<uint32_t>::max()}) {
    EXPECT_NE(broken([&](ParamDown& down) { down.change.steps[0].rank = rank; }), "") << rank;
    EXPECT_NE(broken([&](ParamDown& down) {
                down.change.steps.assign(size_t{1} << 16, {.scale = 1, .rank = rank});
              }),
              "")
        << rank;
  }
  for (const float scale : {-0.1F, 1.1F, std::numeric_limits<float>::quiet_NaN()}) {
    EXPECT_NE(broken([&](ParamDown& down) { down.change.steps[0].scale = scale; }), "") << scale;
  }
}

TEST(Frame, SparseSumsNameTheirPlacesInOrder) {
  GradUp up = SumOf(0, 2, 5, 1);
  up.form = GradientForm::kSparse;
  up.values = Pack(std::vector<float>{1, 2}, WireType::kFloat32);
  up.places = PackPlaces(std::vector<uint32_t>{2, 8});
  EXPECT_EQ(WhyNot(up), "");
  up.places = PackPlaces(std::vector<uint32_t>{2, 9});
  EXPECT_NE(WhyNot(up), "");
  up.places = PackPlaces(std::vector<uint32_t>{8});
  EXPECT_NE(WhyNot(up), "") << "two values for one place";
}

TEST(Frame, ParametersThatCannotBeAreRefused) {
  EXPECT_NE(WhyNot(ParamDown{.root = 1}), "") << "no memory";
  EXPECT_NE(WhyNot(ParamDown{.root = 1, .unchanged = true, .memory = Matrix(1)}), "");
  EXPECT_NE(WhyNot(ParamDown{.root = 1, .base_tag = 4, .memory = Matrix(1)}), "");
  for (const float factor : {0.5F, 1e20F, std::numeric_limits<float>::quiet_NaN()}) {
    EXPECT_NE(WhyNot(ParamDown{.root = 1, .memory = Matrix(1), .boosts = {{2, factor}}}), "");
  }
  EXPECT_NE(WhyNot(ParamDown{.root = 1, .memory = Matrix(1), .boosts = {{77, 2}}}), "");
}

TEST(Frame, OfAnotherTransportAreRefused) {
  EXPECT_NE(WhyNot(Factor{.source = 0}), "");
  EXPECT_NE(WhyNot(StatUp{.kind = StatKind::kSum, .root = 0}), "");
  EXPECT_NE(WhyNot(StatUp{.kind = StatKind::kFactors, .root = 0, .count = 1}), "");
  EXPECT_EQ(WhyNot(StatUp{.kind = StatKind::kProbe, .root = 0}), "");
  Spec factor = SmallSpec();
  factor.transport = Transport::kFactor;
  factor.privacy.share_items = true;
  EXPECT_NE(WhyNot(SumOf(0, 2, 5, 1), factor), "");
  EXPECT_EQ(WhyNot(Factor{.source = 0}, factor), "");
  EXPECT_NE(WhyNot(Factor{.source = 0, .count = 2}, factor), "") << "no rows";
  const uint64_t last = std::numeric_limits<uint64_t>::max();
  EXPECT_NE(WhyNot(Factor{.source = 0, .first_item = last, .count = 2}, factor), "");
  EXPECT_NE(WhyNot(StatUp{.kind = StatKind::kFactors, .root = 0, .count = 0}, factor), "");
}

TEST(Frame, PayloadIsTheNumbersAlone) {
  EXPECT_EQ(PayloadBytes(FrameOf(SumOf(0, 2, 5, 1))), 4 * kNumbers);
  EXPECT_EQ(PayloadBytes(FrameOf(Hello{})), 0U);
}

TEST(Frame, LargeMemoriesHaveSmallWindowsAndNoFrameIsLongerThanIsSaid) {
  Spec spec = SmallSpec();
  EXPECT_EQ(LaneWindow(spec, 8), 8U);
  EXPECT_GE(PayloadBytesMax(spec), PayloadBytes(FrameOf(SumOf(0, 2, 5, 1))));
  spec.d_k = 8192;
  spec.d_v = 4096;
  EXPECT_EQ(LaneWindow(spec, 8), 1U);
  EXPECT_GE(PayloadBytesMax(spec), size_t{4} * 8192 * 4096);
  spec.wire.type = WireType::kBfloat16;
  spec.d_v = 1024;
  EXPECT_EQ(LaneWindow(spec, 8), 4U) << "16 MiB each";
  spec.transport = Transport::kStatistic;
  spec.d_k = kDimensionMax;
  EXPECT_GE(PayloadBytesMax(spec),
            4 * (TriangleNumbers(kDimensionMax) + size_t{1024} * kDimensionMax));
}

}  // namespace
}  // namespace mneme::federation
