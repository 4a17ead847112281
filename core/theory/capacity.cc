#include "core/theory/capacity.h"

#include <cmath>

#include "core/theory/cmm.h"
#include "core/theory/hard_margin.h"
#include "core/theory/roots.h"
#include "core/theory/tail_average.h"

namespace mneme::theory {
namespace {

// The largest n with constant n ln n <= d_k d_v.
uint64_t LogarithmicLimit(double constant, double d_k, double d_v) {
  return LargestThatHolds([&](double n) { return constant * n * std::log(n) <= d_k * d_v; });
}

// A count that rounding left a hair below a whole number is that number.
uint64_t WholeCount(double n) { return static_cast<uint64_t>(std::floor(n * (1 + 1e-14))); }

}  // namespace
uint64_t CmmCapacityAllTop1(double d_k, double d_v, double probability) {
  return LargestThatHolds(
      [&](double n) { return CmmAllTop1({.d_k = d_k, .d_v = d_v, .n = n}) >= probability; });
}

uint64_t CmmCapacityMeanTop1(double d_k, double d_v, double share) {
  return LargestThatHolds(
      [&](double n) { return CmmTop1({.d_k = d_k, .d_v = d_v, .n = n}) >= share; });
}

uint64_t CmmCapacityList(double d_k, double d_v, double t, double share) {
  return LargestThatHolds(
      [&](double n) { return CmmHit({.d_k = d_k, .d_v = d_v, .n = n}, ListSize(t, n)) >= share; });
}

uint64_t CmmCapacityAllLimit(double d_k, double d_v) { return LogarithmicLimit(8, d_k, d_v); }

uint64_t CmmCapacityTypicalLimit(double d_k, double d_v) { return LogarithmicLimit(2, d_k, d_v); }

uint64_t Top1ConjectureCapacity(double d_k, double d_v) { return LogarithmicLimit(2, d_k, d_v); }

uint64_t RidgeCapacityRecall(double d_k, double x) { return WholeCount(d_k * (1 + x)); }

uint64_t TamCapacityCertified(double d_k, double d_v, double r) {
  return WholeCount(TamCriticalLoad(r) * d_k * d_v);
}

uint64_t OptimalCapacityWorstList(double d_k, double d_v, double list) {
  return LargestThatHolds(
      [&](double n) { return n * HardMarginWorstPercentile(n / (d_k * d_v)) <= list; });
}

}  // namespace mneme::theory
