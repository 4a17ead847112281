// Frames come out of the wire as they went in; what is no frame is refused.
#include "server/peer/convert_frame.h"

#include <string>
#include <utility>
#include <vector>

#include "core/base/status.h"
#include "gtest/gtest.h"

namespace mneme::server {
namespace {

namespace fed = mneme::federation;

fed::Numbers Some(const std::string& bytes) {
  return {.type = fed::WireType::kFloat32, .bytes = bytes};
}

fed::Tally SomeTally() {
  return {.norm_sum = 1,
          .loss_sum = 2,
          .weight_sum = 3,
          .key_squared_max = 4,
          .items = 5,
          .contributors = {{.node = 1,
                            .incarnation = 2,
                            .items = 3,
                            .weight = 0.5,
                            .oldest_tag = 6,
                            .newest_tag = 7,
                            .evaluations = 8,
                            .newest_evaluation = 9}},
          .unnamed = 10};
}

// A field that is added does not compile here: it must be set below, and converted.
[[maybe_unused]] void CountFields() {
  [[maybe_unused]] const auto& [h1, h2, h3, h4, h5] = fed::Hello{};
  [[maybe_unused]] const auto& [d1, d2, d3, d4, d5, d6, d7, d8, d9] = fed::ParamDown{};
  [[maybe_unused]] const auto& [g1, g2, g3, g4, g5, g6, g7, g8, g9] = fed::GradUp{};
  [[maybe_unused]] const auto& [s1, s2, s3, s4, s5, s6, s7, s8, s9] = fed::StatUp{};
  [[maybe_unused]] const auto& [f1, f2, f3, f4, f5, f6, f7] = fed::Factor{};
  [[maybe_unused]] const auto& [n1, n2, n3] = fed::Nack{};
  [[maybe_unused]] const auto& [r1] = fed::ProbeReply{};
  [[maybe_unused]] const auto& [w1, w2, w3] = fed::WarmReply{};
  [[maybe_unused]] const auto& [c1, c2, c3, c4, c5, c6, c7, c8] = fed::Contributor{};
  [[maybe_unused]] const auto& [t1, t2, t3, t4, t5, t6, t7] = fed::Tally{};
}

// One of each kind, with no field at its default.
std::vector<fed::Body> AllBodies() {
  return {fed::Hello{.version = 7,
                     .spec_hash = 1,
                     .edge_queue_frames = 2,
                     .factor_queue_bytes = 3,
                     .wants_reply = true},
          fed::ParamDown{.root = 1,
                         .root_incarnation = 2,
                         .tag = 3,
                         .base_tag = 4,
                         .unchanged = true,
                         .memory = Some("abcd"),
                         .change = {.from = 6,
                                    .steps = {{.scale = 0.5F, .rank = 2}},
                                    .errors = Some("ef"),
                                    .keys = Some("gh")},
                         .boosts = {{.node = 1, .factor = 2}},
                         .eta = 0.5f},
          fed::GradUp{.root = 1,
                      .root_incarnation = 2,
                      .tag = 3,
                      .form = fed::GradientForm::kSparse,
                      .values = Some("abcd"),
                      .keys = Some("efgh"),
                      .rank = 4,
                      .places = "ijkl",
                      .tally = SomeTally()},
          fed::StatUp{.kind = fed::StatKind::kFactors,
                      .root = 1,
                      .root_incarnation = 2,
                      .first_item = 3,
                      .count = 4,
                      .squares = Some("abcd"),
                      .products = Some("efgh"),
                      .energy = 5,
                      .tally = SomeTally()},
          fed::Factor{.source = 1,
                      .source_incarnation = 2,
                      .first_item = 3,
                      .count = 4,
                      .keys = Some("abcd"),
                      .responses = Some("efgh"),
                      .gates = Some("ijkl")},
          fed::Ack{},
          fed::Nack{.code = fed::NackCode::kSpecMismatch, .my_epoch = 3, .root = 4},
          fed::Probe{},
          fed::ProbeReply{.sent_at = 12},
          fed::WarmAsk{},
          fed::WarmReply{.steps = 3, .spread = 0.5, .memory = Some("abcd")}};
}

fed::Frame FrameOf(fed::Body body) {
  fed::Frame frame{.header = {.federation = {},
                              .epoch = 1,
                              .sender = 2,
                              .incarnation = 3,
                              .to_incarnation = 4,
                              .edge_seq = 5,
                              .ack_seq = 6,
                              .sent_at = 7},
                   .body = std::move(body)};
  frame.header.federation.fill(0xa5);
  return frame;
}

TEST(ConvertFrame, EveryKindComesBackAsItWent) {
  const std::vector<fed::Body> bodies = AllBodies();
  ASSERT_EQ(bodies.size(), std::variant_size_v<fed::Body>);
  for (size_t kind = 0; kind < bodies.size(); ++kind) {
    ASSERT_EQ(bodies[kind].index(), kind);
    v1::PeerFrame wire;
    EncodeFrame(FrameOf(bodies[kind]), &wire);
    v1::PeerFrame read;
    ASSERT_TRUE(read.ParseFromString(wire.SerializeAsString()));
    const absl::StatusOr<fed::Frame> back = DecodeFrame(std::move(read));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, FrameOf(bodies[kind])) << fed::kBodyNames[kind];
  }
}

TEST(ConvertFrame, WhatIsNoFrameIsRefused) {
  EXPECT_FALSE(DecodeFrame(v1::PeerFrame()).ok());
  v1::PeerFrame frame;
  EncodeFrame(FrameOf(fed::Ack{}), &frame);
  v1::PeerFrame empty = frame;
  empty.clear_ack();
  EXPECT_FALSE(DecodeFrame(std::move(empty)).ok());
  v1::PeerFrame short_id = frame;
  short_id.set_federation("abc");
  EXPECT_FALSE(DecodeFrame(std::move(short_id)).ok());
}

// Two bytes of the wire would be a struct here, of each.
TEST(ConvertFrame, MoreEntriesThanAnyPlanHasAreRefusedBeforeTheyAreMade) {
  constexpr int kMany = 1'000'000;
  v1::PeerFrame head;
  EncodeFrame(FrameOf(fed::Ack{}), &head);
  v1::PeerFrame sum = head;
  sum.mutable_grad_up()->set_form(v1::PEER_GRADIENT_FORM_NONE);
  v1::PeerFrame stat = head;
  v1::PeerFrame boosts = head;
  v1::PeerFrame change = head;
  for (int i = 0; i < kMany; ++i) {
    sum.mutable_grad_up()->mutable_tally()->add_contributors();
    stat.mutable_stat_up()->mutable_tally()->add_contributors();
    boosts.mutable_param_down()->add_boosts();
    change.mutable_param_down()->mutable_change()->add_steps();
  }
  const auto refused = [](v1::PeerFrame& frame, std::string_view what) {
    const absl::StatusOr<fed::Frame> made = DecodeFrame(std::move(frame));
    ASSERT_FALSE(made.ok());
    EXPECT_NE(made.status().message().find(AbslView(what)), std::string::npos) << made.status();
  };
  refused(sum, "too many contributors");
  refused(stat, "too many contributors");
  boosts.mutable_param_down()->mutable_memory()->set_type(v1::PEER_NUMBER_TYPE_FLOAT32);
  refused(boosts, "too many boosts");
  change.mutable_param_down()->mutable_memory()->set_type(v1::PEER_NUMBER_TYPE_FLOAT32);
  refused(change, "too many steps");
}

TEST(ConvertFrame, EnumsThatThisVersionDoesNotKnowAreRefused) {
  for (const fed::Body& body : AllBodies()) {
    v1::PeerFrame frame;
    EncodeFrame(FrameOf(body), &frame);
    bool has_enum = true;
    if (frame.has_grad_up()) {
      frame.mutable_grad_up()->set_form(static_cast<v1::PeerGradientForm>(99));
    } else if (frame.has_stat_up()) {
      frame.mutable_stat_up()->set_kind(static_cast<v1::PeerStatKind>(-1));
    } else if (frame.has_nack()) {
      frame.mutable_nack()->set_code(static_cast<v1::PeerNackCode>(9));
    } else if (frame.has_factor()) {
      frame.mutable_factor()->mutable_keys()->set_type(v1::PEER_NUMBER_TYPE_UNSPECIFIED);
    } else {
      has_enum = false;
    }
    EXPECT_EQ(DecodeFrame(std::move(frame)).ok(), !has_enum);
  }
}

}  // namespace
}  // namespace mneme::server
