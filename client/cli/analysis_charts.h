// What an analysis found, as pictures. A file for each analysis, and a row in analysis_charts.cc.
//
// Threads: plain functions.
#ifndef MNEME_CLIENT_CLI_ANALYSIS_CHARTS_H_
#define MNEME_CLIENT_CLI_ANALYSIS_CHARTS_H_

#include <string>
#include <string_view>
#include <vector>

#include "client/plot/figure.h"
#include "mneme/analysis.h"

namespace mneme::cli {

// No panels where the analysis has no picture, or its report holds nothing to draw.
plot::Figure FigureOf(const client::AnalysisReport& report);

// ---- one of each analysis: its panels
// basins_chart.cc: histograms of margins and of distances
std::vector<plot::Panel> BasinsPanels(const client::AnalysisReport& report);
// recall_chart.cc: energy and share of the best item, step by step
std::vector<plot::Panel> RecallPanels(const client::AnalysisReport& report);
// capacity_chart.cc: the bracket of each seed
std::vector<plot::Panel> CapacityPanels(const client::AnalysisReport& report);
// sedam_chart.cc: traces, avalanches, waiting times, fluctuation
std::vector<plot::Panel> SedamPanels(const client::AnalysisReport& report);
// oscillators_chart.cc: trace and hysteresis loop
std::vector<plot::Panel> OscillatorsPanels(const client::AnalysisReport& report);

// energy_graph_chart.cc: the energy, and what of it is left to go
std::vector<plot::Panel> EnergyGraphPanels(const client::AnalysisReport& report);

// confidence_chart.cc: accuracy over confidence
std::vector<plot::Panel> ConfidencePanels(const client::AnalysisReport& report);

// A column over another; no points where the report has no such table or column.
plot::Series SeriesOf(const client::AnalysisReport& report, std::string_view table,
                      std::string_view x, std::string_view y);
// Adds a panel of one such series, if it has points.
void AddPanel(std::string title, std::string x_label, plot::Series series,
              std::vector<plot::Panel>& panels);

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_ANALYSIS_CHARTS_H_
