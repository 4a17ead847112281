// Dense memory of n-body couplings: how many random patterns are stable?
#include "core/base/status.h"
#include "core/theory/dense_capacity.h"
#include "tests/lab/binary_memory.h"
#include "tests/lab/experiments.h"

namespace mneme::lab {
namespace {

constexpr double kNumbersMax = 2e7;  // of one store that the search may come to

bool Rectified(const Parameters& parameters) { return parameters.Text("rectified") == "true"; }

double Theory(const Parameters& parameters) {
  return theory::NBodyCapacity(parameters.Real("d"), static_cast<int>(parameters.Count("power")),
                               Rectified(parameters), parameters.Real("bit_error"));
}

absl::Status Check(const Parameters& parameters) {
  if (4 * Theory(parameters) * parameters.Real("d") <= kNumbersMax) return absl::OkStatus();
  return BadFlag("d", parameters.Text("d"),
                 absl::StrCat("a capacity of fewer than ", kNumbersMax / 4,
                              " numbers at this power: the search stores that many"));
}

absl::Status RunNbody(const Parameters& parameters, Run& run) {
  const size_t d = parameters.Count("d");
  const models::DenseKernelSpec kernel = {.similarity = models::Similarity::kDot,
                                          .separation = Rectified(parameters)
                                                            ? models::Separation::kRectifiedPower
                                                            : models::Separation::kPower,
                                          .power = static_cast<int>(parameters.Count("power")),
                                          .beta = 1};
  Random random = run.Stream(1);
  const auto limit = static_cast<size_t>(kNumbersMax / static_cast<double>(d));
  MNEME_ASSIGN_OR_RETURN(
      const double capacity,
      SearchCapacity(
          limit,
          [&](size_t patterns) -> absl::StatusOr<bool> {
            MNEME_ASSIGN_OR_RETURN(
                const double error,
                StepBitError(kernel, patterns, d, parameters.Count("probes"), random));
            return error > parameters.Real("bit_error");
          },
          run));
  run.Measure("capacity", capacity);
  run.Measure("at_limit", capacity >= static_cast<double>(limit) ? 1 : 0);
  return absl::OkStatus();
}

void PredictNbody(const Parameters& parameters, const Quantities&, Quantities& predicted) {
  predicted.Set("capacity", Theory(parameters));
}

}  // namespace

Experiment NbodyExperiment() {
  return {
      .name = "nbody",
      .summary = "n-body memory of +1 and -1: how many random patterns one step leaves in place",
      .source = "Krotov, Hopfield, Dense Associative Memory for Pattern Recognition, NeurIPS 2016",
      .slope_of = "capacity",
      .flags = {{.name = "power",
                 .kind = FlagKind::kInteger,
                 .default_value = "3",
                 .help = "n: neurons that a coupling joins",
                 .least = 2,
                 .most = 16},
                {.name = "rectified",
                 .kind = FlagKind::kChoice,
                 .default_value = "false",
                 .help = "true: overlaps below 0 do not pull",
                 .choices = {"false", "true"}},
                {.name = "d",
                 .kind = FlagKind::kInteger,
                 .default_value = "40",
                 .unit = "neurons",
                 .help = "dimension",
                 .least = 2,
                 .most = 4096},
                {.name = "probes",
                 .kind = FlagKind::kInteger,
                 .default_value = "128",
                 .unit = "patterns",
                 .help = "looked at for each number of patterns tried",
                 .least = 1,
                 .most = 1e5},
                {.name = "bit_error",
                 .kind = FlagKind::kReal,
                 .default_value = "0.01",
                 .help = "share of wrong bits that is allowed",
                 .least = 0,
                 .most = 0.499,
                 .above_least = true}},
      .check = Check,
      .run = RunNbody,
      .predict = PredictNbody,
  };
}

}  // namespace mneme::lab
