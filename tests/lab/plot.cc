#include "tests/lab/plot.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <utility>
#include <vector>

#include "client/plot/figure.h"
#include "client/plot/svg.h"
#include "core/base/status.h"

namespace mneme::lab {
namespace {

// One panel for each part of a name before its @; variants are series of it.
class Panels {
 public:
  explicit Panels(std::string x_label) : x_label_(std::move(x_label)) {}

  void Add(const std::string& name, bool is_predicted, double x, double y, double error) {
    plot::Series& series = SeriesOf(name, is_predicted);
    series.x.push_back(x);
    series.y.push_back(y);
    series.error.push_back(error);
  }
  std::vector<plot::Panel> Take() { return std::move(panels_); }

 private:
  plot::Panel& PanelOf(const std::string& title) {
    const auto panel = std::ranges::find(panels_, title, &plot::Panel::title);
    if (panel != panels_.end()) return *panel;
    return panels_.emplace_back(plot::Panel{.title = title, .x_label = x_label_});
  }

  // A quantity has one colour, measured or predicted, and stands in the legend once.
  plot::Series& SeriesOf(const std::string& name, bool is_predicted) {
    const std::string title = name.substr(0, name.find('@'));
    plot::Panel& panel = PanelOf(title);
    std::vector<std::string>& names = names_[title];
    const plot::Look look = is_predicted ? plot::Look::kPredicted : plot::Look::kMeasured;
    size_t color = std::ranges::find(names, name) - names.begin();
    for (plot::Series& series : panel.series) {
      if (series.color == color && series.look == look) return series;
    }
    const bool is_new = color == names.size();
    if (is_new) names.push_back(name);
    const bool is_variant = name.size() > title.size();
    return panel.series.emplace_back(
        plot::Series{.legend = is_new && is_variant ? name.substr(title.size() + 1) : "",
                     .look = look,
                     .color = color});
  }

  const std::string x_label_;
  std::vector<plot::Panel> panels_;
  std::map<std::string, std::vector<std::string>> names_;  // by title; a name's colour is its place
};

std::vector<plot::Panel> PanelsOf(const Command& command, const Results& results) {
  const Axis& axis = command.axes.front();
  Panels panels(axis.name);
  for (size_t i = 0; i < results.points.size(); ++i) {
    const double x = axis.values[i].number;
    for (const auto& [name, summary] : results.points[i].measured) {
      panels.Add(name, /*is_predicted=*/false, x, summary.mean, summary.std);
    }
    for (const auto& [name, value] : results.points[i].predicted.entries()) {
      panels.Add(name, /*is_predicted=*/true, x, value, 0);
    }
  }
  return panels.Take();
}

}  // namespace

absl::StatusOr<std::string> SvgPlot(const Command& command, const Results& results) {
  if (command.axes.empty()) {
    Run run(command.seed_first, [](double) {});
    MNEME_ASSIGN_OR_RETURN(const plot::Figure figure,
                           command.experiment->draw(command.parameters, run));
    return plot::Svg(figure);
  }
  const std::string seeds =
      absl::StrCat("line: measured, mean of ", command.seeds(),
                   command.seeds() == 1 ? " seed" : " seeds; bar: one standard deviation",
                   "; dashed: predicted");
  return plot::Svg({.title = std::string(command.experiment->name),
                    .caption = seeds,
                    .panels = PanelsOf(command, results)});
}

absl::Status WriteFile(const std::string& name, const std::string& content) {
  const std::string partial = name + ".tmp";
  std::ofstream out(partial, std::ios::binary);
  out << content;
  out.close();
  if (out && std::rename(partial.c_str(), name.c_str()) == 0) return absl::OkStatus();
  std::remove(partial.c_str());
  return FailedPrecondition(absl::StrCat("cannot write ", name),
                            {.reason = "FILE",
                             .given = name,
                             .expected = "a file in a folder that exists and may be written",
                             .next_step = "Give --plot another place."});
}

}  // namespace mneme::lab
