#include "core/math/convert.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>

// This file is compiled once for every instruction set, by including itself.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/math/convert.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace mneme::math {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using DI = hn::RebindToSigned<D>;
using DU = hn::RebindToUnsigned<D>;
using V = hn::Vec<D>;
using VU = hn::Vec<DU>;
using D16 = hn::Rebind<uint16_t, D>;
using DI8 = hn::Rebind<int8_t, D>;

constexpr size_t kLanesMax = HWY_MAX_BYTES / sizeof(float);

// What float32 makes of the bits of a binary16: 15 is its bias, 10 the bits of its mantissa.
constexpr int kMantissaShift = 23 - 10;
constexpr uint32_t kBiasStep = (127 - 15) << 23;
constexpr uint32_t kSmallestNormal = (127 - 14) << 23;  // 2^-14
constexpr uint32_t kTooLarge = (127 + 16) << 23;        // 2^16
constexpr uint32_t kSignBit = 0x80000000u;
constexpr uint32_t kInfinityBits = 0x7f800000u;

// As many numbers as a vector has, from and to bytes of any alignment. Without vectors there is no
// vector of bytes to go by.
HWY_INLINE VU Load16(const uint8_t* from) {
  const D16 d16;
#if HWY_TARGET == HWY_SCALAR
  uint16_t bits;
  std::memcpy(&bits, from, sizeof(bits));
  return hn::PromoteTo(DU(), hn::Set(d16, bits));
#else
  const hn::Repartition<uint8_t, D16> d8;
  return hn::PromoteTo(DU(), hn::BitCast(d16, hn::LoadU(d8, from)));
#endif
}
// Each number below 2^16.
HWY_INLINE void Store16(VU numbers, uint8_t* to) {
  const D16 d16;
  const auto narrow = hn::DemoteTo(d16, hn::BitCast(DI(), numbers));
#if HWY_TARGET == HWY_SCALAR
  const uint16_t bits = hn::GetLane(narrow);
  std::memcpy(to, &bits, sizeof(bits));
#else
  const hn::Repartition<uint8_t, D16> d8;
  hn::StoreU(hn::BitCast(d8, narrow), d8, to);
#endif
}
// Of numbers and bounds below 2^31: for these, signed comparisons are the faster ones.
HWY_INLINE hn::Mask<DU> Exceeds(VU x, uint32_t bound) {
  const DI di;
  const auto more = hn::Gt(hn::BitCast(di, x), hn::Set(di, static_cast<int32_t>(bound)));
  return hn::RebindMask(DU(), more);
}

struct FromBfloat16Op {
  static constexpr size_t kWidth = 2;
  HWY_INLINE V operator()(const uint8_t* from) const {
    return hn::BitCast(D(), hn::ShiftLeft<16>(Load16(from)));
  }
};

struct FromFloat16Op {
  static constexpr size_t kWidth = 2;
  HWY_INLINE V operator()(const uint8_t* from) const {
    const D d;
    const DU du;
    const VU bits = Load16(from);
    const VU sign = hn::ShiftLeft<16>(hn::And(bits, hn::Set(du, 0x8000)));
    const VU magnitude = hn::ShiftLeft<kMantissaShift>(hn::And(bits, hn::Set(du, 0x7fff)));
    const VU exponent = hn::And(magnitude, hn::Set(du, 0x7c00u << kMantissaShift));
    const VU normal = hn::Add(magnitude, hn::Set(du, kBiasStep));
    // The largest exponent stands for infinity and not-a-number: twice the step leads to float32's.
    const VU wide = hn::IfThenElse(hn::Eq(exponent, hn::Set(du, 0x7c00u << kMantissaShift)),
                                   hn::Add(normal, hn::Set(du, kBiasStep)), normal);
    // The smallest for a mantissa without the leading 1: put it on, and take it off as a float.
    const VU one_more = hn::Add(normal, hn::Set(du, 1u << 23));
    const V small = hn::Sub(hn::BitCast(d, one_more), hn::Set(d, 0x1p-14f));
    const VU result = hn::IfThenElse(hn::Eq(exponent, hn::Zero(du)), hn::BitCast(du, small), wide);
    return hn::BitCast(d, hn::Or(result, sign));
  }
};

struct FromInt8Op {
  static constexpr size_t kWidth = 1;
  V scale;
  HWY_INLINE V operator()(const uint8_t* from) const {
    const DI8 d8;
    const auto codes = hn::LoadU(d8, reinterpret_cast<const int8_t*>(from));
    return hn::Mul(hn::ConvertTo(D(), hn::PromoteTo(DI(), codes)), scale);
  }
};

struct ToBfloat16Op {
  static constexpr size_t kWidth = 2;
  HWY_INLINE void operator()(V x, uint8_t* to) const {
    const DU du;
    const VU bits = hn::BitCast(du, x);
    const VU upper = hn::ShiftRight<16>(bits);
    const VU odd = hn::And(upper, hn::Set(du, 1));
    const VU rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(du, 0x7fff))));
    // Rounding must not turn not-a-number into something else.
    const auto is_nan = Exceeds(hn::AndNot(hn::Set(du, kSignBit), bits), kInfinityBits);
    Store16(hn::IfThenElse(is_nan, hn::Or(upper, hn::Set(du, 0x40)), rounded), to);
  }
};

