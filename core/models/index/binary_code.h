// Keys and cues as signs of random projections: how codes are made, and what a distance between
// them says.
//
//   bits of k = sign( A (k/|k| - mu) )
//
// A stacks random orthonormal blocks (core/math/rotation.h); mu is the mean of the directions of
// the rows at hand when the code was made, and frozen with it: every part of a memory has to use
// one code. The expected distance of two codes is bits * angle / pi, for the angle of the centred
// vectors.
//
// What ranks by an angle can be coded: cosine as it is; dot and L2 where the keys' lengths differ
// by less than 1 %. Otherwise vectors get one more coordinate:
//   dot   (k, sqrt(R² - |k|²)) with the cue (q, 0), R the largest length: the angle's cosine is the
//         inner product over R|q|
//   L2    (k - mu, h) with the cue (q - mu, h), h a share of the root mean square length: planes
//         that miss the mean, so that lengths tell as directions do. Near vectors have near codes;
//         of the exact transformation, (k, -|k|²/2) with (q, 1) made cosine by two coordinates,
//         half the bits go to what all keys share (a recall of 0.83 where this has 0.99, and
//         directions alone 0.96)
// A later key whose length is longer than R, or leaves the 1 %, is coded as well as may be;
// Covers() tells, and a new code is due.
//
// Threads     immutable.
// Cost        a key: 2 * bits * dim flop.
#ifndef MNEME_CORE_MODELS_INDEX_BINARY_CODE_H_
#define MNEME_CORE_MODELS_INDEX_BINARY_CODE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/math/matrix.h"
#include "core/models/spec.h"
#include "core/models/store/explicit_store.h"

namespace mneme::models {

inline constexpr size_t kCodeBitsMax = 4096;
inline constexpr size_t kCodeSampleRows = 65536;  // mu and lengths are taken from so many at most

// The next multiple of 64 above 2.5 * dim, from 256 to kCodeBitsMax.
size_t AutomaticCodeBits(size_t dim);

struct BinaryCodeSpec {
  // A multiple of 64 up to kCodeBitsMax. 0: AutomaticCodeBits of the keys.
  size_t bits = 0;
  uint64_t rotation_seed = 1;
  bool centred = true;
};

class BinaryCode {
 public:
  // InvalidArgument: bits (BITS), l1 (METRIC), a row without a direction (ZERO_VECTOR), or one that
  // is not finite (NOT_FINITE). FailedPrecondition (TOO_FEW_ROWS): there is no live row to learn
  // mu from.
  static absl::StatusOr<std::shared_ptr<const BinaryCode>> Make(const BinaryCodeSpec& spec,
                                                                Similarity similarity,
                                                                const StoreView& rows);

  size_t key_dim() const { return key_dim_; }
  size_t bits() const { return rotation_.rows(); }
  size_t words() const { return bits() / 64; }
  const BinaryCodeSpec& spec() const { return spec_; }
  Similarity similarity() const { return similarity_; }
  uint64_t bytes() const { return rotation_.bytes() + mean_.size() * sizeof(float); }

  // codes [rows, words], bit i of a row in word i / 64. A row's code does not depend on the rows
  // beside it. InvalidArgument naming the row (by its number, or as a cue), as Make does.
  absl::Status EncodeKeys(MatrixView keys, std::span<const uint64_t> row_numbers,
                          std::span<uint64_t> codes) const;
  absl::Status EncodeCues(MatrixView cues, std::span<uint64_t> codes) const;

  bool Covers(std::span<const float> key) const;

  // cos(pi * distance / bits), what codes alone say of the cosine.
  double EstimatedCosine(uint32_t distance) const;

 private:
  enum class Extension { kNone, kDot, kL2 };
  struct Lengths;

  BinaryCode(const BinaryCodeSpec& spec, Similarity similarity, size_t key_dim,
             const Lengths& lengths);

  size_t extended_dim() const { return key_dim_ + ExtraCoordinates(extension_); }
  static size_t ExtraCoordinates(Extension extension);
  // The direction whose signs are taken, before centring. False: there is none.
  bool KeyDirection(std::span<const float> key, std::span<float> out) const;
  bool CueDirection(std::span<const float> cue, std::span<float> out) const;
  void Signs(std::span<float> direction, std::span<float> projections,
             std::span<uint64_t> code) const;
  void LearnMean(const std::vector<std::span<const float>>& sample);

  BinaryCodeSpec spec_;
  Similarity similarity_;
  size_t key_dim_;
  Extension extension_ = Extension::kNone;
  double least_length_ = 0;  // that keys may have, without an extension
  double most_length_ = 0;   // likewise
  double radius_ = 1;        // R of dot, root mean square length of L2
  std::vector<float> mean_;
  Matrix rotation_;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_INDEX_BINARY_CODE_H_
