#include "core/models/features/encoder_training.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/learning/optimizer.h"
#include "core/learning/progress.h"
#include "core/math/blas.h"
#include "core/math/kernels.h"
#include "core/models/features/encoder_losses.h"

namespace mneme::models {
namespace {

constexpr int kStepsMax = 1'000'000;
constexpr int kStepsPerLook = 10;
constexpr size_t kLookedAtMax = 1024;
constexpr double kLookedAtTau = 0.05;
constexpr size_t kBatchMax = 8192;

absl::Status Bad(std::string_view field, std::string_view given, std::string_view expected) {
  return InvalidArgument(absl::StrCat("encoder training: ", AbslView(field), " is ",
                                      AbslView(given), ", expected ", AbslView(expected)),
                         {.reason = "TRAIN_SPEC",
                          .given = std::string(given),
                          .expected = std::string(expected),
                          .next_step = absl::StrCat("Give ", AbslView(expected), ".")});
}

MatrixD Widened(const Matrix& from) {
  MatrixD out(from.rows(), from.cols());
  std::copy(from.flat().begin(), from.flat().end(), out.flat().begin());
  return out;
}

void CopyNarrow(const MatrixD& from, Matrix& to) {
  std::transform(from.flat().begin(), from.flat().end(), to.flat().begin(),
                 [](double x) { return static_cast<float>(x); });
}

// `count` different rows, or all where there are no more.
MatrixD DrawRows(const MatrixD& rows, size_t count, Random& random) {
  if (rows.rows() <= count) return rows.Clone();
  std::vector<uint32_t> order(rows.rows());
  for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  MatrixD out(count, rows.cols());
  for (size_t i = 0; i < count; ++i) {
    std::swap(order[i], order[i + random.Below(order.size() - i)]);
    std::copy_n(rows.row(order[i]).begin(), rows.cols(), out.row(i).begin());
  }
  return out;
}

MatrixD WithNoise(const MatrixD& rows, double noise, Random& random) {
  MatrixD out = rows.Clone();
  for (double& x : out.flat()) x += noise * random.Gaussian();
  return out;
}

}  // namespace

absl::Status EncoderTraining::CheckSpec(const EncoderTrainSpec& spec, size_t key_dim) {
  if (spec.feature_dim > key_dim) {
    return Bad("feature_dim", absl::StrCat(spec.feature_dim),
               absl::StrCat("at most ", key_dim, ", the dimension of keys (0: as many)"));
  }
  const auto in = [](double x, double least, double most) {
    return std::isfinite(x) && x >= least && x <= most;
  };
  if (!in(spec.noise, 0, 1e30)) return Bad("noise", absl::StrCat(spec.noise), "0 to 1e30");
  if (spec.steps < 0 || spec.steps > kStepsMax) {
    return Bad("steps", absl::StrCat(spec.steps), absl::StrCat("0 to ", kStepsMax));
  }
  if (!in(spec.learning_rate, 1e-9, 10)) {
    return Bad("learning_rate", absl::StrCat(spec.learning_rate), "1e-9 to 10");
  }
  const bool given = spec.tau_begin != 0 || spec.tau_end != 0;
  if (given && (!in(spec.tau_begin, 1e-6, 100) || !in(spec.tau_end, 1e-6, 100))) {
    return Bad("tau", absl::StrCat(spec.tau_begin, " to ", spec.tau_end),
               "both from 1e-6 to 100, or both 0");
  }
  if (spec.batch < 2 || spec.batch > kBatchMax) {
    return Bad("batch", absl::StrCat(spec.batch), absl::StrCat("2 to ", kBatchMax));
  }
  return absl::OkStatus();
}

EncoderTraining::EncoderTraining(const EncoderTrainSpec& spec, size_t key_dim)
    : spec_(spec), dim_(key_dim), random_(spec.seed) {
  MNEME_CHECK(CheckSpec(spec, key_dim).ok());
  const bool separation = spec_.objective == EncoderObjective::kSeparation;
  if (spec_.feature_dim == 0) spec_.feature_dim = key_dim;
  if (spec_.steps == 0) spec_.steps = separation ? 200 : 300;
  if (spec_.tau_begin == 0) {
    spec_.tau_begin = separation ? 0.1 : 0.05;
    spec_.tau_end = separation ? 0.02 : 0.05;
  }
}

absl::Status EncoderTraining::Take(const RowBlock& rows) {
  if (rows.keys.rows != rows.size() || rows.keys.cols != dim_) {
    return FailedPrecondition(
        "encoder training: rows without their keys",
        {.reason = "VECTORS_NEEDED",
         .given = absl::StrCat(rows.keys.rows, " keys of ", rows.keys.cols, " numbers"),
         .expected = absl::StrCat(rows.size(), " keys of ", dim_),
         .next_step = "Train an encoder for a memory that keeps its keys."});
  }
  const std::span<const float> numbers = rows.keys.flat();
  keys_.insert(keys_.end(), numbers.begin(), numbers.end());
  return absl::OkStatus();
}

double EncoderTraining::TemperatureAt(int step) const {
  const double share =
      spec_.steps == 1 ? 1 : static_cast<double>(step) / static_cast<double>(spec_.steps - 1);
  return spec_.tau_begin * std::pow(spec_.tau_end / spec_.tau_begin, share);
}

// Where training begins: whitened keys for separation, else the leading coordinates of centred ones
// (all of them where feature_dim says so).
absl::Status EncoderTraining::Start(const MatrixD& keys) {
  KeyStatistics statistics(dim_);
  statistics.Add(keys);
  absl::StatusOr<LinearEncoder> whitened = WhiteningEncoder(statistics, spec_.feature_dim);
  if (!whitened.ok()) {
    return FailedPrecondition("encoder training: fewer than two different keys",
                              {.reason = "TRAINING_SET_EMPTY",
                               .given = absl::StrCat(keys.rows(), " keys"),
                               .expected = "at least two different keys",
                               .next_step = "Store more keys first."});
  }
  encoder_ = *std::move(whitened);
  if (spec_.objective == EncoderObjective::kNoiseAware) {
    if (spec_.feature_dim == dim_) {
      encoder_.weights = MatrixD(dim_, dim_);
      for (size_t i = 0; i < dim_; ++i) encoder_.weights.at(i, i) = 1;
    } else {  // an isometry onto the directions in which keys spread most
      for (size_t i = 0; i < spec_.feature_dim; ++i) {
        double* row = encoder_.weights.row(i).data();
        const double norm = std::sqrt(math::SquaredNorm(row, dim_));
        if (norm > 0) math::Scale(1 / norm, row, dim_);
      }
    }
  }
  weights_ = Matrix(spec_.feature_dim, dim_);
  CopyNarrow(encoder_.weights, weights_);
  return absl::OkStatus();
}

double EncoderTraining::Descend(const MatrixD& keys, int step, Matrix& gradient) {
  const MatrixD batch = DrawRows(keys, spec_.batch, random_);
  const MatrixD weights = Widened(weights_);
  const double tau = TemperatureAt(step);
  const EncoderLoss loss =
      spec_.objective == EncoderObjective::kSeparation
          ? SeparationLoss(batch, weights, tau)
          : RetrievalLoss(batch, WithNoise(batch, noise_, random_), weights, tau);
  CopyNarrow(loss.gradient, gradient);
  return loss.value;
}

EncoderFigures EncoderTraining::Measure(const MatrixD& keys, const MatrixD& cues) const {
  LinearEncoder encoder{.mean = encoder_.mean, .weights = Widened(weights_)};
  const MatrixD z = encoder.Encode(keys), q = encoder.Encode(cues);
  EncoderFigures figures{.largest_cosine = LargestPairProduct(z)};
  std::vector<double> scores(z.rows());
  const double n = static_cast<double>(q.rows());
  size_t found = 0;
  for (size_t i = 0; i < q.rows(); ++i) {
    math::DotRows(z.data(), z.cols(), z.rows(), q.row(i).data(), z.cols(), scores.data());
    const double own = std::exchange(scores[i], -std::numeric_limits<double>::infinity());
    const double other = math::Max(scores.data(), scores.size());
    found += own > other;
    figures.margin += (own - other) / n;
    // ln(1 + Σ_others e^((score - own) / τ)), scaled by the best other so that nothing overflows.
    const double gap = (other - own) / kLookedAtTau;
    math::Scale(1 / kLookedAtTau, scores.data(), scores.size());
    const double others = math::ExpShift(other / kLookedAtTau, scores.data(), scores.size()).sum;
    figures.cross_entropy +=
        (std::max(gap, 0.0) +
         std::log(std::exp(std::min(-gap, 0.0)) + others * std::exp(std::min(gap, 0.0)))) /
        n;
  }
  figures.top1 = static_cast<double>(found) / n;
  return figures;
}

void EncoderTraining::Warn() {
  const EncoderFigures &a = report_.start, &b = report_.kept;
  if (b.top1 >= a.top1 - 0.005 && (b.margin >= a.margin || b.top1 > a.top1)) return;
  report_.warning =
      absl::StrCat("The encoder finds ", b.top1, " of cues with noise ", spec_.noise,
                   ", its start ", a.top1, " (mean margins ", b.margin, " and ", a.margin,
                   "): keys lie farther apart, but so does the "
                   "noise. Prefer the noise-aware objective, or the encoder it started from.");
}

// The keys less their mean, in units of their own spread: steps are as long for keys of any unit.
MatrixD EncoderTraining::ScaledKeys(std::vector<double>& mean, double& spread) const {
  MatrixD keys(keys_.size() / dim_, dim_);
  std::copy(keys_.begin(), keys_.end(), keys.flat().begin());
  KeyStatistics statistics(dim_);
  statistics.Add(keys);
  mean = statistics.mean();
  double trace = 0;
  for (size_t j = 0; j < dim_; ++j) trace += statistics.scatter().at(j, j);
  spread = std::sqrt(trace / static_cast<double>(std::max<size_t>(1, keys.flat().size())));
  for (size_t i = 0; i < keys.rows(); ++i) {
    math::AddScaled(-1.0, mean.data(), keys.row(i).data(), dim_);
  }
  if (spread > 0) math::Scale(1 / spread, keys.data(), keys.flat().size());
  return keys;
}

absl::Status EncoderTraining::Run(const TrainProgressFn& progress) {
  std::vector<double> mean;
  double spread = 0;
  const MatrixD keys = ScaledKeys(mean, spread);
  MNEME_RETURN_IF_ERROR(Start(keys));
  if (spread > 0) noise_ = spec_.noise / spread;
  const MatrixD looked_at = DrawRows(keys, kLookedAtMax, random_);
  const MatrixD cues = WithNoise(looked_at, noise_, random_);
  report_.start = report_.kept = Measure(looked_at, cues);
  Matrix gradient(spec_.feature_dim, dim_);
  learning::Adam adam;
  bool any_kept = false;
  for (int step = 0; step < spec_.steps; ++step) {
    report_.loss = Descend(keys, step, gradient);
    adam.Step(spec_.learning_rate, gradient, weights_);
    if ((step + 1) % kStepsPerLook == 0 || step + 1 == spec_.steps) {
      const EncoderFigures now = Measure(looked_at, cues);
      const EncoderFigures& best = report_.kept;
      const bool smaller = now.largest_cosine < best.largest_cosine;
      const bool better = now.cross_entropy < best.cross_entropy;
      // Whatever separation is asked for comes from training, not from its start.
      const bool first = !any_kept && spec_.objective == EncoderObjective::kSeparation;
      if (first || (spec_.keep == EncoderTrainSpec::Keep::kSmallestCosine ? smaller : better)) {
        report_.kept = now;
        report_.kept_step = step + 1;
        encoder_.weights = Widened(weights_);
        any_kept = true;
      }
    }
    const double share = static_cast<double>(step + 1) / spec_.steps;
    if (progress &&
        !progress({.phase = "training", .share = share, .steps = step + 1, .loss = report_.loss})) {
      return learning::TrainingCancelled();
    }
  }
  encoder_.mean = std::move(mean);
  Warn();
  keys_ = {};
  return absl::OkStatus();
}

}  // namespace mneme::models
