// How long answers took.
#ifndef MNEME_TESTS_FAULTS_TIMES_H_
#define MNEME_TESTS_FAULTS_TIMES_H_

#include <chrono>
#include <cstddef>
#include <mutex>
#include <vector>

namespace mneme::test {

// Times of answers. Thread-safe.
class Times {
 public:
  void Add(std::chrono::steady_clock::time_point since);
  // Milliseconds that `share` of the answers did not exceed; 0 for none.
  double Quantile(double share) const;
  size_t count() const;

 private:
  mutable std::mutex mutex_;
  std::vector<double> millis_;
};

}  // namespace mneme::test

#endif  // MNEME_TESTS_FAULTS_TIMES_H_
