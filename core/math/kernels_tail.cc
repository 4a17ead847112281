// The kernels of kernels.h that look at the upper tail of a row of scores.
#include <limits>

#include "core/math/kernels.h"
#include "core/math/reference.h"

// This file is compiled once for every instruction set, by including itself.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/math/kernels_tail.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace mneme::math {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// Four counters run side by side. A lane counts at most n / 16 of them: uint32 is wide enough.
size_t CountAtLeastImpl(const float* HWY_RESTRICT x, size_t n, float bound) {
  const D d;
  const hn::RebindToSigned<D> di;
  const size_t lanes = hn::Lanes(d);
  const V b = hn::Set(d, bound);
  auto c0 = hn::Zero(di), c1 = hn::Zero(di), c2 = hn::Zero(di), c3 = hn::Zero(di);
  const auto hits = [&](const float* at) HWY_ATTR {
    return hn::VecFromMask(di, hn::RebindMask(di, hn::Ge(hn::LoadU(d, at), b)));  // -1 where it is
  };
  size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    c0 = hn::Sub(c0, hits(x + i));
    c1 = hn::Sub(c1, hits(x + i + lanes));
    c2 = hn::Sub(c2, hits(x + i + 2 * lanes));
    c3 = hn::Sub(c3, hits(x + i + 3 * lanes));
  }
  for (; i + lanes <= n; i += lanes) c0 = hn::Sub(c0, hits(x + i));
  const auto all = hn::Add(hn::Add(c0, c1), hn::Add(c2, c3));
  size_t count = static_cast<size_t>(hn::GetLane(hn::SumOfLanes(di, all)));
  for (; i < n; ++i) count += x[i] >= bound;
  return count;
}

size_t CollectBandImpl(const float* HWY_RESTRICT x, size_t n, float low, float high,
                       float* HWY_RESTRICT out) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const V lo = hn::Set(d, low), hi = hn::Set(d, high);
  size_t count = 0;
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const V v = hn::LoadU(d, x + i);
    const auto inside = hn::And(hn::Ge(v, lo), hn::Lt(v, hi));
    if (hn::AllFalse(d, inside)) continue;
    count += hn::CompressStore(v, inside, d, out + count);
  }
  for (; i < n; ++i) {
    if (x[i] >= low && x[i] < high) out[count++] = x[i];
  }
  return count;
}

// Sums of short blocks are taken in float and added in double.
double SumExcessImpl(const float* HWY_RESTRICT x, size_t n, float bound) {
  constexpr size_t kBlock = 1024;
  const D d;
  const size_t lanes = hn::Lanes(d);
  const V b = hn::Set(d, bound), zero = hn::Zero(d);
  double total = 0;
  for (size_t first = 0; first < n; first += kBlock) {
    const size_t end = first + kBlock < n ? first + kBlock : n;
    V s0 = zero, s1 = zero;
    size_t i = first;
    for (; i + 2 * lanes <= end; i += 2 * lanes) {
      s0 = hn::Add(s0, hn::Max(hn::Sub(hn::LoadU(d, x + i), b), zero));
      s1 = hn::Add(s1, hn::Max(hn::Sub(hn::LoadU(d, x + i + lanes), b), zero));
    }
    float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(s0, s1)));
    for (; i < end; ++i) sum += x[i] > bound ? x[i] - bound : 0.0f;
    total += sum;
  }
  return total;
}

void MaskAboveImpl(float bound, float weight, float* HWY_RESTRICT x, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const V b = hn::Set(d, bound), w = hn::Set(d, weight);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    hn::StoreU(hn::IfThenElseZero(hn::Gt(hn::LoadU(d, x + i), b), w), d, x + i);
  }
  for (; i < n; ++i) x[i] = x[i] > bound ? weight : 0.0f;
}

