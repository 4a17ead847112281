// How far a simulation or a probe has come, and the way to stop it.
//
// A run is driven from outside: a program asks for all steps at once with a callback, a job of a
// server for a few at a time.
#ifndef MNEME_CORE_DYNAMICS_PROGRESS_H_
#define MNEME_CORE_DYNAMICS_PROGRESS_H_

#include <functional>

#include "core/base/status.h"

namespace mneme::dynamics {

// Called now and then by the calling thread with the share of the work that is done, in [0, 1].
// False: stop, with SimulationCancelled(). May be empty.
using KeepGoingFn = std::function<bool(double share)>;

inline absl::Status SimulationCancelled() {
  return Cancelled("the simulation was told to stop",
                   {.reason = "CANCELLED",
                    .given = "a request to stop",
                    .expected = "a run that may end",
                    .next_step = "Start it again if its result is still wanted."});
}

// Cancelled when `keep_going` says so.
inline absl::Status CheckGoing(const KeepGoingFn& keep_going, double share) {
  return keep_going && !keep_going(share) ? SimulationCancelled() : absl::OkStatus();
}

}  // namespace mneme::dynamics

#endif  // MNEME_CORE_DYNAMICS_PROGRESS_H_
