#include "core/math/l1.h"

#include <cmath>

// This file is compiled once for every instruction set, by including itself.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/math/l1.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace mneme::math {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Two sums run side by side, so that the latency of one addition is not waited for.
float MaskedL1DistanceImpl(const float* HWY_RESTRICT x, const float* HWY_RESTRICT y,
                           const float* HWY_RESTRICT mask, size_t n) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  auto s0 = hn::Zero(d), s1 = hn::Zero(d);
  size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const auto a = hn::AbsDiff(hn::LoadU(d, x + i), hn::LoadU(d, y + i));
    const auto b = hn::AbsDiff(hn::LoadU(d, x + i + lanes), hn::LoadU(d, y + i + lanes));
    s0 = hn::MulAdd(a, hn::LoadU(d, mask + i), s0);
    s1 = hn::MulAdd(b, hn::LoadU(d, mask + i + lanes), s1);
  }
  float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(s0, s1)));
  for (; i < n; ++i) sum += mask[i] * std::abs(x[i] - y[i]);
  return sum;
}

}  // namespace HWY_NAMESPACE
}  // namespace mneme::math
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mneme::math {

HWY_EXPORT(MaskedL1DistanceImpl);

float MaskedL1Distance(const float* x, const float* y, const float* mask, size_t n) {
  return HWY_DYNAMIC_DISPATCH(MaskedL1DistanceImpl)(x, y, mask, n);
}

double MaskedL1Distance(const double* x, const double* y, const double* mask, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; ++i) sum += mask[i] * std::abs(x[i] - y[i]);
  return sum;
}

}  // namespace mneme::math
#endif  // HWY_ONCE
