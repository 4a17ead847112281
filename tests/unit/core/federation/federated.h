// Small plans, nodes and frames for the tests of the federation's node.
#ifndef MNEME_TESTS_UNIT_CORE_FEDERATION_FEDERATED_H_
#define MNEME_TESTS_UNIT_CORE_FEDERATION_FEDERATED_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/status.h"
#include "core/federation/node.h"
#include "core/federation/plan.h"
#include "gtest/gtest.h"

namespace mneme::federation {

inline constexpr uint32_t kDim = 3;

// 3 x 3, float32, no thresholds, a constant step.
inline Spec SmallSpec() {
  Spec spec{.d_k = kDim, .d_v = kDim};
  spec.steps = {.schedule = Schedule::kConstant, .eta = 0.5, .stability_cap = false};
  spec.privacy = {.min_contributors = 1, .min_items = 1};
  spec.wire.type = WireType::kFloat32;
  return spec;
}

// Nodes a - b - c on a line; everybody wants everybody's items, a third each. With factors the
// trees are the same, seen from the source.
inline Plan LinePlan(const Spec& spec, uint64_t epoch = 1) {
  Plan plan{.epoch = epoch, .created_by = "test", .spec = spec};
  for (const char* name : {"a", "b", "c"}) {
    plan.nodes.push_back({.name = name, .address = "x:1", .incarnation = 1});
  }
  const double w = 1.0 / 3;
  plan.trees = {{0, {{0, kNoNode, 0, w}, {1, 0, 1, w}, {2, 1, 2, w}}},
                {1, {{1, kNoNode, 0, w}, {0, 1, 1, w}, {2, 1, 1, w}}},
                {2, {{2, kNoNode, 0, w}, {1, 2, 1, w}, {0, 1, 2, w}}}};
  return plan;
}

// A node that is driven by hand.
class Driven {
 public:
  explicit Driven(const std::string& name, const Spec& spec = SmallSpec(), uint64_t incarnation = 1,
                  const Checkpoint* state = nullptr, uint64_t items_stored = 0) {
    auto made = Node::Create(
        {.name = name, .spec = spec, .incarnation = incarnation, .items_stored = items_stored},
        state, 1);
    EXPECT_TRUE(made.ok()) << made.status();
    node_ = *std::move(made);
  }

  Node& operator*() { return *node_; }
  Node* operator->() { return node_.get(); }

  // What the event made of it.
  std::vector<Action> Handle(const Event& event) {
    std::vector<Action> actions;
    node_->Handle(event, now_ += 1'000'000, &actions);
    return actions;
  }
  void Plan(const federation::Plan& plan) {
    Handle(PlanChanged{.plan = std::make_shared<const federation::Plan>(plan)});
  }
  uint64_t Dropped(Drop reason) const {
    return node_->Status(now_).drops[static_cast<size_t>(reason)];
  }
  NodeStatus Status() const { return node_->Status(now_); }
  // One item per call, along axis `axis`.
  Items ItemAt(uint64_t position, size_t axis, float value = 1) const {
    Items items{
        .first = position, .keys = std::vector<float>(kDim), .responses = std::vector<float>(kDim)};
    items.keys[axis] = 1;
    items.responses[axis] = value;
    return items;
  }

 private:
  std::unique_ptr<Node> node_;
  int64_t now_ = 0;
};

template <typename T>
std::vector<T> AllOf(const std::vector<Action>& actions) {
  std::vector<T> out;
  for (const Action& action : actions) {
    if (const T* one = std::get_if<T>(&action)) out.push_back(*one);
  }
  return out;
}
// The bodies of one kind that go to a peer.
template <typename T>
std::vector<T> SentTo(const std::vector<Action>& actions, const std::string& peer) {
  std::vector<T> out;
  for (const Send& send : AllOf<Send>(actions)) {
    const T* body = std::get_if<T>(&send.frame.body);
    if (send.peer == peer && body != nullptr) out.push_back(*body);
  }
  return out;
}

// Frames that a peer might send, each with the next number.
class Peer {
 public:
  Peer(uint32_t index, uint64_t to_incarnation = 1)
      : header_{.epoch = 1, .sender = index, .incarnation = 1, .to_incarnation = to_incarnation} {}
  Header& header() { return header_; }

  Frame Counted(Body body) {
    Header header = header_;
    header.edge_seq = ++seq_;
    return {.header = header, .body = std::move(body)};
  }
  Frame Plain(Body body) const { return {.header = header_, .body = std::move(body)}; }
  Frame HelloOf(const Spec& spec) const {
    return Plain(Hello{.spec_hash = Hash(spec), .wants_reply = true});
  }

 private:
  Header header_;
  uint64_t seq_ = 0;
};

// Greets both ways, so that `node` may send to `peer`.
inline Peer Greet(Driven& node, const std::string& name, uint32_t index, const Spec& spec,
                  uint64_t epoch = 1, uint64_t my_incarnation = 1) {
  Peer peer(index, my_incarnation);
  peer.header().epoch = epoch;
  node.Handle(StreamUp{.peer = name});
  node.Handle(FrameIn{.peer = name, .frame = peer.HelloOf(spec)});
  return peer;
}

// A dense sum for `root` of one evaluation of one item of `node`, with this value everywhere.
inline GradUp SumOf(uint32_t root, uint32_t node, uint64_t tag, float value,
                    uint64_t evaluation = 1, double weight = 1.0 / 3) {
  GradUp up{.root = root, .root_incarnation = 1, .form = GradientForm::kDense};
  up.values = Pack(std::vector<float>(kDim * kDim, value), WireType::kFloat32);
  up.tally = {.norm_sum = 1,
              .weight_sum = weight,
              .key_squared_max = 1,
              .items = 1,
              .contributors = {{.node = node,
                                .incarnation = 1,
                                .items = 1,
                                .weight = weight,
                                .oldest_tag = tag,
                                .newest_tag = tag,
                                .evaluations = 1,
                                .newest_evaluation = evaluation}}};
  return up;
}

}  // namespace mneme::federation

#endif  // MNEME_TESTS_UNIT_CORE_FEDERATION_FEDERATED_H_
