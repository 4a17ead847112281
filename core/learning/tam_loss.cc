#include "core/learning/tam_loss.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/base/status.h"
#include "core/learning/row_blocks.h"
#include "core/learning/upper_tail.h"
#include "core/math/blas.h"
#include "core/math/kernels.h"

namespace mneme::learning {
namespace {

using math::Transpose;

constexpr uint32_t kNoColumn = std::numeric_limits<uint32_t>::max();
constexpr size_t kBlockScores = size_t{1} << 19;  // of one block of rows: they should stay in cache
constexpr size_t kBlockRowsMin = 32;
constexpr size_t kBlockRowsMax = 1024;
// Adding up the k rows of a tail one by one costs less than a product with the whole codebook while
// k is below this share of it.
constexpr double kGatherShare = 0.2;
constexpr size_t kPanelBytes = size_t{1} << 19;  // of the codebook, to stay in the second cache
// A slope below this moves no bit of a gradient, but as a denormal number slows every product.
constexpr double kSlopeLeast = 1e-25;

double Softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }
double Sigmoid(double x) {
  return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x));
}

size_t BlockRows(size_t competitors) {
  return std::clamp(kBlockScores / std::max<size_t>(competitors, 1), kBlockRowsMin, kBlockRowsMax);
}

}  // namespace

// What one evaluation compares with; read by all threads.
struct TamLoss::Field {
  MatrixView w;
  const Batch* batch = nullptr;
  MatrixView competitors;  // rows of the codebook, all or some
  size_t list_size = 0;
  float frame = 0;  // theory-frame scores of unit rows
  std::span<const uint32_t> column;

  bool gathers() const {
    return static_cast<double>(list_size) < kGatherShare * static_cast<double>(competitors.rows);
  }
  // Where a codebook row stands among the competitors.
  uint32_t column_of(size_t row) const {
    return column.empty() ? static_cast<uint32_t>(row) : column[row];
  }
};

// Scratch of one thread, kept from one evaluation to the next.
struct TamLoss::Worker {
  void Prepare(const Field& field, size_t rows, bool with_gradient) {
    const size_t columns = field.competitors.rows, d_v = field.w.rows;
    if (scores.rows() != rows || scores.cols() != columns) {
      reads = Matrix(rows, d_v);
      scores = Matrix(rows, columns);
    }
    slopes.resize(with_gradient ? rows : 0);
    if (!with_gradient) return;
    thresholds.resize(rows);
    index.resize(columns + 32);
    if (field.gathers()) {
      tails.resize(rows * field.list_size);
      taken.resize(rows);
    }
    if (errors.rows() != rows) errors = Matrix(rows, d_v);
    gradient = Matrix(d_v, field.w.cols);
  }

  Matrix reads;   // R = frame * Q W^T
  Matrix scores;  // S = R U^T
  TailSelector<float> selector;
  // For the gradient alone.
  std::vector<float> slopes;  // dL/ds_i
  std::vector<float> thresholds;
  std::vector<uint32_t> index;
  std::vector<uint32_t> tails;  // [rows, k]
  std::vector<size_t> taken;    // how many of a tail's rows are summed
  Matrix errors;                // Z: dL/dR
  Matrix gradient;
};

TamLoss::TamLoss(MatrixView codebook, const TamOptions& options)
    : codebook_(codebook), options_(options) {
  MNEME_CHECK(options.list_size >= 1 && options.list_size < codebook.rows);
  MNEME_CHECK(options.threads >= 1);
}

TamLoss::~TamLoss() = default;

