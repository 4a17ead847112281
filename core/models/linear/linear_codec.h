// The learned state of a linear memory as bytes.
//
// Version 1, little-endian, no padding:
//   8  "MNLINEAR"
//   4  version (1)
//   1  rule (1 correlation matrix, 2 ridge)
//   1  keys are brought to unit length (0, 1)
//   1  responses are brought to unit length (0, 1)
//   1  lambda is fixed by the spec (0, 1)
//   8  key dimension d_k
//   8  response dimension d_v
//   8  number of partitions
//   8  lambda, float64; 0 where it is not fixed
//   then each partition:
//   8  n, signed
//   8 d_v d_k            A, float64, row-major
//   4 d_k (d_k + 1)      C, float64, the lower triangle row by row; ridge only
// The storage adds the checksum. A reader refuses a version it does not know.
#ifndef MNEME_CORE_MODELS_LINEAR_LINEAR_CODEC_H_
#define MNEME_CORE_MODELS_LINEAR_LINEAR_CODEC_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/models/linear/linear_sums.h"
#include "core/models/spec.h"

namespace mneme::models {

using SumsList = std::vector<std::reference_wrapper<const LinearSums>>;

std::string EncodeLinearState(const MemorySpec& spec, const SumsList& partitions);

// DataLoss (reason STATE) when the bytes are not such a state, are cut, hold numbers that are not
// finite, or belong to another spec.
absl::StatusOr<std::vector<LinearSums>> DecodeLinearState(const MemorySpec& spec,
                                                          std::string_view blob);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_LINEAR_LINEAR_CODEC_H_
