#include "core/models/features/feature_spec.h"

#include <cmath>
#include <limits>
#include <string>

#include "core/base/status.h"
#include "core/models/features/feature_map.h"
#include "core/models/spec.h"

namespace mneme::models {
namespace {

constexpr size_t kFrequenciesMax = size_t{1} << 24;
// exp(sqrt(beta) w.x - beta |x|^2) <= exp(|w|^2 / 4), |w| about sqrt(dim): beyond, float64 ends.
constexpr size_t kPositiveDimMax = 1024;

absl::Status BadField(std::string_view field, std::string_view given, std::string_view expected,
                      std::string_view next_step) {
  return InvalidArgument(absl::StrCat("spec: feature.", AbslView(field), " is ", AbslView(given),
                                      ", expected ", AbslView(expected)),
                         {.reason = "SPEC",
                          .given = absl::StrCat(AbslView(field), "=", AbslView(given)),
                          .expected = std::string(expected),
                          .next_step = std::string(next_step)});
}

absl::Status CheckBeta(double beta) {
  if (beta == 0) {
    return BadField("beta", "missing", "a positive number",
                    "Give beta: this memory keeps no items to choose it from. About 2 ln(10 n) / "
                    "D^2 tells n items at distances D apart; Forecast says how many features it "
                    "takes.");
  }
  // Energies are beta's inverse, and leave as numbers of float32's range.
  const bool usable =
      beta >= std::numeric_limits<float>::min() && beta <= std::numeric_limits<float>::max();
  if (usable) return absl::OkStatus();
  return BadField("beta", absl::StrCat(beta), "a positive number, 1.2e-38 to 3.4e38",
                  "Take about 2 ln(10 n) / D^2 for n items at distances D apart.");
}

absl::Status CheckFrequencies(const MemorySpec& memory, const FeatureSpec& spec) {
  if (spec.features < 1 || spec.features > kFrequenciesMax) {
    return BadField("features", spec.features == 0 ? "missing" : absl::StrCat(spec.features),
                    absl::StrCat("1 to ", kFrequenciesMax),
                    "Ask Forecast how many it takes for your items and cues.");
  }
  if (spec.kind == FeatureKind::kPositive && memory.key_dim > kPositiveDimMax) {
    return BadField("kind", absl::StrCat("positive for keys of ", memory.key_dim, " numbers"),
                    absl::StrCat("keys of at most ", kPositiveDimMax, " numbers"),
                    "Use trigonometric features: they are bounded.");
  }
  const uint64_t numbers = spec.features * memory.key_dim;
  if (numbers > kFrequencyNumbersMax) {
    return BadField("features", absl::StrCat(spec.features),
                    absl::StrCat("at most ", kFrequencyNumbersMax / memory.key_dim, " for keys of ",
                                 memory.key_dim, " numbers"),
                    "Use fewer features, or project the keys to fewer dimensions.");
  }
  const uint64_t products = numbers * std::min(spec.features, memory.key_dim);
  if (spec.kind == FeatureKind::kOrthogonal && products > kOrthogonalProductsMax) {
    return BadField("features", absl::StrCat(spec.features),
                    absl::StrCat("features * key_dim * min(features, key_dim) <= ",
                                 kOrthogonalProductsMax, " for orthogonal ones"),
                    "Use trigonometric features, which are as good from beta * cue_noise^2 of 1 "
                    "on, or fewer of them.");
  }
  return absl::OkStatus();
}

absl::Status CheckQuadratic(const MemorySpec& memory, const FeatureSpec& spec) {
  if (memory.response_dim > 0) {
    return BadField("kind", "quadratic beside a response_dim", "no response_dim",
                    "Leave response_dim out: this memory recalls its keys.");
  }
  if (spec.features > 0 || spec.beta != 0) {
    return BadField("kind", "quadratic beside features or beta", "neither of them",
                    "Leave both out: the products of two coordinates are all there are.");
  }
  if (spec.gamma != 1) {
    return BadField("gamma", absl::StrCat(spec.gamma), "1 for quadratic features",
                    "Leave gamma out: these sums are whole numbers, which add exactly.");
  }
  return absl::OkStatus();
}

absl::Status CheckDescent(const FeatureSpec& spec) {
  if (!(spec.rate > 0 && spec.rate <= 1)) {
    return BadField("rate", absl::StrCat(spec.rate), "a number in (0, 1]",
                    "Leave rate out for 0.1; 1 is the step of a dense memory.");
  }
  if (spec.steps_max < 1) {
    return BadField("steps_max", absl::StrCat(spec.steps_max), "at least 1",
                    "Use 1 for the energy alone, or leave it out for 100.");
  }
  if (!std::isfinite(spec.tolerance) || spec.tolerance <= 0) {
    return BadField("tolerance", absl::StrCat(spec.tolerance), "a positive finite number",
                    "Leave tolerance out for 1e-3.");
  }
  return absl::OkStatus();
}

absl::Status CheckRetain(const MemorySpec& memory, const FeatureSpec& spec) {
  if (memory.retain == Retain::kResponses) {
    return BadField("retain", Name(memory.retain), "STATISTICS or ALL",
                    "Use STATISTICS for sums alone, or ALL to delete items by their ids.");
  }
  if (!(spec.gamma > 0 && spec.gamma <= 1)) {
    return BadField("gamma", absl::StrCat(spec.gamma), "a number in (0, 1]",
                    "Leave gamma out for 1: nothing fades.");
  }
  if (spec.gamma < 1 && memory.retain != Retain::kStatistics) {
    return BadField("retain", Name(memory.retain), "STATISTICS where gamma is below 1",
                    "Items that fade cannot be deleted: keep STATISTICS, or leave gamma out.");
  }
  return absl::OkStatus();
}

absl::Status CheckExpected(const FeatureSpec& spec) {
  if (!std::isfinite(spec.cue_noise) || spec.cue_noise < 0) {
    return BadField("cue_noise", absl::StrCat(spec.cue_noise), "a distance, at least 0",
                    "Give how far cues are from what they stand for, in the unit of the keys.");
  }
  if (spec.cue_noise > 0 && spec.items_expected == 0) {
    return BadField("cue_noise", absl::StrCat(spec.cue_noise, " without items_expected"),
                    "both, or neither", "Say how many items the memory is to hold.");
  }
  return absl::OkStatus();
}

}  // namespace

std::string_view Name(FeatureKind kind) {
  switch (kind) {
    case FeatureKind::kTrig:
      return "trig";
    case FeatureKind::kOrthogonal:
      return "orthogonal";
    case FeatureKind::kPositive:
      return "positive";
    case FeatureKind::kQuadratic:
      return "quadratic";
  }
  return "?";
}

absl::Status ValidateFeature(const MemorySpec& memory, const FeatureSpec& spec) {
  if (Name(spec.kind) == "?") {
    return BadField("kind", absl::StrCat(static_cast<int>(spec.kind)),
                    "a value that this version knows",
                    "Use the version that made the memory, or a newer one.");
  }
  MNEME_RETURN_IF_ERROR(CheckRetain(memory, spec));
  if (spec.kind == FeatureKind::kQuadratic) {
    MNEME_RETURN_IF_ERROR(CheckQuadratic(memory, spec));
  } else {
    MNEME_RETURN_IF_ERROR(CheckBeta(spec.beta));
    MNEME_RETURN_IF_ERROR(CheckFrequencies(memory, spec));
  }
  MNEME_RETURN_IF_ERROR(CheckDescent(spec));
  return CheckExpected(spec);
}

absl::Status CheckExpectations(const MemorySpec& memory, const FeatureSpec& spec) {
  if (spec.items_expected == 0 || spec.kind == FeatureKind::kQuadratic) return absl::OkStatus();
  return CheckFeatureCount(MapSpecOf(memory.key_dim, spec),
                           static_cast<double>(spec.items_expected), spec.cue_noise);
}

}  // namespace mneme::models
