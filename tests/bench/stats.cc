#include "tests/bench/stats.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace mneme::bench {

double Percentile(std::vector<double> sample, double p) {
  if (sample.empty()) return 0;
  std::sort(sample.begin(), sample.end());
  const double place = p * static_cast<double>(sample.size() - 1);
  const auto below = static_cast<size_t>(std::floor(place));
  const size_t above = std::min(below + 1, sample.size() - 1);
  return sample[below] + (place - static_cast<double>(below)) * (sample[above] - sample[below]);
}

Spread SpreadOf(const std::vector<double>& sample) {
  return {.median = Percentile(sample, 0.5),
          .low = Percentile(sample, 0),
          .high = Percentile(sample, 1),
          .repeats = sample.size()};
}

double NowMicros() {
  return std::chrono::duration<double, std::micro>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace mneme::bench
