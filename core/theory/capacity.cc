#include "core/theory/capacity.h"

#include "core/theory/cmm.h"

namespace mneme::theory {
namespace {

// The largest n in [0, 2^40) that holds; `holds` is true up to some n and false from there on.
template <typename F>
uint64_t LargestThatHolds(F&& holds) {
  constexpr uint64_t kLimit = uint64_t{1} << 40;
  uint64_t bad = 1;
  while (bad < kLimit && holds(static_cast<double>(bad))) bad *= 2;
  uint64_t good = bad / 2;
  while (bad - good > 1) {
    const uint64_t middle = good + (bad - good) / 2;
    (holds(static_cast<double>(middle)) ? good : bad) = middle;
  }
  return good;
}

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

}  // namespace mneme::theory
