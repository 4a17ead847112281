// Rows and cues on their way into a linear memory: which rows a partition takes, and as what
// numbers.
//
// Pure functions. Thread-safe.
#ifndef MNEME_CORE_MODELS_LINEAR_LINEAR_ROWS_H_
#define MNEME_CORE_MODELS_LINEAR_LINEAR_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "core/math/matrix.h"
#include "core/models/linear/linear_sums.h"
#include "core/models/linear/partition_router.h"
#include "core/models/model.h"
#include "core/models/spec.h"

namespace mneme::models {

// The rows of a block that one partition takes, ascending.
struct PartitionRows {
  size_t partition = 0;
  std::vector<uint32_t> rows;
};

// Groups the rows of a block; partitions ascend, those without rows are left out.
std::vector<PartitionRows> GroupRows(const RowBlock& block, const PartitionRouter& router);

// x / |x|, to float32 rounding. False, and zero, for zero.
bool Normalize(std::span<const float> x, std::span<float> unit);

// How keys, and cues alike, come into the frame of W: less the mean of the spec, then brought to
// unit length where the spec says so.
class KeyFrame {
 public:
  KeyFrame() = default;  // as they are
  explicit KeyFrame(const LinearSpec& spec)
      : normalize_(spec.normalize_keys), mean_(spec.key_mean) {}

  bool normalizes() const { return normalize_; }
  // False where Apply only copies.
  bool changes() const { return normalize_ || !mean_.empty(); }
  // To float32 rounding; the mean is taken off in float64. False, and zero, where there is no
  // direction: x is zero, or the mean.
  bool Apply(std::span<const float> x, std::span<float> out) const;
  // times * Apply, for float64 without a rounding to float32 between.
  template <typename T>
  bool Apply(std::span<const float> x, double times, std::span<T> out) const;

 private:
  bool normalize_ = false;
  std::vector<float> mean_;  // empty: none
};

// Some rows of a block that go into one partition, in log order. Borrows all it names.
struct LearnerRows {
  // At most this many at a time: bounds the scratch memory.
  static constexpr size_t kRowsMax = 1024;

  const RowBlock& block;
  std::span<const uint32_t> rows;  // of the block, ascending
  const KeyFrame& key_frame;
  bool normalize_responses = true;

  size_t size() const { return rows.size(); }
  LearnerRows slice(size_t first, size_t count) const {
    return {block, rows.subspan(first, count), key_frame, normalize_responses};
  }
  uint64_t row_number(size_t i) const { return block.row_numbers[rows[i]]; }
  double weight(size_t i) const { return block.weights.empty() ? 1 : block.weights[rows[i]]; }
};

// Rows as numbers of a learner: keys and responses in their frames, times the square root of their
// weights where asked for (so that weights are nowhere else in sums).
template <typename T>
class ScaledBlock {
 public:
  enum class Weights { kTaken, kIgnored };

  explicit ScaledBlock(const LearnerRows& rows, Weights weights = Weights::kTaken);
  // The same for other rows, no more than at first: without another allocation.
  void Fill(const LearnerRows& rows, Weights weights = Weights::kTaken);

  BasicScaledRows<T> rows() const {
    return {keys_.view().slice(0, count_), responses_.view().slice(0, count_)};
  }
  // Multiplies key and response of a row.
  void Multiply(size_t i, T factor);

 private:
  BasicMatrix<T> keys_;
  BasicMatrix<T> responses_;
  size_t count_ = 0;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_LINEAR_LINEAR_ROWS_H_
