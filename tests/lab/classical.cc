// The classical Hopfield memory: how much of a damaged pattern do sweeps bring back, by load?
#include <algorithm>
#include <cmath>

#include "core/base/status.h"
#include "core/models/features/quadratic_sum.h"
#include "tests/lab/binary_memory.h"
#include "tests/lab/experiments.h"

namespace mneme::lab {
namespace {

absl::Status RunClassical(const Parameters& parameters, Run& run) {
  const size_t d = parameters.Count("d");
  const size_t n = std::max<size_t>(
      1, static_cast<size_t>(std::lround(parameters.Real("load") * static_cast<double>(d))));
  Random patterns_random = run.Stream(1), flips = run.Stream(2), order = run.Stream(3);
  const MatrixD patterns = RandomSigns(n, d, patterns_random);
  models::QuadraticSum memory(d);
  MNEME_RETURN_IF_ERROR(memory.Add(patterns));
  const size_t queries = std::min(parameters.Count("queries"), n);
  MatrixD cues = MatrixD::Copy(patterns.view().slice(0, queries));
  FlipEach(parameters.Real("flip"), flips, cues);
  double overlap = 0, sweeps = 0, rise = 0;
  std::vector<int8_t> state(d);
  for (size_t q = 0; q < queries; ++q) {
    for (size_t i = 0; i < d; ++i) state[i] = cues.at(q, i) > 0 ? 1 : -1;
    const models::SweepOutcome outcome =
        memory.Sweep(static_cast<int>(parameters.Count("sweeps")), order, state);
    double sum = 0;
    for (size_t i = 0; i < d; ++i) sum += patterns.at(q, i) * state[i];
    overlap += sum / static_cast<double>(d);
    sweeps += outcome.sweeps;
    for (size_t t = 1; t < outcome.energies.size(); ++t) {
      rise = std::max(rise, outcome.energies[t] - outcome.energies[t - 1]);
    }
    run.Progress(static_cast<double>(q + 1) / static_cast<double>(queries));
  }
  run.Measure("overlap", overlap / static_cast<double>(queries));
  run.Measure("iterations", sweeps / static_cast<double>(queries));
  run.Measure("energy_rise", rise);
  return absl::OkStatus();
}

}  // namespace

Experiment ClassicalExperiment() {
  return {
      .name = "classical",
      .summary = "classical Hopfield memory: overlap with the pattern after sweeps, by load",
      .source = "Hopfield, PNAS 1982; transition near 0.138: Amit, Gutfreund, Sompolinsky 1985",
      .slope_of = "overlap",
      .flags = {{.name = "d",
                 .kind = FlagKind::kInteger,
                 .default_value = "500",
                 .unit = "neurons",
                 .help = "dimension",
                 .least = 2,
                 .most = 8192},
                {.name = "load",
                 .kind = FlagKind::kReal,
                 .default_value = "0.1",
                 .unit = "patterns a neuron",
                 .help = "stored",
                 .least = 0,
                 .most = 100,
                 .above_least = true},
                {.name = "flip",
                 .kind = FlagKind::kReal,
                 .default_value = "0.1",
                 .help = "chance that a bit of a cue is turned",
                 .least = 0,
                 .most = 1},
                {.name = "sweeps",
                 .kind = FlagKind::kInteger,
                 .default_value = "50",
                 .unit = "sweeps",
                 .help = "over all neurons in random order, at most",
                 .least = 1,
                 .most = 100000},
                {.name = "queries",
                 .kind = FlagKind::kInteger,
                 .default_value = "20",
                 .unit = "cues",
                 .help = "of stored patterns, at most one each",
                 .least = 1,
                 .most = 1e6}},
      .run = RunClassical,
  };
}

}  // namespace mneme::lab
