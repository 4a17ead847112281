#include "core/models/dense/validate_dense.h"

#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/models/dense/dense_choices.h"
#include "core/models/dense/separation.h"
#include "core/models/index/binary_code.h"
#include "core/models/spec_error.h"
#include "core/models/store/tile.h"

namespace mneme::models {
namespace {

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

std::string OfSeparation(const DenseSpec& dense) {
  return absl::StrCat("separation ", AbslView(Name(dense.separation)));
}

absl::Status CheckPower(const MemorySpec& spec, const DenseSpec& dense) {
  const std::string given = absl::StrCat(dense.power);
  if (!TraitsOf(dense.separation).has_power) {
    if (dense.power == 0) return absl::OkStatus();
    return BadField("power", given, absl::StrCat("none for ", OfSeparation(dense)),
                    "Leave power out, or choose separation POWER or RECTIFIED.");
  }
  if (dense.power < kPowerMin || dense.power > kPowerMax) {
    return BadField("power", given, absl::StrCat(kPowerMin, " to ", kPowerMax),
                    absl::StrCat("Leave power out for ", kPowerDefault, "."));
  }
  if (!HasSignedWeights(dense)) return absl::OkStatus();
  const std::string_view next =
      "Choose an odd power, or separation RECTIFIED: their weights are not negative.";
  if (spec.response_dim > 0) {
    return BadField("power", given, "an odd power where there are responses", next);
  }
  if (dense.state == StateSpace::kFree) {
    return BadField("power", given, "an odd power for state FREE, or state SPHERE or BINARY", next);
  }
  return absl::OkStatus();
}

// What each separation can be a function of.
absl::Status CheckSimilarity(const DenseSpec& dense) {
  const Similarity similarity = dense.similarity;
  const bool of_product = similarity == Similarity::kDot || similarity == Similarity::kCosine;
  if (TraitsOf(dense.separation).has_power && !of_product) {
    return BadField("similarity", Name(similarity),
                    absl::StrCat("DOT or COSINE for ", OfSeparation(dense)),
                    "A power of a distance favours what is far: leave similarity out for COSINE.");
  }
  if (TraitsOf(dense.separation).finite_support && similarity != Similarity::kL2) {
    return BadField("similarity", Name(similarity), absl::StrCat("L2 for ", OfSeparation(dense)),
                    "A support is a ball of the L2 distance: choose L2, with keys of length 1 "
                    "where only their directions count.");
  }
  return absl::OkStatus();
}

absl::Status CheckState(const MemorySpec& spec, const DenseSpec& dense) {
  const std::string_view given = Name(dense.state);
  const SeparationTraits& traits = TraitsOf(dense.separation);
  if (dense.state == StateSpace::kFree) {
    if (!traits.has_power || dense.similarity != Similarity::kDot) return absl::OkStatus();
    return BadField("state", given,
                    absl::StrCat("SPHERE or BINARY for ", OfSeparation(dense), " under DOT"),
                    "A power knows directions only: choose state SPHERE, or similarity COSINE.");
  }
  if (traits.sums == SumKind::kNone || traits.finite_support) {
    return BadField("state", given, absl::StrCat("FREE for ", OfSeparation(dense)),
                    "Leave state out: what comes back are the stored rows themselves.");
  }
  if (dense.state == StateSpace::kSphere) {
    if (dense.similarity != Similarity::kL1) return absl::OkStatus();
    return BadField("state", given, "FREE for similarity L1",
                    "Leave state out, or choose another similarity.");
  }
  if (dense.similarity != Similarity::kDot) {
    return BadField(
        "state", given,
        absl::StrCat("FREE or SPHERE for similarity ", AbslView(Name(dense.similarity))),
        "Leave similarity out: that of binary states is DOT.");
  }
  if (spec.response_dim == 0) return absl::OkStatus();
  return BadField("state", given, "FREE or SPHERE where there are responses",
                  "Binary states recall their own keys: leave response_dim at 0.");
}

absl::Status CheckBeta(const DenseSpec& dense) {
  const SeparationTraits& traits = TraitsOf(dense.separation);
  if (dense.radius && !traits.finite_support) {
    return BadField("radius", absl::StrCat(*dense.radius),
                    absl::StrCat("none for ", OfSeparation(dense)),
                    "Leave radius out, or choose separation RELU: supports have one.");
  }
  if (dense.radius && dense.beta) {
    return BadField("radius", absl::StrCat(*dense.radius, " beside beta=", *dense.beta),
                    "one of the two", "Leave beta out: it is 2 / radius^2.");
  }
  if (dense.radius && !(*dense.radius >= kRadiusMin && *dense.radius <= kRadiusMax)) {
    return BadField("radius", absl::StrCat(*dense.radius),
                    absl::StrCat(kRadiusMin, " to ", kRadiusMax),
                    "Leave radius out: it is then chosen from the stored keys.");
  }
  if (!dense.beta) return absl::OkStatus();
  if (!TakesBeta(dense)) {
    return BadField("beta", absl::StrCat(*dense.beta),
                    absl::StrCat("none for ", OfSeparation(dense)),
                    "Leave beta out: recalls do not depend on it.");
  }
  if (PositiveAndFinite(*dense.beta)) return absl::OkStatus();
  return BadField("beta", absl::StrCat(*dense.beta), "a positive finite number, or none",
                  "Leave beta out: it is then chosen from the stored keys.");
}

absl::Status CheckDynamics(const DenseSpec& dense) {
  if (dense.no_support != NoSupportPolicy::kReport && !TraitsOf(dense.separation).finite_support) {
    return BadField("no_support", Name(dense.no_support),
                    absl::StrCat("REPORT for ", OfSeparation(dense)),
                    "Leave no_support out, or choose separation RELU: only its supports end.");
  }
  if (dense.steps_max < 1) {
    return BadField("steps_max", absl::StrCat(dense.steps_max), "at least 1",
                    absl::StrCat("Use 1 for a one-shot recall, or leave it out for ",
                                 DefaultStepsMax(dense), "."));
  }
  if (PositiveAndFinite(dense.tolerance)) return absl::OkStatus();
  return BadField("tolerance", absl::StrCat(dense.tolerance), "a positive finite number",
                  "Leave tolerance out for 1e-5.");
}

absl::Status CheckIndex(const DenseSpec& dense) {
  if (!dense.index) return absl::OkStatus();
  const std::string_view next = "Leave index out: every list is then exact.";
  if (dense.separation != Separation::kExp) {
    return BadField("index", "given", absl::StrCat("none for ", OfSeparation(dense)), next);
  }
  if (dense.similarity == Similarity::kL1) {
    return BadField("index", "given", "none for similarity L1", next);
  }
  if (dense.state != StateSpace::kFree) {
    return BadField("index", "given", absl::StrCat("none for state ", AbslView(Name(dense.state))),
                    next);
  }
  return ValidateIndex(*dense.index);
}

absl::Status CheckEncoder(const DenseSpec& dense) {
  if (dense.encoder == Encoder::kNone) return absl::OkStatus();
  const std::string_view given = Name(dense.encoder);
  const std::string_view next = "Leave encoder out, or everything but similarity COSINE.";
  if (dense.similarity != Similarity::kCosine) {
    return BadField("encoder", given,
                    absl::StrCat("NONE for similarity ", AbslView(Name(dense.similarity))), next);
  }
  if (dense.separation != Separation::kExp) {
    return BadField("encoder", given, absl::StrCat("NONE for ", OfSeparation(dense)), next);
  }
  if (dense.state != StateSpace::kFree) {
    return BadField("encoder", given, absl::StrCat("NONE for state ", AbslView(Name(dense.state))),
                    next);
  }
  if (dense.index) return BadField("encoder", given, "NONE beside an index", next);
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateDense(const MemorySpec& spec, const DenseSpec& dense) {
  MNEME_RETURN_IF_ERROR(CheckEnum("similarity", dense.similarity));
  MNEME_RETURN_IF_ERROR(CheckEnum("separation", dense.separation));
  MNEME_RETURN_IF_ERROR(CheckEnum("state", dense.state));
  MNEME_RETURN_IF_ERROR(CheckEnum("no_support", dense.no_support));
  MNEME_RETURN_IF_ERROR(CheckEnum("encoder", dense.encoder));
  MNEME_RETURN_IF_ERROR(CheckEncoder(dense));
  MNEME_RETURN_IF_ERROR(CheckSimilarity(dense));
  MNEME_RETURN_IF_ERROR(CheckState(spec, dense));
  MNEME_RETURN_IF_ERROR(CheckPower(spec, dense));
  MNEME_RETURN_IF_ERROR(CheckBeta(dense));
  MNEME_RETURN_IF_ERROR(CheckDynamics(dense));
  if (spec.retain != Retain::kAll) {
    return BadField("retain", Name(spec.retain), "ALL for a dense memory",
                    "A dense memory answers from its items: keep them all, or choose linear.");
  }
  return CheckIndex(dense);
}

}  // namespace mneme::models
