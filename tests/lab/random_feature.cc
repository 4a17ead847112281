// Memory of random features: how far its energy, its slope and its recalls are from those of the
// patterns themselves, by the number of features.
#include <algorithm>
#include <cmath>

#include "core/base/status.h"
#include "core/math/moments.h"
#include "core/models/dense/dense_driver.h"
#include "core/models/dense/random_feature.h"
#include "core/models/features/feature_recall.h"
#include "core/models/features/feature_sum.h"
#include "core/theory/random_features.h"
#include "tests/lab/experiments.h"

namespace mneme::lab {
namespace {

constexpr size_t kKernelDraws = 400;

models::FeatureKind ParseKind(std::string_view name) {
  for (const auto kind : {models::FeatureKind::kOrthogonal, models::FeatureKind::kPositive}) {
    if (Name(kind) == name) return kind;
  }
  return models::FeatureKind::kTrig;
}

models::FeatureMapSpec Spec(const Parameters& parameters, uint64_t seed) {
  return {.kind = ParseKind(parameters.Text("kind")),
          .dim = parameters.Count("d"),
          .frequencies = parameters.Count("features"),
          .beta = parameters.Real("beta"),
          .seed = seed};
}

// Bits 0 and 1, scaled by 1/√d: two random ones lie about √½ apart.
double One(size_t d) { return 1 / std::sqrt(static_cast<double>(d)); }

MatrixD RandomBits(size_t n, size_t d, Random& random) {
  MatrixD out(n, d);
  for (double& x : out.flat()) x = random.Below(2) == 1 ? One(d) : 0;
  return out;
}

// Cue q is pattern q modulo n with this chance of each bit being turned.
MatrixD DrawCues(const Parameters& parameters, const MatrixD& patterns, Random& random) {
  MatrixD cues(parameters.Count("queries"), patterns.cols());
  for (size_t q = 0; q < cues.rows(); ++q) {
    for (size_t j = 0; j < cues.cols(); ++j) {
      const double bit = patterns.at(q % patterns.rows(), j);
      cues.at(q, j) = random.Uniform() < parameters.Real("flip") ? One(cues.cols()) - bit : bit;
    }
  }
  return cues;
}

double Distance(std::span<const double> a, std::span<const double> b) {
  double squares = 0;
  for (size_t i = 0; i < a.size(); ++i) squares += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(squares);
}

// Share of bits of the recalls that are not those of the patterns they came from.
double BitError(const MatrixD& recalls, const MatrixD& patterns) {
  const double threshold = One(patterns.cols()) / 2;
  size_t wrong = 0;
  for (size_t q = 0; q < recalls.rows(); ++q) {
    for (size_t j = 0; j < recalls.cols(); ++j) {
      wrong += (recalls.at(q, j) > threshold) != (patterns.at(q % patterns.rows(), j) > threshold);
    }
  }
  return static_cast<double>(wrong) / static_cast<double>(recalls.flat().size());
}

// The same descent on the energy of the patterns themselves.
absl::StatusOr<MatrixD> ExactDescent(const Parameters& parameters, const MatrixD& patterns,
                                     const MatrixD& cues) {
  MatrixD states = cues.Clone();
  for (size_t step = 0; step < parameters.Count("steps"); ++step) {
    MNEME_ASSIGN_OR_RETURN(
        const auto at,
        models::RunDense<double>({.beta = parameters.Real("beta")},
                                 {.keys = patterns, .cues = states}, {.steps_max = 1}));
    double steepest = 0;
    for (size_t q = 0; q < states.rows(); ++q) {
      for (size_t j = 0; j < states.cols(); ++j) {
        states.at(q, j) -= parameters.Real("alpha") * at.gradients.at(q, j);
        steepest = std::max(steepest, std::abs(at.gradients.at(q, j)));
      }
    }
    if (steepest < 1e-12) break;
  }
  return states;
}

absl::Status MeasureErrors(const Parameters& parameters, const models::FeatureSum& memory,
                           const MatrixD& patterns, const MatrixD& cues, Run& run) {
  const double beta = parameters.Real("beta");
  MNEME_ASSIGN_OR_RETURN(
      const auto exact,
      models::RunDense<double>({.beta = beta}, {.keys = patterns, .cues = cues}, {.steps_max = 1}));
  const models::FeaturePartial probe = memory.Probe(cues, {.gradients = true});
  double energy_error = 0, gradient_error = 0, unsupported = 0;
  std::vector<double> gradient(cues.cols());
  for (size_t q = 0; q < cues.rows(); ++q) {
    const double density = probe.densities[q];
    energy_error += std::abs(models::FeatureEnergy(density, beta) - exact.cues[q].energy);
    const bool supported = density > models::kFeatureDensityMin;
    for (size_t j = 0; j < gradient.size(); ++j) {
      gradient[j] = supported ? -probe.gradients.at(q, j) / (beta * density) : 0;
    }
    gradient_error += Distance(gradient, exact.gradients.row(q));
    unsupported += !supported;
  }
  const auto queries = static_cast<double>(cues.rows());
  run.Measure("energy_error", energy_error / queries);
  run.Measure("gradient_error", gradient_error / queries);
  run.Measure("no_support", unsupported / queries);
  return absl::OkStatus();
}

// Adds rows again and takes them out again.
absl::Status MeasureDelete(models::FeatureSum memory, const MatrixD& patterns, Run& run) {
  const std::vector<double> before(memory.sums().begin(), memory.sums().end());
  MNEME_RETURN_IF_ERROR(memory.Add(patterns));
  for (size_t i = 0; i < patterns.rows(); ++i) {
    MNEME_RETURN_IF_ERROR(memory.Remove(patterns.view().slice(i, 1)));
  }
  double error = 0;
  for (size_t j = 0; j < before.size(); ++j) {
    error = std::max(error, std::abs(memory.sums()[j] - before[j]));
  }
  run.Measure("delete_error", error);
  return absl::OkStatus();
}

// The spread of the estimate of one kernel value over independent frequencies: of two vectors of
// bits that differ in as many places as give the value asked for.
absl::Status MeasureKernel(const Parameters& parameters, Run& run) {
  const size_t d = parameters.Count("d");
  const double beta = parameters.Real("beta"), wanted = parameters.Real("kernel");
  const auto differing = static_cast<size_t>(
      std::clamp(std::round(-2 * std::log(wanted) / beta * static_cast<double>(d)), 0.0,
                 static_cast<double>(d)));
  Random random = run.Stream(4);
  const MatrixD x = RandomBits(1, d, random);
  MatrixD y = x.Clone();
  for (size_t j = 0; j < differing; ++j) y.at(0, j) = One(d) - x.at(0, j);
  math::Moments estimates;
  for (size_t draw = 0; draw < kKernelDraws; ++draw) {
    MNEME_ASSIGN_OR_RETURN(models::FeatureSum one,
                           models::FeatureSum::Make(Spec(parameters, random.Next())));
    MNEME_RETURN_IF_ERROR(one.Add(x));
    estimates.Add(one.Probe(y, {}).densities[0]);
    run.Progress(0.5 + 0.5 * static_cast<double>(draw + 1) / kKernelDraws);
  }
  const double n = static_cast<double>(kKernelDraws);
  run.Measure("kernel_sd", estimates.Std() * std::sqrt(n / (n - 1)));
  run.Measure("kernel_mean", estimates.mean);
  run.Used("kernel", std::exp(-beta / 2 * static_cast<double>(differing) / static_cast<double>(d)));
  return absl::OkStatus();
}

absl::Status RunRandomFeature(const Parameters& parameters, Run& run) {
  Random patterns_random = run.Stream(1), cues_random = run.Stream(2), seeds = run.Stream(3);
  const MatrixD patterns =
      RandomBits(parameters.Count("patterns"), parameters.Count("d"), patterns_random);
  const MatrixD cues = DrawCues(parameters, patterns, cues_random);
  MNEME_ASSIGN_OR_RETURN(models::FeatureSum memory,
                         models::FeatureSum::Make(Spec(parameters, seeds.Next())));
  MNEME_RETURN_IF_ERROR(memory.Add(patterns));
  MNEME_RETURN_IF_ERROR(MeasureErrors(parameters, memory, patterns, cues, run));
  run.Progress(0.1);
  if (parameters.Count("steps") > 0) {
    const models::FeatureAnswer answer =
        models::Recall(memory, cues,
                       {.rate = parameters.Real("alpha"),
                        .steps_max = static_cast<int>(parameters.Count("steps"))});
    for (const models::FeatureOutcome& outcome : answer.outcomes) {
      MNEME_RETURN_IF_ERROR(outcome.error);
    }
    run.Measure("bit_error", BitError(answer.recalls, patterns));
    MNEME_ASSIGN_OR_RETURN(const MatrixD exact, ExactDescent(parameters, patterns, cues));
    run.Measure("bit_error_exact", BitError(exact, patterns));
  }
  run.Progress(0.5);
  MNEME_RETURN_IF_ERROR(MeasureDelete(std::move(memory), patterns, run));
  const double noise = std::sqrt(parameters.Real("flip"));
  run.Measure("features_needed",
              theory::FeaturesNeeded(parameters.Real("patterns"), parameters.Real("beta"), noise));
  return parameters.IsAuto("kernel") ? absl::OkStatus() : MeasureKernel(parameters, run);
}

void PredictRandomFeature(const Parameters& parameters, const Quantities& measured,
                          Quantities& predicted) {
  const double noise = std::sqrt(parameters.Real("flip"));
  predicted.Set("features_needed", theory::FeaturesNeeded(parameters.Real("patterns"),
                                                          parameters.Real("beta"), noise));
  if (measured.Find("kernel_sd") && parameters.Text("kind") == "trig") {
    predicted.Set("kernel_sd", theory::KernelEstimateStd(parameters.Real("kernel"),
                                                         parameters.Real("features")));
    predicted.Set("kernel_mean", parameters.Real("kernel"));
  }
}

}  // namespace

Experiment RandomFeatureExperiment() {
  return {
      .name = "random-feature",
      .summary = "memory of fixed size: errors of energy, slope and recall by number of features",
      .source =
          "Hoover et al., Dense Associative Memory Through the Lens of Random Features, NeurIPS "
          "2024; bits 0 and 1 over sqrt(d)",
      .slope_of = "energy_error",
      .flags = {{.name = "patterns",
                 .kind = FlagKind::kInteger,
                 .default_value = "20",
                 .unit = "patterns",
                 .help = "stored",
                 .least = 1,
                 .most = 1e6},
                {.name = "d",
                 .kind = FlagKind::kInteger,
                 .default_value = "64",
                 .unit = "bits",
                 .help = "dimension",
                 .least = 1,
                 .most = 4096},
                {.name = "beta",
                 .kind = FlagKind::kReal,
                 .default_value = "10",
                 .unit = "1/length^2",
                 .help = "inverse temperature",
                 .least = 0,
                 .most = 1e6,
                 .above_least = true},
                {.name = "features",
                 .kind = FlagKind::kInteger,
                 .default_value = "2000",
                 .unit = "frequencies",
                 .help = "m; trig and orthogonal have a cosine and a sine of each",
                 .least = 1,
                 .most = 1e6},
                {.name = "flip",
                 .kind = FlagKind::kReal,
                 .default_value = "0.1",
                 .help = "chance that a bit of a cue is turned",
                 .least = 0,
                 .most = 1},
                {.name = "kind",
                 .kind = FlagKind::kChoice,
                 .default_value = "trig",
                 .help = "of the features",
                 .choices = {"trig", "orthogonal", "positive"}},
                {.name = "alpha",
                 .kind = FlagKind::kReal,
                 .default_value = "0.1",
                 .help = "length of a descent step, in gradients",
                 .least = 0,
                 .most = 1e3,
                 .above_least = true},
                {.name = "steps",
                 .kind = FlagKind::kInteger,
                 .default_value = "100",
                 .unit = "steps",
                 .help = "of descent, at most; 0: no recall is measured",
                 .least = 0,
                 .most = 1e5},
                {.name = "kernel",
                 .kind = FlagKind::kReal,
                 .default_value = "none",
                 .help = "a kernel value whose estimate is drawn 400 times",
                 .least = 0,
                 .most = 1,
                 .above_least = true,
                 .may_be_auto = true,
                 .automatic = "none"},
                {.name = "queries",
                 .kind = FlagKind::kInteger,
                 .default_value = "100",
                 .unit = "cues",
                 .help = "of the stored patterns in turn",
                 .least = 1,
                 .most = 1e5}},
      .run = RunRandomFeature,
      .predict = PredictRandomFeature,
  };
}

}  // namespace mneme::lab
