// How many patterns a memory holds: it is filled with more and more fresh ones until what it gives
// back is wrong too often.
//
// Any memory can be probed: it only has to say how wrong its answers to given cues are
// (probed_memories.h has those of this library).
//
// Threads     a probe runs on the caller's thread.
// Invariants  1. every load draws patterns, cues and noise of its own from the seed and the load
//                alone: a load gives the same error whatever was asked before.
//             2. low <= capacity's true value < high where errors grow with the load. They do so on
//                the average only: repeat with several seeds.
#ifndef MNEME_CORE_DYNAMICS_CAPACITY_PROBE_H_
#define MNEME_CORE_DYNAMICS_CAPACITY_PROBE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "absl/status/statusor.h"
#include "core/base/random.h"
#include "core/dynamics/progress.h"
#include "core/math/matrix.h"

namespace mneme::dynamics {

struct Capacity {
  size_t low = 0;         // K*: the largest load that was good; 0: not even one pattern
  size_t high = 0;        // the smallest that was bad; with `at_limit` the limit
  bool at_limit = false;  // no load up to the limit was bad
  int evaluations = 0;
};

// Whether a memory of `load` patterns is wrong too often.
using IsBadFn = std::function<absl::StatusOr<bool>(size_t load)>;

// Doubles the load from 1 until it is bad or past `load_max`, then halves the bracket until it is
// no wider than a sixteenth of `low`.
//
// Errors   those of `is_bad`; InvalidArgument where load_max is 0; Cancelled.
// Cost     about log2(K*) + 4 calls.
// Source   the bisection of capacity experiments on dense associative memories.
absl::StatusOr<Capacity> SearchCapacity(size_t load_max, const IsBadFn& is_bad,
                                        const KeepGoingFn& keep_going = {});

// A memory as a probe sees it.
class ProbedMemory {
 public:
  virtual ~ProbedMemory() = default;
  // The memory's mean error over the cues, in [0, 1], when it holds exactly these patterns: cue i
  // is a damaged copy of pattern targets[i].
  //
  // Shapes   patterns [K, d], cues [Q, d], entries +1 or -1; Q targets.
  virtual absl::StatusOr<double> Error(MatrixViewD patterns, MatrixViewD cues,
                                       std::span<const size_t> targets, Random& random) const = 0;
};

// [load, d] fresh patterns.
using DrawPatternsFn = std::function<absl::StatusOr<MatrixD>(size_t load, Random& random)>;

struct CapacityProbeOptions {
  double tolerance = 0.02;  // an error above it is bad, in [0, 1]
  size_t probes = 64;       // cues a load, at most one a pattern
  double flip = 0;          // share of a cue's bits turned, in [0, 0.5]
  size_t load_max = 20'000;
  uint64_t seed = 1;
};

// Errors   InvalidArgument: an option out of its range; what `draw` and the memory answer;
//          Cancelled.
absl::StatusOr<Capacity> ProbeCapacity(const ProbedMemory& memory, const DrawPatternsFn& draw,
                                       const CapacityProbeOptions& options,
                                       const KeepGoingFn& keep_going = {});

}  // namespace mneme::dynamics

#endif  // MNEME_CORE_DYNAMICS_CAPACITY_PROBE_H_
