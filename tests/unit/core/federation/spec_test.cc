#include "core/federation/spec.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "core/base/random.h"
#include "core/base/status.h"

namespace mneme::federation {
namespace {

Spec Valid() { return {.d_k = 16, .d_v = 8}; }

TEST(Spec, DefaultsOfTheNotesAreValid) {
  const Spec spec = Valid();
  EXPECT_TRUE(Validate(spec).ok());
  EXPECT_EQ(spec.privacy.min_contributors, 3u);
  EXPECT_EQ(spec.wire.type, WireType::kBfloat16);
  EXPECT_DOUBLE_EQ(BallRadius(spec), 2 * std::sqrt(8.0));
}

TEST(Spec, ValidateNamesTheFieldThatCannotBe) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  const struct {
    std::string field;
    std::function<void(Spec&)> spoil;
  } cases[] = {
      {"d_k", [](Spec& s) { s.d_k = 0; }},
      {"d_v", [](Spec& s) { s.d_v = kDimensionMax + 1; }},
      {"d_k * d_v", [](Spec& s) { s.d_k = s.d_v = kDimensionMax; }},
      {"loss", [](Spec& s) { s.loss = static_cast<Loss>(9); }},
      {"huber_delta", [&](Spec& s) { s.huber_delta = nan; }},
      {"decay", [](Spec& s) { s.decay = -1; }},
      {"radius", [](Spec& s) { s.radius = 1e20; }},
      {"radius", [](Spec& s) { s.radius = 1e-25; }},
      {"c", [&](Spec& s) { s.steps.c = inf; }},
      {"eta", [](Spec& s) { s.steps.eta = 0; }},
      {"eta_max", [&](Spec& s) { s.steps.eta_max = nan; }},
      {"horizon", [](Spec& s) { s.steps.schedule = Schedule::kHorizon; }},
      {"schedule", [](Spec& s) { s.steps.schedule = Schedule::kStrong; }},
      {"min_contributors", [](Spec& s) { s.privacy.min_contributors = 0; }},
      {"max_hold_rounds", [](Spec& s) { s.privacy.max_hold_rounds = 0; }},
      {"transport", [](Spec& s) { s.transport = Transport::kFactor; }},
      {"transport",
       [](Spec& s) {
         s.transport = Transport::kStatistic;
         s.loss = Loss::kHuber;
       }},
      {"combine",
       [](Spec& s) {
         s.transport = Transport::kStatistic;
         s.combine = Combine::kBarrier;
       }},
      {"compression",
       [](Spec& s) {
         s.transport = Transport::kStatistic;
         s.wire.compression = Compression::kTopK;
       }},
      {"compression",
       [](Spec& s) {
         s.wire.compression = Compression::kLowRank;
         s.privacy.min_contributors = 2;
       }},
      {"compression",
       [](Spec& s) {
         s.wire.compression = Compression::kLowRank;
         s.privacy = {.min_contributors = 1, .min_items = 2};
       }},
      {"dp_clip",
       [](Spec& s) {
         s.wire.compression = Compression::kLowRank;
         s.privacy = {.min_contributors = 1, .min_items = 1};
         s.noise.clip = 1;
       }},
      {"topk_share", [](Spec& s) { s.wire.topk_share = 0; }},
      {"edge_queue_frames", [](Spec& s) { s.wire.edge_queue_frames = 0; }},
      {"b_max", [](Spec& s) { s.b_max = 0; }},
      {"lag_max", [](Spec& s) { s.lag_max = s.b_max - 1; }},
      {"max_delay", [](Spec& s) { s.max_delay = 0; }},
      {"clip", [&](Spec& s) { s.clip = nan; }},
      {"probe_rounds", [](Spec& s) { s.probe_rounds = 0; }},
  };
  for (const auto& [field, spoil] : cases) {
    Spec spec = Valid();
    spoil(spec);
    const absl::Status status = Validate(spec);
    ASSERT_FALSE(status.ok()) << field;
    EXPECT_EQ(GetErrorDetail(status)->reason, "SPEC");
    EXPECT_TRUE(StdView(status.message()).starts_with("spec: " + field + " is ")) << status;
  }
}

TEST(Spec, BytesGiveTheSpecBack) {
  Spec spec = Valid();
  spec.loss = Loss::kHuber;
  spec.steps.c = 0.5;
  spec.steps.schedule = Schedule::kAdaptive;
  spec.wire.compression = Compression::kTopK;
  spec.privacy.share_items = true;
  spec.staleness_damping = 4;
  const std::string bytes = Encode(spec);
  const auto back = DecodeSpec(bytes);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, spec);
  EXPECT_EQ(Encode(*back), bytes);
  EXPECT_LE(bytes.size(), kSpecBytesMax);
}

