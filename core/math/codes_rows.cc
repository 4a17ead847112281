// The parts of codes.h that Highway writes: coding a vector, and scores from products.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/math/codes.h"

// This file is compiled once for every instruction set, by including itself.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/math/codes_rows.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#ifndef MNEME_CORE_MATH_CODES_ROWS_CC_ONCE_
#define MNEME_CORE_MATH_CODES_ROWS_CC_ONCE_
namespace mneme::math {
struct CodeSums {
  double errors = 0;   // (x - scale codes)²
  double squares = 0;  // x²
  int32_t codes = 0;
};
}  // namespace mneme::math
#endif

HWY_BEFORE_NAMESPACE();
namespace mneme::math {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

float LargestImpl(const float* x, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  V largest = hn::Zero(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) largest = hn::Max(largest, hn::Abs(hn::LoadU(d, x + i)));
  float out = hn::GetLane(hn::MaxOfLanes(d, largest));
  for (; i < n; ++i) out = std::max(out, std::abs(x[i]));
  return out;
}

// codes = round(x / scale); adds to the sums.
void QuantiseImpl(const float* x, size_t n, float scale, int8_t* codes, CodeSums* sums) {
  const D d;
  const hn::Rebind<int8_t, D> d8;
  const size_t lanes = hn::Lanes(d);
  const float inverse = 1 / scale;
  const V by = hn::Set(d, inverse), scales = hn::Set(d, scale);
  const hn::RebindToSigned<D> d32;
  V errors = hn::Zero(d), squares = hn::Zero(d);
  auto code_sum = hn::Zero(d32);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const V value = hn::LoadU(d, x + i);
    const auto code = hn::NearestInt(hn::Mul(value, by));
    hn::StoreU(hn::DemoteTo(d8, code), d8, codes + i);
    const V left = hn::NegMulAdd(scales, hn::ConvertTo(d, code), value);
    errors = hn::MulAdd(left, left, errors);
    squares = hn::MulAdd(value, value, squares);
    code_sum = hn::Add(code_sum, code);
  }
  sums->errors += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, errors)));
  sums->squares += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, squares)));
  sums->codes += hn::GetLane(hn::SumOfLanes(d32, code_sum));
  for (; i < n; ++i) {
    const float code = std::nearbyint(x[i] * inverse);
    codes[i] = static_cast<int8_t>(code);
    const double left = static_cast<double>(x[i]) - static_cast<double>(scale * code);
    sums->errors += left * left;
    sums->squares += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    sums->codes += codes[i];
  }
}

