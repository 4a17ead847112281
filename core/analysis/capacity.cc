// How many patterns a memory of this kernel and dimension holds.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "core/analysis/parts.h"
#include "core/base/random.h"
#include "core/base/status.h"
#include "core/dynamics/capacity_probe.h"
#include "core/dynamics/checks.h"
#include "core/dynamics/pattern_generator.h"
#include "core/dynamics/probed_memories.h"
#include "core/models/dense/dense_choices.h"

namespace mneme::analysis {
namespace {

// Patterns are held four times over while they are asked for.
constexpr uint64_t kCopies = 4;
constexpr size_t kLoadDefault = 8'192;
constexpr size_t kMeasuredPatterns = 500;
constexpr size_t kProbesMax = 4'096;
// Of the frequencies of a feature memory: a load takes a minute or two then, and is not cancelled
// before it ends.
constexpr size_t kFrequencyNumbersMax = size_t{1} << 22;

dynamics::BlockPatternSpec PatternsOf(const CapacitySpec& spec, size_t dim) {
  return {.dimension = dim,
          .block = std::min(spec.block, dim),
          .correlation = spec.correlation,
          .share_positive = spec.share_positive,
          .min_hamming = spec.min_hamming};
}

// As many patterns as may be held, where the spec does not say.
size_t LoadMaxOf(const CapacitySpec& spec, size_t dim) {
  if (spec.load_max > 0) return spec.load_max;
  const uint64_t fits = kAnalysisBytesMax / (kCopies * dim * sizeof(double));
  return std::clamp<size_t>(fits, 1, kLoadDefault);
}

absl::Status NoProbe(std::string_view what, std::string_view why) {
  return Unimplemented(
      absl::StrCat("the capacity probe has no ", AbslView(what), ": ", AbslView(why)),
      {.reason = "NOT_FOR_KERNEL",
       .given = std::string(what),
       .expected = "exp or relu, a power with states of +1 and -1, trigonometric or quadratic "
                   "features",
       .next_step = "Probe a memory of such a kernel."});
}

uint64_t FrequencyNumbers(const models::MemorySpec& memory) {
  const auto* feature = std::get_if<models::FeatureSpec>(&memory.model);
  return feature == nullptr ? 0 : feature->features * memory.key_dim;
}

absl::Status CheckFrequencies(const models::MemorySpec& memory) {
  const uint64_t numbers = FrequencyNumbers(memory);
  if (numbers <= kFrequencyNumbersMax) return absl::OkStatus();
  return ResourceExhausted(
      absl::StrFormat("the capacity probe takes frequencies of at most %d numbers, the memory has "
                      "%d",
                      kFrequencyNumbersMax, numbers),
      {.reason = "LIMIT",
       .given = absl::StrCat(numbers),
       .expected = absl::StrCat("features * key_dim <= ", kFrequencyNumbersMax),
       .next_step = "Probe a memory of fewer features: capacity grows in proportion to them."});
}

absl::StatusOr<dynamics::BinaryRule> BinaryRuleOf(const models::DenseKernelSpec& kernel) {
  switch (kernel.separation) {
    case models::Separation::kExp:
      return dynamics::BinaryRule{.beta = kernel.beta};
    case models::Separation::kPower:
      return dynamics::BinaryRule{.separation = dynamics::BinarySeparation::kPower,
                                  .power = kernel.power};
    case models::Separation::kRectifiedPower:
      return dynamics::BinaryRule{.separation = dynamics::BinarySeparation::kRectifiedPower,
                                  .power = kernel.power};
    case models::Separation::kRelu1:
    case models::Separation::kArgMax:
      break;
  }
  return NoProbe("binary states with relu or argmax", "they are of other units or need none");
}

// `square`: mean squared length of the memory's keys; the probe's patterns have length 1.
dynamics::ProbedMemoryOr ProbedOf(const models::FeatureSpec& feature, double square) {
  switch (feature.kind) {
    case models::FeatureKind::kTrig:
      // One step asks for the energy of the cue as it is.
      return dynamics::MakeProbed(
          dynamics::ProbedFeatures{.features = feature.features,
                                   .beta = feature.beta * square,
                                   .rate = feature.rate,
                                   .steps = feature.steps_max == 1 ? 0 : feature.steps_max});
    case models::FeatureKind::kQuadratic:
      return dynamics::MakeProbed(
          dynamics::BinaryRule{.separation = dynamics::BinarySeparation::kPower, .power = 2});
    case models::FeatureKind::kOrthogonal:
    case models::FeatureKind::kPositive:
      break;
  }
  return NoProbe(absl::StrCat(AbslView(Name(feature.kind)), " features"),
                 "of random ones it draws the trigonometric alone");
}

dynamics::ProbedMemoryOr ProbedOf(const models::DenseSpec& dense, double square) {
  const models::DenseKernelSpec kernel = models::KernelOf(dense, dense.beta.value_or(1));
  if (dense.state == models::StateSpace::kBinary) {
    MNEME_ASSIGN_OR_RETURN(const dynamics::BinaryRule rule, BinaryRuleOf(kernel));
    return dynamics::MakeProbed(rule);
  }
  if (kernel.similarity == models::Similarity::kL1) {
    return NoProbe("similarity l1", "its patterns are compared by direction or distance");
  }
  switch (kernel.separation) {
    case models::Separation::kExp: {
      dynamics::ProbedLse lse;
      if (dense.beta) lse.beta = *dense.beta * square;
      return dynamics::MakeProbed(lse);
    }
    case models::Separation::kRelu1:
      return dynamics::MakeProbed(dynamics::ProbedLsr{});
    case models::Separation::kPower:
    case models::Separation::kRectifiedPower:
      return NoProbe("power with continuous states", "it blends, and has no fixed points to count");
    case models::Separation::kArgMax:
      break;
  }
  return NoProbe("argmax", "a nearest-neighbour look-up holds whatever is stored");
}

dynamics::ProbedMemoryOr ProbedOf(const models::MemorySpec& memory, double square) {
  if (const auto* feature = std::get_if<models::FeatureSpec>(&memory.model)) {
    return ProbedOf(*feature, square);
  }
  return ProbedOf(std::get<models::DenseSpec>(memory.model), square);
}

// Whether the memory has a beta of its own, in the unit of its keys.
bool BetaHasUnit(const models::MemorySpec& memory) {
  if (std::holds_alternative<models::FeatureSpec>(memory.model)) return true;
  const auto& dense = std::get<models::DenseSpec>(memory.model);
  return dense.similarity != models::Similarity::kCosine && dense.beta.has_value();
}

// Of stored keys; 1 where lengths do not count, or no keys are kept.
absl::StatusOr<double> MeanSquare(Subject& subject) {
  const models::MemorySpec& memory = subject.spec();
  if (!BetaHasUnit(memory) || memory.retain != models::Retain::kAll || subject.items() == 0) {
    return 1;
  }
  double sum = 0, count = 0;
  MNEME_RETURN_IF_ERROR(
      subject.VisitItems([&](uint64_t, const ItemId&, std::span<const float> key) -> absl::Status {
        for (const float x : key) sum += static_cast<double>(x) * x;
        ++count;
        return absl::OkStatus();
      }));
  return sum > 0 && count > 0 ? sum / count : 1;
}

struct Repeats {
  Table table{.name = "capacity",
              .columns = {{"seed", {}}, {"low", {}}, {"high", {}}, {"at_limit", {}}}};

