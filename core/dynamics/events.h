// Events in a series of activity: avalanches and coincidences, and the times between them.
//
// Threads: pure functions.
#ifndef MNEME_CORE_DYNAMICS_EVENTS_H_
#define MNEME_CORE_DYNAMICS_EVENTS_H_

#include <cstddef>
#include <span>
#include <vector>

namespace mneme::dynamics {

// A maximal run of steps with activity above a threshold.
struct Avalanche {
  size_t birth = 0;     // its first step
  size_t duration = 0;  // steps; it dies at birth + duration
  double size = 0;      // the activity summed over it
};

// One that the series cuts off at either end counts as far as it is seen.
std::vector<Avalanche> Avalanches(std::span<const double> activity, double threshold = 0);

// The steps with activity of at least `least`.
std::vector<size_t> Coincidences(std::span<const double> activity, double least);

std::vector<size_t> Births(std::span<const Avalanche> avalanches);

// Differences of neighbouring times, which ascend.
std::vector<double> WaitingTimes(std::span<const size_t> times);

// 1 at each of the times, else 0. Times at `steps` or later are left out.
std::vector<double> EventSeries(std::span<const size_t> times, size_t steps);

}  // namespace mneme::dynamics

#endif  // MNEME_CORE_DYNAMICS_EVENTS_H_
