// The memories of this library as a capacity probe sees them: what each is asked, and what counts
// as an error.
//
//   binary dense     one synchronous step; the share of wrong bits
//   log-sum-exp      fixed point; the share of cues whose nearest pattern is not their own
//   log-sum-ReLU     fixed point; the share of cues that do not end exactly on their pattern
//   random features  gradient descent; as log-sum-exp
//   oscillators      phases follow the gradient; 1 - |z| of the cue's pattern
//
// The real-valued ones hold patterns scaled to unit length.
//
// Threads: const; pure but for the Random handed in.
#ifndef MNEME_CORE_DYNAMICS_PROBED_MEMORIES_H_
#define MNEME_CORE_DYNAMICS_PROBED_MEMORIES_H_

#include <cstddef>
#include <memory>
#include <optional>

#include "core/dynamics/binary_step.h"
#include "core/dynamics/capacity_probe.h"
#include "core/dynamics/oscillators.h"

namespace mneme::dynamics {

// Each maker's errors: InvalidArgument where an option is out of its range.
using ProbedMemoryOr = absl::StatusOr<std::unique_ptr<ProbedMemory>>;

ProbedMemoryOr MakeProbed(const BinaryRule& rule);

struct ProbedLse {
  std::optional<double> beta;  // 1 / length²; absent: 2 ln((K - 1) / 1e-3) / (nearest distance)²
  int steps_max = 8;
};
ProbedMemoryOr MakeProbed(const ProbedLse& options);

struct ProbedLsr {
  double radius = 0.95;  // of the support, as a share of the least distance between patterns
  int steps_max = 50;
};
ProbedMemoryOr MakeProbed(const ProbedLsr& options);

struct ProbedFeatures {
  size_t features = 1000;  // frequencies, drawn afresh for each load
  double beta = 30;        // 1 / length²
  double rate = 0.1;       // of a gradient step
  int steps = 100;
};
ProbedMemoryOr MakeProbed(const ProbedFeatures& options);

struct ProbedOscillators {
  Couplings couplings;
  double dt = 0.2;
  int steps = 300;
  double jitter = 0.1;  // radians
};
ProbedMemoryOr MakeProbed(const ProbedOscillators& options);

}  // namespace mneme::dynamics

#endif  // MNEME_CORE_DYNAMICS_PROBED_MEMORIES_H_
