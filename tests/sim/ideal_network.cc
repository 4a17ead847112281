#include "tests/sim/ideal_network.h"

#include <utility>

#include "core/base/status.h"
#include "core/math/blas.h"

namespace mneme::sim {

using federation::FrameIn;
using federation::Node;

IdealNetwork::IdealNetwork(std::shared_ptr<const federation::Plan> plan) : plan_(std::move(plan)) {
  MNEME_CHECK(Check(*plan_).ok());
  math::SetBlasThreads(1);  // as the daemon does
  for (size_t i = 0; i < plan_->nodes.size(); ++i) {
    auto node = Node::Create({.name = plan_->nodes[i].name, .spec = plan_->spec}, nullptr, i);
    MNEME_CHECK(node.ok());
    nodes_.push_back(*std::move(node));
  }
  for (size_t i = 0; i < nodes_.size(); ++i) {
    Give(i, federation::PlanChanged{.plan = plan_});
    const auto me = static_cast<federation::NodeIndex>(i);
    for (const auto neighbour : PlaceOf(*plan_, me).neighbours) {
      Give(i, federation::StreamUp{.peer = plan_->nodes[neighbour].name});
    }
  }
  // Hellos, and the parameters of tag 0, which arrive behind the first round.
  while (!before_tick_.empty()) {
    auto flying = std::exchange(before_tick_, {});
    Deliver(flying);
  }
}

void IdealNetwork::Give(size_t to, const federation::Event& event) {
  std::vector<federation::Action> actions;
  nodes_[to]->Handle(event, static_cast<int64_t>(round_), &actions);
  for (federation::Action& action : actions) {
    auto* send = std::get_if<federation::Send>(&action);
    if (send == nullptr) continue;
    const size_t peer = *FindNode(*plan_, send->peer);
    const bool down = std::holds_alternative<federation::ParamDown>(send->frame.body);
    const size_t payload = PayloadBytes(send->frame);
    if (down) {
      ++down_frames_;
      down_bytes_ += payload;
    } else if (payload > 0) {
      ++up_frames_;
      up_bytes_ += payload;
    }
    (down ? after_tick_ : before_tick_).push_back({to, peer, std::move(send->frame)});
  }
}

void IdealNetwork::Deliver(std::vector<Flying>& flying) {
  for (Flying& one : flying) {
    Give(one.to, FrameIn{.peer = plan_->nodes[one.from].name, .frame = std::move(one.frame)});
  }
}

void IdealNetwork::Round(std::span<const float> keys, std::span<const float> responses,
                         size_t batch) {
  auto before = std::exchange(before_tick_, {});
  auto after = std::exchange(after_tick_, {});
  Deliver(before);
  const size_t key_numbers = batch * plan_->spec.d_k;
  const size_t response_numbers = batch * plan_->spec.d_v;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const auto key = keys.subspan(i * key_numbers, key_numbers);
    const auto response = responses.subspan(i * response_numbers, response_numbers);
    Give(i, federation::Items{.first = items_,
                              .keys = {key.begin(), key.end()},
                              .responses = {response.begin(), response.end()}});
  }
  items_ += batch;
  for (size_t i = 0; i < nodes_.size(); ++i) Give(i, federation::Tick{});
  Deliver(after);
  ++round_;
}

}  // namespace mneme::sim
