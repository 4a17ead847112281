// Phases that lock: retrieval of a pattern from a damaged start, and the hysteresis loop.
#include "core/dynamics/oscillators.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/analysis/parts.h"
#include "core/analysis/patterns.h"
#include "core/base/random.h"
#include "core/base/status.h"
#include "core/dynamics/checks.h"
#include "core/dynamics/hysteresis.h"
#include "core/dynamics/oscillator_theory.h"
#include "core/dynamics/pattern_generator.h"

namespace mneme::analysis {
namespace {

constexpr size_t kStepsPerLookMax = 16;
constexpr double kCouplingMax = 1e4;
constexpr double kTemperatureMax = 1e4;
constexpr double kJitterMax = 10;

double LoopTop(const OscillatorsSpec& spec) {
  return spec.loop_k2 > 0 ? spec.loop_k2 : 3 * (spec.k2 + 1);
}

class Bench {
 public:
  Bench(const OscillatorsSpec& spec, const MatrixD& patterns)
      : spec_(spec), patterns_(patterns), random_(spec.seed, 3) {}

  absl::StatusOr<dynamics::Oscillators> Start(MatrixD angles, const dynamics::Couplings& couplings,
                                              double dt) {
    return dynamics::Oscillators::Create(patterns_.Clone(), std::move(angles),
                                         {.couplings = couplings,
                                          .temperature = spec_.temperature,
                                          .dt = dt,
                                          .seed = random_.Next()});
  }
  MatrixD DamagedStart() {
    const size_t first[] = {0};
    return dynamics::AnglesOf(dynamics::FlippedRows(patterns_, first, spec_.flip, random_),
                              spec_.jitter, random_);
  }
  MatrixD CleanStart() { return dynamics::AnglesOf(patterns_.view().slice(0, 1), 0, random_); }
  size_t numbers() const { return patterns_.rows() * patterns_.cols(); }
  MatrixD RandomStart() { return dynamics::RandomAngles(1, patterns_.cols(), random_); }

