#include "core/math/hamming.h"

#include <bit>

#include "core/base/status.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace mneme::math {
namespace {

// A kernel is these two functions. `words` is known to most of them when they are compiled.
struct Kernel {
  void (*distances)(const uint64_t* codes, size_t groups, size_t words, const uint64_t* cue,
                    uint32_t* out);
  size_t (*collect)(const uint64_t* codes, size_t groups, size_t words, const uint64_t* cue,
                    uint32_t bound, HammingHit* hits);
};

// Appends the lanes of `mask`.
inline size_t AppendHits(uint32_t mask, size_t group, const uint64_t* distances, HammingHit* hits,
                         size_t count) {
  for (; mask != 0; mask &= mask - 1) {
    const uint32_t lane = static_cast<uint32_t>(std::countr_zero(mask));
    hits[count++] = {.row = static_cast<uint32_t>(group * kHammingGroup) + lane,
                     .distance = static_cast<uint32_t>(distances[lane])};
  }
  return count;
}

void GroupScalar(const uint64_t* group, size_t words, const uint64_t* cue, uint64_t* out) {
  for (size_t lane = 0; lane < kHammingGroup; ++lane) out[lane] = 0;
  for (size_t w = 0; w < words; ++w) {
    for (size_t lane = 0; lane < kHammingGroup; ++lane) {
      out[lane] += static_cast<uint64_t>(std::popcount(group[w * kHammingGroup + lane] ^ cue[w]));
    }
  }
}

void DistancesScalar(const uint64_t* codes, size_t groups, size_t words, const uint64_t* cue,
                     uint32_t* out) {
  uint64_t distances[kHammingGroup];
  for (size_t g = 0; g < groups; ++g, codes += words * kHammingGroup) {
    GroupScalar(codes, words, cue, distances);
    for (size_t i = 0; i < kHammingGroup; ++i) {
      out[g * kHammingGroup + i] = static_cast<uint32_t>(distances[i]);
    }
  }
}

size_t CollectScalar(const uint64_t* codes, size_t groups, size_t words, const uint64_t* cue,
                     uint32_t bound, HammingHit* hits) {
  uint64_t distances[kHammingGroup];
  size_t count = 0;
  for (size_t g = 0; g < groups; ++g, codes += words * kHammingGroup) {
    GroupScalar(codes, words, cue, distances);
    uint32_t mask = 0;
    for (size_t i = 0; i < kHammingGroup; ++i) {
      mask |= static_cast<uint32_t>(distances[i] <= bound) << i;
    }
    count = AppendHits(mask, g, distances, hits, count);
  }
  return count;
}

#if defined(__x86_64__)

#define MNEME_AVX2 __attribute__((target("avx2"), always_inline)) inline
#define MNEME_AVX512 __attribute__((target("avx512f,avx512vpopcntdq"), always_inline)) inline

// Four rows: counts of bytes are summed up to 31 words long before they could pass 255.
MNEME_AVX2 __m256i HalfAvx2(const uint64_t* half, size_t words, const uint64_t* cue) {
  constexpr size_t kWordsOfBytes = 31;
  const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                         0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
  const __m256i nibble = _mm256_set1_epi8(15);
  __m256i sum = _mm256_setzero_si256();
  for (size_t first = 0; first < words; first += kWordsOfBytes) {
    const size_t last = first + kWordsOfBytes < words ? first + kWordsOfBytes : words;
    __m256i bytes = _mm256_setzero_si256();
    for (size_t w = first; w < last; ++w) {
      const __m256i x = _mm256_xor_si256(
          _mm256_load_si256(reinterpret_cast<const __m256i*>(half + w * kHammingGroup)),
          _mm256_set1_epi64x(static_cast<int64_t>(cue[w])));
      const __m256i low = _mm256_shuffle_epi8(table, _mm256_and_si256(x, nibble));
      const __m256i high =
          _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi64(x, 4), nibble));
      bytes = _mm256_add_epi8(bytes, _mm256_add_epi8(low, high));
    }
    sum = _mm256_add_epi64(sum, _mm256_sad_epu8(bytes, _mm256_setzero_si256()));
  }
  return sum;
}

