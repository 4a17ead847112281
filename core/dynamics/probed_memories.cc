#include "core/dynamics/probed_memories.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "core/base/status.h"
#include "core/dynamics/checks.h"
#include "core/math/blas.h"
#include "core/models/dense/dense_driver.h"
#include "core/models/dense/random_feature.h"

namespace mneme::dynamics {
namespace {

constexpr double kStepsMax = 1e6;
constexpr double kBetaMax = 1e6;
constexpr double kAutoShare = 1e-3;    // of all other patterns' weight at a stored one
constexpr size_t kDistanceRows = 256;  // of a block of distances

// Rows of length 1.
MatrixD Unit(MatrixViewD rows) {
  MatrixD out = MatrixD::Copy(rows);
  const double scale = 1 / std::sqrt(static_cast<double>(rows.cols));
  for (double& x : out.flat()) x *= scale;
  return out;
}

// The smallest squared distance above 0 between two of the rows, which have length 1; 0 without
// any.
double LeastSquaredDistance(MatrixViewD rows) {
  double cosine = -std::numeric_limits<double>::infinity();
  MatrixD products(std::min(kDistanceRows, rows.rows), rows.rows);
  for (size_t first = 0; first < rows.rows; first += kDistanceRows) {
    const size_t count = std::min(kDistanceRows, rows.rows - first);
    math::Gemm(math::Transpose::kNo, math::Transpose::kYes, count, rows.rows, rows.cols, 1.0,
               rows.row(first).data(), rows.cols, rows.data, rows.cols, 0.0, products.data(),
               rows.rows);
    for (size_t i = 0; i < count; ++i) {
      for (size_t j = 0; j < first + i; ++j) {
        if (products.at(i, j) < 1 - 1e-9) cosine = std::max(cosine, products.at(i, j));
      }
    }
  }
  return std::isfinite(cosine) ? 2 - 2 * cosine : 0;
}

bool SameRow(std::span<const double> a, std::span<const double> b) {
  return std::equal(a.begin(), a.end(), b.begin());
}

class BinaryMemory final : public ProbedMemory {
 public:
  explicit BinaryMemory(const BinaryRule& rule) : rule_(rule) {}

  absl::StatusOr<double> Error(MatrixViewD patterns, MatrixViewD cues,
                               std::span<const size_t> targets, Random&) const override {
    MNEME_ASSIGN_OR_RETURN(BinaryStepper stepper,
                           BinaryStepper::Create(MatrixD::Copy(patterns), rule_));
    MatrixD states = MatrixD::Copy(cues);
    stepper.Step(states);
    double wrong = 0;
    for (size_t q = 0; q < targets.size(); ++q) {
      for (size_t i = 0; i < patterns.cols; ++i) {
        wrong += states.at(q, i) != patterns.row(targets[q])[i];
      }
    }
    return wrong / static_cast<double>(targets.size() * patterns.cols);
  }

 private:
  const BinaryRule rule_;
};

// The share of cues whose nearest pattern, where they came to rest, is not a copy of their own.
double WrongTop(MatrixViewD patterns, const models::DenseResult<double>& result,
                std::span<const size_t> targets) {
  double wrong = 0;
  for (size_t q = 0; q < targets.size(); ++q) {
    const auto& cue = result.cues[q];
    wrong += !cue.error.ok() || cue.top.empty() ||
             !SameRow(patterns.row(cue.top[0].row), patterns.row(targets[q]));
  }
  return wrong / static_cast<double>(targets.size());
}

class LseMemory final : public ProbedMemory {
 public:
  explicit LseMemory(const ProbedLse& options) : options_(options) {}

  absl::StatusOr<double> Error(MatrixViewD patterns, MatrixViewD cues,
                               std::span<const size_t> targets, Random&) const override {
    const MatrixD keys = Unit(patterns), unit_cues = Unit(cues);
    MNEME_ASSIGN_OR_RETURN(
        const auto result,
        models::RunDense<double>({.beta = BetaFor(keys)}, {.keys = keys, .cues = unit_cues},
                                 {.steps_max = options_.steps_max}));
    return WrongTop(patterns, result, targets);
  }

 private:
  double BetaFor(MatrixViewD keys) const {
    if (options_.beta) return *options_.beta;
    const double square = LeastSquaredDistance(keys);
    if (square == 0) return 1;  // one pattern: any will do
    return 2 * std::log(static_cast<double>(keys.rows - 1) / kAutoShare) / square;
  }

  const ProbedLse options_;
};

class LsrMemory final : public ProbedMemory {
 public:
  explicit LsrMemory(const ProbedLsr& options) : options_(options) {}

  absl::StatusOr<double> Error(MatrixViewD patterns, MatrixViewD cues,
                               std::span<const size_t> targets, Random&) const override {
    const MatrixD keys = Unit(patterns), unit_cues = Unit(cues);
    const double nearest = LeastSquaredDistance(keys);
    const double square = options_.radius * options_.radius * (nearest > 0 ? nearest : 1);
    MNEME_ASSIGN_OR_RETURN(
        const auto result,
        models::RunDense<double>({.separation = models::Separation::kRelu1, .beta = 2 / square},
                                 {.keys = keys, .cues = unit_cues},
                                 {.steps_max = options_.steps_max}));
    double wrong = 0;
    for (size_t q = 0; q < targets.size(); ++q) {
      wrong += result.cues[q].n_support == 0 || !IsAt(result.recalls.row(q), keys.row(targets[q]));
    }
    return wrong / static_cast<double>(targets.size());
  }

