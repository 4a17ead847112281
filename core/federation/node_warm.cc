// What a node begins with that has learned nothing yet: a neighbour's memory, if the spec says so.
//
// It asks its neighbours, one at a time, and begins with the memory of the first that has learned
// something: steps go on where the neighbour's are. Until then its own items wait, and it asks
// nobody for gradients; for others it answers as ever. Where nobody has anything, or answers, it
// begins with zeros.
#include <algorithm>
#include <utility>

#include "core/federation/ball.h"
#include "core/federation/node.h"

namespace mneme::federation {
namespace {

constexpr double kBallSlack = 1.01;  // rounding of the wire

// Of adaptive: its first step is c R / sqrt(spread), here c / sqrt(kWarmStepsMax) at least.
double WarmSpreadMax(const Spec& spec) {
  const double radius = BallRadius(spec);
  return radius * radius * static_cast<double>(kWarmStepsMax);
}

}  // namespace

void Node::WarmUp() {
  ++warm_rounds_;
  if (active()) ++warm_plan_rounds_;
  if (warm_rounds_ > kWarmPlanRoundsMax || warm_plan_rounds_ > kWarmRoundsMax || plan_lost_) {
    warm_pending_ = false;
    return;
  }
  if (!active()) return;
  bool all_said_none = true;
  Edge* next = nullptr;
  for (auto& [name, edge] : edges_) {
    if (edge.index == kNoNode || edge.warm_answered) continue;
    all_said_none = false;
    if (edge.warm_asked_round.has_value() && round_ < *edge.warm_asked_round + kWarmAnswerRounds)
      return;  // its answer is on the way
    if (!Usable(edge)) continue;
    // Who was not asked yet, or longest ago.
    if (next == nullptr || edge.warm_asked_round < next->warm_asked_round) next = &edge;
  }
  if (all_said_none) {
    warm_pending_ = false;
  } else if (next != nullptr) {
    next->warm_asked_round = round_;
    SendPlain(*next, WarmAsk{});
  }
}

void Node::Take(Edge& edge, const Frame& /*frame*/, const WarmAsk& /*ask*/) {
  if (!Usable(edge)) return;
  const bool lately =
      edge.warm_told_round.has_value() && round_ < *edge.warm_told_round + kWarmAnswerRounds / 2;
  if (lately) return;
  edge.warm_told_round = round_;
  WarmReply reply;
  const StepState state = steps_.state();
  if (spec_.warm_start == WarmStart::kNeighbour && !warm_pending_ && state.steps > 0) {
    reply = {
        .steps = state.steps, .spread = state.spread, .memory = Pack(*memory_, spec_.wire.type)};
  }
  SendPlain(edge, std::move(reply));
}

void Node::Take(Edge& edge, const Frame& /*frame*/, const WarmReply& reply) {
  if (!warm_pending_ || !edge.warm_asked_round.has_value()) return;
  if (reply.steps == 0) {
    edge.warm_answered = true;
    return;
  }
  std::vector<float> memory(memory_->size());
  if (!Unpack(reply.memory, memory) ||
      Norm(std::span<const float>(memory)) > kBallSlack * BallRadius(spec_)) {
    edge.warm_answered = true;
    return Bad(edge, Drop::kBadFrame, NackCode::kBadFrame, "a memory outside the ball");
  }
  ProjectToBall(std::span<float>(memory), BallRadius(spec_));
  memory_ = std::make_shared<const std::vector<float>>(std::move(memory));
  StepState state = steps_.state();
  // Not more than this node can make up for, whatever the neighbour says.
  state.steps = std::min(reply.steps, kWarmStepsMax);
  state.spread = std::min(reply.spread, WarmSpreadMax(spec_));
  steps_ = StepSizes(spec_, DelaysOfInterest(), std::move(state));
  warm_from_ = edge.name;
  warm_pending_ = false;
}

}  // namespace mneme::federation