__attribute__((target("avx2"))) void DistancesAvx2(const uint64_t* codes, size_t groups,
                                                   size_t words, const uint64_t* cue,
                                                   uint32_t* out) {
  alignas(32) uint64_t distances[kHammingGroup];
  for (size_t g = 0; g < groups; ++g, codes += words * kHammingGroup) {
    for (size_t half : {0, 4}) {
      _mm256_store_si256(reinterpret_cast<__m256i*>(distances + half),
                         HalfAvx2(codes + half, words, cue));
    }
    for (size_t i = 0; i < kHammingGroup; ++i) {
      out[g * kHammingGroup + i] = static_cast<uint32_t>(distances[i]);
    }
  }
}

__attribute__((target("avx2"))) size_t CollectAvx2(const uint64_t* codes, size_t groups,
                                                   size_t words, const uint64_t* cue,
                                                   uint32_t bound, HammingHit* hits) {
  alignas(32) uint64_t distances[kHammingGroup];
  const __m256i above = _mm256_set1_epi64x(static_cast<int64_t>(bound) + 1);
  size_t count = 0;
  for (size_t g = 0; g < groups; ++g, codes += words * kHammingGroup) {
    const __m256i low = HalfAvx2(codes, words, cue);
    const __m256i high = HalfAvx2(codes + 4, words, cue);
    const int low_mask = _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(above, low)));
    const int high_mask = _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(above, high)));
    const uint32_t mask = static_cast<uint32_t>(low_mask | high_mask << 4);
    if (mask == 0) continue;
    _mm256_store_si256(reinterpret_cast<__m256i*>(distances), low);
    _mm256_store_si256(reinterpret_cast<__m256i*>(distances + 4), high);
    count = AppendHits(mask, g, distances, hits, count);
  }
  return count;
}

// Where the 8 rows differ from the cue in word w. Memory is asked for from further ahead than the
// machine looks by itself, which ends at each page of 4 KiB.
MNEME_AVX512 __m512i WordAvx512(const uint64_t* group, size_t w, const uint64_t* cue) {
  constexpr size_t kAheadBytes = 8192;
  const uint64_t* const at = group + w * kHammingGroup;
  _mm_prefetch(reinterpret_cast<const char*>(at) + kAheadBytes, _MM_HINT_T0);
  return _mm512_popcnt_epi64(
      _mm512_xor_si512(_mm512_load_si512(at), _mm512_set1_epi64(static_cast<int64_t>(cue[w]))));
}

MNEME_AVX512 __m512i GroupAvx512(const uint64_t* group, size_t words, const uint64_t* cue) {
  __m512i even = _mm512_setzero_si512(), odd = _mm512_setzero_si512();
  size_t w = 0;
  for (; w + 2 <= words; w += 2) {
    even = _mm512_add_epi64(even, WordAvx512(group, w, cue));
    odd = _mm512_add_epi64(odd, WordAvx512(group, w + 1, cue));
  }
  if (w < words) even = _mm512_add_epi64(even, WordAvx512(group, w, cue));
  return _mm512_add_epi64(even, odd);
}

__attribute__((target("avx512f,avx512vpopcntdq"))) void DistancesAvx512(const uint64_t* codes,
                                                                        size_t groups, size_t words,
                                                                        const uint64_t* cue,
                                                                        uint32_t* out) {
  for (size_t g = 0; g < groups; ++g, codes += words * kHammingGroup) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + g * kHammingGroup),
                        _mm512_cvtepi64_epi32(GroupAvx512(codes, words, cue)));
  }
}

