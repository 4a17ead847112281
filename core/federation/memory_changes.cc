#include "core/federation/memory_changes.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/federation/compress.h"
#include "core/federation/losses.h"
#include "core/math/kernels.h"

namespace mneme::federation {
namespace {

// A step that scales nothing is part of the one before.
void AppendStep(const ChangeStep& step, std::vector<ChangeStep>& steps) {
  if (!steps.empty() && step.scale == 1) {
    steps.back().rank += step.rank;
  } else {
    steps.push_back(step);
  }
}

void Append(const MemoryChange& more, MemoryChange& change) {
  for (const ChangeStep& step : more.steps) AppendStep(step, change.steps);
  change.errors.bytes += more.errors.bytes;
  change.keys.bytes += more.keys.bytes;
}

}  // namespace

void ApplyChange(const MemoryChange& change, size_t d_v, size_t d_k, std::span<float> memory) {
  std::vector<float> errors(change.rank() * d_v);
  std::vector<float> keys(change.rank() * d_k);
  Unpack(change.errors, errors);
  Unpack(change.keys, keys);
  size_t row = 0;
  for (const ChangeStep& step : change.steps) {
    if (step.scale != 1) math::Scale(step.scale, memory.data(), memory.size());
    AddOuterProducts(errors.data() + row * d_v, keys.data() + row * d_k, step.rank, d_v, d_k,
                     memory.data());
    row += step.rank;
  }
}

void MemoryChanges::Restart(uint64_t round) {
  start_ = newest_ = round;
  changes_.clear();
  rank_ = 0;
  open_ = {};
  open_is_known_ = true;
}

void MemoryChanges::Bound() {
  while (!changes_.empty() && !FactorsAreSmaller(rank_, d_v_, d_k_)) {
    rank_ -= changes_.front().rank();
    changes_.pop_front();
  }
}

void MemoryChanges::Add(uint64_t round, const MemoryChange& change) {
  rank_ += change.rank();
  changes_.push_back(change);
  newest_ = round;
  Bound();
}

void MemoryChanges::AddStep(float scale, float factor, const GradientSum& gradient, WireType type) {
  if (!open_is_known_) return;
  if (gradient.form() != GradientForm::kLowRank ||
      !FactorsAreSmaller(open_.rank() + gradient.rank(), d_v_, d_k_)) {
    open_ = {};
    open_is_known_ = false;
    return;
  }
  std::vector<float> errors(gradient.errors().begin(), gradient.errors().end());
  math::Scale(factor, errors.data(), errors.size());
  Append({.steps = {{.scale = scale, .rank = static_cast<uint32_t>(gradient.rank())}},
          .errors = Pack(errors, type),
          .keys = Pack(gradient.keys(), type)},
         open_);
  open_.errors.type = open_.keys.type = type;
}

void MemoryChanges::Seal(uint64_t round) {
  // Without a step it moved in another way.
  if (!open_is_known_ || open_.steps.empty()) return Restart(round);
  open_.from = newest_;
  Add(round, std::exchange(open_, {}));
}

std::optional<MemoryChange> MemoryChanges::Since(uint64_t round) const {
  const auto first = std::ranges::find(changes_, round, &MemoryChange::from);
  if (first == changes_.end()) return std::nullopt;
  MemoryChange out = *first;
  for (auto next = first + 1; next != changes_.end(); ++next) Append(*next, out);
  return out;
}

}  // namespace mneme::federation
