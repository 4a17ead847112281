// How much of what a contributor made reaches a root, and the boost that makes up for the rest.
//
// Missing contributions act as a smaller weight, a bias that grows with time; weighting those that
// come by 1 / p removes it, at the price of a larger variance.
//
// Units    contributions, or items.
// Threads  not thread-safe.
// Source   distributed online gradient descent notes, section 4.3.
#ifndef MNEME_CORE_FEDERATION_ARRIVALS_H_
#define MNEME_CORE_FEDERATION_ARRIVALS_H_

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "core/federation/frame.h"
#include "core/federation/spec.h"

namespace mneme::federation {

class ArrivalShare {
 public:
  static constexpr double kMemory = 200;      // contributions that the average looks back
  static constexpr double kExpectedMin = 20;  // before it says anything
  static constexpr double kFloor = 1 / kBoostMax;
  static constexpr double kAutoBelow = 0.8;

  // `expected` more were made than was known before, and `received` came.
  void Add(uint64_t received, uint64_t expected) {
    // More than the average looks back counts as so many, or one lie would be all that it sees.
    const double made = std::min(static_cast<double>(expected), kMemory);
    const double keep = std::exp(-made / kMemory);
    const double came = std::min(static_cast<double>(received), static_cast<double>(expected));
    received_ =
        received_ * keep + (expected == 0 ? 0 : came / static_cast<double>(expected) * made);
    expected_ = expected_ * keep + made;
  }
  double share() const {
    return expected_ < kExpectedMin ? 1 : std::clamp(received_ / expected_, kFloor, 1.0);
  }
  float Boost(LossCorrection correction) const {
    const double p = share();
    if (correction == LossCorrection::kOff) return 1;
    if (correction == LossCorrection::kAuto && p >= kAutoBelow) return 1;
    return static_cast<float>(1 / p);
  }

  double received() const { return received_; }
  double expected() const { return expected_; }
  void Set(double received, double expected) {
    received_ = received;
    expected_ = expected;
  }

 private:
  double received_ = 0;
  double expected_ = 0;
};

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_ARRIVALS_H_
