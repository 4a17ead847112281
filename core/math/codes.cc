#include "core/math/codes.h"

#include <algorithm>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace mneme::math {
namespace {

constexpr size_t kWordBytes = 4;
constexpr size_t kStepBytes = kCodeGroup * kWordBytes;  // 4 numbers of 16 rows

void DotsPlain(const int8_t* group, size_t groups, size_t dim, const int32_t* offsets,
               const uint8_t* const* cues, size_t cue_count, int32_t* out, size_t out_stride) {
  const size_t steps = CodeBytes(dim) / kWordBytes;
  for (size_t g = 0; g < groups; ++g, group += steps * kStepBytes) {
    for (size_t c = 0; c < cue_count; ++c) {
      int32_t dots[kCodeGroup];
      std::memcpy(dots, offsets + g * kCodeGroup, sizeof(dots));
      for (size_t k = 0; k < steps; ++k) {
        for (size_t i = 0; i < kStepBytes; ++i) {
          dots[i / kWordBytes] += static_cast<int32_t>(cues[c][k * kWordBytes + i % kWordBytes]) *
                                  group[k * kStepBytes + i];
        }
      }
      std::memcpy(out + c * out_stride + g * kCodeGroup, dots, sizeof(dots));
    }
  }
}

#if defined(__x86_64__)

// The same four bytes of a cue, as a number.
inline int Word(const uint8_t* cue, size_t k) {
  int word;
  std::memcpy(&word, cue + k * kWordBytes, kWordBytes);
  return word;
}

// Products of bytes as 16-bit numbers, which cannot leave 32 bits in pairs.
__attribute__((target("avx2"))) inline __m256i MulAddBytes(__m256i sum, __m256i cue_low,
                                                           const int8_t* codes) {
  const __m256i wide =
      _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes)));
  return _mm256_add_epi32(sum, _mm256_madd_epi16(wide, cue_low));
}

// Sums of neighbours; hadd takes them within halves of 128 bits (rows 0 1 4 5 2 3 6 7).
__attribute__((target("avx2"))) inline __m256i AddPairs(__m256i low, __m256i high, __m256i offset) {
  return _mm256_add_epi32(_mm256_permute4x64_epi64(_mm256_hadd_epi32(low, high), 0xd8), offset);
}

// A vector of 16 codes is 4 rows of 4; madd leaves two sums a row, which are added at the end.
__attribute__((target("avx2"))) void DotsAvx2(const int8_t* group, size_t groups, size_t dim,
                                              const int32_t* offsets, const uint8_t* const* cues,
                                              size_t cue_count, int32_t* out, size_t out_stride) {
  const size_t steps = CodeBytes(dim) / kWordBytes;
  for (size_t g = 0; g < groups; ++g, group += steps * kStepBytes) {
    const __m256i* const offset = reinterpret_cast<const __m256i*>(offsets + g * kCodeGroup);
    for (size_t c = 0; c < cue_count; ++c) {
      __m256i s0 = _mm256_setzero_si256(), s1 = s0, s2 = s0, s3 = s0;
      for (size_t k = 0; k < steps; ++k) {
        const __m256i cue = _mm256_cvtepu8_epi16(_mm_set1_epi32(Word(cues[c], k)));
        const int8_t* const at = group + k * kStepBytes;
        s0 = MulAddBytes(s0, cue, at);
        s1 = MulAddBytes(s1, cue, at + 16);
        s2 = MulAddBytes(s2, cue, at + 32);
        s3 = MulAddBytes(s3, cue, at + 48);
      }
      __m256i* const to = reinterpret_cast<__m256i*>(out + c * out_stride + g * kCodeGroup);
      _mm256_storeu_si256(to, AddPairs(s0, s1, _mm256_loadu_si256(offset)));
      _mm256_storeu_si256(to + 1, AddPairs(s2, s3, _mm256_loadu_si256(offset + 1)));
    }
  }
}

// Loops over registers: a sum that is not told apart at compile time lives in memory.
#define MNEME_UNROLL _Pragma("GCC unroll 8")
#define MNEME_VNNI __attribute__((target("avx512f,avx512bw,avx512vnni")))

// `kCues` cues against groups of rows: that many sums a group stay in registers.
template <size_t kCues, size_t kGroups>
MNEME_VNNI inline void BlockVnni(const int8_t* group, size_t steps, const int32_t* offsets,
                                 const uint8_t* const* cues, int32_t* out, size_t out_stride) {
  __m512i dots[kGroups][kCues];
  MNEME_UNROLL
  for (size_t g = 0; g < kGroups; ++g) {
    const __m512i offset = _mm512_loadu_si512(offsets + g * kCodeGroup);
    MNEME_UNROLL
    for (size_t c = 0; c < kCues; ++c) dots[g][c] = offset;
  }
  const size_t group_bytes = steps * kStepBytes;
  for (size_t k = 0; k < steps; ++k) {
    __m512i codes[kGroups];
    MNEME_UNROLL
    for (size_t g = 0; g < kGroups; ++g) {
      codes[g] = _mm512_loadu_si512(group + g * group_bytes + k * kStepBytes);
    }
    MNEME_UNROLL
    for (size_t c = 0; c < kCues; ++c) {
      const __m512i cue = _mm512_set1_epi32(Word(cues[c], k));
      MNEME_UNROLL
      for (size_t g = 0; g < kGroups; ++g) {
        dots[g][c] = _mm512_dpbusd_epi32(dots[g][c], cue, codes[g]);
      }
    }
  }
  MNEME_UNROLL
  for (size_t g = 0; g < kGroups; ++g) {
    MNEME_UNROLL
    for (size_t c = 0; c < kCues; ++c) {
      _mm512_storeu_si512(out + c * out_stride + g * kCodeGroup, dots[g][c]);
    }
  }
}