  void Add(uint64_t seed, const dynamics::Capacity& found) {
    table.columns[0].values.push_back(static_cast<double>(seed));
    table.columns[1].values.push_back(static_cast<double>(found.low));
    table.columns[2].values.push_back(static_cast<double>(found.high));
    table.columns[3].values.push_back(found.at_limit ? 1 : 0);
  }
  Figure FigureOf(size_t column, std::string name, std::string meaning) const {
    const std::vector<double>& values = table.columns[column].values;
    const auto n = static_cast<double>(values.size());
    double mean = 0, squares = 0;
    for (const double v : values) mean += v / n;
    for (const double v : values) squares += (v - mean) * (v - mean);
    return {.name = std::move(name),
            .value = mean,
            .spread = std::sqrt(squares / (n - 1)),
            .meaning = std::move(meaning)};
  }
  bool AnyAtLimit() const { return std::ranges::count(table.columns[3].values, 1.0) > 0; }
};

absl::Status AddStatistics(const dynamics::BlockPatternGenerator& generator,
                           const CapacitySpec& spec, size_t capacity, Report& report) {
  const size_t count =
      spec.min_hamming > 0 ? std::min(capacity, kMeasuredPatterns) : kMeasuredPatterns;
  Random random(spec.seed, 2);
  MNEME_ASSIGN_OR_RETURN(const MatrixD patterns, generator.Draw(count, random));
  const dynamics::PatternStatistics found = dynamics::MeasurePatterns(patterns, spec.block);
  report.Add("separation", found.separation, "mean share of bits in which two patterns differ");
  report.Add("within_correlation", found.within_correlation, "of bits in one block, measured");
  report.Add("across_correlation", found.across_correlation, "of bits in different blocks");
  return absl::OkStatus();
}

Report MakeReport(const CapacitySpec& spec, const models::MemorySpec& memory, size_t load_max,
                  const Repeats& repeats) {
  const size_t dim = memory.key_dim;
  Report report{.summary = absl::StrFormat("memories of this kernel over %d bits, filled until "
                                           "their mean error passes %g; %d seeds",
                                           dim, spec.tolerance, spec.seeds)};
  report.figures.push_back(repeats.FigureOf(1, "capacity", "largest load that was good"));
  report.figures.push_back(repeats.FigureOf(2, "capacity_high", "smallest load that was bad"));
  report.Add("dimension", static_cast<double>(dim), "bits of a pattern");
  report.Add("capacity_per_bit", report.figures[0].value / static_cast<double>(dim),
             "capacity over dimension");
  report.tables.push_back(repeats.table);
  if (BetaHasUnit(memory) && memory.retain != models::Retain::kAll) {
    report.advice.push_back({.reason = "UNIT_LENGTH",
                             .message = "the memory keeps no keys: its beta was taken as one for "
                                        "keys of length 1",
                             .next_step = "Multiply beta by the mean squared length of your keys, "
                                          "and probe a memory with that."});
  }
  if (repeats.AnyAtLimit()) {
    report.advice.push_back(
        {.reason = "AT_LIMIT",
         .message = absl::StrFormat("no load up to %d was bad: the capacity is larger", load_max),
         .next_step = "Ask with a larger load_max, or with more damage to the cues."});
  }
  return report;
}

}  // namespace

absl::Status CheckSpec(const CapacitySpec& spec, const models::MemorySpec& memory) {
  if (std::holds_alternative<models::FeatureSpec>(memory.model)) {
    MNEME_RETURN_IF_ERROR(CheckFrequencies(memory));
  } else {
    MNEME_RETURN_IF_ERROR(CheckDense("capacity", memory));
  }
  MNEME_RETURN_IF_ERROR(ProbedOf(memory, 1).status());
  const auto dim = static_cast<double>(memory.key_dim);
  const auto check = [](std::string_view name, size_t value, double least, double most) {
    return dynamics::CheckRange(name, static_cast<double>(value), least, most);
  };
  MNEME_RETURN_IF_ERROR(dynamics::CheckRange("correlation", spec.correlation, 0, 1));
  MNEME_RETURN_IF_ERROR(
      dynamics::CheckRange("share_positive", spec.share_positive, 1e-6, 1 - 1e-6));
  MNEME_RETURN_IF_ERROR(dynamics::CheckRange("flip", spec.flip, 0, 0.5));
  MNEME_RETURN_IF_ERROR(dynamics::CheckRange("tolerance", spec.tolerance, 0, 1));
  MNEME_RETURN_IF_ERROR(check("block", spec.block, 1, 65'536));
  MNEME_RETURN_IF_ERROR(check("min_hamming", spec.min_hamming, 0, dim));
  MNEME_RETURN_IF_ERROR(check("probes", spec.probes, 1, kProbesMax));
  MNEME_RETURN_IF_ERROR(check("load_max", spec.load_max, 0, kCapacityLoadMax));
  return check("seeds", spec.seeds, kCapacitySeedsMin, kCapacitySeedsMax);
}

absl::StatusOr<Report> Run(const CapacitySpec& spec, Subject& subject, Host& host) {
  const size_t dim = subject.spec().key_dim, load_max = LoadMaxOf(spec, dim);
  MNEME_RETURN_IF_ERROR(subject.Reserve(kCopies * load_max * dim * sizeof(double) +
                                        2 * load_max * spec.probes * sizeof(double) +
                                        FrequencyNumbers(subject.spec()) * sizeof(double)));
  MNEME_ASSIGN_OR_RETURN(const double square, MeanSquare(subject));
  MNEME_ASSIGN_OR_RETURN(const auto memory, ProbedOf(subject.spec(), square));
  MNEME_ASSIGN_OR_RETURN(const auto generator,
                         dynamics::BlockPatternGenerator::Create(PatternsOf(spec, dim)));
  Repeats repeats;
  for (size_t i = 0; i < spec.seeds; ++i) {
    absl::Status going;
    const auto keep_going = [&](double share) {
      going = host.Progress("probing",
                            (static_cast<double>(i) + share) / static_cast<double>(spec.seeds));
      return going.ok();
    };
    const uint64_t seed = spec.seed + i;
    const absl::StatusOr<dynamics::Capacity> found = dynamics::ProbeCapacity(
        *memory, [&](size_t load, Random& random) { return generator.Draw(load, random); },
        {.tolerance = spec.tolerance,
         .probes = spec.probes,
         .flip = spec.flip,
         .load_max = load_max,
         .seed = seed},
        keep_going);
    MNEME_RETURN_IF_ERROR(going);
    MNEME_RETURN_IF_ERROR(found.status());
    repeats.Add(seed, *found);
    const double values[] = {static_cast<double>(seed), static_cast<double>(found->low),
                             static_cast<double>(found->high)};
    host.Observe(i, values);
  }
  Report report = MakeReport(spec, subject.spec(), load_max, repeats);
  const auto capacity = static_cast<size_t>(report.figures[0].value);
  MNEME_RETURN_IF_ERROR(AddStatistics(generator, spec, capacity, report));
  return report;
}

}  // namespace mneme::analysis