TamLoss::Field TamLoss::MakeField(MatrixView w, const Batch& batch) {
  MNEME_CHECK(w.rows == codebook_.cols && w.cols == batch.queries.cols);
  Field field{.w = w, .batch = &batch, .competitors = codebook_, .list_size = options_.list_size};
  field.frame =
      static_cast<float>(std::sqrt(static_cast<double>(w.rows) * static_cast<double>(w.cols)));
  const size_t count = batch.competitors.size();
  if (count == 0) return field;

  MNEME_CHECK(count >= 2);
  chosen_ = Matrix(count, codebook_.cols);
  column_.assign(codebook_.rows, kNoColumn);
  for (size_t j = 0; j < count; ++j) {
    const auto row = codebook_.row(batch.competitors[j]);
    std::copy(row.begin(), row.end(), chosen_.row(j).begin());
    column_[batch.competitors[j]] = static_cast<uint32_t>(j);
  }
  const double share =
      static_cast<double>(options_.list_size) / static_cast<double>(codebook_.rows - 1);
  field.competitors = chosen_;
  field.column = column_;
  field.list_size = std::clamp<size_t>(
      static_cast<size_t>(std::ceil(share * static_cast<double>(count))), 1, count - 1);
  return field;
}

// The k largest competitors of each row, and with them the margins and the slopes of the loss.
void TamLoss::SelectTails(const Field& field, size_t first, size_t count, Worker& worker) {
  const size_t d_v = field.w.rows, columns = field.competitors.rows, k = field.list_size;
  const double batch_size = static_cast<double>(field.batch->queries.rows);
  for (size_t i = 0; i < count; ++i) {
    const size_t target = field.batch->target(first + i);
    const float* read = worker.reads.row(i).data();
    float* scores = worker.scores.row(i).data();
    TailMargin& result = margins_[first + i];
    result.score = math::Dot(codebook_.row(target).data(), read, d_v);
    if (const uint32_t own = field.column_of(target); own != kNoColumn) {
      scores[own] = -std::numeric_limits<float>::infinity();
    }
    const float spread = std::sqrt(math::SquaredNorm(read, d_v) / static_cast<float>(d_v));
    const UpperTail<float> tail = worker.selector.Select(scores, columns, k, spread);
    result.tail_average = static_cast<float>(tail.sum / static_cast<double>(k));
    if (worker.slopes.empty()) continue;
    worker.thresholds[i] = tail.threshold;
    const double slope = -Sigmoid(-static_cast<double>(result.margin())) / batch_size;
    worker.slopes[i] = slope < -kSlopeLeast ? static_cast<float>(slope) : 0.0f;
  }
}

// The sums of the tails' rows, row by row. Panel by panel of the codebook, so that the rows that
// many tails share are read from the nearest cache; a tail's indices ascend, so each panel has one
// run.
void TamLoss::GatherTails(const Field& field, size_t count, Worker& worker) {
  const size_t d_v = field.w.rows, columns = field.competitors.rows, k = field.list_size;
  const auto tail = [&](size_t i) { return worker.tails.data() + i * k; };
  for (size_t i = 0; i < count; ++i) {
    worker.taken[i] = k;  // of a row without a slope: there is nothing to take
    if (worker.slopes[i] == 0 || !std::isfinite(worker.thresholds[i])) continue;
    TailIndices(worker.scores.row(i).data(), columns, k, worker.thresholds[i], worker.index.data());
    std::copy_n(worker.index.data(), k, tail(i));
    worker.taken[i] = 0;
  }
  const size_t panel = std::max<size_t>(kPanelBytes / (d_v * sizeof(float)), 1);
  for (size_t end = panel; end < columns + panel; end += panel) {
    for (size_t i = 0; i < count; ++i) {
      const uint32_t* const from = tail(i) + worker.taken[i];
      const uint32_t* const to = std::lower_bound<const uint32_t*>(from, tail(i) + k, end);
      math::AddRows(field.competitors.data, d_v, from, static_cast<size_t>(to - from), d_v,
                    worker.errors.row(i).data());
      worker.taken[i] += static_cast<size_t>(to - from);
    }
  }
}

