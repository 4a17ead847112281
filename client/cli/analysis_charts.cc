#include "client/cli/analysis_charts.h"

#include <utility>

namespace mneme::cli {
namespace {

struct Chart {
  std::string_view analysis;
  std::vector<plot::Panel> (*panels)(const client::AnalysisReport&);
};

constexpr Chart kCharts[] = {
    {"basins", BasinsPanels},           {"recall", RecallPanels},
    {"capacity", CapacityPanels},       {"sedam", SedamPanels},
    {"oscillators", OscillatorsPanels}, {"energy-graph", EnergyGraphPanels},
    {"confidence", ConfidencePanels}};

}  // namespace

plot::Figure FigureOf(const client::AnalysisReport& report) {
  plot::Figure figure{.title = report.analysis, .caption = report.summary};
  for (const Chart& chart : kCharts) {
    if (chart.analysis == report.analysis) figure.panels = chart.panels(report);
  }
  return figure;
}

plot::Series SeriesOf(const client::AnalysisReport& report, std::string_view table,
                      std::string_view x, std::string_view y) {
  const client::AnalysisTable* const found = report.Table(table);
  if (found == nullptr) return {};
  const std::vector<double>* const across = found->Get(x);
  const std::vector<double>* const up = found->Get(y);
  if (across == nullptr || up == nullptr || across->size() != up->size()) return {};
  return {.x = *across, .y = *up};
}

void AddPanel(std::string title, std::string x_label, plot::Series series,
              std::vector<plot::Panel>& panels) {
  if (series.x.empty()) return;
  panels.push_back(
      {.title = std::move(title), .x_label = std::move(x_label), .series = {std::move(series)}});
}

}  // namespace mneme::cli
