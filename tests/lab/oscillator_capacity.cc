// How many patterns phase oscillators hold, by whether damaged cues lock onto theirs.
#include <string>

#include "core/base/status.h"
#include "core/dynamics/capacity_probe.h"
#include "core/dynamics/oscillators.h"
#include "core/dynamics/pattern_generator.h"
#include "tests/lab/experiments.h"
#include "tests/lab/pattern_flags.h"

namespace mneme::lab {
namespace {

absl::Status Check(const Parameters& parameters) {
  const double sum = parameters.Real("k2") + parameters.Real("k4");
  if (parameters.Real("dt") * sum > dynamics::kOscillatorStepMax) {
    return BadFlag(
        "dt", parameters.Text("dt"),
        absl::StrFormat("at most %.3g, which is %g / (k2 + k4)", dynamics::kOscillatorStepMax / sum,
                        dynamics::kOscillatorStepMax));
  }
  return CheckStored(parameters, "kmax", parameters.Real("kmax"));
}

// |z| of a cue's own pattern at the end, with fresh patterns.
absl::StatusOr<double> Retrieve(const Parameters& parameters, size_t load, Random& random) {
  MatrixD patterns = dynamics::RandomPatterns(load, parameters.Count("d"), random);
  const size_t first[] = {0};
  const MatrixD cue = dynamics::FlippedRows(patterns, first, parameters.Real("flip"), random);
  MatrixD angles = dynamics::AnglesOf(cue, parameters.Real("jitter"), random);
  MNEME_ASSIGN_OR_RETURN(dynamics::Oscillators oscillators,
                         dynamics::Oscillators::Create(std::move(patterns), std::move(angles),
                                                       {.couplings = {.k2 = parameters.Real("k2"),
                                                                      .k4 = parameters.Real("k4")},
                                                        .dt = parameters.Real("dt")}));
  oscillators.Step(parameters.Count("steps"));
  return oscillators.OrderParameter(0, 0);
}

absl::Status RunOscillatorCapacity(const Parameters& parameters, Run& run) {
  const size_t trials = parameters.Count("trials");
  const auto is_bad = [&](size_t load) -> absl::StatusOr<bool> {
    Random random = run.Stream(load);
    size_t retrieved = 0;
    for (size_t trial = 0; trial < trials; ++trial) {
      MNEME_ASSIGN_OR_RETURN(const double z, Retrieve(parameters, load, random));
      retrieved += z > parameters.Real("threshold");
    }
    return 2 * retrieved < trials;
  };
  MNEME_ASSIGN_OR_RETURN(
      const dynamics::Capacity capacity,
      dynamics::SearchCapacity(parameters.Count("kmax"), is_bad, [&](double share) {
        run.Progress(share);
        return true;
      }));
  run.Measure("capacity", static_cast<double>(capacity.low));
  run.Measure("capacity_high", static_cast<double>(capacity.high));
  run.Measure("at_limit", capacity.at_limit);
  return absl::OkStatus();
}

}  // namespace

Experiment OscillatorCapacityExperiment() {
  return {
      .name = "oscillator-capacity",
      .summary = "phase oscillators: the largest number of patterns that damaged cues still find",
      .source = "oscillator memory with pairwise and quartic couplings",
      .slope_of = "capacity",
      .flags = {NeuronsFlag("60", "oscillators"),
                CouplingFlag("k2", "0", "pairwise coupling"),
                CouplingFlag("k4", "1", "quartic coupling"),
                FlipFlag("0.15", "share of a cue's bits turned"),
                {.name = "trials",
                 .kind = FlagKind::kInteger,
                 .default_value = "6",
                 .unit = "cues",
                 .help = "at each load, with fresh patterns; half of them must succeed",
                 .least = 1,
                 .most = 1e4},
                {.name = "steps",
                 .kind = FlagKind::kInteger,
                 .default_value = "300",
                 .unit = "steps",
                 .help = "of Heun's rule",
                 .least = 1,
                 .most = 1e6},
                {.name = "dt",
                 .default_value = "0.2",
                 .unit = "time",
                 .help = "of a step",
                 .least = 0,
                 .most = 1e6,
                 .above_least = true},
                {.name = "jitter",
                 .default_value = "0.1",
                 .unit = "radians",
                 .help = "noise of a cue's angles",
                 .least = 0,
                 .most = 10},
                {.name = "threshold",
                 .default_value = "0.95",
                 .help = "|z| above it is success",
                 .least = 0,
                 .most = 1},
                {.name = "kmax",
                 .kind = FlagKind::kInteger,
                 .default_value = "20000",
                 .unit = "patterns",
                 .help = "largest load tried",
                 .least = 1,
                 .most = 1e6}},
      .check = Check,
      .run = RunOscillatorCapacity,
  };
}

}  // namespace mneme::lab