// One cue: what counts is the memory, so groups are read in their order, with four sums a group
// that do not wait for each other, and from further ahead than the machine looks by itself.
MNEME_VNNI void OneCueVnni(const int8_t* group, size_t groups, size_t steps, const int32_t* offsets,
                           const uint8_t* cue, int32_t* out) {
  constexpr size_t kAheadBytes = 4096;
  for (size_t g = 0; g < groups; ++g, group += steps * kStepBytes) {
    __m512i s0 = _mm512_loadu_si512(offsets + g * kCodeGroup);
    __m512i s1 = _mm512_setzero_si512(), s2 = s1, s3 = s1;
    const auto add = [&](__m512i sum, size_t k) MNEME_VNNI {
      const int8_t* const at = group + k * kStepBytes;
      _mm_prefetch(reinterpret_cast<const char*>(at) + kAheadBytes, _MM_HINT_T0);
      return _mm512_dpbusd_epi32(sum, _mm512_set1_epi32(Word(cue, k)), _mm512_loadu_si512(at));
    };
    size_t k = 0;
    for (; k + 4 <= steps; k += 4) {
      s0 = add(s0, k);
      s1 = add(s1, k + 1);
      s2 = add(s2, k + 2);
      s3 = add(s3, k + 3);
    }
    for (; k < steps; ++k) s0 = add(s0, k);
    _mm512_storeu_si512(out + g * kCodeGroup,
                        _mm512_add_epi32(_mm512_add_epi32(s0, s1), _mm512_add_epi32(s2, s3)));
  }
}

template <size_t kCues>
MNEME_VNNI void CuesVnni(const int8_t* group, size_t groups, size_t steps, const int32_t* offsets,
                         const uint8_t* const* cues, int32_t* out, size_t out_stride) {
  constexpr size_t kGroups = 2;
  size_t g = 0;
  for (; g + kGroups <= groups; g += kGroups) {
    BlockVnni<kCues, kGroups>(group + g * steps * kStepBytes, steps, offsets + g * kCodeGroup, cues,
                              out + g * kCodeGroup, out_stride);
  }
  if (g < groups) {
    BlockVnni<kCues, 1>(group + g * steps * kStepBytes, steps, offsets + g * kCodeGroup, cues,
                        out + g * kCodeGroup, out_stride);
  }
}

// Many cues pass over as many groups as stay in the first cache.
MNEME_VNNI void DotsVnni(const int8_t* group, size_t groups, size_t dim, const int32_t* offsets,
                         const uint8_t* const* cues, size_t cue_count, int32_t* out,
                         size_t out_stride) {
  constexpr size_t kChunkBytes = 24 << 10;
  const size_t steps = CodeBytes(dim) / kWordBytes;
  const size_t group_bytes = steps * kStepBytes;
  const size_t chunk =
      cue_count == 1 ? groups : std::max<size_t>(2, kChunkBytes / group_bytes / 2 * 2);
  for (size_t first = 0; first < groups; first += chunk) {
    const size_t count = std::min(chunk, groups - first);
    const int8_t* const at = group + first * group_bytes;
    const int32_t* const offset = offsets + first * kCodeGroup;
    int32_t* const to = out + first * kCodeGroup;
    size_t c = 0;
    for (; c + 8 <= cue_count; c += 8) {
      CuesVnni<8>(at, count, steps, offset, cues + c, to + c * out_stride, out_stride);
    }
    for (; c + 4 <= cue_count; c += 4) {
      CuesVnni<4>(at, count, steps, offset, cues + c, to + c * out_stride, out_stride);
    }
    for (; c < cue_count; ++c) {
      OneCueVnni(at, count, steps, offset, cues[c], to + c * out_stride);
    }
  }
}
#undef MNEME_VNNI
#undef MNEME_UNROLL

#endif

bool Has(CodeTarget target) {
#if defined(__x86_64__)
  switch (target) {
    case CodeTarget::kPlain:
      return true;
    case CodeTarget::kAvx2:
      return __builtin_cpu_supports("avx2");
    case CodeTarget::kAvx512Vnni:
      return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni");
  }
#endif
  return target == CodeTarget::kPlain;
}

CodeTarget BestTarget() {
  for (const CodeTarget target : {CodeTarget::kAvx512Vnni, CodeTarget::kAvx2}) {
    if (Has(target)) return target;
  }
  return CodeTarget::kPlain;
}

}  // namespace

bool CodeDotsBy(CodeTarget target, const int8_t* groups_begin, size_t groups, size_t dim,
                const int32_t* offsets, const uint8_t* const* cues, size_t cue_count, int32_t* out,
                size_t out_stride) {
  if (!Has(target)) return false;
  switch (target) {
#if defined(__x86_64__)
    case CodeTarget::kAvx512Vnni:
      DotsVnni(groups_begin, groups, dim, offsets, cues, cue_count, out, out_stride);
      return true;
    case CodeTarget::kAvx2:
      DotsAvx2(groups_begin, groups, dim, offsets, cues, cue_count, out, out_stride);
      return true;
#endif
    default:
      DotsPlain(groups_begin, groups, dim, offsets, cues, cue_count, out, out_stride);
      return true;
  }
}

void CodeDots(const int8_t* groups_begin, size_t groups, size_t dim, const int32_t* offsets,
              const uint8_t* const* cues, size_t cue_count, int32_t* out, size_t out_stride) {
  static const CodeTarget target = BestTarget();
  CodeDotsBy(target, groups_begin, groups, dim, offsets, cues, cue_count, out, out_stride);
}

}  // namespace mneme::math
