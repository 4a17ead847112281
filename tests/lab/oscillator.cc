// Phase oscillators with pairwise and quartic couplings: order, hysteresis, retrieval.
#include "core/dynamics/oscillators.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "client/plot/figure.h"
#include "core/base/status.h"
#include "core/dynamics/hysteresis.h"
#include "core/dynamics/oscillator_theory.h"
#include "core/dynamics/pattern_generator.h"
#include "tests/lab/experiments.h"
#include "tests/lab/pattern_flags.h"

namespace mneme::lab {
namespace {

using dynamics::Couplings;
using dynamics::Oscillators;

constexpr size_t kLoopPoints = 24;  // of a picture, each way

Couplings CouplingsOf(const Parameters& parameters) {
  return {.k2 = parameters.Real("k2"), .k4 = parameters.Real("k4")};
}

double StepOf(const Parameters& parameters) {
  return parameters.IsAuto("dt") ? dynamics::AutomaticStep(CouplingsOf(parameters))
                                 : parameters.Real("dt");
}

double Disordered(const Parameters& parameters) {
  return std::max(parameters.Real("temperature"), parameters.Real("gamma"));
}

absl::Status Check(const Parameters& parameters) {
  const Couplings couplings = CouplingsOf(parameters);
  if (StepOf(parameters) * (couplings.k2 + couplings.k4) > dynamics::kOscillatorStepMax) {
    return BadFlag("dt", parameters.Text("dt"),
                   absl::StrFormat("at most %.3g, which is %g / (k2 + k4)",
                                   dynamics::kOscillatorStepMax / (couplings.k2 + couplings.k4),
                                   dynamics::kOscillatorStepMax));
  }
  return CheckStored(parameters, "patterns", parameters.Real("patterns"));
}

// The coupling from which a loop comes down: well above the onset, as far as dt allows.
double LoopTop(const Parameters& parameters) {
  const double wished = std::max(1.5 * parameters.Real("k2"), 3 * Disordered(parameters));
  const double allowed =
      dynamics::kOscillatorStepMax / StepOf(parameters) * (1 - 1e-9) - parameters.Real("k4");
  return std::max(std::min(wished, allowed), parameters.Real("k2"));
}

dynamics::Plateau PlateauOf(const Parameters& parameters) {
  return {.steps = parameters.Count("steps"), .averaged = parameters.Real("average")};
}

// The same patterns and frequencies for all simulations of a run.
class Bench {
 public:
  Bench(const Parameters& parameters, Run& run) : parameters_(parameters), random_(run.Stream(1)) {
    patterns_ =
        dynamics::RandomPatterns(parameters.Count("patterns"), parameters.Count("d"), random_);
    options_ = {.couplings = CouplingsOf(parameters),
                .temperature = parameters.Real("temperature"),
                .dt = StepOf(parameters)};
    if (parameters.Real("gamma") > 0) {
      options_.frequencies =
          dynamics::LorentzianFrequencies(parameters.Count("d"), parameters.Real("gamma"), random_);
    }
  }

  MatrixD Random() { return dynamics::RandomAngles(1, patterns_.cols(), random_); }
  MatrixD Pattern() { return dynamics::AnglesOf(patterns_.view().slice(0, 1), 0, random_); }
  MatrixD Cue() {
    const size_t first[] = {0};
    return dynamics::AnglesOf(
        dynamics::FlippedRows(patterns_, first, parameters_.Real("flip"), random_),
        parameters_.Real("jitter"), random_);
  }
  absl::StatusOr<Oscillators> Start(MatrixD angles) {
    options_.seed = random_.Next();
    return Oscillators::Create(patterns_.Clone(), std::move(angles), options_);
  }

