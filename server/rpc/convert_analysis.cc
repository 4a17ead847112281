#include "server/rpc/convert_analysis.h"

#include <algorithm>
#include <utility>

#include "core/base/status.h"

namespace mneme::server {
namespace {

using analysis::AnalysisSpec;

// Steps are ints inside; whatever is beyond is refused by its bound.
int ToSteps(uint32_t steps) { return static_cast<int>(std::min<uint32_t>(steps, 1u << 30)); }

template <typename Number>
void SetUnlessZero(Number& to, auto from) {
  if (from != 0) to = static_cast<Number>(from);
}

AnalysisSpec DecodeBasins(const v1::BasinsAnalysis& from) {
  analysis::BasinsSpec spec;
  SetUnlessZero(spec.items, from.items());
  if (from.has_probes()) spec.probes = from.probes();
  if (from.steps_max() > 0) spec.steps_max = ToSteps(from.steps_max());
  if (from.has_beta()) spec.beta = from.beta();
  SetUnlessZero(spec.seed, from.seed());
  return spec;
}

absl::StatusOr<AnalysisSpec> DecodeRecall(const v1::RecallAnalysis& from, DecodeArena& arena) {
  analysis::RecallSpec spec;
  // The message is gone when the job begins.
  MNEME_ASSIGN_OR_RETURN(const MatrixView cues, DecodeMatrix(from.cues(), "recall.cues", arena));
  if (cues.rows > analysis::kTraceCuesMax) {
    return ResourceExhausted(absl::StrCat("recall.cues has ", cues.rows, " rows, at most ",
                                          analysis::kTraceCuesMax, " are traced"),
                             {.reason = "LIMIT",
                              .given = absl::StrCat(cues.rows),
                              .expected = absl::StrCat("at most ", analysis::kTraceCuesMax),
                              .next_step = "Send fewer cues."});
  }
  spec.cues = Matrix::Copy(cues);
  SetUnlessZero(spec.steps_max, from.steps_max());
  if (from.has_beta()) spec.beta = from.beta();
  return AnalysisSpec(std::move(spec));
}

AnalysisSpec DecodeCapacity(const v1::CapacityAnalysis& from) {
  analysis::CapacitySpec spec;
  spec.correlation = from.correlation();
  SetUnlessZero(spec.block, from.block());
  SetUnlessZero(spec.share_positive, from.share_positive());
  spec.min_hamming = from.min_hamming();
  spec.flip = from.flip();
  if (from.has_tolerance()) spec.tolerance = from.tolerance();
  SetUnlessZero(spec.probes, from.probes());
  spec.load_max = from.load_max();
  SetUnlessZero(spec.seeds, from.seeds());
  SetUnlessZero(spec.seed, from.seed());
  return spec;
}

absl::StatusOr<analysis::PatternSource> DecodeSource(const v1::PatternSource& from) {
  analysis::PatternSource source{.generated = from.generated()};
  if (from.has_start()) {
    MNEME_ASSIGN_OR_RETURN(source.start, DecodeItemId(from.start()));
  }
  return source;
}

absl::StatusOr<AnalysisSpec> DecodeSedam(const v1::SedamAnalysis& from) {
  analysis::SedamSpec spec;
  MNEME_ASSIGN_OR_RETURN(spec.patterns, DecodeSource(from.patterns()));
  if (from.has_flip()) spec.flip = from.flip();
  SetUnlessZero(spec.beta, from.beta());
  SetUnlessZero(spec.steps, from.steps());
  spec.burn_in = from.burn_in();
  SetUnlessZero(spec.coincidence, from.coincidence());
  SetUnlessZero(spec.seed, from.seed());
  return AnalysisSpec(std::move(spec));
}

absl::StatusOr<AnalysisSpec> DecodeOscillators(const v1::OscillatorsAnalysis& from) {
  analysis::OscillatorsSpec spec;
  MNEME_ASSIGN_OR_RETURN(spec.patterns, DecodeSource(from.patterns()));
  spec.k2 = from.k2();
  if (from.has_k4()) spec.k4 = from.k4();
  spec.temperature = from.temperature();
  if (from.has_flip()) spec.flip = from.flip();
  if (from.has_jitter()) spec.jitter = from.jitter();
  spec.dt = from.dt();
  SetUnlessZero(spec.steps, from.steps());
  spec.loop_points = from.loop_points();
  spec.loop_k2 = from.loop_k2();
  SetUnlessZero(spec.loop_steps, from.loop_steps());
  SetUnlessZero(spec.seed, from.seed());
  return AnalysisSpec(std::move(spec));
}

absl::StatusOr<dynamics::Lagrangian> DecodeLagrangian(std::string_view field,
                                                      v1::Lagrangian lagrangian,
                                                      dynamics::Lagrangian otherwise) {
  switch (lagrangian) {
    case v1::LAGRANGIAN_UNSPECIFIED:
      return otherwise;
    case v1::LAGRANGIAN_IDENTITY:
      return dynamics::Lagrangian::kIdentity;
    case v1::LAGRANGIAN_RELU:
      return dynamics::Lagrangian::kRelu;
    case v1::LAGRANGIAN_TANH:
      return dynamics::Lagrangian::kTanh;
    case v1::LAGRANGIAN_SOFTMAX:
      return dynamics::Lagrangian::kSoftmax;
    case v1::LAGRANGIAN_LAYER_NORM:
      return dynamics::Lagrangian::kLayerNorm;
    case v1::LAGRANGIAN_SPHERICAL:
      return dynamics::Lagrangian::kSpherical;
    default:
      return UnknownEnum(field, lagrangian);
  }
}

absl::StatusOr<AnalysisSpec> DecodeEnergyGraph(const v1::EnergyGraphAnalysis& from) {
  analysis::EnergyGraphSpec spec;
  MNEME_ASSIGN_OR_RETURN(spec.patterns, DecodeSource(from.patterns()));
  MNEME_ASSIGN_OR_RETURN(spec.visible,
                         DecodeLagrangian("energy_graph.visible", from.visible(), spec.visible));
  MNEME_ASSIGN_OR_RETURN(spec.hidden,
                         DecodeLagrangian("energy_graph.hidden", from.hidden(), spec.hidden));
  if (from.has_beta()) spec.beta = from.beta();
  if (from.has_noise()) spec.noise = from.noise();
  spec.hold = from.hold();
  SetUnlessZero(spec.tau_hidden, from.tau_hidden());
  spec.dt = from.dt();
  SetUnlessZero(spec.steps, from.steps());
  SetUnlessZero(spec.seed, from.seed());
  return AnalysisSpec(std::move(spec));
}

AnalysisSpec DecodeConfidence(const v1::ConfidenceAnalysis& from) {
  analysis::ConfidenceSpec spec{.cue_noise = from.cue_noise()};
  SetUnlessZero(spec.items, from.items());
  if (from.has_beta()) spec.beta = from.beta();
  SetUnlessZero(spec.seed, from.seed());
  return spec;
}

}  // namespace

absl::StatusOr<AnalysisSpec> DecodeAnalysis(const v1::AnalyzeRequest& request, DecodeArena& arena) {
  switch (request.analysis_case()) {
    case v1::AnalyzeRequest::kBasins:
      return DecodeBasins(request.basins());
    case v1::AnalyzeRequest::kRecall:
      return DecodeRecall(request.recall(), arena);
    case v1::AnalyzeRequest::kCapacity:
      return DecodeCapacity(request.capacity());
    case v1::AnalyzeRequest::kSedam:
      return DecodeSedam(request.sedam());
    case v1::AnalyzeRequest::kOscillators:
      return DecodeOscillators(request.oscillators());
    case v1::AnalyzeRequest::kEnergyGraph:
      return DecodeEnergyGraph(request.energy_graph());
    case v1::AnalyzeRequest::kConfidence:
      return DecodeConfidence(request.confidence());
    case v1::AnalyzeRequest::ANALYSIS_NOT_SET:
      break;
  }
  return InvalidArgument(
      "the request names no analysis",
      {.reason = "ANALYSIS",
       .given = "none",
       .expected = "basins, recall, capacity, sedam, oscillators, energy_graph or "
                   "confidence",
       .next_step = "Set one of them; an empty message takes the defaults."});
}

void EncodeReport(const analysis::Report& from, v1::AnalysisReport* to) {
  to->set_analysis(from.analysis);
  to->set_summary(from.summary);
  for (const analysis::Figure& figure : from.figures) {
    v1::AnalysisFigure& out = *to->add_figures();
    out.set_name(figure.name);
    out.set_value(figure.value);
    if (figure.spread) out.set_spread(*figure.spread);
    out.set_meaning(figure.meaning);
  }
  for (const analysis::Table& table : from.tables) {
    v1::AnalysisTable& out = *to->add_tables();
    out.set_name(table.name);
    for (const analysis::Column& column : table.columns) {
      v1::AnalysisColumn& values = *out.add_columns();
      values.set_name(column.name);
      values.mutable_values()->Assign(column.values.begin(), column.values.end());
    }
  }
  for (const analysis::Finding& finding : from.findings) {
    v1::AnalysisFinding& out = *to->add_findings();
    EncodeItemId(finding.id, out.mutable_id());
    out.set_verdict(finding.verdict);
    if (finding.other) EncodeItemId(*finding.other, out.mutable_other());
    out.set_share(finding.share);
    out.set_margin(finding.margin);
  }
  for (const analysis::Advice& advice : from.advice) {
    v1::Warning& out = *to->add_advice();
    out.set_reason(advice.reason);
    out.set_message(advice.message);
    out.set_next_step(advice.next_step);
  }
}

void EncodeSample(const analysis::Sample& from, v1::AnalysisSample* to) {
  to->set_step(from.step);
  to->mutable_values()->Assign(from.values.begin(), from.values.end());
  to->set_missed(from.missed);
}

}  // namespace mneme::server
