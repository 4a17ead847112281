// How a node of a Simulation takes its step: what arrives, how much of it, and the step.
#include <algorithm>

#include "core/federation/ball.h"
#include "core/federation/losses.h"
#include "core/federation/simulation.h"
#include "core/math/blas.h"

namespace mneme::federation {

template <typename T>
void Simulation<T>::Apply(NodeIndex node) {
  std::ranges::fill(sum_, T{0});
  switch (options_.mode) {
    case Mode::kLocal:
    case Mode::kConsensus:
      GatherOwn(node);
      break;
    case Mode::kFactor:
      GatherFactors(node);
      break;
    case Mode::kStatistic:
      GatherLanes(node);
      StatisticToGradient(node);
      break;
    case Mode::kCentral:
    case Mode::kGradient:
    case Mode::kBarrier:
    case Mode::kWrongPoint:
      GatherLanes(node);
      break;
  }
  const std::span<const T> sum = std::span<const T>(sum_).first(size_);
  if (options_.spec.steps.stability_cap) NoteKeys(node);
  const double eta = steps_[node].Next(Norm(sum));
  const std::span<T> memory = std::span<T>(memories_).subspan(node * size_, size_);
  if (options_.spec.decay > 0) {
    const auto keep = static_cast<T>(std::max(0.0, 1 - eta * options_.spec.decay));
    for (T& x : memory) x *= keep;
  }
  AddScaled(sum, static_cast<T>(-eta), memory);
  ProjectToBall(memory, BallRadius(options_.spec));
}

template <typename T>
void Simulation<T>::NoteKeys(NodeIndex node) {
  for (size_t i = pair_first_[node]; i < pair_first_[node + 1]; ++i) {
    for (size_t j = 0; j < options_.batch; ++j) {
      const double norm =
          Norm(std::span<const double>(drawn_keys_.row(pairs_[i].node * options_.batch + j)));
      steps_[node].SawKey(norm * norm);
    }
  }
}

template <typename T>
void Simulation<T>::GatherOwn(NodeIndex node) {
  double ignored = 0;
  ErrorsAt(node, node, ignored);
  AddGradient({.root = node, .node = node}, 1 / static_cast<double>(options_.batch), sum_);
}

template <typename T>
void Simulation<T>::GatherLanes(NodeIndex node) {
  const size_t end = node + 1 < nodes() ? lane_first_[node + 1] : lanes_.size();
  for (size_t lane = lane_first_[node]; lane < end; ++lane) {
    if (IsGated() && lane > lane_first_[node]) {
      ReleaseOrHold(lane);
    } else {
      const std::span<T> pending = PendingOf(round_, lane);
      AddScaled<T>(pending, T{1}, sum_);
      std::ranges::fill(pending, T{0});
    }
    if (!NotesArrivals()) continue;
    for (const Arrival& arrival : ArrivalsOf(round_, lane)) {
      steps_[node].SawArrival(arrival.norm, arrival.rounds);
    }
    ArrivalsOf(round_, lane).clear();
  }
}

// A sum that holds too little waits, as a child of the root would keep it.
template <typename T>
void Simulation<T>::ReleaseOrHold(size_t lane) {
  Lane& wait = lanes_[lane];
  const std::span<T> pending = PendingOf(round_, lane);
  wait.held.resize(payload_);
  AddScaled<T>(pending, T{1}, wait.held);
  std::ranges::fill(pending, T{0});
  for (const Arrival& arrival : ArrivalsOf(round_, lane)) {
    wait.items += options_.batch;
    const auto known = std::ranges::find(wait.contributors, arrival.node);
    if (known == wait.contributors.end()) wait.contributors.push_back(arrival.node);
  }
  if (wait.contributors.empty()) return;
  const PrivacySpec& privacy = options_.spec.privacy;
  const bool is_enough =
      wait.contributors.size() >= privacy.min_contributors && wait.items >= privacy.min_items;
  if (!is_enough && ++wait.held_rounds <= privacy.max_hold_rounds) return;
  if (is_enough) {
    AddScaled<T>(wait.held, T{1}, sum_);
  } else {
    dropped_ += wait.items / options_.batch;
  }
  std::ranges::fill(wait.held, T{0});
  wait.contributors.clear();
  wait.items = 0;
  wait.held_rounds = 0;
}

// M S - P, at the present memory.
template <typename T>
void Simulation<T>::StatisticToGradient(NodeIndex node) {
  const size_t d_k = options_.spec.d_k, d_v = options_.spec.d_v;
  std::copy_n(sum_.begin(), payload_, gradient_.begin());
  std::copy_n(gradient_.begin() + static_cast<ptrdiff_t>(d_k * d_k), size_, sum_.begin());
  math::Gemm(math::Transpose::kNo, math::Transpose::kNo, d_v, d_k, d_k, T{1}, memory(node).data(),
             d_k, gradient_.data(), d_k, T{-1}, sum_.data(), d_k);
}

// Items that arrive in this round, all at once, at the present memory.
template <typename T>
void Simulation<T>::GatherFactors(NodeIndex node) {
  const size_t d_k = options_.spec.d_k, d_v = options_.spec.d_v, batch = options_.batch;
  size_t count = 0;
  for (size_t i = pair_first_[node]; i < pair_first_[node + 1]; ++i) {
    const SimulatedPair& pair = pairs_[i];
    if (!pair.served || pair.rounds > round_) continue;
    if (lost_[(round_ % horizon_) * pairs_.size() + i] != 0) continue;
    const uint64_t tag = round_ - pair.rounds;
    std::copy_n(KeysOf(tag) + pair.node * batch * d_k, batch * d_k,
                stacked_keys_.data() + count * d_k);
    std::copy_n(ResponsesOf(tag) + pair.node * batch * d_v, batch * d_v,
                stacked_responses_.data() + count * d_v);
    if (options_.rounding == Rounding::kBfloat16 && pair.rounds > 0) {
      RoundToBfloat16(std::span<T>(stacked_keys_).subspan(count * d_k, batch * d_k));
      RoundToBfloat16(std::span<T>(stacked_responses_).subspan(count * d_v, batch * d_v));
    }
    std::fill_n(stacked_weights_.data() + count, batch,
                static_cast<T>(pair.weight * BoostOf(i) / static_cast<double>(batch)));
    count += batch;
  }
  if (count == 0) return;
  WeightedErrors<T>(options_.spec, memory(node).data(), stacked_keys_.data(),
                    stacked_responses_.data(), std::span<const T>(stacked_weights_).first(count),
                    count, stacked_errors_.data());
  AddOuterProducts(stacked_errors_.data(), stacked_keys_.data(), count, d_v, d_k, sum_.data());
  if (options_.spec.steps.schedule != Schedule::kAdaptive) return;
  size_t item = 0;
  for (size_t i = pair_first_[node]; i < pair_first_[node + 1]; ++i) {
    const SimulatedPair& pair = pairs_[i];
    if (!pair.served || pair.rounds > round_) continue;
    if (lost_[(round_ % horizon_) * pairs_.size() + i] != 0) continue;
    for (size_t j = 0; j < batch; ++j, ++item) {
      const double norm = Norm(std::span<const T>(stacked_errors_).subspan(item * d_v, d_v)) *
                          Norm(std::span<const T>(stacked_keys_).subspan(item * d_k, d_k));
      steps_[node].SawArrival(norm, pair.rounds);
    }
  }
}

template <typename T>
void Simulation<T>::Average() {
  std::ranges::fill(mixed_, T{0});
  for (NodeIndex a = 0; a < nodes(); ++a) {
    const std::span<T> to = std::span<T>(mixed_).subspan(a * size_, size_);
    for (NodeIndex b = 0; b < nodes(); ++b) {
      const double weight = mixing_[a * nodes() + b];
      if (weight != 0) AddScaled(memory(b), static_cast<T>(weight), to);
    }
  }
  std::swap(memories_, mixed_);
}

template void Simulation<float>::Apply(NodeIndex);
template void Simulation<double>::Apply(NodeIndex);
template void Simulation<float>::NoteKeys(NodeIndex);
template void Simulation<double>::NoteKeys(NodeIndex);
template void Simulation<float>::GatherOwn(NodeIndex);
template void Simulation<double>::GatherOwn(NodeIndex);
template void Simulation<float>::GatherLanes(NodeIndex);
template void Simulation<double>::GatherLanes(NodeIndex);
template void Simulation<float>::GatherFactors(NodeIndex);
template void Simulation<double>::GatherFactors(NodeIndex);
template void Simulation<float>::ReleaseOrHold(size_t);
template void Simulation<double>::ReleaseOrHold(size_t);
template void Simulation<float>::StatisticToGradient(NodeIndex);
template void Simulation<double>::StatisticToGradient(NodeIndex);
template void Simulation<float>::Average();
template void Simulation<double>::Average();

}  // namespace mneme::federation
