// A factor gamma that a state loses at each step, at O(1) a step.
//
// The state is kept as S = scale() S', scale = gamma^(steps since the last renewal); a step shrinks
// the scale alone, and what comes at a step is added to S' divided by the scale. Before the scale
// becomes so small that S' would lose its range, S' takes it up (Renew) and the scale is 1 again.
// All powers are taken from whole numbers of steps, so their error does not grow with age.
//
// Not thread-safe.
#ifndef MNEME_CORE_MODELS_LINEAR_DECAY_H_
#define MNEME_CORE_MODELS_LINEAR_DECAY_H_

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/bytes.h"
#include "core/models/linear/linear_codec.h"
#include "core/models/linear/row_steps.h"

namespace mneme::models {

class Decay {
 public:
  // `keeps_ages`: rows will be removed, and their ages are wanted.
  Decay(double gamma, bool keeps_ages) : gamma_(gamma), keeps_ages_(keeps_ages && gamma < 1) {}

  double gamma() const { return gamma_; }
  uint64_t steps() const { return steps_; }
  uint64_t steps_since_renewal() const { return steps_ - renewed_; }
  // gamma^n.
  double Power(double n) const { return gamma_ == 1 ? 1 : std::pow(gamma_, n); }
  double scale() const { return Power(static_cast<double>(steps_ - renewed_)); }

  // The row of that number is absorbed: one step.
  void Step(uint64_t row_number) {
    if (keeps_ages_) ages_.Append(row_number, steps_);
    ++steps_;
  }
  // What that row is multiplied by in S': the inverse of the scale after its step, had the last
  // renewal come before it. 0 where nothing is left of it.
  double Share(uint64_t row_number) const {
    if (gamma_ == 1) return 1;
    const std::optional<uint64_t> step = ages_.Find(row_number);
    if (!step.has_value()) return 0;
    return Power(static_cast<double>(renewed_) - static_cast<double>(*step + 1));
  }
  // S' = scale S', for all its numbers; the scale is 1 after. The numbers are then S.
  void Renew() {
    renewed_ = steps_;
    if (keeps_ages_ && steps_ > steps_left()) ages_.DropBefore(steps_ - steps_left());
  }

  size_t bytes() const { return ages_.bytes(); }

  // 8 steps, 8 steps at the last renewal, the runs of row_steps.h.
  void Save(ByteWriter& out) const {
    out.Put(steps_);
    out.Put(renewed_);
    ages_.Save(out);
  }
  absl::Status Load(ByteReader& in) {
    steps_ = in.Get<uint64_t>();
    renewed_ = in.Get<uint64_t>();
    const bool renewed_in_time = steps_since_renewal() <= 1 || scale() >= kScaleKept;
    if (renewed_ > steps_ || !renewed_in_time) {
      return LinearStateDamaged("has a renewal that cannot be", absl::StrCat("at step ", renewed_),
                                absl::StrCat("one not long before step ", steps_));
    }
    return ages_.Load(in, steps_);
  }

 private:
  // After this many steps less than 2^-1000 of a row is left.
  uint64_t steps_left() const { return static_cast<uint64_t>(-1000 / std::log2(gamma_)) + 1; }

  // Who uses this renews before the scale is below it (unless one step alone takes it there).
  static constexpr double kScaleKept = 1e-7;

  double gamma_;
  bool keeps_ages_;
  uint64_t steps_ = 0;
  uint64_t renewed_ = 0;
  RowSteps ages_;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_LINEAR_DECAY_H_
