// The step at the end of a round: own items at once, and everything that arrived.
#include <algorithm>
#include <cmath>
#include <utility>

#include "core/federation/ball.h"
#include "core/federation/node.h"
#include "core/federation/tally.h"
#include "core/math/kernels.h"

namespace mneme::federation {

void Node::Step() {
  StepInput input(spec_.d_v, spec_.d_k);
  const bool barrier = active() && spec_.combine == Combine::kBarrier &&
                       spec_.transport == Transport::kGradient && trees_.contains(place_.me);
  AddOwn(input, barrier);
  if (active()) {
    AddArrived(input);
    AddFactors(input);
    if (barrier) AddBarrier(input);
  }
  Apply(input);
}

double Node::DampingAt(uint64_t delay) const {
  if (spec_.staleness_damping <= 0) return 1;
  return 1 / (1 + static_cast<double>(delay) / spec_.staleness_damping);
}

void Node::AddOwn(StepInput& input, bool barrier) {
  PendingSum* pending = nullptr;
  if (barrier) {
    pending = &OpenNewTag(trees_.at(place_.me), round_);
    pending->mine = true;
    pending->root_incarnation = options_.incarnation;
  }
  TakeBatch(own_cursor_);
  const double weight = OwnWeight();
  if (batch_.count == 0 || weight == 0) return;
  const std::optional<Evaluation> made = Evaluate(batch_, *memory_);
  if (!made.has_value()) return;
  steps_.SawKey(made->key_squared_max);
  if (meter_.measures()) {
    seen_.AddBatch(batch_, weight);
    seen_loss_ += weight * made->loss;
    seen_weight_ += weight;
  }
  if (pending != nullptr) {
    pending->gradient.AddScaled(static_cast<float>(weight), made->gradient);
    pending->tally.norm_sum += weight * made->norm;
    pending->length += weight * made->norm;
    return;
  }
  steps_.SawArrival(weight * made->norm, 0);
  input.gradient.AddScaled(static_cast<float>(weight), made->gradient);
  input.any = true;
}

void Node::AddArrived(StepInput& input) {
  // By sender, then as they came: the same sum whatever the network did between two children.
  std::ranges::stable_sort(arrived_, {}, &Arrived::child);
  for (const Arrived& arrived : arrived_) {
    if (!arrived.stat.empty()) {
      AddArrivedStat(arrived, input);
    } else {
      AddArrivedGradient(arrived, input);
    }
  }
  arrived_.clear();
}

void Node::AddArrivedGradient(const Arrived& arrived, StepInput& input) {
  const std::optional<uint64_t> oldest = OldestTag(arrived.tally);
  if (oldest.has_value() && *oldest > round_) return drops_.Add(Drop::kBadFrame);
  const uint64_t delay = round_ - oldest.value_or(round_);
  const bool old = delay > spec_.max_delay;
  Hear(arrived.tally, !old);
  if (old) return drops_.Add(Drop::kTooOld);
  if (arrived.gradient.empty()) return;
  steps_.SawKey(arrived.tally.key_squared_max);
  // What its books say is not more than what is there can account for.
  steps_.SawArrival(std::min(arrived.tally.norm_sum, kCancelMax * arrived.length),
                    static_cast<uint32_t>(delay));
  input.gradient.AddScaled(static_cast<float>(DampingAt(delay)), arrived.gradient);
  input.any = true;
}

void Node::AddStat(const StatSum& stat, double weight, StepInput& input) {
  std::vector<float> gradient(memory_->size());
  stat.AddGradient(*memory_, gradient);
  const double norm = Norm(std::span<const float>(gradient));
  if (!std::isfinite(norm)) return drops_.Add(Drop::kNotFinite);
  steps_.SawArrival(norm, 0);
  input.gradient.AddDense(gradient);
  double loss = stat.LossAt(*memory_);
  if (spec_.decay > 0) {
    const double length = Norm(std::span<const float>(*memory_));
    loss += weight * spec_.decay / 2 * length * length;
  }
  meter_.Add(stat, loss, weight);
  input.any = true;
}

void Node::AddArrivedStat(const Arrived& arrived, StepInput& input) {
  Hear(arrived.tally, true);
  steps_.SawKey(arrived.tally.key_squared_max);
  AddStat(arrived.stat, arrived.tally.weight_sum, input);
}

void Node::AddFactors(StepInput& input) {
  for (ArrivedFactors& arrived : std::exchange(factors_, {})) {
    const auto index = FindNode(*plan_, arrived.source);
    const auto tree = index.has_value() ? trees_.find(*index) : trees_.end();
    if (tree == trees_.end() || tree->second.role.weight == 0) continue;
    const double plain = tree->second.role.weight;
    const double weight =
        plain * static_cast<double>(sources_[arrived.source].share.Boost(spec_.loss_correction));
    if (!arrived.stat.empty()) {
      arrived.stat.Scale(static_cast<float>(weight));
      AddStat(arrived.stat, weight, input);
      continue;
    }
    const std::optional<Evaluation> made = Evaluate(arrived.batch, *memory_);
    if (!made.has_value()) continue;
    steps_.SawKey(made->key_squared_max);
    steps_.SawArrival(weight * made->norm, 0);
    input.gradient.AddScaled(static_cast<float>(weight), made->gradient);
    input.any = true;
    if (meter_.measures()) {
      seen_.AddBatch(arrived.batch, plain);
      seen_loss_ += plain * made->loss;
      seen_weight_ += plain;
    }
  }
  factor_rows_ = 0;
}

// Tags that everybody below has answered, and those that are too old to wait for.
void Node::AddBarrier(StepInput& input) {
  ServedTree& tree = trees_.at(place_.me);
  std::erase_if(tree.tags, [&](const PendingSum& sum) {
    const uint64_t delay = round_ - sum.tag;
    const bool complete = sum.mine && sum.heard.size() == tree.role.children.size();
    if (!complete && delay <= spec_.max_delay) return false;
    Hear(sum.tally, complete);
    if (!complete) {
      drops_.Add(Drop::kTooOld);
    } else if (!sum.gradient.empty()) {
      steps_.SawKey(sum.tally.key_squared_max);
      steps_.SawArrival(std::min(sum.tally.norm_sum, kCancelMax * sum.length),
                        static_cast<uint32_t>(delay));
      input.gradient.AddScaled(static_cast<float>(DampingAt(delay)), sum.gradient);
      input.any = true;
    }
    return true;
  });
}

void Node::Apply(const StepInput& input) {
  if (!input.any) return;
  const double norm = input.gradient.Norm();
  if (!std::isfinite(norm)) return drops_.Add(Drop::kNotFinite);
  const double eta = steps_.Next(norm);
  std::vector<float> next = *memory_;
  float kept = 1;
  if (spec_.decay > 0) {
    double weights = active() ? 0 : 1;
    for (const TreeNode& node : Interest()) weights += node.weight;
    kept = static_cast<float>(std::max(0.0, 1 - eta * spec_.decay * weights));
    math::Scale(kept, next.data(), next.size());
  }
  input.gradient.AddTo(static_cast<float>(-eta), next);
  if (!AllFinite(next)) return drops_.Add(Drop::kNotFinite);
  const double inside = ProjectToBall(std::span<float>(next), BallRadius(spec_));
  if (inside < 1) ++projections_;
  KeepStep(input, inside * static_cast<double>(kept), -eta * inside);
  gradient_norm_ = norm;
  eta_ = eta;
  memory_ = std::make_shared<const std::vector<float>>(std::move(next));
}

// For those who follow this memory by its steps. Also while the plan is lost: they may hear of it
// again.
void Node::KeepStep(const StepInput& input, double scale, double factor) {
  if (spec_.wire.compression != Compression::kLowRank) return;
  const auto tree = trees_.find(place_.me);
  if (tree == trees_.end() || tree->second.role.children.empty()) return;
  tree->second.changes.AddStep(static_cast<float>(scale), static_cast<float>(factor),
                               input.gradient, spec_.wire.type);
}

void Node::MeasureSeen() {
  meter_.Add(seen_, seen_loss_, seen_weight_);
  seen_.Clear();
  seen_loss_ = seen_weight_ = 0;
}

void Node::MeasureRegret() {
  MeasureSeen();
  meter_.TakeReading(round_);
  for (auto& [root, tree] : trees_) tree.probe_due = true;
}

}  // namespace mneme::federation
