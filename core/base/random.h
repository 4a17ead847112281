// Seeded random numbers: the same seed gives the same numbers on every machine.
// (The distributions of <random> are not portable, so they are not used.)
#ifndef MNEME_CORE_BASE_RANDOM_H_
#define MNEME_CORE_BASE_RANDOM_H_

#include <cstdint>
#include <span>
#include <utility>

namespace mneme {

// xoshiro256++ seeded by splitmix64. Not thread-safe; give each thread its own.
class Random {
 public:
  explicit Random(uint64_t seed);
  // An independent stream: same seed and stream, same numbers.
  Random(uint64_t seed, uint64_t stream);

  uint64_t Next();
  double Uniform();                // [0, 1), 53 bits
  uint64_t Below(uint64_t bound);  // [0, bound), unbiased; bound > 0
  double Gaussian();               // mean 0, variance 1 (polar method)
  void FillGaussian(std::span<float> out);
  void FillGaussian(std::span<double> out);
  // A uniform unit vector.
  void FillUnit(std::span<float> out);
  void FillUnit(std::span<double> out);

  template <typename T>
  void Shuffle(std::span<T> items) {
    for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[Below(i)]);
  }

 private:
  uint64_t state_[4];
  bool has_spare_ = false;
  double spare_ = 0;
};

}  // namespace mneme

#endif  // MNEME_CORE_BASE_RANDOM_H_
