// Learned separation: encoders compared by how far they push keys apart, and by what they recall.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/math/kernels.h"
#include "core/models/dense/dense_driver.h"
#include "core/models/features/encoder_losses.h"
#include "core/models/features/encoder_training.h"
#include "core/models/features/linear_encoder.h"
#include "tests/lab/experiments.h"

namespace mneme::lab {
namespace {

using models::EncoderObjective;
using models::LinearEncoder;

constexpr double kFactor = 0.5, kOwn = 0.3;  // of what keys share, and of their own part
constexpr size_t kCuesLeast = 200;

size_t FeatureDim(const Parameters& parameters) {
  return parameters.IsAuto("feature_dim") ? parameters.Count("d") : parameters.Count("feature_dim");
}

absl::Status Check(const Parameters& parameters) {
  if (FeatureDim(parameters) <= parameters.Count("d")) return absl::OkStatus();
  return BadFlag("feature_dim", parameters.Text("feature_dim"), "at most d");
}

MatrixD Gaussian(size_t n, size_t d, Random& random) {
  MatrixD out(n, d);
  random.FillGaussian(out.flat());
  return out;
}

// b + 0.5 c U + 0.3 ε: a mean and a few directions that all keys share, and a part of their own.
MatrixD DrawKeys(const Parameters& parameters, Random& random) {
  const size_t n = parameters.Count("patterns"), d = parameters.Count("d");
  if (parameters.Text("data") == "gauss") return Gaussian(n, d, random);
  const MatrixD mean = Gaussian(1, d, random);
  const MatrixD directions = Gaussian(parameters.Count("factors"), d, random);
  MatrixD keys = Gaussian(n, d, random);
  math::Scale(kOwn, keys.data(), keys.flat().size());
  for (size_t i = 0; i < n; ++i) {
    math::AddScaled(1.0, mean.row(0).data(), keys.row(i).data(), d);
    for (size_t f = 0; f < directions.rows(); ++f) {
      math::AddScaled(kFactor * random.Gaussian(), directions.row(f).data(), keys.row(i).data(), d);
    }
  }
  return keys;
}

// Cue q of key q modulo n: noise, then a share of the numbers set to 0.
MatrixD DrawCues(const Parameters& parameters, const MatrixD& keys, Random& random) {
  const size_t n = keys.rows();
  MatrixD cues(n * ((kCuesLeast + n - 1) / n), keys.cols());
  for (size_t q = 0; q < cues.rows(); ++q) {
    for (size_t j = 0; j < cues.cols(); ++j) {
      const double noisy = keys.at(q % n, j) + parameters.Real("noise") * random.Gaussian();
      cues.at(q, j) = random.Uniform() < parameters.Real("damage") ? 0 : noisy;
    }
  }
  return cues;
}

double Distance(std::span<const double> a, std::span<const double> b) {
  return std::sqrt(math::SquaredDistance(a.data(), b.data(), a.size()));
}

size_t Nearest(const MatrixD& keys, std::span<const double> x) {
  std::vector<double> squared(keys.rows());
  math::SquaredDistanceRows(keys.data(), keys.cols(), keys.rows(), x.data(), keys.cols(),
                            squared.data());
  return static_cast<size_t>(std::min_element(squared.begin(), squared.end()) - squared.begin());
}

// One step: scores of features, read-out of keys.
absl::Status MeasureEncoder(std::string_view name, const LinearEncoder& encoder,
                            const Parameters& parameters, const MatrixD& keys, const MatrixD& cues,
                            Run& run) {
  const MatrixD z = encoder.Encode(keys), q = encoder.Encode(cues);
  MNEME_ASSIGN_OR_RETURN(const auto result,
                         models::RunDense<double>({.similarity = models::Similarity::kCosine,
                                                   .beta = parameters.Real("beta")},
                                                  {.keys = z, .values = keys, .cues = q}));
  double by_read_out = 0, by_score = 0;
  std::vector<double> errors;
  for (size_t i = 0; i < cues.rows(); ++i) {
    MNEME_RETURN_IF_ERROR(result.cues[i].error);
    const size_t target = i % keys.rows();
    by_read_out += Nearest(keys, result.recalls.row(i)) == target;
    by_score += result.cues[i].top.at(0).row == target;
    errors.push_back(Distance(result.recalls.row(i), keys.row(target)) /
                     Distance(encoder.mean, keys.row(target)));
  }
  std::nth_element(errors.begin(), errors.begin() + static_cast<ptrdiff_t>(errors.size() / 2),
                   errors.end());
  const double count = static_cast<double>(cues.rows());
  const auto at = [&](std::string_view quantity) {
    return absl::StrCat(AbslView(quantity), "@", AbslView(name));
  };
  run.Measure(at("max_cosine"), models::LargestPairProduct(z));
  run.Measure(at("top1"), by_read_out / count);
  run.Measure(at("score_top1"), by_score / count);
  run.Measure(at("read_error"), errors[errors.size() / 2]);
  return absl::OkStatus();
}

absl::StatusOr<LinearEncoder> Trained(const Parameters& parameters, EncoderObjective objective,
                                      const MatrixD& keys, uint64_t seed, Run& run) {
  const bool separation = objective == EncoderObjective::kSeparation;
  models::EncoderTrainSpec spec = {
      .objective = objective,
      .feature_dim = FeatureDim(parameters),
      .noise = parameters.IsAuto("noise_trained") ? parameters.Real("noise")
                                                  : parameters.Real("noise_trained"),
      .seed = seed,
      .keep = separation ? models::EncoderTrainSpec::Keep::kSmallestCosine
                         : models::EncoderTrainSpec::Keep::kBestRecall};
  if (!parameters.IsAuto("steps")) spec.steps = static_cast<int>(parameters.Count("steps"));
  if (separation) {
    spec.tau_begin = 0.1;
    spec.tau_end = parameters.Real("tau_end");
  }
  MNEME_RETURN_IF_ERROR(models::EncoderTraining::CheckSpec(spec, keys.cols()));
  models::EncoderTraining training(spec, keys.cols());
  Matrix narrow(keys.rows(), keys.cols());
  std::copy(keys.flat().begin(), keys.flat().end(), narrow.flat().begin());
  std::vector<uint64_t> numbers(keys.rows());
  std::iota(numbers.begin(), numbers.end(), uint64_t{0});
  MNEME_RETURN_IF_ERROR(training.Take({.keys = narrow, .row_numbers = numbers}));
  MNEME_RETURN_IF_ERROR(training.Run([&](const models::TrainProgress& progress) {
    run.Progress((separation ? 0.0 : 0.5) + 0.5 * progress.share);
    return true;
  }));
  return training.TakeEncoder();
}

// The largest difference between the losses' gradients and central differences.
double GradientCheck(const Parameters& parameters, const MatrixD& keys, Random& random) {
  MatrixD centred = keys.Clone(), weights(FeatureDim(parameters), keys.cols());
  random.FillGaussian(weights.flat());
  MatrixD cues = centred.Clone();
  for (double& x : cues.flat()) x += kOwn * random.Gaussian();
  const auto worst = [&](const auto& loss) {
    const MatrixD gradient = loss(weights).gradient.Clone();
    double most = 0;
    for (int look = 0; look < 20; ++look) {
      const size_t at = random.Below(weights.flat().size());
      const double step = 1e-5, kept = weights.data()[at];
      weights.data()[at] = kept + step;
      const double above = loss(weights).value;
      weights.data()[at] = kept - step;
      const double below = loss(weights).value;
      weights.data()[at] = kept;
      most = std::max(most, std::abs((above - below) / (2 * step) - gradient.data()[at]));
    }
    return most;
  };
  return std::max(
      worst([&](const MatrixD& w) { return models::SeparationLoss(centred, w, 0.1); }),
      worst([&](const MatrixD& w) { return models::RetrievalLoss(centred, cues, w, 0.1); }));
}

// Without unit length the memory in the space of features is one of dot products, whose energy
// cannot rise, for any W.
absl::Status MeasureEnergyRise(const Parameters& parameters, const MatrixD& keys,
                               const MatrixD& cues, Random& random, Run& run) {
  LinearEncoder encoder{.mean = std::vector<double>(keys.cols()),
                        .weights = Gaussian(FeatureDim(parameters), keys.cols(), random),
                        .normalise = false};
  const double scale = 1 / std::sqrt(static_cast<double>(keys.cols()));
  math::Scale(scale, encoder.weights.data(), encoder.weights.flat().size());
  const MatrixD z = encoder.Encode(keys), q = encoder.Encode(cues);
  MNEME_ASSIGN_OR_RETURN(
      const auto result,
      models::RunDense<double>(
          {.similarity = models::Similarity::kDot, .beta = parameters.Real("beta")},
          {.keys = z, .cues = q}, {.steps_max = 25, .tolerance = 0}));
  double rise = 0;
  for (const models::DenseCueResult& cue : result.cues) {
    MNEME_RETURN_IF_ERROR(cue.error);
    for (size_t t = 1; t < cue.energies.size(); ++t) {
      rise = std::max(rise, cue.energies[t] - cue.energies[t - 1]);
    }
  }
  run.Measure("energy_rise", rise);
  return absl::OkStatus();
}

absl::Status RunUhop(const Parameters& parameters, Run& run) {
  Random keys_random = run.Stream(1), cues_random = run.Stream(2), other = run.Stream(3);
  const MatrixD keys = DrawKeys(parameters, keys_random);
  const MatrixD cues = DrawCues(parameters, keys, cues_random);
  run.Measure("gradient_check", GradientCheck(parameters, keys, other));
  if (parameters.Text("normalise") == "false") {
    return MeasureEnergyRise(parameters, keys, cues, other, run);
  }
  models::KeyStatistics statistics(keys.cols());
  statistics.Add(keys);
  const auto measure = [&](std::string_view name, const LinearEncoder& encoder) {
    return MeasureEncoder(name, encoder, parameters, keys, cues, run);
  };
  MNEME_RETURN_IF_ERROR(measure("centred", {.mean = statistics.mean()}));
  MNEME_ASSIGN_OR_RETURN(const LinearEncoder whitened,
                         models::WhiteningEncoder(statistics, FeatureDim(parameters)));
  MNEME_RETURN_IF_ERROR(measure("whitened", whitened));
  MNEME_ASSIGN_OR_RETURN(
      const LinearEncoder separated,
      Trained(parameters, EncoderObjective::kSeparation, keys, other.Next(), run));
  MNEME_RETURN_IF_ERROR(measure("uhop", separated));
  MNEME_ASSIGN_OR_RETURN(
      const LinearEncoder aware,
      Trained(parameters, EncoderObjective::kNoiseAware, keys, other.Next(), run));
  MNEME_RETURN_IF_ERROR(measure("noise_aware", aware));
  double plain = 0;  // no encoder: the nearest key
  for (size_t i = 0; i < cues.rows(); ++i) plain += Nearest(keys, cues.row(i)) == i % keys.rows();
  run.Measure("top1@l2", plain / static_cast<double>(cues.rows()));
  return absl::OkStatus();
}

}  // namespace

Experiment UhopExperiment() {
  return {
      .name = "uhop",
      .summary = "learned separation: keys pushed apart, or cues trained to find them",
      .source =
          "Hu, Wu, Liu, Provably Optimal Memory Capacity for Modern Hopfield Models, NeurIPS "
          "2024; the noise-aware loss is ours",
      .slope_of = "read_error@noise_aware",
      .flags = {{.name = "patterns",
                 .kind = FlagKind::kInteger,
                 .default_value = "50",
                 .unit = "keys",
                 .help = "stored",
                 .least = 2,
                 .most = 20000},
                {.name = "d",
                 .kind = FlagKind::kInteger,
                 .default_value = "32",
                 .unit = "numbers",
                 .help = "dimension of keys",
                 .least = 1,
                 .most = 2048},
                {.name = "feature_dim",
                 .kind = FlagKind::kInteger,
                 .default_value = "auto",
                 .unit = "numbers",
                 .help = "dimension of features, at most d; auto: d",
                 .least = 1,
                 .most = 2048,
                 .may_be_auto = true},
                {.name = "data",
                 .kind = FlagKind::kChoice,
                 .default_value = "factors",
                 .help = "factors: a common mean, strong factors and a small own part",
                 .choices = {"factors", "gauss"}},
                {.name = "factors",
                 .kind = FlagKind::kInteger,
                 .default_value = "4",
                 .unit = "directions",
                 .help = "that keys share",
                 .least = 0,
                 .most = 2048},
                {.name = "noise",
                 .kind = FlagKind::kReal,
                 .default_value = "0.3",
                 .help = "standard deviation of each number of a cue",
                 .least = 0,
                 .most = 1e6},
                {.name = "noise_trained",
                 .kind = FlagKind::kReal,
                 .default_value = "auto",
                 .help = "that training takes cues to have; auto: noise",
                 .least = 0,
                 .most = 1e6,
                 .may_be_auto = true},
                {.name = "damage",
                 .kind = FlagKind::kReal,
                 .default_value = "0",
                 .help = "share of a cue's numbers set to 0",
                 .least = 0,
                 .most = 1},
                {.name = "steps",
                 .kind = FlagKind::kInteger,
                 .default_value = "auto",
                 .unit = "steps",
                 .help = "of each training; auto: 200 of uhop, 300 of noise_aware",
                 .least = 1,
                 .most = 1e6,
                 .may_be_auto = true},
                {.name = "tau_end",
                 .kind = FlagKind::kReal,
                 .default_value = "0.02",
                 .help = "temperature at which the separation ends, from 0.1",
                 .least = 1e-6,
                 .most = 100},
                {.name = "beta",
                 .kind = FlagKind::kReal,
                 .default_value = "20",
                 .unit = "1/cosine",
                 .help = "inverse temperature of the recall",
                 .least = 0,
                 .most = 1e6,
                 .above_least = true},
                {.name = "normalise",
                 .kind = FlagKind::kChoice,
                 .default_value = "true",
                 .help = "false: features as they are, a random W, and the energy's largest rise",
                 .choices = {"true", "false"}}},
      .check = Check,
      .run = RunUhop,
  };
}

}  // namespace mneme::lab
