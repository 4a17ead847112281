// What an index is measured against: all rows scored by the matrix library, the best selected.
#ifndef MNEME_TESTS_LAB_FLOAT_SCAN_H_
#define MNEME_TESTS_LAB_FLOAT_SCAN_H_

#include <cstddef>
#include <vector>

#include "core/math/matrix.h"
#include "core/models/store/explicit_store.h"

namespace mneme::lab {

// Inner products with the rows of one matrix, the i-th numbered i, on the caller's thread. Not
// thread-safe: it keeps its buffers.
class FloatScan {
 public:
  // `rows` and `store`, which holds the same ones, must outlive this.
  FloatScan(MatrixView rows, const models::StoreView& store) : rows_(rows), store_(store) {}

  // gemv for one cue, gemm for more: scores of a block of rows at a time, each kept to the next.
  void Score(MatrixView cues);
  // The same, and the k best of each cue, best first; scored again row by row.
  std::vector<std::vector<models::ScoredRow>> Top(MatrixView cues, size_t k);

 private:
  void ScoreBlock(MatrixView cues, size_t first, size_t count);

  MatrixView rows_;
  const models::StoreView& store_;
  std::vector<float> scores_;    // [cues, rows of a block]
  std::vector<uint32_t> index_;  // of the rows of a block that may be among the best
};

// Milliseconds to read so many bytes once, by one thread: the best of a few.
double ReadingFloorMs(size_t bytes);

}  // namespace mneme::lab

#endif  // MNEME_TESTS_LAB_FLOAT_SCAN_H_
