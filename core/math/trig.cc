#include "core/math/trig.h"

#include <cmath>

// This file is compiled once for every instruction set, by including itself.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/math/trig.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// Highway's headers, which know the present target, come after foreach_target.
#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mneme::math {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Beyond this Highway's reduction to one period loses digits.
constexpr double kAngleMax = 30000;

void SinCosImpl(const double* HWY_RESTRICT x, size_t n, double* HWY_RESTRICT sin,
                double* HWY_RESTRICT cos) {
  const hn::ScalableTag<double> d;
  const size_t lanes = hn::Lanes(d);
  const auto most = hn::Set(d, kAngleMax);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto angle = hn::LoadU(d, x + i);
    if (!hn::AllTrue(d, hn::Lt(hn::Abs(angle), most))) {
      for (size_t j = i; j < i + lanes; ++j) {
        sin[j] = std::sin(x[j]);
        cos[j] = std::cos(x[j]);
      }
      continue;
    }
    hn::StoreU(hn::Sin(d, angle), d, sin + i);
    hn::StoreU(hn::Cos(d, angle), d, cos + i);
  }
  for (; i < n; ++i) {
    sin[i] = std::sin(x[i]);
    cos[i] = std::cos(x[i]);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace mneme::math
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mneme::math {

HWY_EXPORT(SinCosImpl);

void SinCos(const double* x, size_t n, double* sin, double* cos) {
  HWY_DYNAMIC_DISPATCH(SinCosImpl)(x, n, sin, cos);
}

}  // namespace mneme::math
#endif  // HWY_ONCE