 private:
  const Parameters& parameters_;
  mneme::Random random_;
  MatrixD patterns_;
  dynamics::OscillatorOptions options_;
};

MatrixD Stacked(std::initializer_list<const MatrixD*> rows) {
  MatrixD out(rows.size(), (*rows.begin())->cols());
  size_t i = 0;
  for (const MatrixD* row : rows) {
    std::copy(row->flat().begin(), row->flat().end(), out.row(i++).begin());
  }
  return out;
}

// Three replicas side by side: from random phases, from the pattern, from a damaged cue.
absl::Status MeasureOrder(const Parameters& parameters, Bench& bench, Run& run) {
  const MatrixD random = bench.Random(), pattern = bench.Pattern(), cue = bench.Cue();
  MNEME_ASSIGN_OR_RETURN(Oscillators oscillators, bench.Start(Stacked({&random, &pattern, &cue})));
  const bool descends = Disordered(parameters) == 0;
  std::vector<double> energies(oscillators.energies().begin(), oscillators.energies().end());
  double rise = 0;
  std::vector<double> mean(3);
  const size_t steps = parameters.Count("steps");
  const auto averaged = std::clamp<size_t>(
      static_cast<size_t>(std::llround(parameters.Real("average") * static_cast<double>(steps))), 1,
      steps);
  size_t step = 0;
  oscillators.Step(steps, [&] {
    for (size_t b = 0; b < 3; ++b) {
      rise = std::max(rise, oscillators.energies()[b] - energies[b]);
      energies[b] = oscillators.energies()[b];
      if (step + averaged >= steps) {
        mean[b] += oscillators.OrderParameter(b, 0) / static_cast<double>(averaged);
      }
    }
    run.Progress(static_cast<double>(++step) / static_cast<double>(2 * steps));
    return true;
  });
  run.Measure("z_from_random", mean[0]);
  run.Measure("z_from_pattern", mean[1]);
  run.Measure("z_retrieved", oscillators.OrderParameter(2, 0));
  run.Measure("energy_rise", descends ? rise : std::nan(""));
  return absl::OkStatus();
}

// Up to k2 from half of it, begun at random phases; down to it from above, begun at the pattern.
absl::Status MeasureLoop(const Parameters& parameters, Bench& bench, Run& run) {
  const double k2 = parameters.Real("k2"), k4 = parameters.Real("k4");
  const double up_path[] = {k2 / 2, k2}, down_path[] = {LoopTop(parameters), k2};
  MNEME_ASSIGN_OR_RETURN(Oscillators rising, bench.Start(bench.Random()));
  MNEME_ASSIGN_OR_RETURN(const std::vector<double> up,
                         dynamics::FollowPath(rising, k4, up_path, PlateauOf(parameters)));
  run.Progress(0.75);
  MNEME_ASSIGN_OR_RETURN(Oscillators falling, bench.Start(bench.Pattern()));
  MNEME_ASSIGN_OR_RETURN(const std::vector<double> down,
                         dynamics::FollowPath(falling, k4, down_path, PlateauOf(parameters)));
  run.Measure("z_up", up.back());
  run.Measure("z_down", down.back());
  return absl::OkStatus();
}

absl::Status RunOscillator(const Parameters& parameters, Run& run) {
  if (parameters.IsAuto("dt")) run.Used("dt", StepOf(parameters));
  Bench bench(parameters, run);
  MNEME_RETURN_IF_ERROR(MeasureOrder(parameters, bench, run));
  return MeasureLoop(parameters, bench, run);
}

// Of noise or of frequencies; theory has no answer where both are.
std::optional<dynamics::Disorder> DisorderOf(const Parameters& parameters) {
  if (parameters.Real("gamma") == 0) return dynamics::Disorder::kNoise;
  if (parameters.Real("temperature") == 0) return dynamics::Disorder::kFrequencies;
  return std::nullopt;
}

void PredictOscillator(const Parameters& parameters, const Quantities&, Quantities& predicted) {
  const std::optional<dynamics::Disorder> disorder = DisorderOf(parameters);
  if (parameters.Count("patterns") != 1 || !disorder) return;
  const Couplings couplings = CouplingsOf(parameters);
  const double strength = Disordered(parameters);
  const dynamics::MeanFieldRoots roots = dynamics::LockedStates(*disorder, strength, couplings);
  const double locked = roots.stable.value_or(0);
  const double unlocked = couplings.k2 > dynamics::OnsetK2(strength) ? locked : 0;
  predicted.Set("z_from_pattern", locked);
  predicted.Set("z_down", locked);
  if (strength == 0) return;
  predicted.Set("z_from_random", unlocked);
  predicted.Set("z_up", unlocked);
  if (roots.unstable) predicted.Set("z_unstable", *roots.unstable);
  const dynamics::SaddleNode saddle = dynamics::SaddleNodeOf(*disorder, strength, couplings.k4);
  predicted.Set("k2_saddle", saddle.k2);
  predicted.Set("z_saddle", saddle.z);
  predicted.Set("k2_onset", dynamics::OnsetK2(strength));
  predicted.Set("k4_tricritical", dynamics::TricriticalK4(*disorder, strength));
}

// The locked states of theory over the couplings of a loop.
std::vector<plot::Series> TheoryOf(const Parameters& parameters, const std::vector<double>& k2) {
  const std::optional<dynamics::Disorder> disorder = DisorderOf(parameters);
  if (parameters.Count("patterns") != 1 || !disorder) return {};
  plot::Series stable{.legend = "theory, stable", .look = plot::Look::kPredicted, .color = 2};
  plot::Series unstable{.legend = "unstable", .look = plot::Look::kPredicted, .color = 3};
  for (const double k : k2) {
    const dynamics::MeanFieldRoots roots = dynamics::LockedStates(
        *disorder, Disordered(parameters), {.k2 = k, .k4 = parameters.Real("k4")});
    stable.x.push_back(k);
    stable.y.push_back(roots.stable.value_or(std::nan("")));
    unstable.x.push_back(k);
    unstable.y.push_back(roots.unstable.value_or(std::nan("")));
  }
  return {std::move(stable), std::move(unstable)};
}

absl::StatusOr<plot::Figure> DrawOscillator(const Parameters& parameters, Run& run) {
  Bench bench(parameters, run);
  const double top = LoopTop(parameters), k4 = parameters.Real("k4");
  std::vector<double> up(kLoopPoints);
  for (size_t i = 0; i < kLoopPoints; ++i) {
    up[i] = top * static_cast<double>(i) / static_cast<double>(kLoopPoints - 1);
  }
  const std::vector<double> down(up.rbegin(), up.rend());
  const dynamics::Plateau plateau = PlateauOf(parameters);
  MNEME_ASSIGN_OR_RETURN(Oscillators rising, bench.Start(bench.Random()));
  MNEME_ASSIGN_OR_RETURN(std::vector<double> z_up, dynamics::FollowPath(rising, k4, up, plateau));
  MNEME_ASSIGN_OR_RETURN(Oscillators falling, bench.Start(bench.Pattern()));
  MNEME_ASSIGN_OR_RETURN(std::vector<double> z_down,
                         dynamics::FollowPath(falling, k4, down, plateau));
  plot::Panel panel{.title = "order parameter |z| of the first pattern",
                    .x_label = "k2",
                    .series = TheoryOf(parameters, up),
                    .y = plot::Range{0, 1}};
  panel.series.push_back({.legend = "k2 rising",
                          .x = up,
                          .y = std::move(z_up),
                          .look = plot::Look::kMeasured,
                          .color = 0});
  panel.series.push_back({.legend = "falling",
                          .x = down,
                          .y = std::move(z_down),
                          .look = plot::Look::kMeasured,
                          .color = 1});
  return plot::Figure{.title = "oscillator",
                      .caption = absl::StrFormat("hysteresis loop at k4 = %g, %d steps at each k2",
                                                 k4, plateau.steps),
                      .panels = {std::move(panel)}};
}

}  // namespace

Experiment OscillatorExperiment() {
  return {
      .name = "oscillator",
      .summary = "phase oscillators: order parameter, hysteresis, tricritical point, retrieval",
      .source =
          "oscillator memory with pairwise and quartic couplings; mean field, Ott and Antonsen",
      .slope_of = "z_from_pattern",
      .flags = {NeuronsFlag("2000", "oscillators"),
                PatternsFlag("1"),
                {.name = "temperature",
                 .default_value = "0",
                 .unit = "energy",
                 .help = "of the noise",
                 .least = 0,
                 .most = 1e6},
                {.name = "gamma",
                 .default_value = "0",
                 .unit = "1/time",
                 .help = "half width of the Lorentzian law of own frequencies",
                 .least = 0,
                 .most = 40},
                CouplingFlag("k2", "0", "pairwise coupling"),
                CouplingFlag("k4", "1", "quartic coupling"),
                {.name = "steps",
                 .kind = FlagKind::kInteger,
                 .default_value = "600",
                 .unit = "steps",
                 .help = "of Heun's rule, at each coupling",
                 .least = 1,
                 .most = 1e7},
                {.name = "dt",
                 .default_value = "auto",
                 .unit = "time",
                 .help = "of a step; auto: 0.05 / max(k2 + k4, 1)",
                 .least = 0,
                 .most = 1e6,
                 .above_least = true,
                 .may_be_auto = true},
                FlipFlag("0.1", "share of the cue's bits turned (z_retrieved)"),
                {.name = "jitter",
                 .default_value = "0.1",
                 .unit = "radians",
                 .help = "noise of the cue's angles (z_retrieved)",
                 .least = 0,
                 .most = 10},
                {.name = "average",
                 .default_value = "0.5",
                 .help = "share of the steps, the last, over which order is averaged",
                 .least = 0,
                 .most = 1}},
      .check = Check,
      .run = RunOscillator,
      .predict = PredictOscillator,
      .draw = DrawOscillator,
  };
}

}  // namespace mneme::lab
