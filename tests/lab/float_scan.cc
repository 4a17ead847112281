#include "tests/lab/float_scan.h"

#include <algorithm>
#include <limits>

#include "core/base/clock.h"
#include "core/math/blas.h"
#include "core/math/kernels.h"
#include "core/math/topk.h"
#include "core/models/index/rescore.h"

namespace mneme::lab {
namespace {

constexpr size_t kBlockRows = 4096;
constexpr size_t kMoreThanAVector = 64;

// By score, then by row.
struct Entry {
  float score = 0;
  uint64_t row = 0;
  bool Precedes(const Entry& other) const { return row < other.row; }
};

}  // namespace

void FloatScan::ScoreBlock(MatrixView cues, size_t first, size_t count) {
  const float* const rows = rows_.row(first).data();
  scores_.resize(cues.rows * kBlockRows);
  if (cues.rows == 1) {
    math::Gemv(math::Transpose::kNo, count, rows_.cols, 1.0f, rows, rows_.cols, cues.data, 0.0f,
               scores_.data());
  } else {
    math::Gemm(math::Transpose::kNo, math::Transpose::kYes, cues.rows, count, rows_.cols, 1.0f,
               cues.data, cues.cols, rows, rows_.cols, 0.0f, scores_.data(), kBlockRows);
  }
}

void FloatScan::Score(MatrixView cues) {
  for (size_t first = 0; first < rows_.rows; first += kBlockRows) {
    ScoreBlock(cues, first, std::min(kBlockRows, rows_.rows - first));
  }
}

std::vector<std::vector<models::ScoredRow>> FloatScan::Top(MatrixView cues, size_t k) {
  // Twice as many as are wanted, so that what a product rounds differently stays in.
  std::vector<math::TopK<Entry>> best(cues.rows, math::TopK<Entry>(2 * k));
  index_.resize(kBlockRows + kMoreThanAVector);
  for (size_t first = 0; first < rows_.rows; first += kBlockRows) {
    const size_t count = std::min(kBlockRows, rows_.rows - first);
    ScoreBlock(cues, first, count);
    for (size_t c = 0; c < cues.rows; ++c) {
      const float* const scores = scores_.data() + c * kBlockRows;
      const float bound =
          std::max(static_cast<float>(best[c].threshold()), std::numeric_limits<float>::lowest());
      const size_t found = math::CollectAtLeast(scores, count, bound, index_.data());
      for (size_t i = 0; i < found; ++i) {
        best[c].Push({.score = scores[index_[i]], .row = first + index_[i]});
      }
    }
  }
  std::vector<models::CandidateList> lists(cues.rows);
  for (size_t c = 0; c < cues.rows; ++c) {
    for (const Entry& entry : best[c].TakeSorted()) lists[c].push_back({.row_number = entry.row});
  }
  return models::RescoreTop(store_, models::Similarity::kDot, cues, lists, k);
}

double ReadingFloorMs(size_t bytes) {
  constexpr int kTries = 9;
  const Matrix memory(1, std::max<size_t>(bytes / sizeof(float), 1));
  const Clock& clock = Clock::Real();
  int64_t best = std::numeric_limits<int64_t>::max();
  float seen = 0;
  for (int i = 0; i < kTries; ++i) {
    const int64_t begin = clock.NowMonotonicNanos();
    seen += math::Max(memory.data(), memory.cols());
    best = std::min(best, clock.NowMonotonicNanos() - begin);
  }
  return static_cast<double>(best) / 1e6 + 0 * static_cast<double>(seen);
}

}  // namespace mneme::lab
