#include "core/dynamics/hysteresis.h"

#include <algorithm>
#include <cmath>

#include "core/base/status.h"
#include "core/dynamics/checks.h"

namespace mneme::dynamics {

std::vector<double> MeanOrder(Oscillators& oscillators, const Plateau& plateau) {
  const size_t replicas = oscillators.angles().rows;
  const auto averaged = std::clamp<size_t>(
      static_cast<size_t>(std::llround(plateau.averaged * static_cast<double>(plateau.steps))), 1,
      std::max<size_t>(plateau.steps, 1));
  std::vector<double> mean(replicas);
  const auto add = [&] {
    for (size_t b = 0; b < replicas; ++b) {
      mean[b] += oscillators.OrderParameter(b, 0) / static_cast<double>(averaged);
    }
    return true;
  };
  if (plateau.steps == 0) {
    add();
  } else {
    oscillators.Step(plateau.steps - averaged);
    oscillators.Step(averaged, add);
  }
  return mean;
}

absl::StatusOr<std::vector<double>> FollowPath(Oscillators& oscillators, double k4,
                                               std::span<const double> k2_path,
                                               const Plateau& plateau,
                                               const KeepGoingFn& keep_going) {
  MNEME_RETURN_IF_ERROR(CheckRange("averaged share", plateau.averaged, 0, 1));
  std::vector<double> out;
  for (const double k2 : k2_path) {
    MNEME_RETURN_IF_ERROR(CheckGoing(
        keep_going, static_cast<double>(out.size()) / static_cast<double>(k2_path.size())));
    MNEME_RETURN_IF_ERROR(oscillators.SetCouplings({.k2 = k2, .k4 = k4}));
    out.push_back(MeanOrder(oscillators, plateau)[0]);
  }
  return out;
}

}  // namespace mneme::dynamics
