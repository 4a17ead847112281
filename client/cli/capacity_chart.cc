// The bracket of a capacity, seed by seed.
#include <utility>

#include "client/cli/analysis_charts.h"

namespace mneme::cli {

std::vector<plot::Panel> CapacityPanels(const client::AnalysisReport& report) {
  plot::Series low = SeriesOf(report, "capacity", "seed", "low");
  plot::Series high = SeriesOf(report, "capacity", "seed", "high");
  if (low.x.empty() || high.x.empty()) return {};
  low.legend = "largest load that was good";
  low.look = plot::Look::kMeasured;
  high.legend = "smallest that was bad";
  high.look = plot::Look::kMeasured;
  high.color = 1;
  return {
      {.title = "patterns held", .x_label = "seed", .series = {std::move(low), std::move(high)}}};
}

}  // namespace mneme::cli
