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

#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "core/base/bytes.h"
#include "core/math/matrix.h"
#include "core/models/spec.h"

namespace mneme::models {

// Everything before the first partition; a state belongs to a spec when these bytes are equal.
std::string EncodeLinearHeader(const MemorySpec& spec);
// Reads past it. DataLoss where it is that of another version or spec, or of no state at all.
absl::Status TakeLinearHeader(const MemorySpec& spec, ByteReader& in);

// DataLoss (reason STATE): what the state has, found and expected.
absl::Status LinearStateDamaged(std::string_view what, std::string_view given,
                                std::string_view expected);

// Numbers as they lie in memory. Taking gives DataLoss when they are cut or not finite.
void PutNumbers(std::span<const double> numbers, ByteWriter& out);
absl::Status TakeNumbers(ByteReader& in, std::span<double> numbers);
void PutNumbers(std::span<const float> numbers, ByteWriter& out);
absl::Status TakeNumbers(ByteReader& in, std::span<float> numbers);
// A symmetric matrix: its lower triangle, row by row.
void PutLowerTriangle(const MatrixD& m, ByteWriter& out);
absl::Status TakeLowerTriangle(ByteReader& in, MatrixD& m);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_LINEAR_LINEAR_CODEC_H_
