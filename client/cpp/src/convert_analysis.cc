#include "client/cpp/src/convert_analysis.h"

#include <algorithm>
#include <limits>

#include "client/cpp/src/convert.h"
#include "client/cpp/src/matrix.h"

namespace mneme::client {
namespace {

void Set(const BasinsAnalysis& spec, v1::AnalyzeRequest* out) {
  v1::BasinsAnalysis& to = *out->mutable_basins();
  to.set_items(spec.items);
  if (spec.probes) to.set_probes(*spec.probes);
  to.set_steps_max(spec.steps_max);
  if (spec.beta) to.set_beta(*spec.beta);
  to.set_seed(spec.seed);
}

void Set(const RecallAnalysis& spec, v1::AnalyzeRequest* out) {
  v1::RecallAnalysis& to = *out->mutable_recall();
  SetRows(spec.cues.ref(), {.begin = 0, .end = spec.cues.rows, .index = 0}, Dtype::kFloat32,
          to.mutable_cues());
  to.set_steps_max(spec.steps_max);
  if (spec.beta) to.set_beta(*spec.beta);
}

void Set(const CapacityAnalysis& spec, v1::AnalyzeRequest* out) {
  v1::CapacityAnalysis& to = *out->mutable_capacity();
  to.set_correlation(spec.correlation);
  to.set_block(spec.block);
  to.set_share_positive(spec.share_positive);
  to.set_min_hamming(spec.min_hamming);
  to.set_flip(spec.flip);
  if (spec.tolerance) to.set_tolerance(*spec.tolerance);
  to.set_probes(spec.probes);
  to.set_load_max(spec.load_max);
  to.set_seeds(spec.seeds);
  to.set_seed(spec.seed);
}

void SetSource(const PatternSource& source, v1::PatternSource* to) {
  to->set_generated(source.generated);
  if (source.start) SetId(*source.start, to->mutable_start());
}

void Set(const SedamAnalysis& spec, v1::AnalyzeRequest* out) {
  v1::SedamAnalysis& to = *out->mutable_sedam();
  SetSource(spec.patterns, to.mutable_patterns());
  if (spec.flip) to.set_flip(*spec.flip);
  to.set_beta(spec.beta);
  to.set_steps(spec.steps);
  to.set_burn_in(spec.burn_in);
  to.set_coincidence(spec.coincidence);
  to.set_seed(spec.seed);
}

void Set(const OscillatorsAnalysis& spec, v1::AnalyzeRequest* out) {
  v1::OscillatorsAnalysis& to = *out->mutable_oscillators();
  SetSource(spec.patterns, to.mutable_patterns());
  to.set_k2(spec.k2);
  if (spec.k4) to.set_k4(*spec.k4);
  to.set_temperature(spec.temperature);
  if (spec.flip) to.set_flip(*spec.flip);
  if (spec.jitter) to.set_jitter(*spec.jitter);
  to.set_dt(spec.dt);
  to.set_steps(spec.steps);
  to.set_loop_points(spec.loop_points);
  to.set_loop_k2(spec.loop_k2);
  to.set_loop_steps(spec.loop_steps);
  to.set_seed(spec.seed);
}

void Set(const EnergyGraphAnalysis& spec, v1::AnalyzeRequest* out) {
  v1::EnergyGraphAnalysis& to = *out->mutable_energy_graph();
  SetSource(spec.patterns, to.mutable_patterns());
  to.set_visible(static_cast<v1::Lagrangian>(spec.visible));
  to.set_hidden(static_cast<v1::Lagrangian>(spec.hidden));
  if (spec.beta) to.set_beta(*spec.beta);
  if (spec.noise) to.set_noise(*spec.noise);
  to.set_hold(spec.hold);
  to.set_tau_hidden(spec.tau_hidden);
  to.set_dt(spec.dt);
  to.set_steps(spec.steps);
  to.set_seed(spec.seed);
}

void Set(const ConfidenceAnalysis& spec, v1::AnalyzeRequest* out) {
  v1::ConfidenceAnalysis& to = *out->mutable_confidence();
  to.set_items(spec.items);
  to.set_cue_noise(spec.cue_noise);
  if (spec.beta) to.set_beta(*spec.beta);
  to.set_seed(spec.seed);
}

AnalysisFigure FromWire(const v1::AnalysisFigure& wire) {
  AnalysisFigure figure{.name = wire.name(), .value = wire.value(), .meaning = wire.meaning()};
  if (wire.has_spread()) figure.spread = wire.spread();
  return figure;
}

AnalysisTable FromWire(const v1::AnalysisTable& wire) {
  AnalysisTable table{.name = wire.name()};
  for (const v1::AnalysisColumn& column : wire.columns()) {
    table.columns.push_back(
        {.name = column.name(), .values = {column.values().begin(), column.values().end()}});
  }
  return table;
}

AnalysisFinding FromWire(const v1::AnalysisFinding& wire) {
  AnalysisFinding finding{.id = client::FromWire(wire.id()),
                          .verdict = wire.verdict(),
                          .share = wire.share(),
                          .margin = wire.margin()};
  if (wire.has_other()) finding.other = client::FromWire(wire.other());
  return finding;
}

}  // namespace

void SetAnalysis(const AnalysisSpec& spec, v1::AnalyzeRequest* out) {
  std::visit([out](const auto& one) { Set(one, out); }, spec);
}

AnalysisReport FromWire(const v1::AnalysisReport& wire) {
  AnalysisReport report{.analysis = wire.analysis(), .summary = wire.summary()};
  for (const auto& figure : wire.figures()) report.figures.push_back(FromWire(figure));
  for (const auto& table : wire.tables()) report.tables.push_back(FromWire(table));
  for (const auto& finding : wire.findings()) report.findings.push_back(FromWire(finding));
  for (const auto& advice : wire.advice()) report.advice.push_back(client::FromWire(advice));
  return report;
}

AnalysisSample FromWire(const v1::AnalysisSample& wire) {
  return {.observables = {wire.observables().begin(), wire.observables().end()},
          .step = wire.step(),
          .values = {wire.values().begin(), wire.values().end()},
          .missed = wire.missed()};
}

const std::vector<double>* AnalysisTable::Get(std::string_view column) const {
  const auto found = std::ranges::find(columns, column, &AnalysisColumn::name);
  return found == columns.end() ? nullptr : &found->values;
}

double AnalysisReport::Get(std::string_view figure) const {
  const auto found = std::ranges::find(figures, figure, &AnalysisFigure::name);
  return found == figures.end() ? std::numeric_limits<double>::quiet_NaN() : found->value;
}

const AnalysisTable* AnalysisReport::Table(std::string_view table) const {
  const auto found = std::ranges::find(tables, table, &AnalysisTable::name);
  return found == tables.end() ? nullptr : &*found;
}

}  // namespace mneme::client
