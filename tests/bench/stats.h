// Statistics of repeated measurements.
//
// Threads: plain functions.
#ifndef MNEME_TESTS_BENCH_STATS_H_
#define MNEME_TESTS_BENCH_STATS_H_

#include <cstddef>
#include <vector>

namespace mneme::bench {

// p in [0, 1], between neighbours by a straight line; 0 of no values.
double Percentile(std::vector<double> sample, double p);

// What repeats of one measurement gave. Low and high are the extremes: five repeats have no tails.
struct Spread {
  double median = 0;
  double low = 0;
  double high = 0;
  size_t repeats = 0;
};
Spread SpreadOf(const std::vector<double>& sample);

// Microseconds of a monotonic clock.
double NowMicros();

}  // namespace mneme::bench

#endif  // MNEME_TESTS_BENCH_STATS_H_
