#include "core/math/kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/math/reference.h"

// This file is compiled once for every instruction set, by including itself.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/math/kernels.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// Highway's headers, which know the present target, come after foreach_target.
#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mneme::math {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// One term of a sum over coordinates, for a vector of them and for a single one.
struct DotTerm {
  static HWY_INLINE V Add(V x, V y, V sum) { return hn::MulAdd(x, y, sum); }
  static float Add1(float x, float y, float sum) { return sum + x * y; }
};
struct SquaredDistanceTerm {
  static HWY_INLINE V Add(V x, V y, V sum) {
    const V d = hn::Sub(x, y);
    return hn::MulAdd(d, d, sum);
  }
  static float Add1(float x, float y, float sum) { return sum + (x - y) * (x - y); }
};
struct L1Term {
  static HWY_INLINE V Add(V x, V y, V sum) { return hn::Add(sum, hn::AbsDiff(x, y)); }
  static float Add1(float x, float y, float sum) { return sum + std::abs(x - y); }
};

// Four sums run side by side, so that the latency of one addition is not waited for.
template <typename Term>
HWY_INLINE float Reduce(const float* HWY_RESTRICT x, const float* HWY_RESTRICT y, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  V s0 = hn::Zero(d), s1 = hn::Zero(d), s2 = hn::Zero(d), s3 = hn::Zero(d);
  size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    s0 = Term::Add(hn::LoadU(d, x + i), hn::LoadU(d, y + i), s0);
    s1 = Term::Add(hn::LoadU(d, x + i + lanes), hn::LoadU(d, y + i + lanes), s1);
    s2 = Term::Add(hn::LoadU(d, x + i + 2 * lanes), hn::LoadU(d, y + i + 2 * lanes), s2);
    s3 = Term::Add(hn::LoadU(d, x + i + 3 * lanes), hn::LoadU(d, y + i + 3 * lanes), s3);
  }
  for (; i + lanes <= n; i += lanes) {
    s0 = Term::Add(hn::LoadU(d, x + i), hn::LoadU(d, y + i), s0);
  }
  float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(s0, s1), hn::Add(s2, s3))));
  for (; i < n; ++i) sum = Term::Add1(x[i], y[i], sum);
  return sum;
}

template <typename Term>
HWY_INLINE void ReduceRows(const float* rows, size_t stride, size_t count, const float* x, size_t n,
                           float* out) {
  for (size_t i = 0; i < count; ++i) out[i] = Reduce<Term>(x, rows + i * stride, n);
}

float DotImpl(const float* x, const float* y, size_t n) { return Reduce<DotTerm>(x, y, n); }
float SquaredDistanceImpl(const float* x, const float* y, size_t n) {
  return Reduce<SquaredDistanceTerm>(x, y, n);
}
float L1DistanceImpl(const float* x, const float* y, size_t n) { return Reduce<L1Term>(x, y, n); }
void DotRowsImpl(const float* rows, size_t stride, size_t count, const float* x, size_t n,
                 float* out) {
  ReduceRows<DotTerm>(rows, stride, count, x, n, out);
}
void SquaredDistanceRowsImpl(const float* rows, size_t stride, size_t count, const float* x,
                             size_t n, float* out) {
  ReduceRows<SquaredDistanceTerm>(rows, stride, count, x, n, out);
}
void L1DistanceRowsImpl(const float* rows, size_t stride, size_t count, const float* x, size_t n,
                        float* out) {
  ReduceRows<L1Term>(rows, stride, count, x, n, out);
}