 private:
  // Up to the rounding of a mean.
  static bool IsAt(std::span<const double> x, std::span<const double> pattern) {
    for (size_t i = 0; i < x.size(); ++i) {
      if (!(std::abs(x[i] - pattern[i]) <= 1e-12)) return false;
    }
    return true;
  }

  const ProbedLsr options_;
};

class FeatureMemory final : public ProbedMemory {
 public:
  explicit FeatureMemory(const ProbedFeatures& options) : options_(options) {}

  absl::StatusOr<double> Error(MatrixViewD patterns, MatrixViewD cues,
                               std::span<const size_t> targets, Random& random) const override {
    const MatrixD keys = Unit(patterns);
    MatrixD states = Unit(cues);
    MatrixD frequencies(options_.features, patterns.cols);
    random.FillGaussian(frequencies.flat());
    std::vector<double> sum(2 * options_.features);
    for (size_t k = 0; k < keys.rows(); ++k) {
      models::AddFeatures(frequencies, options_.beta, keys.row(k), 1, sum);
    }
    for (size_t q = 0; q < targets.size(); ++q) Descend(frequencies, sum, states.row(q));
    MNEME_ASSIGN_OR_RETURN(
        const auto result,
        models::RunDense<double>({.separation = models::Separation::kArgMax},
                                 {.keys = keys, .cues = states}, {.steps_max = 1}));
    return WrongTop(patterns, result, targets);
  }

 private:
  void Descend(MatrixViewD frequencies, std::span<const double> sum,
               std::span<double> state) const {
    for (int step = 0; step < options_.steps; ++step) {
      const models::FeatureDensity at =
          models::EvaluateFeatures(frequencies, options_.beta, sum, state);
      if (!at.supported) return;
      for (size_t i = 0; i < state.size(); ++i) state[i] -= options_.rate * at.gradient[i];
    }
  }

  const ProbedFeatures options_;
};

class OscillatorMemory final : public ProbedMemory {
 public:
  explicit OscillatorMemory(const ProbedOscillators& options) : options_(options) {}

  absl::StatusOr<double> Error(MatrixViewD patterns, MatrixViewD cues,
                               std::span<const size_t> targets, Random& random) const override {
    MNEME_ASSIGN_OR_RETURN(
        Oscillators oscillators,
        Oscillators::Create(MatrixD::Copy(patterns), AnglesOf(cues, options_.jitter, random),
                            {.couplings = options_.couplings, .dt = options_.dt}));
    oscillators.Step(static_cast<size_t>(options_.steps));
    double missing = 0;
    for (size_t q = 0; q < targets.size(); ++q) {
      missing += 1 - oscillators.OrderParameter(q, targets[q]);
    }
    return missing / static_cast<double>(targets.size());
  }

 private:
  const ProbedOscillators options_;
};

}  // namespace

ProbedMemoryOr MakeProbed(const BinaryRule& rule) {
  MNEME_RETURN_IF_ERROR(CheckBinaryRule(rule));
  return std::make_unique<BinaryMemory>(rule);
}

ProbedMemoryOr MakeProbed(const ProbedLse& options) {
  if (options.beta) MNEME_RETURN_IF_ERROR(CheckRange("beta", *options.beta, 1e-6, kBetaMax));
  MNEME_RETURN_IF_ERROR(CheckRange("number of steps", options.steps_max, 1, kStepsMax));
  return std::make_unique<LseMemory>(options);
}

ProbedMemoryOr MakeProbed(const ProbedLsr& options) {
  MNEME_RETURN_IF_ERROR(CheckRange("radius", options.radius, 1e-3, 1e3));
  MNEME_RETURN_IF_ERROR(CheckRange("number of steps", options.steps_max, 1, kStepsMax));
  return std::make_unique<LsrMemory>(options);
}

ProbedMemoryOr MakeProbed(const ProbedFeatures& options) {
  MNEME_RETURN_IF_ERROR(
      CheckRange("number of features", static_cast<double>(options.features), 1, 1 << 20));
  MNEME_RETURN_IF_ERROR(CheckRange("beta", options.beta, 1e-6, kBetaMax));
  MNEME_RETURN_IF_ERROR(CheckRange("rate", options.rate, 0, 1));
  MNEME_RETURN_IF_ERROR(CheckRange("number of steps", options.steps, 0, kStepsMax));
  return std::make_unique<FeatureMemory>(options);
}

ProbedMemoryOr MakeProbed(const ProbedOscillators& options) {
  MNEME_RETURN_IF_ERROR(CheckRange("jitter", options.jitter, 0, 10));
  MNEME_RETURN_IF_ERROR(CheckRange("number of steps", options.steps, 0, kStepsMax));
  // What else can be wrong shows with one pattern.
  MatrixD pattern(1, 1);
  pattern.at(0, 0) = 1;
  MNEME_RETURN_IF_ERROR(Oscillators::Create(std::move(pattern), MatrixD(1, 1),
                                            {.couplings = options.couplings, .dt = options.dt})
                            .status());
  return std::make_unique<OscillatorMemory>(options);
}

}  // namespace mneme::dynamics
