#include "core/models/spec.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/models/index/binary_code.h"
#include "core/models/store/tile.h"

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

// A value of no name is none of the enum: a damaged spec, or one of a newer version.
template <typename Enum>
absl::Status CheckEnum(std::string_view field, Enum value) {
  if (Name(value) != "?") return absl::OkStatus();
  return BadField(field, absl::StrCat(static_cast<int>(value)), "a value that this version knows",
                  "Use the version that made the memory, or a newer one.");
}

bool PositiveAndFinite(double x) { return std::isfinite(x) && x > 0; }

absl::Status ValidateKind(const BinaryIndexSpec& binary) {
  if (binary.bits % 64 != 0 || binary.bits > kCodeBitsMax) {
    return BadField("index.binary.bits", absl::StrCat(binary.bits),
                    absl::StrCat("a multiple of 64 from 64 to ", kCodeBitsMax, ", or 0"),
                    "Leave it out for 2.5 bits a dimension, at least 256.");
  }
  const bool tiles = binary.tile_size != 0 || binary.tile_keep != 0;
  if (tiles && (binary.tile_size > kTileRows || binary.tile_keep == 0 ||
                binary.tile_keep > binary.tile_size)) {
    return BadField("index.binary.tile_keep",
                    absl::StrCat(binary.tile_keep, " of tile_size=", binary.tile_size),
                    absl::StrCat("1 <= tile_keep <= tile_size <= ", kTileRows, ", or 0 and 0"),
                    "Leave both out: all rows are looked at, which is as fast.");
  }
  return absl::OkStatus();
}

absl::Status ValidateKind(const GraphIndexSpec& graph) {
  if (graph.links < kGraphLinksMin || graph.links > kGraphLinksMax) {
    return BadField("index.graph.links", absl::StrCat(graph.links),
                    absl::StrCat(kGraphLinksMin, " to ", kGraphLinksMax),
                    "Leave it out for 16: more find more, and take longer.");
  }
  if (graph.construction_width < graph.links ||
      graph.construction_width > kGraphConstructionWidthMax) {
    return BadField("index.graph.construction_width", absl::StrCat(graph.construction_width),
                    absl::StrCat(graph.links, " (links) to ", kGraphConstructionWidthMax),
                    "Leave it out for 200.");
  }
  return absl::OkStatus();
}

absl::Status ValidateIndex(const IndexSpec& index) {
  if (!(index.target_recall > 0 && index.target_recall <= 1)) {
    return BadField("index.target_recall", absl::StrCat(index.target_recall), "a share in (0, 1]",
                    "Leave it out for 0.98.");
  }
  if (index.rescore_depth != 0 &&
      (index.rescore_depth < kRescoreDepthMin || index.rescore_depth > kRescoreDepthMax)) {
    return BadField("index.rescore_depth", absl::StrCat(index.rescore_depth),
                    absl::StrCat(kRescoreDepthMin, " to ", kRescoreDepthMax, ", or 0"),
                    "Leave it out: the least depth that reaches target_recall is then measured.");
  }
  return std::visit([](const auto& kind) { return ValidateKind(kind); }, index.kind);
}

absl::Status ValidateDense(const MemorySpec& spec, const DenseSpec& dense) {
  MNEME_RETURN_IF_ERROR(CheckEnum("similarity", dense.similarity));
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
  if (dense.index) return ValidateIndex(*dense.index);
  return absl::OkStatus();
}

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
  MNEME_RETURN_IF_ERROR(CheckEnum("retain", spec.retain));
  if (const auto* dense = std::get_if<DenseSpec>(&spec.model)) return ValidateDense(spec, *dense);
  return ValidateLinear(spec, std::get<LinearSpec>(spec.model));
}

}  // namespace mneme::models
