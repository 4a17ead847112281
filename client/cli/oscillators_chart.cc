// Phase oscillators: order over time, and the hysteresis loop.
#include <utility>

#include "client/cli/analysis_charts.h"

namespace mneme::cli {

std::vector<plot::Panel> OscillatorsPanels(const client::AnalysisReport& report) {
  std::vector<plot::Panel> panels;
  AddPanel("order |z| of the start's pattern", "time", SeriesOf(report, "trace", "time", "z"),
           panels);
  if (!panels.empty()) panels.back().y = plot::Range{0, 1};
  AddPanel("energy", "time", SeriesOf(report, "trace", "time", "energy"), panels);
  plot::Series up = SeriesOf(report, "loop", "k2", "z_up");
  plot::Series down = SeriesOf(report, "loop", "k2", "z_down");
  if (up.x.empty() || down.x.empty()) return panels;
  up.legend = "k2 rising";
  up.look = plot::Look::kMeasured;
  down.legend = "falling";
  down.look = plot::Look::kMeasured;
  down.color = 1;
  panels.push_back({.title = "hysteresis loop: |z| against k2",
                    .x_label = "k2",
                    .series = {std::move(up), std::move(down)},
                    .y = plot::Range{0, 1}});
  return panels;
}

}  // namespace mneme::cli
