// Count, mean and spread of numbers that arrive in parts.
#ifndef MNEME_CORE_MATH_MOMENTS_H_
#define MNEME_CORE_MATH_MOMENTS_H_

#include <cmath>
#include <cstdint>

namespace mneme::math {

// A commutative monoid with Moments{} as identity (up to rounding).
//
// Source   Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample
//          variances", 1979, eq. (2.1).
struct Moments {
  uint64_t count = 0;
  double mean = 0;
  double m2 = 0;  // sum of squared deviations from the mean

  void Add(double x) {
    ++count;
    const double delta = x - mean;
    mean += delta / static_cast<double>(count);
    m2 += delta * (x - mean);
  }

  void Merge(const Moments& other) {
    if (other.count == 0) return;
    if (count == 0) {
      *this = other;
      return;
    }
    const double a = static_cast<double>(count);
    const double b = static_cast<double>(other.count);
    const double delta = other.mean - mean;
    mean += delta * (b / (a + b));
    m2 += other.m2 + delta * delta * (a * b / (a + b));
    count += other.count;
  }

  // Of the numbers themselves (divided by count); 0 with fewer than two.
  double Std() const { return count < 2 ? 0 : std::sqrt(m2 / static_cast<double>(count)); }
};

}  // namespace mneme::math

#endif  // MNEME_CORE_MATH_MOMENTS_H_
