// One step of one small model, number by number: the golden rows of the notes, or any other
// setting.
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/models/dense/binary_exp.h"
#include "core/models/dense/dense_driver.h"
#include "core/models/dense/phase.h"
#include "core/models/dense/random_feature.h"
#include "tests/lab/experiments.h"

namespace mneme::lab {
namespace {

constexpr double kBinaryBetaMax = 50;  // cosh(beta) of more would leave nothing of the difference

MatrixD Scaled(MatrixD numbers, double scale) {
  for (double& x : numbers.flat()) x *= scale;
  return numbers;
}

bool IsBinary(MatrixViewD numbers) {
  for (const double x : numbers.flat()) {
    if (x != 1 && x != -1) return false;
  }
  return true;
}

void MeasureEach(std::string_view name, std::span<const double> values, Run& run) {
  for (size_t i = 0; i < values.size(); ++i)
    run.Measure(absl::StrCat(AbslView(name), "@", i), values[i]);
}

absl::Status CheckVector(const Parameters& parameters, std::string_view flag, size_t dimension) {
  const MatrixD numbers = parameters.Numbers(flag);
  if (numbers.rows() == 1 && numbers.cols() == dimension) return absl::OkStatus();
  return BadFlag(flag, parameters.Text(flag),
                 absl::StrCat("one row of ", dimension, " numbers, as many as a pattern has"));
}

absl::Status CheckBinary(const Parameters& parameters, std::string_view flag) {
  if (IsBinary(parameters.Numbers(flag))) return absl::OkStatus();
  return BadFlag(flag, parameters.Text(flag), "entries 1 or -1 for this model");
}

absl::Status Check(const Parameters& parameters) {
  const std::string& model = parameters.Text("model");
  const size_t dimension = parameters.Numbers("patterns").cols();
  if (model == "oscillator" || model == "random-feature") {
    if (parameters.Count("steps") != 1) {
      return BadFlag("steps", parameters.Text("steps"), "1: this model is looked at, not moved");
    }
  }
  if (model == "oscillator") {
    MNEME_RETURN_IF_ERROR(CheckBinary(parameters, "patterns"));
    return CheckVector(parameters, "angles", dimension);
  }
  MNEME_RETURN_IF_ERROR(CheckVector(parameters, "cue", dimension));
  if (model == "exp-binary") {
    MNEME_RETURN_IF_ERROR(CheckBinary(parameters, "patterns"));
    if (parameters.Real("beta") > kBinaryBetaMax) {
      return BadFlag("beta", parameters.Text("beta"), absl::StrCat("at most ", kBinaryBetaMax));
    }
    return CheckBinary(parameters, "cue");
  }
  if (model == "lsr" && parameters.Text("similarity") != "l2") {
    return BadFlag("similarity", parameters.Text("similarity"), "l2 for the model lsr");
  }
  if (model == "random-feature" && parameters.Numbers("frequencies").cols() != dimension) {
    return BadFlag("frequencies", parameters.Text("frequencies"),
                   absl::StrCat("rows of ", dimension, " numbers, as many as a pattern has"));
  }
  return absl::OkStatus();
}

absl::Status RunDriver(const Parameters& parameters, Run& run) {
  const double scale = parameters.Real("scale");
  const MatrixD patterns = Scaled(parameters.Numbers("patterns"), scale);
  const MatrixD cue = Scaled(parameters.Numbers("cue"), scale);
  const models::DenseKernelSpec kernel = {
      .similarity = ParseSimilarity(parameters.Text("similarity")),
      .separation =
          parameters.Text("model") == "lsr" ? models::Separation::kRelu1 : models::Separation::kExp,
      .beta = parameters.Real("beta")};
  const models::DenseInput<double> input = {.keys = patterns, .cues = cue};
  MNEME_ASSIGN_OR_RETURN(const auto at_cue, models::RunDense(kernel, input, {.steps_max = 1}));
  const models::DenseCueResult& state = at_cue.cues[0];
  MNEME_RETURN_IF_ERROR(state.error);
  MNEME_ASSIGN_OR_RETURN(
      const auto moved,
      models::RunDense(kernel, input,
                       {.steps_max = static_cast<int>(parameters.Count("steps")), .tolerance = 0}));
  run.Measure("energy", state.energy);
  MeasureEach("next", moved.recalls.row(0), run);
  if (!at_cue.gradients.empty()) MeasureEach("gradient", at_cue.gradients.row(0), run);
  run.Measure("s0", state.s0);
  run.Measure("s1", state.s1);
  run.Measure("n_support", static_cast<double>(state.n_support));
  return absl::OkStatus();
}

// The difference of the two energies that neuron i would have, by summing over all patterns.
double EnergyDifference(MatrixViewD patterns, std::span<const double> state, double beta,
                        size_t i) {
  double difference = 0;
  for (size_t mu = 0; mu < patterns.rows; ++mu) {
    double without = 0;
    for (size_t j = 0; j < state.size(); ++j) {
      if (j != i) without += patterns.row(mu)[j] * state[j];
    }
    const double xi = patterns.row(mu)[i];
    difference += std::exp(beta * (without + xi)) - std::exp(beta * (without - xi));
  }
  return difference;
}

void RunBinaryExp(const Parameters& parameters, Run& run) {
  const MatrixD patterns = parameters.Numbers("patterns"), cue = parameters.Numbers("cue");
  const double beta = parameters.Real("beta");
  const models::BinaryExpField at_cue = models::EvaluateBinaryExp(patterns, cue.row(0), beta);
  std::vector<double> state = models::BinaryStateOf(at_cue.field);
  for (size_t step = 1; step < parameters.Count("steps"); ++step) {
    state = models::BinaryStateOf(models::EvaluateBinaryExp(patterns, state, beta).field);
  }
  run.Measure("energy", at_cue.energy);
  MeasureEach("next", state, run);
  run.Measure("s0", at_cue.s0);
  MeasureEach("overlap", at_cue.overlaps, run);
  MeasureEach("field", at_cue.field, run);
  for (size_t i = 0; i < cue.cols(); ++i) {
    run.Measure(absl::StrCat("difference@", i), EnergyDifference(patterns, cue.row(0), beta, i));
  }
}

void RunOscillator(const Parameters& parameters, Run& run) {
  const MatrixD patterns = parameters.Numbers("patterns"), angles = parameters.Numbers("angles");
  const models::PhaseField field =
      models::EvaluatePhases(patterns, angles.row(0), parameters.Real("k2"), parameters.Real("k4"));
  run.Measure("energy", field.energy);
  MeasureEach("drift", field.drift, run);
  for (size_t mu = 0; mu < field.overlaps.size(); ++mu) {
    run.Measure(absl::StrCat("z_abs@", mu), std::abs(field.overlaps[mu]));
  }
}

void RunRandomFeature(const Parameters& parameters, Run& run) {
  const MatrixD frequencies = parameters.Numbers("frequencies");
  const MatrixD patterns = Scaled(parameters.Numbers("patterns"), parameters.Real("scale"));
  const MatrixD cue = Scaled(parameters.Numbers("cue"), parameters.Real("scale"));
  const double beta = parameters.Real("beta");
  std::vector<double> sum(2 * frequencies.rows());
  for (size_t mu = 0; mu < patterns.rows(); ++mu) {
    models::AddFeatures(frequencies, beta, patterns.row(mu), 1, sum);
  }
  const models::FeatureDensity at_cue =
      models::EvaluateFeatures(frequencies, beta, sum, cue.row(0));
  run.Measure("energy", at_cue.energy);
  MeasureEach("gradient", at_cue.gradient, run);
  run.Measure("s0", at_cue.density);
  MeasureEach("feature_sum", sum, run);
}

absl::Status RunStep(const Parameters& parameters, Run& run) {
  const std::string& model = parameters.Text("model");
  if (model == "lse" || model == "lsr") return RunDriver(parameters, run);
  if (model == "exp-binary") {
    RunBinaryExp(parameters, run);
  } else if (model == "oscillator") {
    RunOscillator(parameters, run);
  } else {
    RunRandomFeature(parameters, run);
  }
  return absl::OkStatus();
}

}  // namespace

Experiment StepExperiment() {
  return {
      .name = "step",
      .summary = "one step of one small model, number by number",
      .source =
          "Ramsauer et al. 2021; log-sum-ReLU energy; Demircigil et al. 2017; Hoover et al. 2024",
      .slope_of = "energy",
      .flags = {{.name = "model",
                 .kind = FlagKind::kChoice,
                 .default_value = "lse",
                 .help = "the energy",
                 .choices = {"lse", "lsr", "exp-binary", "oscillator", "random-feature"}},
                {.name = "similarity",
                 .kind = FlagKind::kChoice,
                 .default_value = "dot",
                 .help = "of lse; lsr has l2",
                 .choices = {"dot", "l2", "cosine"}},
                {.name = "beta",
                 .kind = FlagKind::kReal,
                 .default_value = "1",
                 .unit = "1/similarity",
                 .help = "inverse temperature",
                 .least = 0,
                 .above_least = true},
                {.name = "patterns",
                 .kind = FlagKind::kNumbers,
                 .default_value = "1,0;0,1",
                 .help = "stored patterns, one a row"},
                {.name = "cue",
                 .kind = FlagKind::kNumbers,
                 .default_value = "0.6,0.3",
                 .help = "where the step starts; not of oscillator"},
                {.name = "scale",
                 .kind = FlagKind::kReal,
                 .default_value = "1",
                 .help = "multiplies patterns and cue of lse, lsr, random-feature",
                 .least = 0,
                 .above_least = true},
                {.name = "frequencies",
                 .kind = FlagKind::kNumbers,
                 .default_value = "1,0;0,1",
                 .help = "of random-feature, one a row"},
                {.name = "angles",
                 .kind = FlagKind::kNumbers,
                 .default_value = "0,0",
                 .unit = "radians",
                 .help = "where oscillator is looked at"},
                {.name = "k2",
                 .kind = FlagKind::kReal,
                 .default_value = "0",
                 .unit = "energy",
                 .help = "pairwise coupling of oscillator",
                 .least = 0},
                {.name = "k4",
                 .kind = FlagKind::kReal,
                 .default_value = "1",
                 .unit = "energy",
                 .help = "quartic coupling of oscillator",
                 .least = 0},
                {.name = "steps",
                 .kind = FlagKind::kInteger,
                 .default_value = "1",
                 .unit = "steps",
                 .help = "taken before next@ is read",
                 .least = 1,
                 .most = 10000}},
      .check = Check,
      .run = RunStep,
  };
}

}  // namespace mneme::lab
