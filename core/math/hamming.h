// Hamming distances of bit codes, eight rows at a time, with the selection of the near ones fused
// in.
//
// Codes lie in groups of 8 rows, word-major: word w of the 8 rows of group g is at
// codes[(g * words + w) * 8 .. + 8], 64-byte aligned. One load, xor, population count and addition
// then serve 8 rows and 64 bits, and distances go from registers to a comparison, not to memory.
//
// Shapes   codes of `groups` groups, cue of `words` words of 64 bits.
// Errors   none. A kernel that this machine does not have must not be asked for.
// Cost     groups * words * 64 bytes read, once.
// Threads  pure functions.
// Source   the scan of an associative memory in two stages (CAMformer), in software.
//          All kernels give the same integers.
#ifndef MNEME_CORE_MATH_HAMMING_H_
#define MNEME_CORE_MATH_HAMMING_H_

#include <cstddef>
#include <cstdint>

namespace mneme::math {

inline constexpr size_t kHammingGroup = 8;

enum class HammingKernel {
  kScalar,  // a population count a word
  kAvx2,    // counts of nibbles from a table of 16
  kAvx512,  // VPOPCNTDQ
};

bool HasHammingKernel(HammingKernel kernel);
// The fastest that this machine has.
HammingKernel BestHammingKernel();

struct HammingHit {
  uint32_t row;  // counted from the first group
  uint32_t distance;
};

// out[i]: the distance of the cue to row i, for 8 * groups rows.
void HammingDistances(HammingKernel kernel, const uint64_t* codes, size_t groups, size_t words,
                      const uint64_t* cue, uint32_t* out);

// The rows within `bound` of the cue, ascending; `hits` has room for 8 * groups. Gives their
// number.
size_t CollectWithinHamming(HammingKernel kernel, const uint64_t* codes, size_t groups,
                            size_t words, const uint64_t* cue, uint32_t bound, HammingHit* hits);

}  // namespace mneme::math

#endif  // MNEME_CORE_MATH_HAMMING_H_
