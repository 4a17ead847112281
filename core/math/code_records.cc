#include "core/math/code_records.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace mneme::math {
namespace {

constexpr double kCodeMax = 127;
constexpr float kFarthest = std::numeric_limits<float>::max();

CodeRecordHead HeadOf(const void* record) {
  CodeRecordHead out;
  std::memcpy(&out, record, sizeof(out));
  return out;
}

const int8_t* CodesOf(const void* record) {
  return static_cast<const int8_t*>(record) + sizeof(CodeRecordHead);
}

// Of the product of a's codes with 128 added and b's.
float Distance(CodeRecordKind kind, const CodeRecordHead& a, const CodeRecordHead& b,
               int32_t product) {
  const float dot = a.scale * b.scale * static_cast<float>(product + b.offset);
  const float out = (a.bias + b.bias) - (kind == CodeRecordKind::kL2 ? 2 * dot : dot);
  return out < kFarthest ? std::max(out, -kFarthest) : kFarthest;
}

int32_t ProductPlain(const int8_t* a, const int8_t* b, size_t bytes) {
  int32_t sum = 0;
  for (size_t i = 0; i < bytes; ++i) sum += (static_cast<int32_t>(a[i]) + 128) * b[i];
  return sum;
}

void ProductsPlain(const int8_t* a, const int8_t* const* rows, size_t count, size_t bytes,
                   int32_t* out) {
  for (size_t i = 0; i < count; ++i) out[i] = ProductPlain(a, rows[i], bytes);
}

#if defined(__x86_64__)

__attribute__((target("avx2"))) int32_t SumAvx2(__m256i sums) {
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
  four = _mm_hadd_epi32(four, four);
  return _mm_cvtsi128_si32(_mm_hadd_epi32(four, four));
}

// Codes as 16-bit numbers: a product of two with 128 added to one stays below 2^15.
__attribute__((target("avx2"))) int32_t ProductAvx2(const int8_t* a, const int8_t* b,
                                                    size_t bytes) {
  const __m256i shift = _mm256_set1_epi16(128);
  __m256i sums = _mm256_setzero_si256();
  size_t i = 0;
  for (; i + 16 <= bytes; i += 16) {
    const __m256i x =
        _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(a + i)));
    const __m256i y =
        _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(b + i)));
    sums = _mm256_add_epi32(sums, _mm256_madd_epi16(_mm256_add_epi16(x, shift), y));
  }
  return SumAvx2(sums) + ProductPlain(a + i, b + i, bytes - i);
}

void ProductsAvx2(const int8_t* a, const int8_t* const* rows, size_t count, size_t bytes,
                  int32_t* out) {
  for (size_t i = 0; i < count; ++i) out[i] = ProductAvx2(a, rows[i], bytes);
}

#define MNEME_VNNI __attribute__((target("avx512f,avx512bw,avx512vnni")))

// Of up to four rows at a time, which share the loads of `a` and do not wait for each other.
template <size_t kRows>
MNEME_VNNI void BlockVnni(const int8_t* a, const int8_t* const* rows, size_t bytes, int32_t* out) {
  constexpr size_t kStep = 64;
  const __m512i shift = _mm512_set1_epi8(-128);
  __m512i sums[kRows];
#pragma GCC unroll 4
  for (size_t r = 0; r < kRows; ++r) sums[r] = _mm512_setzero_si512();
  size_t i = 0;
  for (; i + kStep <= bytes; i += kStep) {
    const __m512i x = _mm512_xor_si512(_mm512_loadu_si512(a + i), shift);
#pragma GCC unroll 4
    for (size_t r = 0; r < kRows; ++r) {
      sums[r] = _mm512_dpbusd_epi32(sums[r], x, _mm512_loadu_si512(rows[r] + i));
    }
  }
  if (i < bytes) {
    const __mmask64 rest = ~uint64_t{0} >> (kStep - (bytes - i));
    const __m512i x = _mm512_xor_si512(_mm512_maskz_loadu_epi8(rest, a + i), shift);
#pragma GCC unroll 4
    for (size_t r = 0; r < kRows; ++r) {
      sums[r] = _mm512_dpbusd_epi32(sums[r], x, _mm512_maskz_loadu_epi8(rest, rows[r] + i));
    }
  }
  if constexpr (kRows == 4) {
    // Each quarter of the registers holds a part of all four sums in the end.
    const __m512i low = _mm512_add_epi32(_mm512_unpacklo_epi32(sums[0], sums[1]),
                                         _mm512_unpackhi_epi32(sums[0], sums[1]));
    const __m512i high = _mm512_add_epi32(_mm512_unpacklo_epi32(sums[2], sums[3]),
                                          _mm512_unpackhi_epi32(sums[2], sums[3]));
    const __m512i all =
        _mm512_add_epi32(_mm512_unpacklo_epi64(low, high), _mm512_unpackhi_epi64(low, high));
    const __m256i half =
        _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));
    _mm_storeu_si128(
        reinterpret_cast<__m128i*>(out),
        _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1)));
  } else {
    for (size_t r = 0; r < kRows; ++r) out[r] = _mm512_reduce_add_epi32(sums[r]);
  }
}