float MaskedSquaredDistanceImpl(const float* x, const float* y, const float* mask, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  V s0 = hn::Zero(d), s1 = hn::Zero(d);
  size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const V a = hn::Sub(hn::LoadU(d, x + i), hn::LoadU(d, y + i));
    const V b = hn::Sub(hn::LoadU(d, x + i + lanes), hn::LoadU(d, y + i + lanes));
    s0 = hn::MulAdd(hn::Mul(a, a), hn::LoadU(d, mask + i), s0);
    s1 = hn::MulAdd(hn::Mul(b, b), hn::LoadU(d, mask + i + lanes), s1);
  }
  float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(s0, s1)));
  for (; i < n; ++i) sum += mask[i] * (x[i] - y[i]) * (x[i] - y[i]);
  return sum;
}

float MaskedSquaredNormImpl(const float* x, const float* mask, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  V s0 = hn::Zero(d), s1 = hn::Zero(d);
  size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const V a = hn::LoadU(d, x + i);
    const V b = hn::LoadU(d, x + i + lanes);
    s0 = hn::MulAdd(hn::Mul(a, a), hn::LoadU(d, mask + i), s0);
    s1 = hn::MulAdd(hn::Mul(b, b), hn::LoadU(d, mask + i + lanes), s1);
  }
  float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(s0, s1)));
  for (; i < n; ++i) sum += mask[i] * x[i] * x[i];
  return sum;
}

// Four rows a pass: y is loaded and stored once for four of them.
void AddScaledRowsImpl(const float* rows, size_t stride, const uint32_t* index,
                       const float* weights, size_t count, size_t n, float* HWY_RESTRICT y) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const float* r0 = rows + index[i] * stride;
    const float* r1 = rows + index[i + 1] * stride;
    const float* r2 = rows + index[i + 2] * stride;
    const float* r3 = rows + index[i + 3] * stride;
    const V w0 = hn::Set(d, weights[i]), w1 = hn::Set(d, weights[i + 1]);
    const V w2 = hn::Set(d, weights[i + 2]), w3 = hn::Set(d, weights[i + 3]);
    size_t j = 0;
    for (; j + lanes <= n; j += lanes) {
      V a = hn::MulAdd(w0, hn::LoadU(d, r0 + j), hn::LoadU(d, y + j));
      V b = hn::Mul(w1, hn::LoadU(d, r1 + j));
      a = hn::MulAdd(w2, hn::LoadU(d, r2 + j), a);
      b = hn::MulAdd(w3, hn::LoadU(d, r3 + j), b);
      hn::StoreU(hn::Add(a, b), d, y + j);
    }
    for (; j < n; ++j) {
      y[j] += weights[i] * r0[j] + weights[i + 1] * r1[j] + weights[i + 2] * r2[j] +
              weights[i + 3] * r3[j];
    }
  }
  for (; i < count; ++i) {
    const float* row = rows + index[i] * stride;
    const V w = hn::Set(d, weights[i]);
    size_t j = 0;
    for (; j + lanes <= n; j += lanes) {
      hn::StoreU(hn::MulAdd(w, hn::LoadU(d, row + j), hn::LoadU(d, y + j)), d, y + j);
    }
    for (; j < n; ++j) y[j] += weights[i] * row[j];
  }
}

void ScaleImpl(float factor, float* x, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const V f = hn::Set(d, factor);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(hn::Mul(f, hn::LoadU(d, x + i)), d, x + i);
  for (; i < n; ++i) x[i] *= factor;
}

float AffineMaxImpl(float factor, const float* bias, float* u, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const V f = hn::Set(d, factor);
  V most = hn::Set(d, -std::numeric_limits<float>::infinity());
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const V b = bias == nullptr ? hn::Zero(d) : hn::LoadU(d, bias + i);
    const V r = hn::MulAdd(f, hn::LoadU(d, u + i), b);
    hn::StoreU(r, d, u + i);
    most = hn::Max(most, r);
  }
  float best = hn::GetLane(hn::MaxOfLanes(d, most));
  for (; i < n; ++i) {
    u[i] = factor * u[i] + (bias == nullptr ? 0.0f : bias[i]);
    best = std::max(best, u[i]);
  }
  return best;
}

