#include "tests/faults/times.h"

#include <algorithm>

namespace mneme::test {

void Times::Add(std::chrono::steady_clock::time_point since) {
  const double millis =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - since).count();
  std::lock_guard<std::mutex> lock(mutex_);
  millis_.push_back(millis);
}

double Times::Quantile(double share) const {
  std::lock_guard<std::mutex> lock(mutex_);
  if (millis_.empty()) return 0;
  std::vector<double> sorted = millis_;
  std::sort(sorted.begin(), sorted.end());
  return sorted[static_cast<size_t>(share * static_cast<double>(sorted.size() - 1))];
}

size_t Times::count() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return millis_.size();
}

}  // namespace mneme::test
