#include "core/learning/upper_tail.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "core/math/kernels.h"

namespace mneme::learning {
namespace {

constexpr size_t kBandEnough = 96;  // scores left to an exact selection
constexpr int kCountsMax = 24;      // of a row that defeats the guesses; then the band is long

// Between which scores the k-th largest lies: at least k are >= low, fewer than k are >= high.
template <typename T>
struct Bracket {
  T low = -std::numeric_limits<T>::infinity();
  T high = std::numeric_limits<T>::infinity();
  size_t at_low = 0;  // how many are >= low
  size_t at_high = 0;

  size_t band() const { return at_low - at_high; }
};

// Where to count next. With both ends known: where the count should be a little on the far side of
// k from the end that moved last, so that the ends close in from both sides.
template <typename T>
T NextProbe(const Bracket<T>& bracket, size_t k, bool low_moved, int round, T step) {
  if (std::isinf(bracket.low)) return bracket.high - step;
  if (std::isinf(bracket.high)) return bracket.low + step;
  if (round % 4 == 3) return bracket.low + (bracket.high - bracket.low) / 2;
  const double aim = static_cast<double>(k) + (low_moved ? -1.0 : 1.0) * kBandEnough / 4;
  const double share =
      (static_cast<double>(bracket.at_low) - aim) / static_cast<double>(bracket.band());
  return bracket.low + static_cast<T>(std::clamp(share, 0.02, 0.98)) * (bracket.high - bracket.low);
}

}  // namespace

template <typename T>
T TailSelector<T>::Threshold(const T* x, size_t n, size_t k, T scale) {
  Bracket<T> bracket{.at_low = n};
  T probe = guess_ * scale;
  T step = (warm_ ? T{0.06} : T{0.5}) * scale;
  for (int round = 0; round < kCountsMax && bracket.band() > kBandEnough; ++round) {
    const size_t count = math::CountAtLeast(x, n, probe);
    const bool moves_low = count >= k;
    if (moves_low) {
      bracket.low = probe, bracket.at_low = count;
    } else {
      bracket.high = probe, bracket.at_high = count;
    }
    probe = NextProbe(bracket, k, moves_low, round, step);
    step *= 2;
    // No number lies between two that are neighbours, and a row of NaN has no bracket.
    if (!(probe > bracket.low && probe < bracket.high)) break;
  }
  band_.resize(bracket.band() + 32);
  const size_t found = math::CollectBand(x, n, bracket.low, bracket.high, band_.data());
  const size_t place = k - bracket.at_high - 1;
  if (place >= found) return std::numeric_limits<T>::quiet_NaN();
  std::nth_element(band_.begin(), band_.begin() + static_cast<std::ptrdiff_t>(place),
                   band_.begin() + static_cast<std::ptrdiff_t>(found), std::greater<T>());
  return band_[place];
}

template <typename T>
UpperTail<T> TailSelector<T>::Select(const T* x, size_t n, size_t k, T scale) {
  UpperTail<T> tail;
  tail.threshold = Threshold(x, n, k, scale);
  if (std::isfinite(tail.threshold) && scale > 0) {
    warm_ = true;
    guess_ = tail.threshold / scale;
  }
  // Scores equal to the threshold add nothing to the excess, however many of them there are.
  tail.sum = static_cast<double>(tail.threshold) * static_cast<double>(k) +
             math::SumExcess(x, n, tail.threshold);
  return tail;
}

template class TailSelector<float>;
template class TailSelector<double>;

void TailIndices(const float* x, size_t n, size_t k, float threshold, uint32_t* index) {
  const size_t count = math::CollectAtLeast(x, n, threshold, index);
  if (count <= k) return;
  const auto is_above = [&](uint32_t i) { return x[i] > threshold; };
  size_t ties = k - static_cast<size_t>(std::count_if(index, index + count, is_above));
  size_t kept = 0;
  for (size_t i = 0; i < count; ++i) {
    const bool above = is_above(index[i]);
    if (!above && ties == 0) continue;
    ties -= above ? 0 : 1;
    index[kept++] = index[i];
  }
}

}  // namespace mneme::learning