float CodeScoresImpl(const CodeScoreTerms& terms, const CodedRows& rows, const int32_t* products,
                     size_t n, float* centre, float* upper) {
  const D d;
  const hn::RebindToSigned<D> d32;
  const size_t lanes = hn::Lanes(d);
  const V dot = hn::Set(d, terms.dot), square = hn::Set(d, terms.squared_norm);
  const V constant = hn::Set(d, terms.constant), norm_error = hn::Set(d, terms.norm_error);
  const V code_error = hn::Set(d, terms.code_error);
  const V square_error = hn::Set(d, terms.squared_norm_error);
  const V constant_error = hn::Set(d, terms.constant_error);
  V largest = hn::Zero(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const V product = hn::ConvertTo(d, hn::LoadU(d32, products + i));
    const V squared_norm = hn::LoadU(d, rows.squared_norms + i);
    const V middle = hn::MulAdd(hn::Mul(dot, hn::LoadU(d, rows.scales + i)), product,
                                hn::MulAdd(square, squared_norm, constant));
    const V bound = hn::MulAdd(norm_error, hn::LoadU(d, rows.norms + i),
                               hn::MulAdd(code_error, hn::LoadU(d, rows.errors + i),
                                          hn::MulAdd(square_error, squared_norm, constant_error)));
    hn::StoreU(middle, d, centre + i);
    hn::StoreU(hn::Add(middle, bound), d, upper + i);
    largest = hn::Max(largest, bound);
  }
  float out = hn::GetLane(hn::MaxOfLanes(d, largest));
  for (; i < n; ++i) {
    centre[i] = terms.dot * rows.scales[i] * static_cast<float>(products[i]) +
                terms.squared_norm * rows.squared_norms[i] + terms.constant;
    const float bound = terms.norm_error * rows.norms[i] + terms.code_error * rows.errors[i] +
                        terms.squared_norm_error * rows.squared_norms[i] + terms.constant_error;
    upper[i] = centre[i] + bound;
    out = std::max(out, bound);
  }
  return out;
}

}  // namespace HWY_NAMESPACE
}  // namespace mneme::math
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mneme::math {

HWY_EXPORT(LargestImpl);
HWY_EXPORT(QuantiseImpl);
HWY_EXPORT(CodeScoresImpl);

namespace {

constexpr float kCodeMax = 127;
constexpr uint8_t kCueOffset = 128;
constexpr size_t kWordBytes = 4;
constexpr size_t kBlock = 256;  // numbers coded at once
constexpr float kUnknown = std::numeric_limits<float>::max();
// Sums of squares are taken in float32, of at most kBlock numbers in at least four lanes.
constexpr float kSumRounding = 1e-4f;
// What is left of a number after its code may have been rounded twice, by 2^-24 of the number.
constexpr float kProductRounding = 0x1p-22f;
// Squares of numbers below this leave the range of float32.
constexpr float kScaleMin = 1e-15f;

// Calls put(first, codes, count) for blocks of a multiple of 4 numbers, filled up with zeros.
template <typename Put>
CodeBounds Encode(const float* x, size_t dim, const Put& put) {
  const float largest = HWY_DYNAMIC_DISPATCH(LargestImpl)(x, dim);
  const float scale = largest / kCodeMax;
  const bool scaled = scale >= kScaleMin &&
                      std::isfinite(scale * scale * static_cast<float>(dim) * kCodeMax * kCodeMax);
  CodeSums sums;
  for (size_t first = 0; first < dim; first += kBlock) {
    alignas(64) int8_t codes[kBlock] = {};
    const size_t count = std::min(kBlock, dim - first);
    if (scaled) {
      HWY_DYNAMIC_DISPATCH(QuantiseImpl)(x + first, count, scale, codes, &sums);
    }
    put(first, codes, CodeBytes(count));
  }
  if (largest == 0) return {};
  if (!scaled) return {.error = kUnknown, .norm = 1};
  const float norm = static_cast<float>(std::sqrt(sums.squares)) * (1 + kSumRounding);
  return {.scale = scale,
          .error = static_cast<float>(std::sqrt(sums.errors)) * (1 + kSumRounding) +
                   kProductRounding * norm,
          .norm = norm,
          .offset = -static_cast<int32_t>(kCueOffset) * sums.codes};
}

}  // namespace

CodeBounds EncodeRow(const float* x, size_t dim, size_t lane, int8_t* group) {
  return Encode(x, dim, [&](size_t first, const int8_t* codes, size_t count) {
    for (size_t j = 0; j < count; j += kWordBytes) {
      std::memcpy(group + (first + j) * kCodeGroup + lane * kWordBytes, codes + j, kWordBytes);
    }
  });
}

CodedCue EncodeCue(const float* q, size_t dim) {
  CodedCue out;
  out.codes.resize(CodeBytes(dim));
  out.bounds = Encode(q, dim, [&](size_t first, const int8_t* codes, size_t count) {
    for (size_t j = 0; j < count; ++j) {
      out.codes[first + j] = static_cast<uint8_t>(codes[j] + kCueOffset);
    }
  });
  return out;
}

float CodeScores(const CodeScoreTerms& terms, const CodedRows& rows, const int32_t* products,
                 size_t n, float* centre, float* upper) {
  return HWY_DYNAMIC_DISPATCH(CodeScoresImpl)(terms, rows, products, n, centre, upper);
}

}  // namespace mneme::math
#endif  // HWY_ONCE
