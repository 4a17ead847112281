// A stochastic exponential associative memory: noise turns bits, recall repairs them, and between
// the two the network wanders among its patterns.
//
//   each step:  s <- eta s, eta_i = -1 with probability p, else +1
//               s <- sign(h(s)), the exact synchronous step of binary_step.h
//
// (A neuron that is replaced by a random sign with probability p' turns with p = p'/2.)
//
// Threads     not thread-safe.
// Invariants  the same patterns, options and seed give the same bits.
#ifndef MNEME_CORE_DYNAMICS_SEDAM_H_
#define MNEME_CORE_DYNAMICS_SEDAM_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/random.h"
#include "core/dynamics/binary_step.h"
#include "core/dynamics/progress.h"
#include "core/math/matrix.h"

namespace mneme::dynamics {

struct SedamOptions {
  BinaryRule rule;     // exp with beta 1
  double flip = 0.25;  // p, of each neuron and step, in [0, 0.5]
  size_t start = 0;    // the pattern at which it begins, and whose overlap is followed
  uint64_t seed = 1;
};

// After the recall of one step.
struct SedamStep {
  double activity = 0;  // a: mean of s
  double overlap = 0;   // q: s . start pattern / d
  size_t changed = 0;   // f: neurons that differ from the step before
  size_t winner = 0;    // w: the pattern of largest overlap, the first of equal ones
};

class Sedam {
 public:
  // Errors   InvalidArgument: patterns [N, d] that are not of +1 and -1, a flip outside [0, 0.5],
  //          a start that is no pattern, a rule out of its range.
  static absl::StatusOr<Sedam> Create(MatrixD patterns, const SedamOptions& options);

  // Cost     6 N d flop and d random numbers.
  // Source   stochastic exponential dense associative memory; order of noise and recall as above.
  SedamStep Step();

  // Makes `count` steps. `observe`, if given, sees each; false ends the call.
  void Step(size_t count, const std::function<bool(const SedamStep&)>& observe);

  std::span<const double> state() const { return state_.row(0); }

 private:
  Sedam(BinaryStepper stepper, const SedamOptions& options);

  BinaryStepper stepper_;
  SedamOptions options_;
  Random random_;
  MatrixD state_;     // [1, d]
  MatrixD previous_;  // [1, d]
};

// What a run leaves: one entry a step.
struct SedamSeries {
  std::vector<double> activity;
  std::vector<double> overlap;
  std::vector<double> changed;
  std::vector<size_t> winner;

  void Add(const SedamStep& step);
  // Without the first `steps`.
  SedamSeries After(size_t steps) const;
  double MeanOverlap() const;  // NaN of no step
  // Share of steps with another winner than the step before; NaN of fewer than two.
  double SwitchRate() const;
};

// Errors: Cancelled.
absl::StatusOr<SedamSeries> RunSedam(Sedam& sedam, size_t steps,
                                     const KeepGoingFn& keep_going = {});

}  // namespace mneme::dynamics

#endif  // MNEME_CORE_DYNAMICS_SEDAM_H_
