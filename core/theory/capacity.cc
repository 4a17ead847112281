#include "core/theory/capacity.h"

#include "core/theory/cmm.h"
#include "core/theory/roots.h"

namespace mneme::theory {
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
