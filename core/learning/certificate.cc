#include "core/learning/certificate.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/learning/row_blocks.h"
#include "core/learning/upper_tail.h"
#include "core/math/blas.h"
#include "core/math/kernels.h"

namespace mneme::learning {
namespace {

using math::Transpose;

constexpr double kFloatUnit = 0x1p-24;
constexpr double kDoubleUnit = 0x1p-53;
constexpr size_t kBlockScores = size_t{1} << 18;  // doubles of one block of rows
constexpr size_t kBlockRowsMin = 16;
constexpr size_t kBlockRowsMax = 512;
constexpr double kRadiusCare = 1 - 1e-10;  // for the rounding of norms and of the quotient

// The relative error of a sum of n products (Higham, lemma 3.1).
double Gamma(double n, double unit) { return n * unit / (1 - n * unit); }

MatrixD Widen(MatrixView from) {
  MatrixD out(from.rows, from.cols);
  std::copy(from.flat().begin(), from.flat().end(), out.data());
  return out;
}

// Of the rows; NaN or infinity in a row shows in its norm.
std::vector<double> RowNorms(const MatrixD& rows) {
  std::vector<double> norms(rows.rows());
  for (size_t i = 0; i < rows.rows(); ++i) {
    norms[i] = std::sqrt(math::SquaredNorm(rows.row(i).data(), rows.cols()));
  }
  return norms;
}

double Largest(const std::vector<double>& values) {
  return values.empty() ? 0 : *std::max_element(values.begin(), values.end());
}

absl::Status CheckShapes(MatrixView w, MatrixView queries, MatrixView codebook,
                         const CertificateOptions& options) {
  if (w.empty() || w.cols != queries.cols || w.rows != codebook.cols) {
    return InvalidArgument(
        absl::StrCat("weights are ", w.rows, " x ", w.cols, ", queries have ", queries.cols,
                     " columns and the codebook ", codebook.cols),
        {.reason = "SHAPE",
         .given = absl::StrCat(w.rows, " x ", w.cols),
         .expected = absl::StrCat(codebook.cols, " x ", queries.cols),
         .next_step = "Give weights [d_v, d_k], queries [n, d_k] and a codebook [m, d_v]."});
  }
  if (queries.rows == 0 || queries.rows > codebook.rows) {
    return InvalidArgument(
        absl::StrCat(queries.rows, " queries for a codebook of ", codebook.rows, " rows"),
        {.reason = "SHAPE",
         .given = absl::StrCat(queries.rows),
         .expected = absl::StrCat("1 to ", codebook.rows),
         .next_step = "Give query i for item i, whose response is row i of the codebook."});
  }
  if (options.list_size < 1 || options.list_size >= codebook.rows) {
    return InvalidArgument(
        absl::StrCat("a list of ", options.list_size, " of ", codebook.rows, " items"),
        {.reason = "LIST_SIZE",
         .given = absl::StrCat(options.list_size),
         .expected = absl::StrCat("1 to ", codebook.rows - 1),
         .next_step = "Choose a list that holds at least one item and not all of them."});
  }
  if (options.score_error && !(*options.score_error >= 0 && std::isfinite(*options.score_error))) {
    return InvalidArgument(absl::StrCat("score error ", *options.score_error),
                           {.reason = "SCORE_ERROR",
                            .given = absl::StrCat(*options.score_error),
                            .expected = "a bound >= 0",
                            .next_step = "Leave it out for scores in float32."});
  }
  if (options.threads < 1) {
    return InvalidArgument(absl::StrCat(options.threads, " threads"),
                           {.reason = "THREADS",
                            .given = absl::StrCat(options.threads),
                            .expected = "at least 1",
                            .next_step = "Ask for one thread or more."});
  }
  return absl::OkStatus();
}

absl::Status CheckFinite(const char* what, const std::vector<double>& norms) {
  for (size_t i = 0; i < norms.size(); ++i) {
    if (std::isfinite(norms[i])) continue;
    return InvalidArgument(absl::StrCat("row ", i, " of the ", what, " is not finite"),
                           {.reason = "NOT_FINITE",
                            .given = "a number that is not finite",
                            .expected = "finite numbers",
                            .next_step = "Find where it came from; nothing was certified."});
  }
  return absl::OkStatus();
}

// What all items are certified with.
class Certifier {
 public:
  Certifier(MatrixView w, MatrixView queries, MatrixView codebook, size_t list_size)
      : w_(Widen(w)),
        queries_(Widen(queries)),
        codebook_(Widen(codebook)),
        list_size_(list_size),
        query_norms_(RowNorms(queries_)),
        row_norms_(RowNorms(codebook_)) {
    for (const double norm : RowNorms(w_)) w_square_ += norm * norm;
  }

