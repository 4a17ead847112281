// The descent of a network of layers.
#include <algorithm>
#include <cmath>
#include <utility>

#include "client/cli/analysis_charts.h"

namespace mneme::cli {

std::vector<plot::Panel> EnergyGraphPanels(const client::AnalysisReport& report) {
  std::vector<plot::Panel> panels;
  const plot::Series energy = SeriesOf(report, "trace", "step", "energy");
  AddPanel("energy", "step", energy, panels);
  if (energy.y.empty()) return panels;
  plot::Series left = energy;
  const double rest = *std::ranges::min_element(energy.y);
  for (double& y : left.y) y = y > rest ? std::log10(y - rest) : std::nan("");
  AddPanel("log10 of the energy above the lowest", "step", std::move(left), panels);
  return panels;
}

}  // namespace mneme::cli
