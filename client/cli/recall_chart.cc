// Energies of recalls, step by step.
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/analysis_charts.h"

namespace mneme::cli {
namespace {

// A line for each cue.
void AddLines(const client::AnalysisReport& report, std::string_view table, std::string title,
              std::vector<plot::Panel>& panels) {
  plot::Panel panel{.title = std::move(title), .x_label = "step"};
  for (size_t cue = 0;; ++cue) {
    const std::string column = absl::StrCat("cue_", cue);
    plot::Series line = SeriesOf(report, table, "step", column);
    if (line.x.empty()) break;
    line.legend = absl::StrCat("cue ", cue);
    line.look = plot::Look::kMeasured;
    line.color = cue;
    panel.series.push_back(std::move(line));
  }
  if (!panel.series.empty()) panels.push_back(std::move(panel));
}

}  // namespace

std::vector<plot::Panel> RecallPanels(const client::AnalysisReport& report) {
  std::vector<plot::Panel> panels;
  AddLines(report, "energy", "energy of the state before each step", panels);
  AddLines(report, "share", "share of the best item", panels);
  return panels;
}

}  // namespace mneme::cli