float MaxImpl(const float* x, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  V most = hn::Set(d, -std::numeric_limits<float>::infinity());
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) most = hn::Max(most, hn::LoadU(d, x + i));
  float best = hn::GetLane(hn::MaxOfLanes(d, most));
  for (; i < n; ++i) best = std::max(best, x[i]);
  return best;
}

// Below exp(-87) a float is denormal, and arithmetic on denormals is slow: such results are 0.
ExpSums<float> ExpShiftImpl(float shift, float* u, size_t n) {
  constexpr float kLowest = -87.0f;
  const D d;
  const size_t lanes = hn::Lanes(d);
  const V s = hn::Set(d, shift), lowest = hn::Set(d, kLowest);
  V sum = hn::Zero(d), squares = hn::Zero(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const V x = hn::Sub(hn::LoadU(d, u + i), s);
    const V w = hn::IfThenElseZero(hn::Ge(x, lowest), hn::Exp(d, x));
    hn::StoreU(w, d, u + i);
    sum = hn::Add(sum, w);
    squares = hn::MulAdd(w, w, squares);
  }
  ExpSums<float> sums{hn::GetLane(hn::SumOfLanes(d, sum)), hn::GetLane(hn::SumOfLanes(d, squares))};
  for (; i < n; ++i) {
    const float x = u[i] - shift;
    u[i] = x >= kLowest ? std::exp(x) : 0.0f;
    sums.sum += u[i];
    sums.sum_squares += u[i] * u[i];
  }
  return sums;
}

size_t CollectAtLeastImpl(const float* x, size_t n, float bound, uint32_t* index) {
  const D d;
  const hn::RebindToUnsigned<D> du;
  const size_t lanes = hn::Lanes(d);
  const V b = hn::Set(d, bound);
  size_t count = 0;
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto hit = hn::Ge(hn::LoadU(d, x + i), b);
    if (hn::AllFalse(d, hit)) continue;
    count += hn::CompressStore(hn::Iota(du, static_cast<uint32_t>(i)), hn::RebindMask(du, hit), du,
                               index + count);
  }
  for (; i < n; ++i) {
    if (x[i] >= bound) index[count++] = static_cast<uint32_t>(i);
  }
  return count;
}

HWY_INLINE float SumBlock(const float* x, float center, bool squared, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const V c = hn::Set(d, center);
  V sum = hn::Zero(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const V v = hn::Sub(hn::LoadU(d, x + i), c);
    sum = squared ? hn::MulAdd(v, v, sum) : hn::Add(sum, v);
  }
  float total = hn::GetLane(hn::SumOfLanes(d, sum));
  for (; i < n; ++i) total += squared ? (x[i] - center) * (x[i] - center) : x[i] - center;
  return total;
}

