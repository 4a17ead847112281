// Exponential memory of +1 and -1: recall of damaged patterns, and how many are stable.
#include <algorithm>

#include "core/base/status.h"
#include "core/models/dense/dense_driver.h"
#include "tests/lab/binary_memory.h"
#include "tests/lab/experiments.h"

namespace mneme::lab {
namespace {

constexpr double kNumbersMax = 2e7;  // of one store

models::DenseKernelSpec Kernel(const Parameters& parameters) {
  return {.similarity = models::Similarity::kDot,
          .separation = models::Separation::kExp,
          .beta = parameters.Real("beta")};
}

absl::Status Check(const Parameters& parameters) {
  if (parameters.IsAuto("patterns")) return absl::OkStatus();
  if (parameters.Real("patterns") * parameters.Real("d") <= kNumbersMax) return absl::OkStatus();
  return BadFlag("patterns", parameters.Text("patterns"),
                 absl::StrCat("at most ", kNumbersMax, " numbers in all"));
}

absl::Status Search(const Parameters& parameters, Run& run) {
  const size_t d = parameters.Count("d");
  Random random = run.Stream(1);
  const auto limit = static_cast<size_t>(kNumbersMax / static_cast<double>(d));
  MNEME_ASSIGN_OR_RETURN(
      const double capacity,
      SearchCapacity(
          limit,
          [&](size_t patterns) -> absl::StatusOr<bool> {
            MNEME_ASSIGN_OR_RETURN(
                const double error,
                StepBitError(Kernel(parameters), patterns, d, parameters.Count("probes"), random));
            return error > parameters.Real("bit_error");
          },
          run));
  run.Measure("capacity", capacity);
  run.Measure("at_limit", capacity >= static_cast<double>(limit) ? 1 : 0);
  return absl::OkStatus();
}

absl::Status RunExpBinary(const Parameters& parameters, Run& run) {
  if (parameters.IsAuto("patterns")) return Search(parameters, run);
  Random patterns_random = run.Stream(1), flips = run.Stream(2);
  const MatrixD patterns =
      RandomSigns(parameters.Count("patterns"), parameters.Count("d"), patterns_random);
  const size_t probes = std::min(parameters.Count("probes"), patterns.rows());
  const MatrixViewD targets = patterns.view().slice(0, probes);
  MatrixD cues = MatrixD::Copy(targets);
  FlipEach(parameters.Real("flip"), flips, cues);
  MNEME_ASSIGN_OR_RETURN(
      const auto result,
      models::RunDense<double>(Kernel(parameters), {.keys = patterns, .cues = cues},
                               {.steps_max = static_cast<int>(parameters.Count("steps")),
                                .state = models::StateSpace::kBinary}));
  double exact = 0;
  for (size_t i = 0; i < probes; ++i) {
    MNEME_RETURN_IF_ERROR(result.cues[i].error);
    exact +=
        std::equal(targets.row(i).begin(), targets.row(i).end(), result.recalls.row(i).begin());
  }
  run.Measure("exact_recall", exact / static_cast<double>(probes));
  run.Measure("bit_error", DifferingShare(result.recalls, targets));
  return absl::OkStatus();
}

}  // namespace

Experiment ExpBinaryExperiment() {
  return {
      .name = "exp-binary",
      .summary = "exponential memory of +1 and -1: recall of damaged patterns, and capacity",
      .source =
          "Demircigil et al., On a Model of Associative Memory with Huge Storage Capacity, "
          "J. Stat. Phys. 2017",
      .slope_of = "capacity",
      .flags = {{.name = "d",
                 .kind = FlagKind::kInteger,
                 .default_value = "32",
                 .unit = "neurons",
                 .help = "dimension",
                 .least = 2,
                 .most = 65536},
                {.name = "patterns",
                 .kind = FlagKind::kInteger,
                 .default_value = "1000",
                 .unit = "patterns",
                 .help = "stored; search: as many as one step leaves in place",
                 .least = 1,
                 .most = 1e7,
                 .may_be_auto = true,
                 .automatic = "search"},
                {.name = "flip",
                 .kind = FlagKind::kReal,
                 .default_value = "0.1",
                 .help = "chance that a bit of a cue is turned",
                 .least = 0,
                 .most = 1},
                {.name = "steps",
                 .kind = FlagKind::kInteger,
                 .default_value = "5",
                 .unit = "steps",
                 .help = "synchronous, at most",
                 .least = 1,
                 .most = 10000},
                {.name = "probes",
                 .kind = FlagKind::kInteger,
                 .default_value = "256",
                 .unit = "patterns",
                 .help = "recalled; in a search, for each number tried",
                 .least = 1,
                 .most = 1e6},
                {.name = "beta",
                 .kind = FlagKind::kReal,
                 .default_value = "1",
                 .unit = "1/overlap",
                 .help = "inverse temperature",
                 .least = 0,
                 .most = 1e6,
                 .above_least = true},
                {.name = "bit_error",
                 .kind = FlagKind::kReal,
                 .default_value = "0.01",
                 .help = "share of wrong bits that a search allows",
                 .least = 0,
                 .most = 0.5}},
      .check = Check,
      .run = RunExpBinary,
      .slope_ln_of = "capacity",
  };
}

}  // namespace mneme::lab
