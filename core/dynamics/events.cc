#include "core/dynamics/events.h"

namespace mneme::dynamics {

std::vector<Avalanche> Avalanches(std::span<const double> activity, double threshold) {
  std::vector<Avalanche> out;
  bool inside = false;
  for (size_t t = 0; t < activity.size(); ++t) {
    const bool active = activity[t] > threshold;
    if (active && !inside) out.push_back({.birth = t});
    if (active) {
      ++out.back().duration;
      out.back().size += activity[t];
    }
    inside = active;
  }
  return out;
}

std::vector<size_t> Coincidences(std::span<const double> activity, double least) {
  std::vector<size_t> out;
  for (size_t t = 0; t < activity.size(); ++t) {
    if (activity[t] >= least) out.push_back(t);
  }
  return out;
}

std::vector<size_t> Births(std::span<const Avalanche> avalanches) {
  std::vector<size_t> out;
  out.reserve(avalanches.size());
  for (const Avalanche& avalanche : avalanches) out.push_back(avalanche.birth);
  return out;
}

std::vector<double> WaitingTimes(std::span<const size_t> times) {
  std::vector<double> out;
  for (size_t i = 1; i < times.size(); ++i) {
    out.push_back(static_cast<double>(times[i] - times[i - 1]));
  }
  return out;
}

std::vector<double> EventSeries(std::span<const size_t> times, size_t steps) {
  std::vector<double> out(steps);
  for (const size_t t : times) {
    if (t < steps) out[t] = 1;
  }
  return out;
}

}  // namespace mneme::dynamics
