// Cues on their way into the passes: what of each is known, and the state that it begins as.
#ifndef MNEME_CORE_MODELS_DENSE_CUE_ENCODING_H_
#define MNEME_CORE_MODELS_DENSE_CUE_ENCODING_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"

namespace mneme::models {

// Which coordinates of a batch of cues are known.
//
// Threads  immutable. The mask's bytes must outlive this.
class KnownCoordinates {
 public:
  // `mask` as in CueBatch: a row of ceil(dim / 8) bytes a cue; empty: all are known.
  KnownCoordinates(std::span<const uint8_t> mask, size_t cues, size_t dim);

  bool Has(size_t cue, size_t j) const { return (mask_[cue * row_bytes_ + j / 8] >> (j % 8)) & 1; }
  // Whether some coordinate of this cue is unknown.
  bool IsMasked(size_t cue) const { return !masked_.empty() && masked_[cue]; }
  bool AnyMasked() const { return !masked_.empty(); }

 private:
  std::span<const uint8_t> mask_;
  size_t row_bytes_;
  std::vector<bool> masked_;
};

// The cue as it is compared: unknown coordinates 0; `unit`: brought to length 1.
//
// Errors   InvalidArgument: no coordinate is known (MASK_EMPTY), or a direction is wanted of a cue
//          that has none (ZERO_VECTOR).
template <typename T>
absl::Status EncodeCue(const KnownCoordinates& known, size_t cue, bool unit,
                       std::span<const T> from, std::span<T> state);

// InvalidArgument (NOT_BINARY): a known coordinate that is neither 1 nor -1.
template <typename T>
absl::Status CheckBinaryCue(const KnownCoordinates& known, size_t cue, std::span<const T> from);

template <typename T>
T LargestCoordinate(std::span<const T> x);
// To length 1; a zero vector stays.
template <typename T>
void NormaliseRow(std::span<T> x);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_CUE_ENCODING_H_
