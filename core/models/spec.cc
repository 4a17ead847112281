#include "core/models/spec.h"

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace mneme::models {
namespace {

absl::Status BadField(std::string_view field, std::string_view given, std::string_view expected,
                      std::string_view next_step) {
  return InvalidArgument(absl::StrCat("spec: ", AbslView(field), " is ", AbslView(given),
                                      ", expected ", AbslView(expected)),
                         {.reason = "SPEC",
                          .given = absl::StrCat(AbslView(field), "=", AbslView(given)),
                          .expected = std::string(expected),
                          .next_step = std::string(next_step)});
}

bool PositiveAndFinite(double x) { return std::isfinite(x) && x > 0; }

absl::Status ValidateDense(const MemorySpec& spec, const DenseSpec& dense) {
  if (dense.similarity == Similarity::kL1) {
    return BadField("similarity", "L1", "DOT, COSINE or L2",
                    "Choose one of these; L2 is the nearest to L1.");
  }
  if (dense.beta && !PositiveAndFinite(*dense.beta)) {
    return BadField("beta", absl::StrCat(*dense.beta), "a positive finite number, or none",
                    "Leave beta out: it is then chosen from the stored keys.");
  }
  if (dense.steps_max < 1) {
    return BadField("steps_max", absl::StrCat(dense.steps_max), "at least 1",
                    "Use 1 for a one-shot recall, or leave it out for 8.");
  }
  if (!PositiveAndFinite(dense.tolerance)) {
    return BadField("tolerance", absl::StrCat(dense.tolerance), "a positive finite number",
                    "Leave tolerance out for 1e-5.");
  }
  if (spec.retain != Retain::kAll) {
    return BadField("retain", Name(spec.retain), "ALL for a dense memory",
                    "A dense memory answers from its items: keep them all, or choose linear.");
  }
  return absl::OkStatus();
}

absl::Status ValidateLinear(const MemorySpec& spec, const LinearSpec& linear) {
  if (spec.response_dim == 0) {
    return BadField("response_dim", "0", "at least 1 for a linear memory",
                    "Give the dimension of the responses; use a dense memory to recall keys.");
  }
  if (linear.lambda && !PositiveAndFinite(*linear.lambda)) {
    return BadField("lambda", absl::StrCat(*linear.lambda), "a positive finite number, or none",
                    "Leave lambda out: it is then chosen from the number of items.");
  }
  if (linear.partitions < 1) {
    return BadField("partitions", "0", "at least 1", "Use 1 for one matrix.");
  }
  return absl::OkStatus();
}

}  // namespace

std::string_view Name(Similarity similarity) {
  switch (similarity) {
    case Similarity::kDot:
      return "DOT";
    case Similarity::kCosine:
      return "COSINE";
    case Similarity::kL2:
      return "L2";
    case Similarity::kL1:
      return "L1";
  }
  return "?";
}

std::string_view Name(Retain retain) {
  switch (retain) {
    case Retain::kStatistics:
      return "STATISTICS";
    case Retain::kResponses:
      return "RESPONSES";
    case Retain::kAll:
      return "ALL";
  }
  return "?";
}

std::string_view Name(LinearRule rule) {
  switch (rule) {
    case LinearRule::kCmm:
      return "CMM";
    case LinearRule::kRidge:
      return "RIDGE";
    case LinearRule::kDecayed:
      return "DECAYED";
    case LinearRule::kDelta:
      return "DELTA";
    case LinearRule::kGatedDelta:
      return "GATED_DELTA";
    case LinearRule::kRls:
      return "RLS";
    case LinearRule::kTam:
      return "TAM";
  }
  return "?";
}

std::string_view Name(LoadPolicy policy) {
  switch (policy) {
    case LoadPolicy::kNone:
      return "NONE";
    case LoadPolicy::kWarn:
      return "WARN";
    case LoadPolicy::kRefuse:
      return "REFUSE";
    case LoadPolicy::kGrow:
      return "GROW";
  }
  return "?";
}

absl::Status ValidateSpec(const MemorySpec& spec) {
  if (spec.key_dim < 1) {
    return BadField("key_dim", "0", "at least 1", "Give the dimension of the keys.");
  }
  if (const auto* dense = std::get_if<DenseSpec>(&spec.model)) return ValidateDense(spec, *dense);
  return ValidateLinear(spec, std::get<LinearSpec>(spec.model));
}

}  // namespace mneme::models
