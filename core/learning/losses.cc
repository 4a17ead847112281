#include "core/learning/losses.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/status.h"
#include "core/learning/row_blocks.h"
#include "core/math/blas.h"
#include "core/math/kernels.h"

namespace mneme::learning {
namespace {

using math::Transpose;

constexpr size_t kBlockScores = size_t{1} << 19;
constexpr size_t kBlockRowsMin = 32;
constexpr size_t kBlockRowsMax = 1024;

// R = Q W^T of `count` cues from `first` on.
void Read(MatrixView w, const Batch& batch, size_t first, size_t count, Matrix& reads) {
  math::Gemm(Transpose::kNo, Transpose::kYes, count, w.rows, w.cols, 1.0f,
             batch.queries.row(first).data(), w.cols, w.data, w.cols, 0.0f, reads.data(), w.rows);
}

// gradient += factor * Z^T Q.
void AddOuter(float factor, const Matrix& errors, const Batch& batch, size_t first, size_t count,
              Matrix& gradient) {
  const size_t d_v = gradient.rows(), d_k = gradient.cols();
  math::Gemm(Transpose::kYes, Transpose::kNo, d_v, d_k, count, factor, errors.data(), d_v,
             batch.queries.row(first).data(), d_k, 1.0f, gradient.data(), d_k);
}

template <typename Worker>
void SumGradients(std::vector<Worker>& workers, Matrix* gradient) {
  if (gradient == nullptr) return;
  *gradient = std::move(workers[0].gradient);
  for (size_t t = 1; t < workers.size(); ++t) {
    math::AddScaled(1.0f, workers[t].gradient.data(), gradient->data(), gradient->flat().size());
  }
}

double Mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

}  // namespace

struct CrossEntropyLoss::Worker {
  Matrix reads, scores;
  Matrix gradient;
};

CrossEntropyLoss::CrossEntropyLoss(MatrixView codebook, double temperature, int threads)
    : codebook_(codebook), temperature_(temperature), threads_(threads) {
  MNEME_CHECK(temperature > 0 && threads >= 1);
}

CrossEntropyLoss::~CrossEntropyLoss() = default;

void CrossEntropyLoss::RunBlock(MatrixView w, const Batch& batch, size_t first, size_t count,
                                bool gradient, Worker& worker) {
  const size_t d_v = w.rows, columns = codebook_.rows;
  Read(w, batch, first, count, worker.reads);
  math::Gemm(Transpose::kNo, Transpose::kYes, count, columns, d_v,
             static_cast<float>(1 / temperature_), worker.reads.data(), d_v, codebook_.data, d_v,
             0.0f, worker.scores.data(), columns);
  for (size_t i = 0; i < count; ++i) {
    float* const scores = worker.scores.row(i).data();
    const size_t target = batch.target(first + i);
    const float own = scores[target], most = math::Max(scores, columns);
    const float sum = math::ExpShift(most, scores, columns).sum;
    losses_[first + i] =
        std::log(static_cast<double>(sum)) + (static_cast<double>(most) - static_cast<double>(own));
    if (!gradient) continue;
    math::Scale(1 / sum, scores, columns);
    scores[target] -= 1;
  }
  if (!gradient) return;
  math::Gemm(Transpose::kNo, Transpose::kNo, count, d_v, columns, 1.0f, worker.scores.data(),
             columns, codebook_.data, d_v, 0.0f, worker.reads.data(), d_v);
  const double factor = 1 / (temperature_ * static_cast<double>(batch.queries.rows));
  AddOuter(static_cast<float>(factor), worker.reads, batch, first, count, worker.gradient);
}

absl::StatusOr<double> CrossEntropyLoss::Evaluate(MatrixView w, const Batch& batch,
                                                  Matrix* gradient) {
  MNEME_CHECK(w.rows == codebook_.cols && w.cols == batch.queries.cols);
  const size_t columns = codebook_.rows;
  const size_t block = std::clamp(kBlockScores / columns, kBlockRowsMin, kBlockRowsMax);
  const RowBlocks blocks = RowBlocks::Split(batch.queries.rows, block, kBlockRowsMin, threads_);
  losses_.resize(batch.queries.rows);
  workers_.resize(blocks.threads);
  for (Worker& worker : workers_) {
    if (worker.scores.rows() != blocks.block) {
      worker.reads = Matrix(blocks.block, w.rows);
      worker.scores = Matrix(blocks.block, columns);
    }
    if (gradient != nullptr) worker.gradient = Matrix(w.rows, w.cols);
  }
  const bool done = ForEachBlock(
      blocks, [this] { return KeepGoing(); },
      [&](size_t thread, size_t first, size_t count) {
        RunBlock(w, batch, first, count, gradient != nullptr, workers_[thread]);
      });
  if (!done) return TrainingCancelled();
  SumGradients(workers_, gradient);
  return Mean(losses_);
}

struct LeastSquaresLoss::Worker {
  Matrix errors;
  Matrix gradient;
};

LeastSquaresLoss::LeastSquaresLoss(MatrixView codebook, int threads)
    : codebook_(codebook), threads_(threads) {
  MNEME_CHECK(threads >= 1);
}

LeastSquaresLoss::~LeastSquaresLoss() = default;

absl::StatusOr<double> LeastSquaresLoss::Evaluate(MatrixView w, const Batch& batch,
                                                  Matrix* gradient) {
  MNEME_CHECK(w.rows == codebook_.cols && w.cols == batch.queries.cols);
  const RowBlocks blocks =
      RowBlocks::Split(batch.queries.rows, kBlockRowsMax, kBlockRowsMin, threads_);
  const float share = 1 / static_cast<float>(batch.queries.rows);
  losses_.resize(batch.queries.rows);
  workers_.resize(blocks.threads);
  for (Worker& worker : workers_) {
    if (worker.errors.rows() != blocks.block) worker.errors = Matrix(blocks.block, w.rows);
    if (gradient != nullptr) worker.gradient = Matrix(w.rows, w.cols);
  }
  const bool done = ForEachBlock(
      blocks, [this] { return KeepGoing(); },
      [&](size_t thread, size_t first, size_t count) {
        Worker& worker = workers_[thread];
        Read(w, batch, first, count, worker.errors);
        for (size_t i = 0; i < count; ++i) {
          float* const error = worker.errors.row(i).data();
          math::AddScaled(-1.0f, codebook_.row(batch.target(first + i)).data(), error, w.rows);
          losses_[first + i] = math::SquaredNorm(error, w.rows) / 2.0;
        }
        if (gradient != nullptr) {
          AddOuter(share, worker.errors, batch, first, count, worker.gradient);
        }
      });
  if (!done) return TrainingCancelled();
  SumGradients(workers_, gradient);
  return Mean(losses_);
}

}  // namespace mneme::learning
