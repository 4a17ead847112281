#include "core/models/spec.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/models/dense/validate_dense.h"
#include "core/models/spec_error.h"

namespace mneme::models {
namespace {

using Rules = std::initializer_list<LinearRule>;

bool Has(Rules rules, LinearRule rule) { return std::ranges::find(rules, rule) != rules.end(); }

// A field that only some rules use, given for another.
absl::Status NotOfRule(std::string_view field, std::string_view given, LinearRule rule,
                       Rules users) {
  std::string names;
  for (const LinearRule user : users) {
    absl::StrAppend(&names, names.empty() ? "" : ", ", AbslView(Name(user)));
  }
  return BadField(
      field, given,
      absl::StrCat("nothing for rule ", AbslView(Name(rule)), ": it is used by ", names),
      absl::StrCat("Leave ", AbslView(field), " out, or choose rule ", names, "."));
}

// Of `rules`: a factor in (0, 1]; of others: 1.
absl::Status CheckFactor(std::string_view field, double value, LinearRule rule, Rules rules) {
  if (!Has(rules, rule) && value != 1) {
    return NotOfRule(field, absl::StrCat(value), rule, rules);
  }
  if (value > 0 && value <= 1) return absl::OkStatus();
  return BadField(field, absl::StrCat(value), "a number in (0, 1]",
                  absl::StrCat("Leave ", AbslView(field), " out for 1."));
}

absl::Status CheckLambda(const LinearSpec& linear) {
  if (!linear.lambda) return absl::OkStatus();
  // CMM does not use it; memories were created that give it nevertheless.
  const Rules rules = {LinearRule::kRidge, LinearRule::kRls, LinearRule::kTam, LinearRule::kCmm};
  if (!Has(rules, linear.rule)) {
    return NotOfRule("lambda", absl::StrCat(*linear.lambda), linear.rule,
                     {LinearRule::kRidge, LinearRule::kRls, LinearRule::kTam});
  }
  if (PositiveAndFinite(*linear.lambda)) return absl::OkStatus();
  return BadField("lambda", absl::StrCat(*linear.lambda), "a positive finite number, or none",
                  "Leave lambda out: the rule then has a value of its own.");
}

absl::Status CheckTail(const LinearSpec& linear) {
  const Rules rules = {LinearRule::kTam};
  if (linear.list_size > 0 && linear.rule != LinearRule::kTam) {
    return NotOfRule("list_size", absl::StrCat(linear.list_size), linear.rule, rules);
  }
  if (!linear.tail_fraction) return absl::OkStatus();
  const std::string given = absl::StrCat(*linear.tail_fraction);
  if (linear.rule != LinearRule::kTam) {
    return NotOfRule("tail_fraction", given, linear.rule, rules);
  }
  if (!(*linear.tail_fraction > 0 && *linear.tail_fraction < 1)) {
    return BadField("tail_fraction", given, "a number in (0, 1), both excluded",
                    "Give the share of the competitors that a list is as long as, or leave it out "
                    "for 0.05.");
  }
  if (linear.list_size > 0) {
    return BadField("tail_fraction", absl::StrCat(given, " beside list_size=", linear.list_size),
                    "one of the two", "Leave tail_fraction out, or list_size.");
  }
  return absl::OkStatus();
}

absl::Status CheckLoad(const LinearSpec& linear) {
  const bool has_policy = linear.load_policy != LoadPolicy::kNone;
  if (!has_policy && linear.load_limit == 0) return absl::OkStatus();
  if (!has_policy) {
    return BadField("load_limit", absl::StrCat(linear.load_limit), "none where there is no policy",
                    "Give a load_policy, or leave load_limit out.");
  }
  if (!PositiveAndFinite(linear.load_limit)) {
    return BadField("load_limit", absl::StrCat(linear.load_limit),
                    "a positive finite load n / (d_k d_v partitions)",
                    "Ask Forecast which load still serves you, or leave load_policy out.");
  }
  return absl::OkStatus();
}

absl::Status CheckKeyMean(const MemorySpec& spec, const LinearSpec& linear) {
  const std::vector<float>& mean = linear.key_mean;
  if (!mean.empty() && mean.size() != spec.key_dim) {
    return BadField("key_mean", absl::StrCat(mean.size(), " numbers"),
                    absl::StrCat("none, or key_dim = ", spec.key_dim, " numbers"),
                    "Give the mean of the keys, or leave it out.");
  }
  for (size_t i = 0; i < mean.size(); ++i) {
    if (std::isfinite(mean[i])) continue;
    return BadField("key_mean", absl::StrCat(mean[i], " at ", i), "finite numbers",
                    "Give the mean of the keys, or leave it out.");
  }
  return absl::OkStatus();
}

// What a choice needs that the memory keeps.
absl::Status CheckRetain(const MemorySpec& spec, const LinearSpec& linear) {
  const bool decays =
      linear.gamma < 1 && Has({LinearRule::kDecayed, LinearRule::kRls}, linear.rule);
  if (decays && spec.retain == Retain::kStatistics) {
    return BadField("retain", Name(spec.retain),
                    absl::StrCat("RESPONSES or ALL for rule ", AbslView(Name(linear.rule)),
                                 " with gamma below 1"),
                    "Forgetting needs to know when a row was stored: keep RESPONSES.");
  }
  if (linear.load_policy == LoadPolicy::kGrow && spec.retain == Retain::kStatistics) {
    return BadField("retain", Name(spec.retain), "RESPONSES or ALL where load_policy is GROW",
                    "Which matrix an item went to is known by its id: keep RESPONSES.");
  }
  if (linear.rule == LinearRule::kTam && spec.retain != Retain::kAll) {
    return BadField("retain", Name(spec.retain), "ALL for rule TAM",
                    "A training reads the stored pairs: keep them all, or choose another rule.");
  }
  return absl::OkStatus();
}

absl::Status ValidateLinear(const MemorySpec& spec, const LinearSpec& linear) {
  MNEME_RETURN_IF_ERROR(CheckEnum("rule", linear.rule));
  MNEME_RETURN_IF_ERROR(CheckEnum("load_policy", linear.load_policy));
  if (spec.response_dim == 0) {
    return BadField("response_dim", "0", "at least 1 for a linear memory",
                    "Give the dimension of the responses; use a dense memory to recall keys.");
  }
  if (linear.partitions < 1) {
    return BadField("partitions", "0", "at least 1", "Use 1 for one matrix.");
  }
  if (linear.rule == LinearRule::kFederated && linear.partitions != 1) {
    return BadField("partitions", absl::StrCat(linear.partitions), "1 for rule FEDERATED",
                    "The nodes of a federation share one matrix each: leave partitions out.");
  }
  if (linear.rule == LinearRule::kFederated && linear.load_policy == LoadPolicy::kGrow) {
    return BadField("load_policy", "GROW", "NONE, WARN or REFUSE for rule FEDERATED",
                    "The nodes of a federation share one matrix each: leave load_policy out.");
  }
  if (linear.fast_statistics && linear.rule != LinearRule::kCmm) {
    return NotOfRule("fast_statistics", "true", linear.rule, {LinearRule::kCmm});
  }
  MNEME_RETURN_IF_ERROR(
      CheckFactor("beta", linear.beta, linear.rule, {LinearRule::kDelta, LinearRule::kGatedDelta}));
  MNEME_RETURN_IF_ERROR(
      CheckFactor("gamma", linear.gamma, linear.rule,
                  {LinearRule::kDecayed, LinearRule::kGatedDelta, LinearRule::kRls}));
  MNEME_RETURN_IF_ERROR(CheckLambda(linear));
  MNEME_RETURN_IF_ERROR(CheckTail(linear));
  MNEME_RETURN_IF_ERROR(CheckLoad(linear));
  MNEME_RETURN_IF_ERROR(CheckKeyMean(spec, linear));
  return CheckRetain(spec, linear);
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

std::string_view Name(Separation separation) {
  switch (separation) {
    case Separation::kExp:
      return "EXP";
    case Separation::kRelu1:
      return "RELU";
    case Separation::kPower:
      return "POWER";
    case Separation::kRectifiedPower:
      return "RECTIFIED";
    case Separation::kArgMax:
      return "ARGMAX";
  }
  return "?";
}

std::string_view Name(StateSpace state) {
  switch (state) {
    case StateSpace::kFree:
      return "FREE";
    case StateSpace::kSphere:
      return "SPHERE";
    case StateSpace::kBinary:
      return "BINARY";
  }
  return "?";
}

std::string_view Name(NoSupportPolicy policy) {
  switch (policy) {
    case NoSupportPolicy::kReport:
      return "REPORT";
    case NoSupportPolicy::kNearest:
      return "NEAREST";
    case NoSupportPolicy::kBlend:
      return "BLEND";
    case NoSupportPolicy::kWiden:
      return "WIDEN";
  }
  return "?";
}

std::string_view Name(Encoder encoder) {
  switch (encoder) {
    case Encoder::kNone:
      return "NONE";
    case Encoder::kCentre:
      return "CENTRE";
    case Encoder::kLinear:
      return "LINEAR";
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
    case LinearRule::kFederated:
      return "FEDERATED";
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
  MNEME_RETURN_IF_ERROR(CheckEnum("retain", spec.retain));
  if (const auto* dense = std::get_if<DenseSpec>(&spec.model)) return ValidateDense(spec, *dense);
  if (const auto* feature = std::get_if<FeatureSpec>(&spec.model)) {
    return ValidateFeature(spec, *feature);
  }
  return ValidateLinear(spec, std::get<LinearSpec>(spec.model));
}

}  // namespace mneme::models