// kWords 0: any number of them.
template <size_t kWords>
__attribute__((target("avx512f,avx512vpopcntdq"))) size_t CollectWordsAvx512(
    const uint64_t* codes, size_t groups, size_t words, const uint64_t* cue, uint32_t bound,
    HammingHit* hits) {
  if constexpr (kWords != 0) words = kWords;
  alignas(64) uint64_t distances[kHammingGroup];
  const __m512i most = _mm512_set1_epi64(static_cast<int64_t>(bound));
  size_t count = 0;
  for (size_t g = 0; g < groups; ++g, codes += words * kHammingGroup) {
    const __m512i sums = GroupAvx512(codes, words, cue);
    const uint32_t mask = _mm512_cmple_epu64_mask(sums, most);
    if (mask == 0) continue;
    _mm512_store_si512(distances, sums);
    count = AppendHits(mask, g, distances, hits, count);
  }
  return count;
}

// Loops over words that are unrolled are twice as fast for the short codes.
size_t CollectAvx512(const uint64_t* codes, size_t groups, size_t words, const uint64_t* cue,
                     uint32_t bound, HammingHit* hits) {
  switch (words) {
    case 2:
      return CollectWordsAvx512<2>(codes, groups, words, cue, bound, hits);
    case 4:
      return CollectWordsAvx512<4>(codes, groups, words, cue, bound, hits);
    case 5:
      return CollectWordsAvx512<5>(codes, groups, words, cue, bound, hits);
    case 8:
      return CollectWordsAvx512<8>(codes, groups, words, cue, bound, hits);
    case 16:
      return CollectWordsAvx512<16>(codes, groups, words, cue, bound, hits);
    default:
      return CollectWordsAvx512<0>(codes, groups, words, cue, bound, hits);
  }
}

#undef MNEME_AVX2
#undef MNEME_AVX512

#endif  // defined(__x86_64__)

Kernel Get(HammingKernel kernel) {
  switch (kernel) {
    case HammingKernel::kScalar:
      break;
#if defined(__x86_64__)
    case HammingKernel::kAvx2:
      return {.distances = DistancesAvx2, .collect = CollectAvx2};
    case HammingKernel::kAvx512:
      return {.distances = DistancesAvx512, .collect = CollectAvx512};
#else
    case HammingKernel::kAvx2:
    case HammingKernel::kAvx512:
      break;
#endif
  }
  return {.distances = DistancesScalar, .collect = CollectScalar};
}

}  // namespace

bool HasHammingKernel(HammingKernel kernel) {
  switch (kernel) {
    case HammingKernel::kScalar:
      return true;
#if defined(__x86_64__)
    case HammingKernel::kAvx2:
      return __builtin_cpu_supports("avx2") != 0;
    case HammingKernel::kAvx512:
      return __builtin_cpu_supports("avx512f") != 0 &&
             __builtin_cpu_supports("avx512vpopcntdq") != 0;
#else
    case HammingKernel::kAvx2:
    case HammingKernel::kAvx512:
      return false;
#endif
  }
  return false;
}

HammingKernel BestHammingKernel() {
  for (const HammingKernel kernel : {HammingKernel::kAvx512, HammingKernel::kAvx2}) {
    if (HasHammingKernel(kernel)) return kernel;
  }
  return HammingKernel::kScalar;
}

void HammingDistances(HammingKernel kernel, const uint64_t* codes, size_t groups, size_t words,
                      const uint64_t* cue, uint32_t* out) {
  MNEME_DCHECK(HasHammingKernel(kernel));
  Get(kernel).distances(codes, groups, words, cue, out);
}

size_t CollectWithinHamming(HammingKernel kernel, const uint64_t* codes, size_t groups,
                            size_t words, const uint64_t* cue, uint32_t bound, HammingHit* hits) {
  MNEME_DCHECK(HasHammingKernel(kernel));
  return Get(kernel).collect(codes, groups, words, cue, bound, hits);
}

}  // namespace mneme::math