// The same sums by a product: each row of scores becomes ones for its tail, zero elsewhere.
void TamLoss::MultiplyTails(const Field& field, size_t count, Worker& worker) {
  const size_t d_v = field.w.rows, columns = field.competitors.rows, k = field.list_size;
  for (size_t i = 0; i < count; ++i) {
    float* const scores = worker.scores.row(i).data();
    const float threshold = worker.thresholds[i];
    if (worker.slopes[i] == 0 || !std::isfinite(threshold)) {
      std::fill(scores, scores + columns, 0.0f);
    } else if (math::CountAtLeast(scores, columns, threshold) == k) {
      const float below = std::nextafter(threshold, -std::numeric_limits<float>::infinity());
      math::MaskAbove(below, 1.0f, scores, columns);
    } else {
      TailIndices(scores, columns, k, threshold, worker.index.data());
      std::fill(scores, scores + columns, 0.0f);
      for (size_t j = 0; j < k; ++j) scores[worker.index[j]] = 1;
    }
  }
  math::Gemm(Transpose::kNo, Transpose::kNo, count, d_v, columns, 1.0f, worker.scores.data(),
             columns, field.competitors.data, d_v, 0.0f, worker.errors.data(), d_v);
}

void TamLoss::RunBlock(const Field& field, size_t first, size_t count, bool gradient,
                       Worker& worker) {
  const size_t d_v = field.w.rows, d_k = field.w.cols, columns = field.competitors.rows;
  const float* queries = field.batch->queries.row(first).data();
  math::Gemm(Transpose::kNo, Transpose::kYes, count, d_v, d_k, field.frame, queries, d_k,
             field.w.data, d_k, 0.0f, worker.reads.data(), d_v);
  math::Gemm(Transpose::kNo, Transpose::kYes, count, columns, d_v, 1.0f, worker.reads.data(), d_v,
             field.competitors.data, d_v, 0.0f, worker.scores.data(), columns);
  SelectTails(field, first, count, worker);
  if (!gradient) return;

  // Z_i = slope_i (u_i - mean of the tail's rows)
  if (field.gathers()) {
    std::fill_n(worker.errors.data(), count * d_v, 0.0f);
    GatherTails(field, count, worker);
  } else {
    MultiplyTails(field, count, worker);
  }
  for (size_t i = 0; i < count; ++i) {
    const auto u = codebook_.row(field.batch->target(first + i));
    float* const error = worker.errors.row(i).data();
    math::Scale(-worker.slopes[i] / static_cast<float>(field.list_size), error, d_v);
    math::AddScaled(worker.slopes[i], u.data(), error, d_v);
  }
  math::Gemm(Transpose::kYes, Transpose::kNo, d_v, d_k, count, field.frame, worker.errors.data(),
             d_v, queries, d_k, 1.0f, worker.gradient.data(), d_k);
}

absl::StatusOr<double> TamLoss::Evaluate(MatrixView w, const Batch& batch, Matrix* gradient) {
  const Field field = MakeField(w, batch);
  const size_t rows = batch.queries.rows;
  const RowBlocks blocks =
      RowBlocks::Split(rows, BlockRows(field.competitors.rows), kBlockRowsMin, options_.threads);
  margins_.resize(rows);
  workers_.resize(blocks.threads);
  for (Worker& worker : workers_) worker.Prepare(field, blocks.block, gradient != nullptr);
  const bool done = ForEachBlock(
      blocks, [this] { return KeepGoing(); },
      [&](size_t thread, size_t first, size_t count) {
        RunBlock(field, first, count, gradient != nullptr, workers_[thread]);
      });
  if (!done) return TrainingCancelled();

  double loss = 0;
  for (const TailMargin& row : margins_) loss += Softplus(-static_cast<double>(row.margin()));
  if (gradient != nullptr) {
    *gradient = std::move(workers_[0].gradient);
    for (size_t t = 1; t < workers_.size(); ++t) {
      math::AddScaled(1.0f, workers_[t].gradient.data(), gradient->data(), gradient->flat().size());
    }
  }
  return loss / static_cast<double>(rows);
}

}  // namespace mneme::learning