// Eight vectors of the sum stay in registers while all rows pass by.
void AddRowsImpl(const float* HWY_RESTRICT rows, size_t stride, const uint32_t* index, size_t count,
                 size_t n, float* HWY_RESTRICT y) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  size_t j = 0;
  for (; j + 8 * lanes <= n; j += 8 * lanes) {
    float* const to = y + j;
    V s0 = hn::LoadU(d, to), s1 = hn::LoadU(d, to + lanes);
    V s2 = hn::LoadU(d, to + 2 * lanes), s3 = hn::LoadU(d, to + 3 * lanes);
    V s4 = hn::LoadU(d, to + 4 * lanes), s5 = hn::LoadU(d, to + 5 * lanes);
    V s6 = hn::LoadU(d, to + 6 * lanes), s7 = hn::LoadU(d, to + 7 * lanes);
    for (size_t i = 0; i < count; ++i) {
      const float* const row = rows + index[i] * stride + j;
      s0 = hn::Add(s0, hn::LoadU(d, row));
      s1 = hn::Add(s1, hn::LoadU(d, row + lanes));
      s2 = hn::Add(s2, hn::LoadU(d, row + 2 * lanes));
      s3 = hn::Add(s3, hn::LoadU(d, row + 3 * lanes));
      s4 = hn::Add(s4, hn::LoadU(d, row + 4 * lanes));
      s5 = hn::Add(s5, hn::LoadU(d, row + 5 * lanes));
      s6 = hn::Add(s6, hn::LoadU(d, row + 6 * lanes));
      s7 = hn::Add(s7, hn::LoadU(d, row + 7 * lanes));
    }
    hn::StoreU(s0, d, to), hn::StoreU(s1, d, to + lanes);
    hn::StoreU(s2, d, to + 2 * lanes), hn::StoreU(s3, d, to + 3 * lanes);
    hn::StoreU(s4, d, to + 4 * lanes), hn::StoreU(s5, d, to + 5 * lanes);
    hn::StoreU(s6, d, to + 6 * lanes), hn::StoreU(s7, d, to + 7 * lanes);
  }
  for (; j + lanes <= n; j += lanes) {
    V sum = hn::LoadU(d, y + j);
    for (size_t i = 0; i < count; ++i) {
      sum = hn::Add(sum, hn::LoadU(d, rows + index[i] * stride + j));
    }
    hn::StoreU(sum, d, y + j);
  }
  for (; j < n; ++j) {
    for (size_t i = 0; i < count; ++i) y[j] += rows[index[i] * stride + j];
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace mneme::math
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mneme::math {

HWY_EXPORT(CountAtLeastImpl);
HWY_EXPORT(CollectBandImpl);
HWY_EXPORT(SumExcessImpl);
HWY_EXPORT(MaskAboveImpl);
HWY_EXPORT(AddRowsImpl);

size_t CountAtLeast(const float* x, size_t n, float bound) {
  return HWY_DYNAMIC_DISPATCH(CountAtLeastImpl)(x, n, bound);
}
size_t CollectBand(const float* x, size_t n, float low, float high, float* out) {
  return HWY_DYNAMIC_DISPATCH(CollectBandImpl)(x, n, low, high, out);
}
double SumExcess(const float* x, size_t n, float bound) {
  return HWY_DYNAMIC_DISPATCH(SumExcessImpl)(x, n, bound);
}
void MaskAbove(float bound, float weight, float* x, size_t n) {
  HWY_DYNAMIC_DISPATCH(MaskAboveImpl)(bound, weight, x, n);
}
void AddRows(const float* rows, size_t stride, const uint32_t* index, size_t count, size_t n,
             float* y) {
  HWY_DYNAMIC_DISPATCH(AddRowsImpl)(rows, stride, index, count, n, y);
}

size_t CountAtLeast(const double* x, size_t n, double bound) {
  return reference::CountAtLeast(x, n, bound);
}
size_t CollectBand(const double* x, size_t n, double low, double high, double* out) {
  return reference::CollectBand(x, n, low, high, out);
}
double SumExcess(const double* x, size_t n, double bound) {
  return reference::SumExcess(x, n, bound);
}

}  // namespace mneme::math
#endif  // HWY_ONCE
