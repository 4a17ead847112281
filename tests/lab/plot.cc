#include "tests/lab/plot.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <optional>
#include <vector>

#include "absl/strings/str_format.h"
#include "core/base/status.h"

namespace mneme::lab {
namespace {

constexpr double kPanelWidth = 430, kPanelHeight = 300;
constexpr double kLeft = 62, kRight = 16, kTop = 44, kBottom = 44;
constexpr double kHeader = 64;
constexpr const char* kColors[] = {"#2a6fbb", "#c2571a", "#2f8f5b",
                                   "#8a4fb0", "#b8902a", "#4a5568"};

struct Line {
  std::string label;
  std::vector<double> x, y, std;
  bool predicted = false;
  size_t color = 0;
};

struct Panel {
  std::string title;
  std::vector<Line> lines;
};

std::string Escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '&')
      out += "&amp;";
    else
      out += c;
  }
  return out;
}

// A linear or logarithmic map from values to pixels, with its ticks.
class Scale {
 public:
  Scale(std::vector<double> values, double from, double to, double log_span)
      : from_(from), to_(to) {
    std::erase_if(values, [](double v) { return !std::isfinite(v); });
    if (values.empty()) values = {0, 1};
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    log_ = *least > 0 && *most / *least >= log_span;
    low_ = Map(*least), high_ = Map(*most);
    if (low_ == high_) low_ -= 0.5, high_ += 0.5;
    const double margin = (high_ - low_) * 0.04;
    low_ -= margin, high_ += margin;
  }
  double At(double value) const {
    return from_ + (Map(value) - low_) / (high_ - low_) * (to_ - from_);
  }
  bool Holds(double value) const { return std::isfinite(value) && (!log_ || value > 0); }

  std::vector<double> Ticks() const {
    std::vector<double> ticks;
    if (log_) {
      for (double decade = std::floor(low_); decade <= high_; ++decade) {
        for (const double digit : {1.0, 2.0, 5.0}) {
          if (digit != 1 && high_ - low_ > 2.5) continue;
          ticks.push_back(digit * std::pow(10.0, decade));
        }
      }
    } else {
      const double raw = (high_ - low_) / 5, power = std::pow(10.0, std::floor(std::log10(raw)));
      const double step = power * (raw / power > 5   ? 10
                                   : raw / power > 2 ? 5
                                   : raw / power > 1 ? 2
                                                     : 1);
      for (double t = std::ceil(low_ / step) * step; t <= high_; t += step) {
        ticks.push_back(std::abs(t) < step / 2 ? 0 : t);
      }
    }
    std::erase_if(ticks, [&](double t) { return Map(t) < low_ || Map(t) > high_; });
    return ticks;
  }

 private:
  double Map(double value) const { return log_ ? std::log10(value) : value; }
  double from_, to_;
  double low_ = 0, high_ = 1;
  bool log_ = false;
};

// Panels by the part of the name before its @.
std::vector<Panel> PanelsOf(const Command& command, const Results& results) {
  std::vector<Panel> panels;
  const std::vector<Value>& xs = command.axes.front().values;
  const auto line_of = [&](const std::string& name, bool predicted) -> Line& {
    const std::string base = name.substr(0, name.find('@'));
    auto panel =
        std::find_if(panels.begin(), panels.end(), [&](const Panel& p) { return p.title == base; });
    if (panel == panels.end()) panel = panels.insert(panel, Panel{.title = base});
    size_t color = 0;  // its own, or that of the same quantity measured
    std::optional<size_t> same;
    for (Line& line : panel->lines) {
      if (line.label == name && line.predicted == predicted) return line;
      if (line.label == name) same = line.color;
      color = std::max(color, line.color + 1);
    }
    panel->lines.push_back({.label = name, .predicted = predicted, .color = same.value_or(color)});
    return panel->lines.back();
  };
  for (size_t i = 0; i < results.points.size(); ++i) {
    for (const auto& [name, summary] : results.points[i].measured) {
      Line& line = line_of(name, false);
      line.x.push_back(xs[i].number), line.y.push_back(summary.mean),
          line.std.push_back(summary.std);
    }
    for (const auto& [name, value] : results.points[i].predicted.entries()) {
      Line& line = line_of(name, true);
      line.x.push_back(xs[i].number), line.y.push_back(value), line.std.push_back(0);
    }
  }
  return panels;
}

std::string Text(double x, double y, std::string_view anchor, std::string_view style,
                 std::string_view text) {
  return absl::StrFormat("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" %s>%s</text>\n", x, y,
                         AbslView(anchor), AbslView(style), Escape(text));
}

