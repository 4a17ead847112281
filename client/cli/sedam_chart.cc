// A stochastic exponential memory: where it is, and the statistics of its avalanches.
#include <utility>

#include "client/cli/analysis_charts.h"

namespace mneme::cli {
namespace {

plot::Series Points(plot::Series series) {
  series.look = plot::Look::kPoints;
  return series;
}

}  // namespace

std::vector<plot::Panel> SedamPanels(const client::AnalysisReport& report) {
  std::vector<plot::Panel> panels;
  AddPanel("overlap with the start", "step", SeriesOf(report, "trace", "step", "q"), panels);
  AddPanel("neurons that changed", "step", SeriesOf(report, "trace", "step", "f"), panels);
  AddPanel("avalanches at least as large", "neurons changed, summed",
           Points(SeriesOf(report, "avalanche_sizes", "at_least", "share")), panels);
  AddPanel("avalanches at least as long", "steps",
           Points(SeriesOf(report, "avalanche_durations", "at_least", "share")), panels);
  AddPanel("waiting times at least as long", "steps",
           Points(SeriesOf(report, "waiting_times", "at_least", "share")), panels);
  plot::Series fluctuation = SeriesOf(report, "fluctuation", "window", "value");
  fluctuation.look = plot::Look::kMeasured;
  AddPanel("fluctuation of the activity", "window (steps)", std::move(fluctuation), panels);
  return panels;
}

}  // namespace mneme::cli
