#include "core/models/linear/row_steps.h"

#include <algorithm>

#include "core/base/status.h"
#include "core/models/linear/linear_codec.h"

namespace mneme::models {

void RowSteps::Append(uint64_t row, uint64_t step) {
  if (!runs_.empty()) {
    Run& last = runs_.back();
    if (row == last.row + last.count && step == last.step + last.count) {
      ++last.count;
      return;
    }
  }
  runs_.push_back({.row = row, .step = step, .count = 1});
}

std::optional<uint64_t> RowSteps::Find(uint64_t row) const {
  const auto after = std::ranges::upper_bound(runs_, row, {}, &Run::row);
  if (after == runs_.begin()) return std::nullopt;
  const Run& run = *(after - 1);
  if (row - run.row >= run.count) return std::nullopt;
  return run.step + (row - run.row);
}

void RowSteps::DropBefore(uint64_t step) {
  const auto kept = std::ranges::partition_point(
      runs_, [step](const Run& run) { return run.step + run.count <= step; });
  // Only when half of them go: each run is moved about twice in its life.
  if (kept - runs_.begin() < runs_.end() - kept) return;
  runs_.erase(runs_.begin(), kept);
}

void RowSteps::Save(ByteWriter& out) const {
  out.Put(static_cast<uint64_t>(runs_.size()));
  for (const Run& run : runs_) {
    out.Put(run.row);
    out.Put(run.step);
    out.Put(run.count);
  }
}

absl::Status RowSteps::Load(ByteReader& in, uint64_t steps) {
  const auto count = in.Get<uint64_t>();
  if (!in.ok() || count > in.rest().size() / (3 * sizeof(uint64_t))) {
    return LinearStateDamaged("is cut", "fewer steps", "all its steps");
  }
  runs_.resize(count);
  uint64_t next_row = 0, next_step = 0;
  for (Run& run : runs_) {
    run.row = in.Get<uint64_t>();
    run.step = in.Get<uint64_t>();
    run.count = in.Get<uint64_t>();
    // Written as differences, which no number overflows.
    const bool ascends = run.row >= next_row && run.step >= next_step && run.step <= steps;
    if (!ascends || run.count > steps - run.step || run.count > ~uint64_t{0} - run.row) {
      return LinearStateDamaged("has steps out of order", absl::StrCat("step ", run.step),
                                absl::StrCat("ascending steps below ", steps));
    }
    next_row = run.row + run.count;
    next_step = run.step + run.count;
  }
  return absl::OkStatus();
}

}  // namespace mneme::models
