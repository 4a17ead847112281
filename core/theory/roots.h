// Roots of monotone functions.
//
// Pure. Thread-safe.
#ifndef MNEME_CORE_THEORY_ROOTS_H_
#define MNEME_CORE_THEORY_ROOTS_H_

#include <cmath>
#include <cstdint>

namespace mneme::theory {

// Where `rises` turns from negative to positive in [low, high], by halving until the bracket no
// longer shrinks. Cost: about 60 calls.
template <typename F>
double Bisect(double low, double high, F&& rises) {
  for (int step = 0; step < 2000; ++step) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) break;
    (rises(middle) < 0 ? low : high) = middle;
  }
  return low + (high - low) / 2;
}

// The same for a dear function whose sign changes between low and high: regula falsi with the
// weight of a stale end halved (Illinois), to |high - low| <= tolerance. `at_low` < 0 < `at_high`
// are its values there. Cost: about 8 calls for a smooth function.
template <typename F>
double FindRoot(double low, double at_low, double high, double at_high, double tolerance,
                F&& rises) {
  int stale = 0;  // -1: low was kept, +1: high was kept
  for (int step = 0; step < 200 && high - low > tolerance; ++step) {
    double x = (low * at_high - high * at_low) / (at_high - at_low);
    if (!(x > low && x < high) || step % 8 == 7) x = low + (high - low) / 2;
    const double y = rises(x);
    if (y == 0) return x;
    if (y < 0) {
      low = x, at_low = y;
      if (stale == 1) at_high /= 2;
      stale = 1;
    } else {
      high = x, at_high = y;
      if (stale == -1) at_low /= 2;
      stale = -1;
    }
  }
  return low + (high - low) / 2;
}

// The largest n in [0, 2^40) that holds; `holds` is true up to some n and false from there on.
template <typename F>
uint64_t LargestThatHolds(F&& holds) {
  constexpr uint64_t kLimit = uint64_t{1} << 40;
  uint64_t bad = 1;
  while (bad < kLimit && holds(static_cast<double>(bad))) bad *= 2;
  uint64_t good = bad / 2;
  while (bad - good > 1) {
    const uint64_t middle = good + (bad - good) / 2;
    (holds(static_cast<double>(middle)) ? good : bad) = middle;
  }
  return good;
}

}  // namespace mneme::theory

#endif  // MNEME_CORE_THEORY_ROOTS_H_
