// Log-sum-ReLU memory: which patterns are kept, what emerges between them, and when it says that it
// does not know.
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/status.h"
#include "core/models/dense/auto_radius.h"
#include "core/models/dense/dense_driver.h"
#include "core/models/dense/support_minima.h"
#include "tests/lab/experiments.h"

namespace mneme::lab {
namespace {

constexpr double kAutoRadius = 0.95;  // of the smallest distance: the memory's own rule
constexpr double kSameMinimum = 1e-4;
constexpr size_t kPairsMax = 30'000;  // patterns whose smallest distance is looked for

bool IsFew(const Parameters& parameters) {
  return parameters.Count("patterns") <= models::kEnumeratedPatternsMax;
}
bool Enumerates(const Parameters& parameters) {
  const std::string& text = parameters.Text("enumerate");
  return text == "true" || (text == "auto" && IsFew(parameters));
}
bool ComparesLse(const Parameters& parameters) { return parameters.Text("compare_lse") == "true"; }

absl::Status Check(const Parameters& parameters) {
  if ((Enumerates(parameters) || ComparesLse(parameters)) && !IsFew(parameters)) {
    return BadFlag("patterns", parameters.Text("patterns"),
                   absl::StrCat("at most ", models::kEnumeratedPatternsMax,
                                " with enumerate or compare_lse: every subset is looked at"));
  }
  return absl::OkStatus();
}

MatrixD DrawPatterns(const Parameters& parameters, size_t n, Random& random) {
  MatrixD out(n, parameters.Count("d"));
  if (parameters.Text("data") == "sphere") {
    for (size_t i = 0; i < n; ++i) random.FillUnit(out.row(i));
  } else {
    for (double& x : out.flat()) x = random.Uniform();
  }
  return out;
}

// Patterns whose own step gives them back, bit by bit.
absl::StatusOr<std::vector<bool>> Kept(MatrixViewD patterns,
                                       const models::DenseKernelSpec& kernel) {
  MNEME_ASSIGN_OR_RETURN(
      const auto result,
      models::RunDense<double>(kernel, {.keys = patterns, .cues = patterns}, {.steps_max = 1}));
  std::vector<bool> kept;
  for (size_t i = 0; i < patterns.rows; ++i) {
    MNEME_RETURN_IF_ERROR(result.cues[i].error);
    kept.push_back(
        std::equal(patterns.row(i).begin(), patterns.row(i).end(), result.recalls.row(i).begin()));
  }
  return kept;
}

double CountOf(const std::vector<bool>& flags) {
  return static_cast<double>(std::count(flags.begin(), flags.end(), true));
}

// The same patterns under exp at the same beta, from every centroid.
absl::Status MeasureLse(MatrixViewD patterns, double beta, Run& run) {
  const models::DenseKernelSpec kernel = {.similarity = models::Similarity::kL2, .beta = beta};
  const size_t subsets = (size_t{1} << patterns.rows) - 1;
  MatrixD starts(subsets, patterns.cols);
  for (size_t subset = 1; subset <= subsets; ++subset) {
    double count = 0;
    const std::span<double> start = starts.row(subset - 1);
    for (size_t mu = 0; mu < patterns.rows; ++mu) {
      if ((subset >> mu & 1) == 0) continue;
      ++count;
      for (size_t j = 0; j < start.size(); ++j) start[j] += patterns.row(mu)[j];
    }
    for (double& x : start) x /= count;
  }
  MNEME_ASSIGN_OR_RETURN(const auto result,
                         models::RunDense<double>(kernel, {.keys = patterns, .cues = starts},
                                                  {.steps_max = 20'000, .tolerance = 1e-10}));
  std::vector<size_t> minima;
  for (size_t i = 0; i < subsets; ++i) {
    MNEME_RETURN_IF_ERROR(result.cues[i].error);
    const auto same = [&](size_t other) {
      double most = 0;
      for (size_t j = 0; j < patterns.cols; ++j) {
        most = std::max(most, std::abs(result.recalls.at(i, j) - result.recalls.at(other, j)));
      }
      return most < kSameMinimum;
    };
    if (std::none_of(minima.begin(), minima.end(), same)) minima.push_back(i);
  }
  MNEME_ASSIGN_OR_RETURN(const std::vector<bool> kept, Kept(patterns, kernel));
  run.Measure("lse_exact", CountOf(kept));
  run.Measure("lse_minima", static_cast<double>(minima.size()));
  return absl::OkStatus();
}

absl::Status MeasureRecall(const Parameters& parameters, MatrixViewD patterns,
                           const models::DenseKernelSpec& kernel, double nearest, Run& run) {
  Random random = run.Stream(2);
  const size_t queries = parameters.Count("queries"), d = patterns.cols;
  const bool unrelated = parameters.Text("unrelated") == "true";
  MatrixD cues = unrelated ? DrawPatterns(parameters, queries, random) : MatrixD(queries, d);
  std::vector<size_t> targets(queries);
  const double each = parameters.Real("noise") * nearest / std::sqrt(static_cast<double>(d));
  for (size_t q = 0; q < queries && !unrelated; ++q) {
    targets[q] = random.Below(patterns.rows);
    for (size_t j = 0; j < d; ++j) {
      cues.at(q, j) = patterns.row(targets[q])[j] + each * random.Gaussian();
    }
  }
  MNEME_ASSIGN_OR_RETURN(const auto result,
                         models::RunDense<double>(kernel, {.keys = patterns, .cues = cues},
                                                  {.steps_max = 1000, .tolerance = 0}));
  double exact = 0, none = 0, steps = 0, rise = 0;
  for (size_t q = 0; q < queries; ++q) {
    const models::DenseCueResult& cue = result.cues[q];
    MNEME_RETURN_IF_ERROR(cue.error);
    if (cue.status == models::AnswerStatus::kNoSupport) {
      ++none;
      continue;
    }
    const auto target = patterns.row(targets[q]);
    exact += !unrelated && std::equal(target.begin(), target.end(), result.recalls.row(q).begin());
    steps = std::max(steps, static_cast<double>(cue.steps - 1));  // the last pass only confirms
    for (size_t t = 1; t < cue.energies.size(); ++t) {
      rise = std::max(rise, cue.energies[t] - cue.energies[t - 1]);
    }
  }
  run.Measure("exact_recall", exact / static_cast<double>(queries));
  run.Measure("no_support", none / static_cast<double>(queries));
  run.Measure("iterations", steps);
  run.Measure("energy_rise", rise);
  return absl::OkStatus();
}

absl::Status RunLsr(const Parameters& parameters, Run& run) {
  Random random = run.Stream(1);
  const MatrixD patterns = DrawPatterns(parameters, parameters.Count("patterns"), random);
  double nearest = models::SmallestDistance(patterns);
  if (!std::isfinite(nearest) || nearest == 0) nearest = 1;
  const double share = parameters.IsAuto("radius") ? kAutoRadius : parameters.Real("radius");
  if (parameters.IsAuto("radius")) run.Used("radius", share);
  const double radius = share * nearest;
  const models::DenseKernelSpec kernel = {.similarity = models::Similarity::kL2,
                                          .separation = models::Separation::kRelu1,
                                          .beta = models::BetaOfRadius(radius)};
  MNEME_ASSIGN_OR_RETURN(const std::vector<bool> kept, Kept(patterns, kernel));
  run.Measure("stored_kept", CountOf(kept));
  run.Measure("nearest_distance", nearest);
  if (Enumerates(parameters)) {
    MNEME_ASSIGN_OR_RETURN(const auto minima, models::EnumerateMinima(patterns, radius));
    run.Measure("emergent", static_cast<double>(std::count_if(
                                minima.begin(), minima.end(),
                                [](const auto& minimum) { return minimum.support.size() > 1; })));
  }
  run.Progress(0.5);
  if (ComparesLse(parameters)) MNEME_RETURN_IF_ERROR(MeasureLse(patterns, kernel.beta, run));
  return MeasureRecall(parameters, patterns, kernel, nearest, run);
}

Flag Switch(std::string_view name, std::string_view help) {
  return {.name = name,
          .kind = FlagKind::kChoice,
          .default_value = "false",
          .help = help,
          .choices = {"false", "true"}};
}

}  // namespace

Experiment LsrExperiment() {
  return {
      .name = "lsr",
      .summary = "log-sum-ReLU memory: patterns kept, minima that emerge, cues that it rejects",
      .source = "log-sum-ReLU (Epanechnikov) energy, Hoover et al. 2025",
      .slope_of = "emergent",
      .flags = {{.name = "patterns",
                 .kind = FlagKind::kInteger,
                 .default_value = "12",
                 .unit = "patterns",
                 .help = "stored",
                 .least = 1,
                 .most = kPairsMax},
                {.name = "d",
                 .kind = FlagKind::kInteger,
                 .default_value = "16",
                 .unit = "numbers",
                 .help = "dimension",
                 .least = 1,
                 .most = 65536},
                {.name = "radius",
                 .kind = FlagKind::kReal,
                 .default_value = "auto",
                 .unit = "smallest distance",
                 .help = "of a pattern's support; auto: 0.95",
                 .least = 0,
                 .most = 1e6,
                 .above_least = true,
                 .may_be_auto = true},
                {.name = "noise",
                 .kind = FlagKind::kReal,
                 .default_value = "0.6",
                 .unit = "smallest distance",
                 .help = "typical length of the Gaussian added to a stored pattern",
                 .least = 0},
                {.name = "queries",
                 .kind = FlagKind::kInteger,
                 .default_value = "200",
                 .unit = "cues",
                 .help = "of random stored patterns",
                 .least = 1,
                 .most = 1e6},
                {.name = "enumerate",
                 .kind = FlagKind::kChoice,
                 .default_value = "auto",
                 .help = "true: every subset is tried for a minimum; auto: up to 20 patterns",
                 .choices = {"auto", "true", "false"}},
                {.name = "data",
                 .kind = FlagKind::kChoice,
                 .default_value = "cube",
                 .help = "cube: uniform in [0, 1]^d; sphere: unit vectors",
                 .choices = {"cube", "sphere"}},
                Switch("unrelated", "true: cues are drawn as patterns are, unrelated"),
                Switch("compare_lse", "true: exp at the same beta, from all centroids")},
      .check = Check,
      .run = RunLsr,
  };
}

}  // namespace mneme::lab