TEST(Spec, HostileBytesAreRefusedOrValid) {
  const std::string bytes = Encode(Valid());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeSpec(std::string_view(bytes).substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(DecodeSpec(bytes + "x").ok());
  Random random(7);
  for (int trial = 0; trial < 2000; ++trial) {
    std::string damaged = bytes;
    damaged[random.Below(damaged.size())] = static_cast<char>(random.Below(256));
    const auto spec = DecodeSpec(damaged);
    EXPECT_TRUE(!spec.ok() || Validate(*spec).ok()) << "trial " << trial;
  }
}

TEST(Spec, BytesOfVersionOneAreReadAsTheyWereMeant) {
  const Spec spec = Valid();
  std::string bytes = Encode(spec);
  bytes[0] = 1;
  bytes.resize(bytes.size() - 2 - 2 * sizeof(double));  // what version 2 added
  const auto old = DecodeSpec(bytes);
  ASSERT_TRUE(old.ok()) << old.status();
  EXPECT_EQ(old->dead_interest, DeadInterest::kRenormalise);
  Spec expected = spec;
  expected.dead_interest = DeadInterest::kRenormalise;
  EXPECT_EQ(*old, expected);
  EXPECT_EQ(Hash(*old), Hash(spec)) << "nodes of both versions learn together";
  bytes[0] = 2;
  EXPECT_FALSE(DecodeSpec(bytes).ok());
}

TEST(Spec, NoiseGoesWithPlainSumsOfGradientsAlone) {
  Spec spec = Valid();
  spec.noise = {.clip = 1, .sigma = 0.5};
  EXPECT_TRUE(Validate(spec).ok());
  const std::function<void(Spec&)> spoils[] = {
      [](Spec& s) { s.noise.clip = 0; },
      [](Spec& s) { s.noise.sigma = -1; },
      [](Spec& s) { s.noise.clip = std::nan(""); },
      [](Spec& s) { s.transport = Transport::kStatistic; },
      [](Spec& s) { s.privacy.share_items = true; },
      [](Spec& s) { s.wire.compression = Compression::kTopK; },
      [](Spec& s) { s.clip = 1; }};
  for (const auto& spoil : spoils) {
    Spec bad = spec;
    spoil(bad);
    EXPECT_FALSE(Validate(bad).ok());
  }
}

TEST(Spec, HashIsOverWhatNodesMustShare) {
  const Spec spec = Valid();
  Spec other = spec;
  other.steps.eta_max = 1;
  other.checkpoint_rounds = 10;
  EXPECT_EQ(Hash(other), Hash(spec));
  other.radius = 3;
  EXPECT_NE(Hash(other), Hash(spec));
  other = spec;
  std::swap(other.d_k, other.d_v);
  EXPECT_NE(Hash(other), Hash(spec));
  Spec low_rank = spec;
  low_rank.wire.compression = Compression::kLowRank;
  EXPECT_NE(Hash(low_rank), Hash(spec)) << "its frames are only for those who expect them";
  low_rank.wire.compression = Compression::kTopK;
  EXPECT_EQ(Hash(low_rank), Hash(spec));
}

TEST(Spec, AutoChoosesTheTransportByItsBytes) {
  Spec spec = {.d_k = 64, .d_v = 64, .transport = Transport::kAuto};
  EXPECT_EQ(ResolvedTransport(spec, 1), Transport::kStatistic);
  spec.loss = Loss::kHuber;
  EXPECT_EQ(ResolvedTransport(spec, 1), Transport::kGradient);
  spec.privacy.share_items = true;
  EXPECT_EQ(ResolvedTransport(spec, 63), Transport::kFactor);
  EXPECT_EQ(ResolvedTransport(spec, 64), Transport::kGradient);
  spec.loss = Loss::kLeastSquares;
  spec.d_v = 16;  // d_k + 1 > 2 d_v
  EXPECT_EQ(ResolvedTransport(spec, 1000), Transport::kGradient);
  spec.transport = Transport::kFactor;
  EXPECT_EQ(ResolvedTransport(spec, 1000), Transport::kFactor);
}

TEST(Spec, NumbersPerEdgeAreThoseOfTheTable) {
  const Spec spec = {.d_k = 64, .d_v = 64};
  const EdgeNumbers gradient = NumbersPerEdge(spec, Transport::kGradient, 1);
  EXPECT_EQ(4 * (gradient.down + gradient.up), 32768u);
  EXPECT_EQ(4 * NumbersPerEdge(spec, Transport::kFactor, 1).down, 512u);
  EXPECT_EQ(4 * NumbersPerEdge(spec, Transport::kStatistic, 1).up, 24704u);
}

TEST(Spec, EveryNameLeadsBackToItsValue) {
  for (const std::string_view name : kNames<Transport>) {
    EXPECT_EQ(Name(*FromName<Transport>(name)), name);
  }
  EXPECT_EQ(FromName<Schedule>("linear"), std::nullopt);
  EXPECT_EQ(Name(static_cast<Loss>(77)), "?");
}

}  // namespace
}  // namespace mneme::federation
