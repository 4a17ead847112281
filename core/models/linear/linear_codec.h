// The learned state of a linear memory as bytes, little-endian, no padding.
//
// Version 2:
//   8  "MNLINEAR"
//   4  version (2)
//   1  rule (1 CMM, 2 ridge, 3 decayed, 4 delta, 5 gated delta, 6 RLS, 7 TAM, 8 federated)
//   1  keys are brought to unit length (0, 1)
//   1  responses are brought to unit length (0, 1)
//   1  statistics are fast (0, 1)
//   1  lambda is fixed by the spec (0, 1)
//   8  key dimension d_k
//   8  response dimension d_v
//   8  partitions of a generation
//   8  lambda, float64; 0 where it is not fixed
//   8  beta, float64
//   8  gamma, float64
//   8  numbers of the key mean: 0 or d_k, and that many float32
//   8  generations, and for each
//   8  the row number at which it begins (0 for the first)
//   then each partition of each generation:
//   8  bytes, and that many: what its learner saves (Save in the header of the learner)
//
// Version 1 had two rules and no more than these: magic, version (1), rule, the two flags, lambda
// is fixed, d_k, d_v, partitions, lambda; then each partition as its learner saves it now, without
// its number of bytes. It is still read.
//
// The storage adds the checksum. A reader refuses a version it does not know.
#ifndef MNEME_CORE_MODELS_LINEAR_LINEAR_CODEC_H_
#define MNEME_CORE_MODELS_LINEAR_LINEAR_CODEC_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/bytes.h"
#include "core/math/matrix.h"
#include "core/models/spec.h"

namespace mneme::models {

// Partition by partition, what its learner saves.
std::string EncodeLinearState(const MemorySpec& spec, std::span<const uint64_t> generation_starts,
                              const std::vector<std::string>& partitions);

struct LinearState {
  std::vector<uint64_t> generation_starts;
  // Of all partitions, in order; point into the blob. Version 1 does not say where a partition
  // ends: one entry then holds them all.
  std::vector<std::string_view> partitions;
  bool one_entry = false;
};

// DataLoss (reason STATE) when the bytes are not such a state, are cut, or belong to another spec.
absl::StatusOr<LinearState> DecodeLinearState(const MemorySpec& spec, std::string_view blob);

// DataLoss (reason STATE): what the state has, found and expected.
absl::Status LinearStateDamaged(std::string_view what, std::string_view given,
                                std::string_view expected);

// A number of rows, added less subtracted. Taking gives DataLoss for one that no memory can have.
absl::StatusOr<int64_t> TakeRowCount(ByteReader& in);
// Numbers as they lie in memory. Taking gives DataLoss when they are cut, not finite, or so large
// that no sum of float32 products is: what is computed of them stays finite.
void PutNumbers(std::span<const double> numbers, ByteWriter& out);
absl::Status TakeNumbers(ByteReader& in, std::span<double> numbers);
void PutNumbers(std::span<const float> numbers, ByteWriter& out);
absl::Status TakeNumbers(ByteReader& in, std::span<float> numbers);
// A symmetric matrix: its lower triangle, row by row.
void PutLowerTriangle(const MatrixD& m, ByteWriter& out);
absl::Status TakeLowerTriangle(ByteReader& in, MatrixD& m);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_LINEAR_LINEAR_CODEC_H_
