// How often the best item is right, over its share.
#include <cmath>
#include <utility>

#include "client/cli/analysis_charts.h"

namespace mneme::cli {

std::vector<plot::Panel> ConfidencePanels(const client::AnalysisReport& report) {
  const plot::Series bins = SeriesOf(report, "reliability", "confidence", "accuracy");
  plot::Series found{.legend = "found right", .look = plot::Look::kMeasured};
  for (size_t i = 0; i < bins.x.size(); ++i) {
    if (!std::isfinite(bins.x[i])) continue;  // no cue has such a share
    found.x.push_back(bins.x[i]);
    found.y.push_back(bins.y[i]);
  }
  if (found.x.empty()) return {};
  plot::Series even{.legend = "as promised", .x = {0, 1}, .y = {0, 1}, .color = 1};
  return {{.title = "share of cues answered rightly",
           .x_label = "share of the best item",
           .series = {std::move(found), std::move(even)}}};
}

}  // namespace mneme::cli