Moments MomentsOfImpl(const float* x, size_t n) {
  constexpr size_t kBlock = 256;
  Moments moments;
  if (n == 0) return moments;
  // Sums are taken around a value from the data, so that a large common offset costs no digits.
  const float first = x[0];
  double sum = 0;
  for (size_t i = 0; i < n; i += kBlock) {
    sum += SumBlock(x + i, first, false, std::min(kBlock, n - i));
  }
  const double offset = sum / static_cast<double>(n);
  const float center = static_cast<float>(first + offset);
  double squares = 0;
  for (size_t i = 0; i < n; i += kBlock) {
    squares += SumBlock(x + i, center, true, std::min(kBlock, n - i));
  }
  moments.count = n;
  moments.mean = first + offset;
  const double off_center = moments.mean - center;
  moments.m2 = std::max(0.0, squares - static_cast<double>(n) * off_center * off_center);
  return moments;
}

}  // namespace HWY_NAMESPACE
}  // namespace mneme::math
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mneme::math {

HWY_EXPORT(DotImpl);
HWY_EXPORT(SquaredDistanceImpl);
HWY_EXPORT(L1DistanceImpl);
HWY_EXPORT(MaskedSquaredDistanceImpl);
HWY_EXPORT(MaskedSquaredNormImpl);
HWY_EXPORT(DotRowsImpl);
HWY_EXPORT(SquaredDistanceRowsImpl);
HWY_EXPORT(L1DistanceRowsImpl);
HWY_EXPORT(AddScaledRowsImpl);
HWY_EXPORT(ScaleImpl);
HWY_EXPORT(AffineMaxImpl);
HWY_EXPORT(MaxImpl);
HWY_EXPORT(ExpShiftImpl);
HWY_EXPORT(CollectAtLeastImpl);
HWY_EXPORT(MomentsOfImpl);

float Dot(const float* x, const float* y, size_t n) {
  return HWY_DYNAMIC_DISPATCH(DotImpl)(x, y, n);
}
float SquaredNorm(const float* x, size_t n) { return HWY_DYNAMIC_DISPATCH(DotImpl)(x, x, n); }
float SquaredDistance(const float* x, const float* y, size_t n) {
  return HWY_DYNAMIC_DISPATCH(SquaredDistanceImpl)(x, y, n);
}
float L1Distance(const float* x, const float* y, size_t n) {
  return HWY_DYNAMIC_DISPATCH(L1DistanceImpl)(x, y, n);
}
float MaskedSquaredDistance(const float* x, const float* y, const float* mask, size_t n) {
  return HWY_DYNAMIC_DISPATCH(MaskedSquaredDistanceImpl)(x, y, mask, n);
}
float MaskedSquaredNorm(const float* x, const float* mask, size_t n) {
  return HWY_DYNAMIC_DISPATCH(MaskedSquaredNormImpl)(x, mask, n);
}
void DotRows(const float* rows, size_t stride, size_t count, const float* x, size_t n, float* out) {
  HWY_DYNAMIC_DISPATCH(DotRowsImpl)(rows, stride, count, x, n, out);
}
void SquaredDistanceRows(const float* rows, size_t stride, size_t count, const float* x, size_t n,
                         float* out) {
  HWY_DYNAMIC_DISPATCH(SquaredDistanceRowsImpl)(rows, stride, count, x, n, out);
}
void L1DistanceRows(const float* rows, size_t stride, size_t count, const float* x, size_t n,
                    float* out) {
  HWY_DYNAMIC_DISPATCH(L1DistanceRowsImpl)(rows, stride, count, x, n, out);
}
void AddScaledRows(const float* rows, size_t stride, const uint32_t* index, const float* weights,
                   size_t count, size_t n, float* y) {
  HWY_DYNAMIC_DISPATCH(AddScaledRowsImpl)(rows, stride, index, weights, count, n, y);
}
void Scale(float factor, float* x, size_t n) { HWY_DYNAMIC_DISPATCH(ScaleImpl)(factor, x, n); }
void AddScaled(float factor, const float* x, float* y, size_t n) {
  const uint32_t zero = 0;
  HWY_DYNAMIC_DISPATCH(AddScaledRowsImpl)(x, n, &zero, &factor, 1, n, y);
}
float AffineMax(float factor, const float* bias, float* u, size_t n) {
  return HWY_DYNAMIC_DISPATCH(AffineMaxImpl)(factor, bias, u, n);
}
float Max(const float* x, size_t n) { return HWY_DYNAMIC_DISPATCH(MaxImpl)(x, n); }
ExpSums<float> ExpShift(float shift, float* u, size_t n) {
  return HWY_DYNAMIC_DISPATCH(ExpShiftImpl)(shift, u, n);
}
size_t CollectAtLeast(const float* x, size_t n, float bound, uint32_t* index) {
  return HWY_DYNAMIC_DISPATCH(CollectAtLeastImpl)(x, n, bound, index);
}
Moments MomentsOf(const float* x, size_t n) { return HWY_DYNAMIC_DISPATCH(MomentsOfImpl)(x, n); }

}  // namespace mneme::math
#endif  // HWY_ONCE
