// What a peer may send on a stream: any messages, put together to frames, read, and given to a node
// that has a plan.
//
// An input is messages, each behind its length in two bytes.
#include <memory>

#include "core/base/bytes.h"
#include "core/base/status.h"
#include "core/federation/node.h"
#include "mneme/v1/peer_service.pb.h"
#include "server/peer/convert_frame.h"
#include "server/peer/frame_pieces.h"
#include "tests/fuzz/fuzz.h"

namespace mneme::fuzz {
namespace {

using absl::StatusCode;
namespace fed = mneme::federation;

constexpr size_t kMessagesMax = 64;
constexpr size_t kPieceBytes = 8;

fed::Spec SmallSpec() {
  fed::Spec spec{.d_k = 2, .d_v = 2};
  spec.privacy = {.min_contributors = 1, .min_items = 1};
  spec.wire.type = fed::WireType::kFloat32;
  spec.warm_start = fed::WarmStart::kNeighbour;
  return spec;
}

std::shared_ptr<const fed::Plan> TwoNodes() {
  fed::Plan plan{.epoch = 1, .created_by = "fuzz", .spec = SmallSpec()};
  plan.nodes = {{.name = "a", .address = "x:1"}, {.name = "b", .address = "x:1"}};
  plan.trees = {{0, {{0, fed::kNoNode, 0, 0.5}, {1, 0, 1, 0.5}}},
                {1, {{1, fed::kNoNode, 0, 0.5}, {0, 1, 1, 0.5}}}};
  return std::make_shared<const fed::Plan>(std::move(plan));
}

void Append(const v1::PeerFrame& message, std::string& out) {
  const std::string bytes = message.SerializeAsString();
  out += static_cast<char>(bytes.size() & 0xff);
  out += static_cast<char>(bytes.size() >> 8);
  out += bytes;
}

// A stream as node b would send it: in pieces.
std::string StreamOf(std::vector<fed::Body> bodies) {
  std::string out;
  uint64_t seq = 0;
  for (fed::Body& body : bodies) {
    fed::Frame frame{.header = {.epoch = 1, .sender = 1, .incarnation = 1, .to_incarnation = 1},
                     .body = std::move(body)};
    if (std::holds_alternative<fed::ParamDown>(frame.body) ||
        std::holds_alternative<fed::GradUp>(frame.body)) {
      frame.header.edge_seq = ++seq;
    }
    v1::PeerFrame wire;
    server::EncodeFrame(std::move(frame), &wire);
    server::FrameSplitter splitter(std::move(wire), kPieceBytes);
    while (const v1::PeerFrame* message = splitter.Next()) Append(*message, out);
  }
  return out;
}

fed::Numbers Four(float value) {
  return fed::Pack(std::vector<float>(4, value), fed::WireType::kFloat32);
}

}  // namespace

void TestOne(std::string_view bytes) {
  auto made = fed::Node::Create({.name = "a", .spec = SmallSpec()}, nullptr, 1);
  MNEME_CHECK(made.ok());
  fed::Node& node = **made;
  std::vector<fed::Action> actions;
  int64_t now = 0;
  const auto give = [&](const fed::Event& event) {
    actions.clear();
    node.Handle(event, ++now, &actions);
  };
  give(fed::PlanChanged{.plan = TwoNodes()});
  give(fed::StreamUp{.peer = "b"});
  server::FrameJoiner joiner(fed::PayloadBytesMax(SmallSpec()));
  for (size_t count = 0; bytes.size() >= 2 && count < kMessagesMax; ++count) {
    const size_t size = std::min<size_t>(
        static_cast<uint8_t>(bytes[0]) | size_t{static_cast<uint8_t>(bytes[1])} << 8,
        bytes.size() - 2);
    v1::PeerFrame message;
    const bool parsed = message.ParseFromArray(bytes.data() + 2, static_cast<int>(size));
    bytes.remove_prefix(2 + size);
    if (!parsed) continue;
    const absl::StatusOr<bool> whole = joiner.Take(std::move(message));
    if (!whole.ok()) return CheckError(whole.status(), {StatusCode::kInvalidArgument});
    if (!*whole) continue;
    absl::StatusOr<fed::Frame> frame = server::DecodeFrame(std::move(joiner.frame()));
    if (!frame.ok()) return CheckError(frame.status(), {StatusCode::kInvalidArgument});
    give(fed::FrameIn{.peer = "b", .frame = *std::move(frame)});
    give(fed::Tick{});
    for (const float value : node.memory()) MNEME_CHECK(value == value);
  }
}

std::vector<Seed> Seeds() {
  const fed::Hello hello{.spec_hash = fed::Hash(SmallSpec()), .wants_reply = true};
  fed::ParamDown down{.root = 1, .root_incarnation = 1, .tag = 1, .base_tag = 1, .memory = Four(1)};
  fed::GradUp up{.root = 0, .root_incarnation = 1, .form = fed::GradientForm::kDense};
  up.values = Four(0.5F);
  up.tally = {.norm_sum = 1,
              .weight_sum = 0.5,
              .items = 1,
              .contributors = {{.node = 1,
                                .incarnation = 1,
                                .items = 1,
                                .weight = 0.5,
                                .evaluations = 1,
                                .newest_evaluation = 1}}};
  return {{"learn", StreamOf({hello, down, up})},
          {"warm", StreamOf({hello, fed::WarmReply{.steps = 3, .memory = Four(0.25F)}, down})},
          {"ask", StreamOf({hello, fed::WarmAsk{}, fed::Probe{}, fed::Ack{}})}};
}

}  // namespace mneme::fuzz