MNEME_VNNI void ProductsVnni(const int8_t* a, const int8_t* const* rows, size_t count, size_t bytes,
                             int32_t* out) {
  constexpr size_t kTogether = 4;
  size_t i = 0;
  for (; i + kTogether <= count; i += kTogether) BlockVnni<kTogether>(a, rows + i, bytes, out + i);
  for (; i < count; ++i) BlockVnni<1>(a, rows + i, bytes, out + i);
}

#undef MNEME_VNNI

#endif  // defined(__x86_64__)

using ProductsFunction = void (*)(const int8_t*, const int8_t* const*, size_t, size_t, int32_t*);

// Null where this machine has not got the instructions.
ProductsFunction Get(CodeTarget target) {
#if defined(__x86_64__)
  switch (target) {
    case CodeTarget::kPlain:
      break;
    case CodeTarget::kAvx2:
      return __builtin_cpu_supports("avx2") ? ProductsAvx2 : nullptr;
    case CodeTarget::kAvx512Vnni:
      return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni")
                 ? ProductsVnni
                 : nullptr;
  }
#endif
  return target == CodeTarget::kPlain ? ProductsPlain : nullptr;
}

ProductsFunction Best() {
  for (const CodeTarget target : {CodeTarget::kAvx512Vnni, CodeTarget::kAvx2}) {
    if (const ProductsFunction found = Get(target); found != nullptr) return found;
  }
  return ProductsPlain;
}

// Distances are made of products in one place, so that no instruction set rounds them otherwise.
void Distances(ProductsFunction products_of, CodeRecordKind kind, const void* a,
               const void* const* rows, size_t count, size_t dim, float* out) {
  constexpr size_t kTogether = 64;
  const CodeRecordHead head = HeadOf(a);
  for (size_t first = 0; first < count; first += kTogether) {
    const size_t here = std::min(kTogether, count - first);
    const int8_t* codes[kTogether];
    int32_t products[kTogether];
    for (size_t i = 0; i < here; ++i) codes[i] = CodesOf(rows[first + i]);
    products_of(CodesOf(a), codes, here, CodeBytes(dim), products);
    for (size_t i = 0; i < here; ++i) {
      out[first + i] = Distance(kind, head, HeadOf(rows[first + i]), products[i]);
    }
  }
}

}  // namespace

double EncodeRecord(CodeRecordKind kind, const float* x, const float* centre, size_t dim,
                    void* record) {
  double largest = 0;
  for (size_t j = 0; j < dim; ++j) {
    largest =
        std::max(largest, std::abs(static_cast<double>(x[j]) - static_cast<double>(centre[j])));
  }
  CodeRecordHead head;
  head.scale = static_cast<float>(std::min(largest / kCodeMax, static_cast<double>(kFarthest)));
  const double scale = static_cast<double>(head.scale);
  int8_t* const codes = static_cast<int8_t*>(record) + sizeof(CodeRecordHead);
  std::memset(codes, 0, CodeBytes(dim));
  int32_t sum = 0;
  double errors = 0, squares = 0, product = 0;
  for (size_t j = 0; j < dim; ++j) {
    const double value = static_cast<double>(x[j]) - static_cast<double>(centre[j]);
    const double code =
        scale == 0 ? 0 : std::clamp(std::nearbyint(value / scale), -kCodeMax, kCodeMax);
    codes[j] = static_cast<int8_t>(code);
    sum += codes[j];
    errors += (value - scale * code) * (value - scale * code);
    squares += scale * code * scale * code;
    product += static_cast<double>(x[j]) * static_cast<double>(centre[j]);
  }
  const double bias = kind == CodeRecordKind::kL2 ? squares : -product;
  head.bias = static_cast<float>(
      std::clamp(bias, -static_cast<double>(kFarthest), static_cast<double>(kFarthest)));
  head.offset = -128 * sum;
  std::memcpy(record, &head, sizeof(head));
  return std::sqrt(errors);
}

bool CodeRecordDistancesBy(CodeTarget target, CodeRecordKind kind, const void* a,
                           const void* const* rows, size_t count, size_t dim, float* out) {
  const ProductsFunction products_of = Get(target);
  if (products_of == nullptr) return false;
  Distances(products_of, kind, a, rows, count, dim, out);
  return true;
}

void CodeRecordDistances(CodeRecordKind kind, const void* a, const void* const* rows, size_t count,
                         size_t dim, float* out) {
  static const ProductsFunction products_of = Best();
  Distances(products_of, kind, a, rows, count, dim, out);
}

float CodeRecordDistance(CodeRecordKind kind, const void* a, const void* b, size_t dim) {
  float out;
  CodeRecordDistances(kind, a, &b, 1, dim, &out);
  return out;
}

}  // namespace mneme::math
