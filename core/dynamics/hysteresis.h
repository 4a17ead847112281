// The order parameter along a slow sweep of the pairwise coupling: what makes a hysteresis loop
// when it is followed up and down.
#ifndef MNEME_CORE_DYNAMICS_HYSTERESIS_H_
#define MNEME_CORE_DYNAMICS_HYSTERESIS_H_

#include <cstddef>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "core/dynamics/oscillators.h"
#include "core/dynamics/progress.h"

namespace mneme::dynamics {

// How long each coupling is held, and which end of that time is averaged over.
struct Plateau {
  size_t steps = 600;
  double averaged = 0.5;  // share, in (0, 1]; at least one step
};

// The mean of |z_0| over the end of the next `plateau.steps` steps, a number for each replica.
std::vector<double> MeanOrder(Oscillators& oscillators, const Plateau& plateau);

// The same of replica 0 at each k2 of the path, one after the other: the state is carried along.
//
// Errors   as Oscillators::SetCouplings; InvalidArgument of a plateau out of its range; Cancelled.
// Cost     path · plateau steps of the oscillators.
absl::StatusOr<std::vector<double>> FollowPath(Oscillators& oscillators, double k4,
                                               std::span<const double> k2_path,
                                               const Plateau& plateau,
                                               const KeepGoingFn& keep_going = {});

}  // namespace mneme::dynamics

#endif  // MNEME_CORE_DYNAMICS_HYSTERESIS_H_
