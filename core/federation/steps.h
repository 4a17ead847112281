// The size of a node's next step: schedules, and the cap that keeps stale gradients stable.
//
// Threads     not safe for concurrent use: it belongs to the node whose steps it sizes.
// Invariants  1. Every step is finite and at least 0, whatever was told.
//             2. Steps made from equal states and told equal numbers are equal.
// Source      distributed online gradient descent notes, section 2.4.
//             Differs: adaptive has the least of two numbers under its root, the spread S of the
//             notes and t P, where P is the most that one of the last kLongSumSteps steps added to
//             S. A step is then never smaller than c R / sqrt(t P), that of a run whose steps all
//             were as long as the longest of late, so that one long sum does not make all later
//             ones small. While steps stay as long as they were, S <= t P: nothing changes.
//             What it costs: as |g_t|^2 <= P_t, the sum of eta_t |g_t|^2 / 2 grows by a term of
//             the order c R sqrt(P T); and 1 / eta falls and grows again each time that all steps
//             of a window are shorter than the mean of all was, and later ones are not: regret is
//             at most what it was times 1 and the number of these times.
#ifndef MNEME_CORE_FEDERATION_STEPS_H_
#define MNEME_CORE_FEDERATION_STEPS_H_

#include <cstdint>
#include <vector>

#include "core/federation/spec.h"

namespace mneme::federation {

// What delays a tree has, seen from its root.
struct StepDelays {
  // L: interest-weighted mean of the rounds between an item and its step.
  double mean = 0;
  // Longest time between the point at which a gradient was taken and its step: 0 for factors and
  // statistics, whose gradients are taken at the present memory.
  uint32_t point_max = 0;
};

// Rounds that a key counts for, at least, and less than twice as many: the cap is as small as the
// largest key among them asks for, and what one liar says of a key's length is forgotten. Never
// fewer than rounds that a gradient may be on its way.
inline constexpr uint64_t kKeyRounds = 256;

// Steps that a long sum counts for in the sizes of adaptive, as kKeyRounds of a key: at least so
// many, less than twice as many.
inline constexpr uint64_t kLongSumSteps = 256;

// All that a checkpoint must keep.
struct StepState {
  uint64_t steps = 0;          // that were sized
  double spread = 0;           // of adaptive: what stands under the root
  double key_squared_max = 0;  // largest |k|^2 seen lately: kKeyRounds
  std::vector<double> recent;  // of adaptive: norms of the last sums applied, newest last
  friend bool operator==(const StepState&, const StepState&) = default;
};

class StepSizes {
 public:
  // Of a valid spec. `state`: of a checkpoint; what is not finite in it counts as 0.
  StepSizes(const Spec& spec, StepDelays delays, StepState state = {});

  // New trees: the past is kept.
  void SetDelays(StepDelays delays) { delays_ = delays; }
  // An item's key, before the step that uses it.
  void SawKey(double key_squared);
  // A contribution to the sum of the next step: the norm of its weighted gradient, and its delay.
  void SawArrival(double weighted_norm, uint32_t delay);
  // The step for a sum of this norm.
  //
  // Cost  constant; of adaptive, each SawArrival costs its delay.
  double Next(double sum_norm);

  // A round is over, with a step or without: what keys are forgotten by. Where nobody calls it none
  // is.
  void EndRound();

  // The largest step that the cap allows; infinite where it is off or no key was seen.
  double Cap() const;
  StepState state() const;

 private:
  double Scheduled(double sum_norm);
  double Adaptive(double sum_norm);
  double UnderRoot() const;
  double KeySquaredMax() const;

  StepSpec spec_;
  double decay_;
  double radius_;
  uint32_t max_delay_;
  StepDelays delays_;
  StepState state_;                // its key: of the window under way
  double key_squared_before_ = 0;  // of the window before
  uint64_t rounds_ = 0;            // of the window under way
  // Of adaptive: what the step to come adds to the spread so far, the most that one step added in
  // the window of steps under way, in the one before, and the steps of the one under way.
  double adds_ = 0;
  double adds_max_ = 0;
  double adds_max_before_ = 0;
  uint64_t window_steps_ = 0;
};

// eta * |k|^2 below which x(t+1) = x(t) - eta |k|^2 x(t - delay) dies out:
// 2 sin(pi / (2 (2 delay + 1))).
double StableStepLimit(uint32_t delay);

// R G sqrt(T (1 + 2 L)): what the regret of T rounds cannot exceed, at the best constant step.
double RegretBound(double radius, double gradient_bound, double rounds, double mean_delay);

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_STEPS_H_
