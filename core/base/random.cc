#include "core/base/random.h"

#include <cmath>

namespace mneme {
namespace {

uint64_t SplitMix(uint64_t* state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

uint64_t RotateLeft(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

template <typename T>
void FillUnitOf(Random& random, std::span<T> out) {
  if (out.empty()) return;
  double squared = 0;
  do {
    squared = 0;
    random.FillGaussian(out);
    for (T x : out) squared += static_cast<double>(x) * x;
  } while (squared == 0);
  const double scale = 1 / std::sqrt(squared);
  for (T& x : out) x = static_cast<T>(x * scale);
}

}  // namespace

Random::Random(uint64_t seed) : Random(seed, 0) {}

Random::Random(uint64_t seed, uint64_t stream) {
  uint64_t mixed = seed;
  if (stream != 0) mixed = SplitMix(&mixed) ^ (stream * 0xd1342543de82ef95);
  for (uint64_t& word : state_) word = SplitMix(&mixed);
}

uint64_t Random::Next() {
  const uint64_t result = RotateLeft(state_[0] + state_[3], 23) + state_[0];
  const uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = RotateLeft(state_[3], 45);
  return result;
}

double Random::Uniform() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

uint64_t Random::Below(uint64_t bound) {
  const uint64_t limit = -bound % bound;  // 2^64 mod bound: draws under it would bias
  uint64_t x;
  do {
    x = Next();
  } while (x < limit);
  return x % bound;
}

double Random::Gaussian() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  double u, v, s;
  do {
    u = 2 * Uniform() - 1;
    v = 2 * Uniform() - 1;
    s = u * u + v * v;
  } while (s >= 1 || s == 0);
  const double factor = std::sqrt(-2 * std::log(s) / s);
  spare_ = v * factor;
  has_spare_ = true;
  return u * factor;
}

void Random::FillGaussian(std::span<float> out) {
  for (float& x : out) x = static_cast<float>(Gaussian());
}
void Random::FillGaussian(std::span<double> out) {
  for (double& x : out) x = Gaussian();
}
void Random::FillUnit(std::span<float> out) { FillUnitOf(*this, out); }
void Random::FillUnit(std::span<double> out) { FillUnitOf(*this, out); }

}  // namespace mneme
