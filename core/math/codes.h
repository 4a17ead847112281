// Vectors as one byte a number, with bounds on what that leaves out: the scan of a quarter of the
// bytes that proves which rows need no look in float32.
//
// A row x is kept as int8 codes c with a scale s: x' = s c. A cue q likewise. Then
//   |q·x - q'·x'| <= |q - q'| |x| + |q'| |x - x'|
// whatever the vectors are, and the products of codes are exact integers.
//
// Layout: groups of 16 rows, interleaved by 4 numbers: byte (k * 16 + lane) * 4 + j of a group is
// number 4 k + j of its row `lane`. So one load of 64 bytes meets 4 numbers of the cue in 16 rows,
// and no sum goes across lanes. Numbers beyond the dimension are 0.
//
// Instruction sets: products by AVX-512 VNNI, AVX2 or plain loops, which give the same integers;
// the rest by Highway. Chosen at run time. Threads: pure functions.
#ifndef MNEME_CORE_MATH_CODES_H_
#define MNEME_CORE_MATH_CODES_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace mneme::math {

inline constexpr size_t kCodeGroup = 16;  // rows
// Beyond this dimension a sum of products might leave int32.
inline constexpr size_t kCodeDimMax = 65'536;

// Bytes that a vector's codes take.
constexpr size_t CodeBytes(size_t dim) { return (dim + 3) / 4 * 4; }
// Bytes of the groups of `rows` rows.
constexpr size_t CodeGroupBytes(size_t rows, size_t dim) {
  return (rows + kCodeGroup - 1) / kCodeGroup * kCodeGroup * CodeBytes(dim);
}

// What is known of a coded vector.
struct CodeBounds {
  float scale = 0;  // x' = scale * codes
  float error = 0;  // |x - x'| is at most this
  float norm = 0;   // |x| is at most this
  bool known() const { return error < std::numeric_limits<float>::max(); }
  int32_t offset = 0;  // -128 times the sum of the codes: a cue's codes have 128 added
};

// Codes of x [dim], finite, into lane `lane` of a group. A vector whose squares leave float32,
// above or below, gets codes 0 and bounds that are not known(): they bound nothing.
CodeBounds EncodeRow(const float* x, size_t dim, size_t lane, int8_t* group);

// A cue, coded with 128 added to each code, as the kernels take it.
struct CodedCue {
  std::vector<uint8_t> codes;  // [CodeBytes(dim)]
  CodeBounds bounds;
};
CodedCue EncodeCue(const float* q, size_t dim);

// out[c * out_stride + i] = Σ_j (cues[c][j] - 128) * code of row i, exact, for `groups` groups of
// rows and `cue_count` cues (pointers to CodeBytes(dim) bytes each).
//
// `offsets` [groups * 16]: CodeBounds::offset of each row.
// Cost     one pass over the groups' bytes for up to 8 cues.
// Source   the bound is the triangle inequality; int8 dot products: Intel's VPDPBUSD.
void CodeDots(const int8_t* groups_begin, size_t groups, size_t dim, const int32_t* offsets,
              const uint8_t* const* cues, size_t cue_count, int32_t* out, size_t out_stride);

// How scores follow from products of codes. With rows of scale s, error e and norm n:
//   centre = dot * s * (product) + squared_norm * n² + constant
//   |score - centre| <= norm_error * n + code_error * e + squared_norm_error * n² + constant_error
struct CodeScoreTerms {
  float dot = 0;
  float squared_norm = 0;
  float constant = 0;
  float norm_error = 0;
  float code_error = 0;
  float squared_norm_error = 0;
  float constant_error = 0;
};
// Columns of coded rows, an entry a row.
struct CodedRows {
  const float* scales = nullptr;
  const float* errors = nullptr;
  const float* norms = nullptr;
  const float* squared_norms = nullptr;
};
// centre[i] and upper[i] = centre[i] + its bound, for n rows from their products. Gives the largest
// bound.
float CodeScores(const CodeScoreTerms& terms, const CodedRows& rows, const int32_t* products,
                 size_t n, float* centre, float* upper);

// For tests: CodeDots by one instruction set; false where this machine has not got it.
enum class CodeTarget { kPlain, kAvx2, kAvx512Vnni };
bool CodeDotsBy(CodeTarget target, const int8_t* groups_begin, size_t groups, size_t dim,
                const int32_t* offsets, const uint8_t* const* cues, size_t cue_count, int32_t* out,
                size_t out_stride);

}  // namespace mneme::math

#endif  // MNEME_CORE_MATH_CODES_H_
