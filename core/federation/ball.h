// The set that a memory stays in: the ball ||M||_F <= R.
//
// Threads  pure functions.
// Source   distributed online gradient descent notes, section 1.
#ifndef MNEME_CORE_FEDERATION_BALL_H_
#define MNEME_CORE_FEDERATION_BALL_H_

#include <array>
#include <cmath>
#include <cstddef>
#include <span>

namespace mneme::federation {

// |x|, of float numbers of any size. Sums of eight lanes, so that compilers use vectors.
template <typename T>
double Norm(std::span<const T> x) {
  constexpr size_t kLanes = 8;
  std::array<double, kLanes> sums{};
  size_t i = 0;
  for (; i + kLanes <= x.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const auto value = static_cast<double>(x[i + lane]);
      sums[lane] += value * value;
    }
  }
  for (; i < x.size(); ++i) {
    sums[0] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  }
  double sum = 0;
  for (const double lane : sums) sum += lane;
  return std::sqrt(sum);
}

// to += scale * from. `from` has as many numbers.
template <typename T>
void AddScaled(std::span<const T> from, T scale, std::span<T> to) {
  for (size_t i = 0; i < to.size(); ++i) to[i] += scale * from[i];
}

// M *= min(1, R / ||M||). Returns the factor. What is not finite stays so: callers refuse it
// before.
template <typename T>
double ProjectToBall(std::span<T> matrix, double radius) {
  const double norm = Norm(std::span<const T>(matrix));
  if (!(norm > radius)) return 1;
  const double factor = radius / norm;
  for (T& x : matrix) x = static_cast<T>(static_cast<double>(x) * factor);
  return factor;
}

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_BALL_H_
