// Comparing whole and real numbers without rounding either.
#ifndef MNEME_CORE_FILTER_NUMBERS_H_
#define MNEME_CORE_FILTER_NUMBERS_H_

#include <compare>
#include <cstdint>

namespace mneme::filter {

inline std::partial_ordering CompareNumbers(int64_t a, int64_t b) { return a <=> b; }
inline std::partial_ordering CompareNumbers(double a, double b) { return a <=> b; }

// As the numbers they are: 2⁵³ + 1 is above 2⁵³ + 0.0, although it would round to it.
inline std::partial_ordering CompareNumbers(int64_t a, double b) {
  constexpr double kTwoTo63 = 9223372036854775808.0;
  if (b >= kTwoTo63) return std::partial_ordering::less;
  if (b < -kTwoTo63) return std::partial_ordering::greater;
  if (b != b) return std::partial_ordering::unordered;
  const auto whole = static_cast<int64_t>(b);  // towards zero, exact
  if (a != whole) return a <=> whole;
  return 0.0 <=> b - static_cast<double>(whole);
}

inline std::partial_ordering CompareNumbers(double a, int64_t b) {
  return 0 <=> CompareNumbers(b, a);
}

}  // namespace mneme::filter

#endif  // MNEME_CORE_FILTER_NUMBERS_H_
