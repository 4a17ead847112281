// Margins and distances of stored items, as histograms.
#include <utility>

#include "client/cli/analysis_charts.h"
#include "client/plot/bars.h"

namespace mneme::cli {
namespace {

plot::Series Bars(const client::AnalysisReport& report, std::string_view table) {
  const plot::Series from = SeriesOf(report, table, "from", "count");
  const plot::Series to = SeriesOf(report, table, "to", "count");
  if (from.x.size() != to.x.size()) return {};
  return plot::Bars(from.x, to.x, from.y);
}

}  // namespace

std::vector<plot::Panel> BasinsPanels(const client::AnalysisReport& report) {
  std::vector<plot::Panel> panels;
  AddPanel("items by their lead over the best rival", "difference of exponents at the own key",
           Bars(report, "margin"), panels);
  AddPanel("items by the distance to the nearest rival", "distance of keys",
           Bars(report, "distance"), panels);
  return panels;
}

}  // namespace mneme::cli
