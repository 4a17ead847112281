// Rows on their way into a linear memory: which partition takes them, and as what numbers.
//
// Pure functions. Thread-safe.
#ifndef MNEME_CORE_MODELS_LINEAR_LINEAR_ROWS_H_
#define MNEME_CORE_MODELS_LINEAR_LINEAR_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/math/matrix.h"
#include "core/models/linear/linear_sums.h"
#include "core/models/model.h"
#include "core/models/spec.h"

namespace mneme::models {

// The rows of a block that one partition takes, ascending.
struct PartitionRows {
  size_t partition = 0;
  std::vector<uint32_t> rows;
};

// What decides where a row goes: StableHash mod P of its id, or of the bytes of its key where the
// memory keeps no ids.
enum class PartitionBy { kId, kKeyBytes };

// Groups the rows of a block; partitions ascend, those without rows are left out.
std::vector<PartitionRows> GroupRows(const RowBlock& block, size_t partitions, PartitionBy by);

// x / |x|, computed in float64. False, and zero, for zero.
bool Normalize(std::span<const float> x, std::span<float> unit);

// Some rows of a block in float64, brought to unit length where the spec says so, times the square
// root of their weights.
class ScaledBlock {
 public:
  // At most this many rows at a time: bounds the scratch memory.
  static constexpr size_t kRowsMax = 1024;

  ScaledBlock(const RowBlock& block, std::span<const uint32_t> rows, const LinearSpec& spec);
  ScaledRows rows() const { return {keys_.view(), responses_.view()}; }

 private:
  MatrixD keys_;
  MatrixD responses_;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_LINEAR_LINEAR_ROWS_H_
