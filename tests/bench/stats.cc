#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

#include "tests/bench/bench.h"

namespace mneme::bench {

double Percentile(std::vector<double>& sample, double p) {
  if (sample.empty()) return 0;
  std::sort(sample.begin(), sample.end());
  const double place = p * static_cast<double>(sample.size() - 1);
  const auto below = static_cast<size_t>(std::floor(place));
  const size_t above = std::min(below + 1, sample.size() - 1);
  return sample[below] + (place - static_cast<double>(below)) * (sample[above] - sample[below]);
}

double NowMicros() {
  return std::chrono::duration<double, std::micro>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void Print(const Environment& environment, const nlohmann::json& report, const std::string& text) {
  if (environment.json) {
    std::printf("%s\n", report.dump(2).c_str());
  } else {
    std::fputs(text.c_str(), stdout);
  }
}

}  // namespace mneme::bench
