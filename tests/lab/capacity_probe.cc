// The load at which a memory begins to fail, against the separation and correlation of its
// patterns.
#include "core/dynamics/capacity_probe.h"

#include <memory>
#include <string>

#include "absl/strings/numbers.h"
#include "core/base/status.h"
#include "core/dynamics/pattern_generator.h"
#include "core/dynamics/probed_memories.h"
#include "tests/lab/experiments.h"
#include "tests/lab/pattern_flags.h"

namespace mneme::lab {
namespace {

constexpr double kScoresMax = 1 << 25;  // of all probes with all patterns, kept at once
constexpr size_t kSample = 2000;        // patterns that separation and correlations are measured on

dynamics::BlockPatternSpec SpecOf(const Parameters& parameters) {
  return {.dimension = parameters.Count("d"),
          .block = parameters.Count("block"),
          .correlation = parameters.Real("rho"),
          .share_positive = parameters.Real("q"),
          .min_hamming = parameters.Count("min_hamming")};
}

dynamics::BinaryRule RuleOf(const Parameters& parameters) {
  dynamics::BinaryRule rule;
  if (int power = 0; absl::SimpleAtoi(parameters.Text("power"), &power)) {
    rule.power = power;
    rule.separation = parameters.Text("rectified") == "true"
                          ? dynamics::BinarySeparation::kRectifiedPower
                          : dynamics::BinarySeparation::kPower;
  }
  return rule;
}

dynamics::ProbedMemoryOr MemoryOf(const Parameters& parameters) {
  const std::string& memory = parameters.Text("memory");
  if (memory == "lse") return dynamics::MakeProbed(dynamics::ProbedLse{});
  if (memory == "lsr") return dynamics::MakeProbed(dynamics::ProbedLsr{});
  if (memory == "random-feature") return dynamics::MakeProbed(dynamics::ProbedFeatures{});
  if (memory == "oscillator") return dynamics::MakeProbed(dynamics::ProbedOscillators{});
  return dynamics::MakeProbed(RuleOf(parameters));
}

absl::Status Check(const Parameters& parameters) {
  if (parameters.Count("block") > parameters.Count("d")) {
    return BadFlag("block", parameters.Text("block"), "at most d");
  }
  if (parameters.Count("min_hamming") > parameters.Count("d")) {
    return BadFlag("min_hamming", parameters.Text("min_hamming"), "at most d");
  }
  if (parameters.Real("probes") * parameters.Real("kmax") > kScoresMax) {
    return BadFlag("probes", parameters.Text("probes"),
                   absl::StrCat("at most ", kScoresMax / parameters.Real("kmax"), " at this kmax"));
  }
  return CheckStored(parameters, "kmax", parameters.Real("kmax"));
}

absl::Status RunCapacityProbe(const Parameters& parameters, Run& run) {
  MNEME_ASSIGN_OR_RETURN(const auto generator,
                         dynamics::BlockPatternGenerator::Create(SpecOf(parameters)));
  MNEME_ASSIGN_OR_RETURN(const auto memory, MemoryOf(parameters));
  MNEME_ASSIGN_OR_RETURN(
      const dynamics::Capacity capacity,
      dynamics::ProbeCapacity(
          *memory, [&](size_t load, Random& random) { return generator.Draw(load, random); },
          {.tolerance = parameters.Real("tolerance"),
           .probes = parameters.Count("probes"),
           .flip = parameters.Real("flip"),
           .load_max = parameters.Count("kmax"),
           .seed = run.Stream(1).Next()},
          [&](double share) {
            run.Progress(share);
            return true;
          }));
  run.Measure("capacity", static_cast<double>(capacity.low));
  run.Measure("capacity_low", static_cast<double>(capacity.low));
  run.Measure("capacity_high", static_cast<double>(capacity.high));
  run.Measure("at_limit", capacity.at_limit);
  Random random = run.Stream(2);
  const size_t sample = parameters.Count("min_hamming") > 0 ? capacity.low : kSample;
  MNEME_ASSIGN_OR_RETURN(const MatrixD patterns, generator.Draw(sample, random));
  const dynamics::PatternStatistics found =
      dynamics::MeasurePatterns(patterns, parameters.Count("block"));
  run.Measure("separation", found.separation);
  run.Measure("within_correlation", found.within_correlation);
  run.Measure("across_correlation", found.across_correlation);
  return absl::OkStatus();
}

void PredictCapacityProbe(const Parameters& parameters, const Quantities&, Quantities& predicted) {
  const auto generator = dynamics::BlockPatternGenerator::Create(SpecOf(parameters));
  if (!generator.ok() || parameters.Count("min_hamming") > 0) return;
  predicted.Set("separation", generator->ExpectedSeparation());
  if (parameters.Count("block") > 1) {
    predicted.Set("within_correlation", generator->ExpectedWithinCorrelation());
  }
  if (parameters.Count("block") < parameters.Count("d")) predicted.Set("across_correlation", 0);
}

}  // namespace

Experiment CapacityProbeExperiment() {
  return {
      .name = "capacity-probe",
      .summary = "the load at which a memory begins to fail, by separation and correlation",
      .source = "capacity of dense associative memories on correlated data, by bisection",
      .slope_of = "capacity",
      .flags = {NeuronsFlag("48", "features of a pattern"),
                {.name = "power",
                 .kind = FlagKind::kChoice,
                 .default_value = "3",
                 .help = "of nbody's separation, or exp",
                 .choices = {"2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14",
                             "15", "16", "exp"}},
                {.name = "rectified",
                 .kind = FlagKind::kChoice,
                 .default_value = "true",
                 .help = "max(0, u)^power instead of u^power",
                 .choices = {"true", "false"}},
                {.name = "rho",
                 .default_value = "0",
                 .help = "latent correlation of features within a block",
                 .least = 0,
                 .most = 1},
                {.name = "q",
                 .default_value = "0.5",
                 .help = "share of bits that are +1; separation is 2 q (1 - q)",
                 .least = 1e-6,
                 .most = 1 - 1e-6},
                {.name = "block",
                 .kind = FlagKind::kInteger,
                 .default_value = "8",
                 .unit = "features",
                 .help = "that share a latent number",
                 .least = 1,
                 .most = 65536},
                {.name = "tolerance",
                 .default_value = "0.02",
                 .help = "a larger mean error is failure",
                 .least = 0,
                 .most = 1},
                {.name = "probes",
                 .kind = FlagKind::kInteger,
                 .default_value = "64",
                 .unit = "cues",
                 .help = "at each load, at most one a pattern",
                 .least = 1,
                 .most = 1e5},
                FlipFlag("0", "share of a cue's bits turned"),
                {.name = "kmax",
                 .kind = FlagKind::kInteger,
                 .default_value = "32768",
                 .unit = "patterns",
                 .help = "largest load tried",
                 .least = 1,
                 .most = 1e6},
                {.name = "min_hamming",
                 .kind = FlagKind::kInteger,
                 .default_value = "0",
                 .unit = "bits",
                 .help = "least distance between two patterns",
                 .least = 0,
                 .most = 65536},
                {.name = "memory",
                 .kind = FlagKind::kChoice,
                 .default_value = "nbody",
                 .help =
                     "what is filled; error: bits, exact recall, first place, first place, 1 - |z|",
                 .choices = {"nbody", "lsr", "lse", "random-feature", "oscillator"}}},
      .check = Check,
      .run = RunCapacityProbe,
      .predict = PredictCapacityProbe,
      .slope_ln_of = "capacity",
      .slope_ln_against = "separation",
  };
}

}  // namespace mneme::lab