struct ToFloat16Op {
  static constexpr size_t kWidth = 2;
  HWY_INLINE void operator()(V x, uint8_t* to) const {
    const D d;
    const DU du;
    const VU bits = hn::BitCast(du, x);
    const VU sign = hn::And(bits, hn::Set(du, kSignBit));
    const VU magnitude = hn::Xor(bits, sign);
    const VU odd = hn::And(hn::ShiftRight<kMantissaShift>(magnitude), hn::Set(du, 1));
    // Less the step, plus half of what is cut off.
    const VU shifted =
        hn::Add(hn::Sub(magnitude, hn::Set(du, kBiasStep)), hn::Add(odd, hn::Set(du, 0xfff)));
    const VU normal = hn::ShiftRight<kMantissaShift>(shifted);
    // Beside 0.5 a float32 has the steps of a subnormal binary16, 2^-24: the addition rounds.
    const V half = hn::Set(d, 0.5f);
    const VU small =
        hn::Sub(hn::BitCast(du, hn::Add(hn::BitCast(d, magnitude), half)), hn::BitCast(du, half));
    const VU large =
        hn::IfThenElse(Exceeds(magnitude, kInfinityBits), hn::Set(du, 0x7e00), hn::Set(du, 0x7c00));
    VU result = hn::IfThenElse(Exceeds(magnitude, kSmallestNormal - 1), normal, small);
    result = hn::IfThenElse(Exceeds(magnitude, kTooLarge - 1), large, result);
    Store16(hn::Or(result, hn::ShiftRight<16>(sign)), to);
  }
};

struct ToInt8Op {
  static constexpr size_t kWidth = 1;
  V factor;
  HWY_INLINE void operator()(V x, uint8_t* to) const {
    const DI8 d8;
    const auto codes = hn::DemoteTo(d8, hn::NearestInt(hn::Mul(x, factor)));
    hn::StoreU(codes, d8, reinterpret_cast<int8_t*>(to));
  }
};

// Whole vectors, then the rest by way of a vector beside.
template <typename Op>
HWY_INLINE void Widen(const void* from, size_t n, const Op& op, float* out) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const auto* bytes = static_cast<const uint8_t*>(from);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(op(bytes + i * Op::kWidth), d, out + i);
  if (i == n) return;
  uint8_t rest[kLanesMax * Op::kWidth] = {};
  float wide[kLanesMax];
  std::memcpy(rest, bytes + i * Op::kWidth, (n - i) * Op::kWidth);
  hn::StoreU(op(rest), d, wide);
  std::memcpy(out + i, wide, (n - i) * sizeof(float));
}

template <typename Op>
HWY_INLINE void Narrow(const float* x, size_t n, const Op& op, void* to) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  auto* bytes = static_cast<uint8_t*>(to);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) op(hn::LoadU(d, x + i), bytes + i * Op::kWidth);
  if (i == n) return;
  float rest[kLanesMax] = {};
  uint8_t narrow[kLanesMax * Op::kWidth];
  std::memcpy(rest, x + i, (n - i) * sizeof(float));
  op(hn::LoadU(d, rest), narrow);
  std::memcpy(bytes + i * Op::kWidth, narrow, (n - i) * Op::kWidth);
}

float LargestMagnitude(const float* x, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  V most = hn::Zero(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) most = hn::Max(most, hn::Abs(hn::LoadU(d, x + i)));
  float largest = hn::GetLane(hn::MaxOfLanes(d, most));
  for (; i < n; ++i) largest = std::max(largest, x[i] < 0 ? -x[i] : x[i]);
  return largest;
}

void FromBfloat16Impl(const void* from, size_t n, float* out) {
  Widen(from, n, FromBfloat16Op(), out);
}
void FromFloat16Impl(const void* from, size_t n, float* out) {
  Widen(from, n, FromFloat16Op(), out);
}
void FromInt8Impl(const void* from, float scale, size_t n, float* out) {
  Widen(from, n, FromInt8Op{hn::Set(D(), scale)}, out);
}
void ToBfloat16Impl(const float* x, size_t n, void* to) { Narrow(x, n, ToBfloat16Op(), to); }
void ToFloat16Impl(const float* x, size_t n, void* to) { Narrow(x, n, ToFloat16Op(), to); }

float ToInt8Impl(const float* x, size_t n, void* to) {
  const float largest = LargestMagnitude(x, n);
  // No smaller than a normal number, so that 1 / scale is finite.
  const float scale =
      largest == 0 ? 0.0f : std::max(largest / 127, std::numeric_limits<float>::min());
  Narrow(x, n, ToInt8Op{hn::Set(D(), scale == 0 ? 0.0f : 1 / scale)}, to);
  return scale;
}

}  // namespace HWY_NAMESPACE
}  // namespace mneme::math
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mneme::math {

HWY_EXPORT(FromBfloat16Impl);
HWY_EXPORT(FromFloat16Impl);
HWY_EXPORT(FromInt8Impl);
HWY_EXPORT(ToBfloat16Impl);
HWY_EXPORT(ToFloat16Impl);
HWY_EXPORT(ToInt8Impl);

void FromBfloat16(const void* from, size_t n, float* out) {
  HWY_DYNAMIC_DISPATCH(FromBfloat16Impl)(from, n, out);
}
void FromFloat16(const void* from, size_t n, float* out) {
  HWY_DYNAMIC_DISPATCH(FromFloat16Impl)(from, n, out);
}
void FromInt8(const void* from, float scale, size_t n, float* out) {
  HWY_DYNAMIC_DISPATCH(FromInt8Impl)(from, scale, n, out);
}
void ToBfloat16(const float* x, size_t n, void* to) {
  HWY_DYNAMIC_DISPATCH(ToBfloat16Impl)(x, n, to);
}
void ToFloat16(const float* x, size_t n, void* to) {
  HWY_DYNAMIC_DISPATCH(ToFloat16Impl)(x, n, to);
}
float ToInt8(const float* x, size_t n, void* to) {
  return HWY_DYNAMIC_DISPATCH(ToInt8Impl)(x, n, to);
}

}  // namespace mneme::math
#endif  // HWY_ONCE