 private:
  const OscillatorsSpec& spec_;
  const MatrixD& patterns_;
  Random random_;
};

// From the damaged start, with its trace.
absl::Status Retrieve(const OscillatorsSpec& spec, Bench& bench, double work_share, Host& host,
                      Report& report) {
  MNEME_ASSIGN_OR_RETURN(
      dynamics::Oscillators oscillators,
      bench.Start(bench.DamagedStart(), {.k2 = spec.k2, .k4 = spec.k4}, spec.dt));
  Table trace{.name = "trace", .columns = {{"step", {}}, {"time", {}}, {"z", {}}, {"energy", {}}}};
  Observer observer(host, spec.steps + 1);
  double rise = 0, energy = oscillators.energies()[0];
  size_t step = 0;
  const auto note = [&] {
    const double values[] = {oscillators.OrderParameter(0, 0), oscillators.energies()[0]};
    observer.Note(step, values);
    rise = std::max(rise, values[1] - energy);
    energy = values[1];
    trace.columns[0].values.push_back(static_cast<double>(step++));
    trace.columns[1].values.push_back(oscillators.time());
    trace.columns[2].values.push_back(values[0]);
    trace.columns[3].values.push_back(values[1]);
    return true;
  };
  note();
  const size_t steps_per_look = StepsPerLook(bench.numbers(), kStepsPerLookMax);
  while (step <= spec.steps) {
    MNEME_RETURN_IF_ERROR(host.Progress(
        "simulating", work_share * static_cast<double>(step) / static_cast<double>(spec.steps)));
    oscillators.Step(std::min(steps_per_look, spec.steps + 1 - step), note);
  }
  report.Add("z_start", trace.columns[2].values.front(), "order of the start's pattern at first");
  report.Add("z_end", trace.columns[2].values.back(), "and at the end; 1: recalled");
  report.Add("energy_start", trace.columns[3].values.front(), "of all oscillators");
  report.Add("energy_end", trace.columns[3].values.back(), "at the end");
  report.Add("energy_rise", rise, "largest rise in a step; noise and frequencies may cause it");
  report.Add("dt", oscillators.dt(), "time of a step");
  report.tables.push_back(Thinned(std::move(trace)));
  return absl::OkStatus();
}

// Up from random phases, down from the pattern.
absl::Status Loop(const OscillatorsSpec& spec, Bench& bench, double from, Host& host,
                  Report& report) {
  std::vector<double> up(spec.loop_points);
  for (size_t i = 0; i < up.size(); ++i) {
    up[i] = LoopTop(spec) * static_cast<double>(i) / static_cast<double>(up.size() - 1);
  }
  const std::vector<double> down(up.rbegin(), up.rend());
  const double dt = dynamics::AutomaticStep({.k2 = LoopTop(spec), .k4 = spec.k4});
  const dynamics::Plateau plateau{.steps = spec.loop_steps};
  absl::Status going;
  const auto follow = [&](MatrixD start, const std::vector<double>& path,
                          double begin) -> absl::StatusOr<std::vector<double>> {
    MNEME_ASSIGN_OR_RETURN(dynamics::Oscillators oscillators,
                           bench.Start(std::move(start), {.k2 = path.front(), .k4 = spec.k4}, dt));
    absl::StatusOr<std::vector<double>> order =
        dynamics::FollowPath(oscillators, spec.k4, path, plateau, [&](double share) {
          going = host.Progress("loop", begin + (1 - from) / 2 * share);
          return going.ok();
        });
    MNEME_RETURN_IF_ERROR(going);
    return order;
  };
  MNEME_ASSIGN_OR_RETURN(std::vector<double> rising, follow(bench.RandomStart(), up, from));
  MNEME_ASSIGN_OR_RETURN(std::vector<double> falling,
                         follow(bench.CleanStart(), down, (1 + from) / 2));
  std::ranges::reverse(falling);
  double area = 0;
  for (size_t i = 0; i + 1 < up.size(); ++i) {
    area += (falling[i] - rising[i] + falling[i + 1] - rising[i + 1]) / 2 * (up[i + 1] - up[i]);
  }
  report.Add("loop_area", area, "between the two ways; 0: no hysteresis");
  report.tables.push_back(
      {.name = "loop",
       .columns = {
           {"k2", std::move(up)}, {"z_up", std::move(rising)}, {"z_down", std::move(falling)}}});
  return absl::OkStatus();
}

void AddTheory(const OscillatorsSpec& spec, Report& report) {
  if (spec.temperature == 0) return;
  report.Add("k2_onset", dynamics::OnsetK2(spec.temperature),
             "by theory of one pattern: order grows out of noise above it");
  report.Add("k4_tricritical",
             dynamics::TricriticalK4(dynamics::Disorder::kNoise, spec.temperature),
             "by theory of one pattern: hysteresis above it");
}

}  // namespace

absl::Status CheckSpec(const OscillatorsSpec& spec, const models::MemorySpec& memory) {
  MNEME_RETURN_IF_ERROR(CheckSource(spec.patterns, memory));
  MNEME_RETURN_IF_ERROR(dynamics::CheckRange("k2", spec.k2, 0, kCouplingMax));
  MNEME_RETURN_IF_ERROR(dynamics::CheckRange("k4", spec.k4, 0, kCouplingMax));
  MNEME_RETURN_IF_ERROR(dynamics::CheckRange("temperature", spec.temperature, 0, kTemperatureMax));
  MNEME_RETURN_IF_ERROR(dynamics::CheckRange("flip", spec.flip, 0, 0.5));
  MNEME_RETURN_IF_ERROR(dynamics::CheckRange("jitter", spec.jitter, 0, kJitterMax));
  const double couplings = spec.k2 + spec.k4;
  const double dt_max =
      couplings > 0 ? dynamics::kOscillatorStepMax / couplings : dynamics::kOscillatorStepMax;
  MNEME_RETURN_IF_ERROR(dynamics::CheckRange("dt", spec.dt, 0, dt_max));
  MNEME_RETURN_IF_ERROR(dynamics::CheckRange("steps", static_cast<double>(spec.steps), 1,
                                             static_cast<double>(kSimulationStepsMax)));
  if (spec.loop_points == 0) return absl::OkStatus();
  MNEME_RETURN_IF_ERROR(dynamics::CheckRange("loop_points", static_cast<double>(spec.loop_points),
                                             2, static_cast<double>(kLoopPointsMax)));
  MNEME_RETURN_IF_ERROR(dynamics::CheckRange("loop_k2", spec.loop_k2, 0, kCouplingMax));
  return dynamics::CheckRange("loop_steps", static_cast<double>(spec.loop_steps), 1,
                              static_cast<double>(kSimulationStepsMax / kLoopPointsMax));
}

absl::StatusOr<Report> Run(const OscillatorsSpec& spec, Subject& subject, Host& host) {
  MNEME_ASSIGN_OR_RETURN(
      const Patterns patterns,
      LoadPatterns(subject, spec.patterns, {.copies = 2, .seed = spec.seed}, host));
  MNEME_RETURN_IF_ERROR(subject.Reserve(4 * spec.steps * sizeof(double)));
  Report report{
      .summary = absl::StrFormat(
          "%d patterns of %d oscillators, k2 = %g, k4 = %g, temperature %g, from %s with %g of its "
          "bits turned",
          patterns.rows.rows(), patterns.rows.cols(), spec.k2, spec.k4, spec.temperature,
          patterns.start, spec.flip)};
  Bench bench(spec, patterns.rows);
  const auto loop_work = static_cast<double>(2 * spec.loop_points * spec.loop_steps);
  const double share =
      static_cast<double>(spec.steps) / (static_cast<double>(spec.steps) + loop_work);
  MNEME_RETURN_IF_ERROR(Retrieve(spec, bench, share, host, report));
  AddTheory(spec, report);
  if (spec.loop_points > 0) MNEME_RETURN_IF_ERROR(Loop(spec, bench, share, host, report));
  return report;
}

}  // namespace mneme::analysis
