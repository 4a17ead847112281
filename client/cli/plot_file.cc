#include "client/cli/plot_file.h"

#include <cstdio>
#include <fstream>

#include "client/cli/context.h"
#include "client/plot/svg.h"
#include "client/plot/text_plot.h"

namespace mneme::cli {
namespace {

constexpr char kTerminal[] = "-";

absl::Status WriteFile(const std::string& name, const std::string& content) {
  const std::string partial = name + ".part";
  std::ofstream file(partial, std::ios::binary);
  file << content;
  file.close();
  if (file && std::rename(partial.c_str(), name.c_str()) == 0) return absl::OkStatus();
  std::remove(partial.c_str());
  return UsageError("the picture cannot be written", name, "a place that can be written",
                    "Check the folder and its permissions.");
}

}  // namespace

absl::Status DrawFigure(const plot::Figure& figure, const std::string& where,
                        const std::string& why_empty, std::ostream& out) {
  if (figure.panels.empty()) {
    return client::MakeError({.code = absl::StatusCode::kFailedPrecondition,
                              .reason = "NOTHING_TO_DRAW",
                              .message = why_empty,
                              .next_step = "Leave out --plot."});
  }
  if (where != kTerminal) return WriteFile(where, plot::Svg(figure));
  for (const plot::Panel& panel : figure.panels) out << "\n" << plot::TextPlot(panel);
  return absl::OkStatus();
}

}  // namespace mneme::cli
