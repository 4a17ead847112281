#include "core/models/dense/cue_encoding.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/math/kernels.h"

namespace mneme::models {
namespace {

absl::Status ZeroCue(size_t cue) {
  return InvalidArgument(
      absl::StrCat("cue ", cue, " is zero where it is known, and has no direction"),
      {.reason = "ZERO_VECTOR",
       .given = "a cue of length 0",
       .expected = "a cue of positive length, for similarity COSINE and state SPHERE",
       .next_step = "Leave this cue out, or use a memory with similarity L2."});
}

absl::Status NothingKnown(size_t cue) {
  return InvalidArgument(absl::StrCat("cue ", cue, " has no known coordinate"),
                         {.reason = "MASK_EMPTY",
                          .given = "a mask without a set bit",
                          .expected = "at least one known coordinate",
                          .next_step = "Set the bits of the coordinates that are known."});
}

}  // namespace

KnownCoordinates::KnownCoordinates(std::span<const uint8_t> mask, size_t cues, size_t dim)
    : mask_(mask), row_bytes_((dim + 7) / 8) {
  if (mask.empty()) return;
  masked_.assign(cues, false);
  for (size_t cue = 0; cue < cues; ++cue) {
    for (size_t j = 0; j < dim && !masked_[cue]; ++j) masked_[cue] = !Has(cue, j);
  }
}

template <typename T>
T LargestCoordinate(std::span<const T> x) {
  T largest = 0;
  for (const T value : x) largest = std::max(largest, std::abs(value));
  return largest;
}

template <typename T>
void NormaliseRow(std::span<T> x) {
  T squared = math::SquaredNorm(x.data(), x.size());
  // The direction is there even where the squares leave the range of T.
  if (!std::isfinite(squared) || squared < 1 / std::sqrt(std::numeric_limits<T>::max())) {
    const T largest = LargestCoordinate<T>(x);
    if (largest == 0) return;
    for (T& value : x) value /= largest;
    squared = math::SquaredNorm(x.data(), x.size());
  }
  math::Scale(1 / std::sqrt(squared), x.data(), x.size());
}

template <typename T>
absl::Status EncodeCue(const KnownCoordinates& known, size_t cue, bool unit,
                       std::span<const T> from, std::span<T> state) {
  std::copy(from.begin(), from.end(), state.begin());
  if (known.IsMasked(cue)) {
    bool any = false;
    for (size_t j = 0; j < state.size(); ++j) {
      const bool is_known = known.Has(cue, j);
      any = any || is_known;
      if (!is_known) state[j] = 0;
    }
    if (!any) return NothingKnown(cue);
  }
  if (!unit) return absl::OkStatus();
  if (LargestCoordinate<T>(state) == 0) return ZeroCue(cue);
  NormaliseRow(state);
  return absl::OkStatus();
}

template <typename T>
absl::Status CheckBinaryCue(const KnownCoordinates& known, size_t cue, std::span<const T> from) {
  for (size_t j = 0; j < from.size(); ++j) {
    if (from[j] == 1 || from[j] == -1 || (known.IsMasked(cue) && !known.Has(cue, j))) continue;
    return InvalidArgument(
        absl::StrCat("cue ", cue, " has ", from[j], " in column ", j),
        {.reason = "NOT_BINARY",
         .given = absl::StrCat(from[j]),
         .expected = "1 or -1, for state BINARY",
         .next_step = "Send bits as 1 and -1, and mask those that are not known."});
  }
  return absl::OkStatus();
}

template float LargestCoordinate(std::span<const float>);
template double LargestCoordinate(std::span<const double>);
template void NormaliseRow(std::span<float>);
template void NormaliseRow(std::span<double>);
template absl::Status CheckBinaryCue(const KnownCoordinates&, size_t, std::span<const float>);
template absl::Status CheckBinaryCue(const KnownCoordinates&, size_t, std::span<const double>);
template absl::Status EncodeCue(const KnownCoordinates&, size_t, bool, std::span<const float>,
                                std::span<float>);
template absl::Status EncodeCue(const KnownCoordinates&, size_t, bool, std::span<const double>,
                                std::span<double>);

}  // namespace mneme::models
