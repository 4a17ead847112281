#include "client/plot/text_plot.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/plot/scale.h"

namespace mneme::plot {
namespace {

constexpr size_t kLabelWidth = 7;
constexpr size_t kLetters = 26;

bool IsMarked(const Series& series) {
  return series.look == Look::kMeasured || series.look == Look::kPoints;
}

char LetterOf(const Series& series) {
  return static_cast<char>((IsMarked(series) ? 'A' : 'a') + series.color % kLetters);
}

// The plot area, characters by row and column.
class Canvas {
 public:
  Canvas(size_t width, size_t height) : rows_(height, std::string(width, ' ')) {}

  void Put(double x, double y, char letter) {
    const auto column = static_cast<int64_t>(std::lround(x));
    const auto row = static_cast<int64_t>(std::lround(y));
    if (row < 0 || row >= static_cast<int64_t>(rows_.size())) return;
    if (column < 0 || column >= static_cast<int64_t>(rows_[0].size())) return;
    rows_[row][column] = letter;
  }
  // A letter in each column from one point to the next.
  void Join(double x0, double y0, double x1, double y1, char letter) {
    const int64_t steps = std::max<int64_t>(1, std::lround(std::abs(x1 - x0)));
    for (int64_t i = 0; i <= steps; ++i) {
      const double share = static_cast<double>(i) / static_cast<double>(steps);
      Put(x0 + share * (x1 - x0), y0 + share * (y1 - y0), letter);
    }
  }
  const std::string& row(size_t i) const { return rows_[i]; }

 private:
  std::vector<std::string> rows_;
};

void Draw(const Series& series, const Axes& axes, Canvas& canvas) {
  bool joined = false;  // is there a point before, to join with?
  double last_x = 0, last_y = 0;
  for (size_t i = 0; i < series.x.size(); ++i) {
    if (!axes.x.Holds(series.x[i]) || !axes.y.Holds(series.y[i])) {
      joined = false;
      continue;
    }
    const double x = axes.x.At(series.x[i]), y = axes.y.At(series.y[i]);
    if (joined && !IsMarked(series)) canvas.Join(last_x, last_y, x, y, LetterOf(series));
    canvas.Put(x, y, LetterOf(series));
    joined = true;
    last_x = x, last_y = y;
  }
}

std::string DrawRows(const Canvas& canvas, const Axes& axes, size_t height) {
  std::vector<std::string> labels(height);
  for (const double t : axes.y.Ticks()) {
    const auto row = static_cast<size_t>(
        std::clamp<double>(std::round(axes.y.At(t)), 0, static_cast<double>(height - 1)));
    labels[row] = absl::StrFormat("%.4g", t);
  }
  std::string out;
  for (size_t i = 0; i < height; ++i) {
    std::string line = absl::StrFormat("%*s %s%s", kLabelWidth, labels[i],
                                       labels[i].empty() ? "│" : "┤", canvas.row(i));
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&out, line, "\n");
  }
  return out;
}

std::string DrawXAxis(const Axes& axes, size_t width, const std::string& label) {
  std::vector<bool> ticked(width, false);
  std::string labels(width + kLabelWidth, ' ');
  size_t free_from = 0;  // labels shall not run into each other
  for (const double t : axes.x.Ticks()) {
    const auto column = static_cast<size_t>(
        std::clamp<double>(std::round(axes.x.At(t)), 0, static_cast<double>(width - 1)));
    const std::string text = absl::StrFormat("%.4g", t);
    const size_t begin = column - std::min(column, text.size() / 2);
    if (begin < free_from || begin + text.size() > labels.size()) continue;
    labels.replace(begin, text.size(), text);
    free_from = begin + text.size() + 1;
    ticked[column] = true;
  }
  std::string line;
  for (const bool tick : ticked) line += tick ? "┬" : "─";
  labels.erase(labels.find_last_not_of(' ') + 1);
  const std::string indent(kLabelWidth + 1, ' ');
  return absl::StrCat(indent, "└", line, "\n", indent, " ", labels, "  ", label, "\n");
}

}  // namespace

std::string TextPlot(const Panel& panel, size_t width, size_t height) {
  const Axes axes(panel, 0, static_cast<double>(width - 1), 0, static_cast<double>(height - 1));
  Canvas canvas(width, height);
  // Marks last, so that no curve hides them.
  for (const bool marked : {false, true}) {
    for (const Series& series : panel.series) {
      if (IsMarked(series) == marked) Draw(series, axes, canvas);
    }
  }
  std::string legend;
  for (const Series& series : panel.series) {
    if (series.legend.empty()) continue;
    absl::StrAppend(&legend, legend.empty() ? "" : "   ", std::string(1, LetterOf(series)), " ",
                    series.legend);
  }
  return absl::StrCat(panel.title, "\n", DrawRows(canvas, axes, height),
                      DrawXAxis(axes, width, panel.x_label), legend, legend.empty() ? "" : "\n");
}

}  // namespace mneme::plot