std::string DrawAxes(const Scale& sx, const Scale& sy, const std::string& x_name) {
  const double bottom = kPanelHeight - kBottom, right = kPanelWidth - kRight;
  std::string out;
  for (const double t : sy.Ticks()) {
    absl::StrAppendFormat(&out, "<path d=\"M%.1f %.1fH%.1f\" stroke=\"#e3e6ea\"/>\n", kLeft,
                          sy.At(t), right);
    out += Text(kLeft - 7, sy.At(t) + 4, "end", "class=\"tick\"", absl::StrFormat("%.4g", t));
  }
  for (const double t : sx.Ticks()) {
    absl::StrAppendFormat(&out, "<path d=\"M%.1f %.1fv5\" stroke=\"#8a929c\"/>\n", sx.At(t),
                          bottom);
    out += Text(sx.At(t), bottom + 18, "middle", "class=\"tick\"", absl::StrFormat("%.4g", t));
  }
  absl::StrAppendFormat(&out, "<path d=\"M%.1f %.1fH%.1f\" stroke=\"#8a929c\"/>\n", kLeft, bottom,
                        right);
  return out + Text((kLeft + right) / 2, kPanelHeight - 8, "middle", "class=\"tick\"", x_name);
}

std::string DrawLine(const Line& line, const Scale& sx, const Scale& sy) {
  const char* color = kColors[line.color % std::size(kColors)];
  std::string path, marks;
  bool pen_down = false;
  for (size_t i = 0; i < line.x.size(); ++i) {
    if (!sx.Holds(line.x[i]) || !sy.Holds(line.y[i])) {
      pen_down = false;
      continue;
    }
    const double x = sx.At(line.x[i]), y = sy.At(line.y[i]);
    absl::StrAppendFormat(&path, "%s%.1f %.1f", pen_down ? "L" : "M", x, y);
    pen_down = true;
    if (line.predicted) continue;
    absl::StrAppendFormat(&marks, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", x, y,
                          color);
    if (line.std[i] > 0 && sy.Holds(line.y[i] - line.std[i])) {
      absl::StrAppendFormat(
          &marks,
          "<path d=\"M%.1f %.1fV%.1f\" stroke=\"%s\" stroke-opacity=\"0.5\" stroke-width=\"4\"/>\n",
          x, sy.At(line.y[i] - line.std[i]), sy.At(line.y[i] + line.std[i]), color);
    }
  }
  return absl::StrFormat(
      "<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"1.8\"%s/>\n%s", path, color,
      line.predicted ? " stroke-dasharray=\"5 4\" stroke-opacity=\"0.8\"" : "", marks);
}

std::string DrawPanel(const Panel& panel, const std::string& x_name) {
  std::vector<double> xs, ys;
  for (const Line& line : panel.lines) {
    xs.insert(xs.end(), line.x.begin(), line.x.end());
    for (size_t i = 0; i < line.y.size(); ++i) {
      ys.push_back(line.y[i]);
      if (line.y[i] - line.std[i] > 0) ys.push_back(line.y[i] - line.std[i]);
      ys.push_back(line.y[i] + line.std[i]);
    }
  }
  const Scale sx(xs, kLeft, kPanelWidth - kRight, 8), sy(ys, kPanelHeight - kBottom, kTop, 100);
  std::string out = Text(kLeft, 18, "start", "class=\"title\"", panel.title);
  out += DrawAxes(sx, sy, x_name);
  double legend = kLeft;
  size_t named = 0;  // colours are given in order, so each new one is a new quantity
  for (const Line& line : panel.lines) {
    out += DrawLine(line, sx, sy);
    if (line.color < named || line.label == panel.title) continue;
    named = line.color + 1;
    const std::string variant = line.label.substr(panel.title.size() + 1);
    absl::StrAppendFormat(&out, "<circle cx=\"%.1f\" cy=\"30\" r=\"4\" fill=\"%s\"/>\n", legend + 4,
                          kColors[line.color % std::size(kColors)]);
    out += Text(legend + 12, 34, "start", "class=\"tick\"", variant);
    legend += 24 + 7.0 * static_cast<double>(variant.size());
  }
  return out;
}

}  // namespace

std::string SvgPlot(const Command& command, const Results& results) {
  const std::vector<Panel> panels = PanelsOf(command, results);
  const size_t columns = std::min<size_t>(2, panels.size());
  const size_t rows = (panels.size() + columns - 1) / std::max<size_t>(1, columns);
  const double width = std::max(1.0, static_cast<double>(columns)) * kPanelWidth;
  const double height = kHeader + static_cast<double>(rows) * kPanelHeight;
  std::string out = absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f "
      "%.0f\" "
      "font-family=\"system-ui, sans-serif\">\n<style>.tick{font-size:11.5px;fill:#555e68}"
      ".title{font-size:14px;font-weight:600;fill:#1f2933}</style>\n"
      "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n",
      width, height, width, height);
  out += Text(kLeft, 26, "start", "font-size=\"17\" font-weight=\"600\" fill=\"#1f2933\"",
              command.experiment->name);
  out += Text(kLeft, 46, "start", "class=\"tick\"",
              absl::StrCat("line: measured, mean of ", command.seeds(),
                           command.seeds() == 1 ? " seed" : " seeds; bar: one standard deviation",
                           "; dashed: predicted"));
  for (size_t i = 0; i < panels.size(); ++i) {
    absl::StrAppendFormat(&out, "<g transform=\"translate(%.0f,%.0f)\">\n%s</g>\n",
                          static_cast<double>(i % columns) * kPanelWidth,
                          kHeader + static_cast<double>(i / columns) * kPanelHeight,
                          DrawPanel(panels[i], command.axes.front().name));
  }
  return out + "</svg>\n";
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