  absl::Status CheckAllFinite() const {
    MNEME_RETURN_IF_ERROR(CheckFinite("weights", {std::sqrt(w_square_)}));
    MNEME_RETURN_IF_ERROR(CheckFinite("queries", query_norms_));
    return CheckFinite("codebook", row_norms_);
  }
  bool Run(const CertificateOptions& options, double score_error,
           std::vector<ItemCertificate>& items);
  double sigma() const {
    return std::sqrt(w_square_ / (static_cast<double>(w_.rows()) * static_cast<double>(w_.cols())));
  }
  double slack() const { return slack_per_query_ * Largest(query_norms_); }

 private:
  struct Worker {
    Worker(size_t rows, size_t d_v, size_t columns) : reads(rows, d_v), scores(rows, columns) {}
    MatrixD reads, scores;
    TailSelector<double> selector;
  };

  void MeasureSlopes();
  void RunBlock(size_t first, size_t count, Worker& worker,
                std::vector<ItemCertificate>& items) const;
  ItemCertificate Judge(size_t item, double score, const UpperTail<double>& tail) const;

  MatrixD w_, queries_, codebook_;
  size_t list_size_;
  std::vector<double> query_norms_, row_norms_;
  double w_square_ = 0;
  std::vector<double> slopes_;  // |W^T u_j|
  double slope_max_ = 0;
  double own_error_ = 0;        // of a margin in double, for a query of length one
  double slack_per_query_ = 0;  // for a query of length one
};

void Certifier::MeasureSlopes() {
  MatrixD slopes(codebook_.rows(), w_.cols());
  math::Gemm(Transpose::kNo, Transpose::kNo, codebook_.rows(), w_.cols(), w_.rows(), 1.0,
             codebook_.data(), w_.rows(), w_.data(), w_.cols(), 0.0, slopes.data(), w_.cols());
  slopes_ = RowNorms(slopes);
  slope_max_ = Largest(slopes_);
}

ItemCertificate Certifier::Judge(size_t item, double score, const UpperTail<double>& tail) const {
  ItemCertificate out;
  out.score = score;
  out.tail_average = tail.sum / static_cast<double>(list_size_);
  out.margin = out.score - out.tail_average;
  const double spread = sigma();
  if (spread > 0) {
    out.margin_sigmas = out.margin / spread;
    out.score_sigmas = out.score / spread;
  }
  const double left = out.margin - slack_per_query_ * query_norms_[item];
  out.certified = left > 0;
  if (out.certified) {
    out.radius = kRadiusCare * left / (slopes_[item] + slope_max_ + slack_per_query_);
  }
  return out;
}

void Certifier::RunBlock(size_t first, size_t count, Worker& worker,
                         std::vector<ItemCertificate>& items) const {
  const size_t d_v = w_.rows(), d_k = w_.cols(), columns = codebook_.rows();
  math::Gemm(Transpose::kNo, Transpose::kYes, count, d_v, d_k, 1.0, queries_.row(first).data(), d_k,
             w_.data(), d_k, 0.0, worker.reads.data(), d_v);
  math::Gemm(Transpose::kNo, Transpose::kYes, count, columns, d_v, 1.0, worker.reads.data(), d_v,
             codebook_.data(), d_v, 0.0, worker.scores.data(), columns);
  for (size_t i = 0; i < count; ++i) {
    const size_t item = first + i;
    double* const scores = worker.scores.row(i).data();
    const double score = std::exchange(scores[item], -std::numeric_limits<double>::infinity());
    const double spread =
        std::sqrt(math::SquaredNorm(worker.reads.row(i).data(), d_v) / static_cast<double>(d_v));
    const auto tail = worker.selector.Select(scores, columns, list_size_, spread);
    items[item] = Judge(item, score, tail);
    const double level = score - own_error_ * query_norms_[item];
    items[item].rank = 1 + math::CountAtLeast(scores, columns, level);
  }
}

bool Certifier::Run(const CertificateOptions& options, double score_error,
                    std::vector<ItemCertificate>& items) {
  const size_t d_v = w_.rows(), d_k = w_.cols(), columns = codebook_.rows();
  MeasureSlopes();
  const double unit = std::sqrt(w_square_) * Largest(row_norms_);
  const double of_scores =
      Gamma(static_cast<double>(d_k), kDoubleUnit) + Gamma(static_cast<double>(d_v), kDoubleUnit);
  own_error_ = unit * (4 * of_scores + 4 * Gamma(static_cast<double>(columns), kDoubleUnit));
  slack_per_query_ = unit * 2 * score_error + own_error_;

  const size_t block = std::clamp(kBlockScores / columns, kBlockRowsMin, kBlockRowsMax);
  const RowBlocks blocks = RowBlocks::Split(queries_.rows(), block, kBlockRowsMin, options.threads);
  std::vector<Worker> workers;
  for (size_t t = 0; t < blocks.threads; ++t) workers.emplace_back(blocks.block, d_v, columns);
  items.resize(queries_.rows());
  return ForEachBlock(
      blocks, [&] { return !options.keep_going || options.keep_going(); },
      [&](size_t thread, size_t first, size_t count) {
        RunBlock(first, count, workers[thread], items);
      });
}

void Summarise(Certificates& out) {
  CertificateSummary& summary = out.summary;
  summary.items = out.items.size();
  for (const ItemCertificate& item : out.items) {
    summary.mean_score += item.score / static_cast<double>(summary.items);
    summary.mean_tail_average += item.tail_average / static_cast<double>(summary.items);
    if (!item.certified) continue;
    const bool first = summary.certified++ == 0;
    summary.radius_min = first ? item.radius : std::min(summary.radius_min, item.radius);
    summary.radius_max = std::max(summary.radius_max, item.radius);
  }
}

}  // namespace

double Float32ScoreError(size_t d_k, size_t d_v) {
  const double read = Gamma(static_cast<double>(d_k) + 4, kFloatUnit);
  const double score = Gamma(static_cast<double>(d_v), kFloatUnit);
  return read + score + read * score;
}

absl::StatusOr<Certificates> Certify(MatrixView weights, MatrixView queries, MatrixView codebook,
                                     const CertificateOptions& options) {
  MNEME_RETURN_IF_ERROR(CheckShapes(weights, queries, codebook, options));
  Certifier certifier(weights, queries, codebook, options.list_size);
  MNEME_RETURN_IF_ERROR(certifier.CheckAllFinite());
  const double score_error =
      options.score_error.value_or(Float32ScoreError(weights.cols, weights.rows));
  Certificates out;
  if (!certifier.Run(options, score_error, out.items)) return TrainingCancelled();
  out.summary.list_size = options.list_size;
  out.summary.sigma = certifier.sigma();
  out.summary.slack = certifier.slack();
  Summarise(out);
  return out;
}

}  // namespace mneme::learning
