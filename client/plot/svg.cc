#include "client/plot/svg.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/plot/scale.h"

namespace mneme::plot {
namespace {

constexpr double kPanelWidth = 430, kPanelHeight = 300;
constexpr double kLeft = 62, kRight = kPanelWidth - 16, kTop = 44, kBottom = kPanelHeight - 44;
constexpr double kHeader = 64;
constexpr double kLegendLetter = 7;
constexpr std::array<const char*, 6> kColors = {"#2a6fbb", "#c2571a", "#2f8f5b",
                                                "#8a4fb0", "#b8902a", "#4a5568"};

const char* ColorOf(const Series& series) { return kColors[series.color % kColors.size()]; }

std::string Escape(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      out += c;
    }
  }
  return out;
}

std::string Text(double x, double y, const char* anchor, const char* style,
                 const std::string& text) {
  return absl::StrFormat("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" %s>%s</text>\n", x, y,
                         anchor, style, Escape(text));
}

std::string DrawAxes(const Axes& axes, const std::string& x_label) {
  std::string out;
  for (const double t : axes.y.Ticks()) {
    absl::StrAppendFormat(&out, "<path d=\"M%.1f %.1fH%.1f\" stroke=\"#e3e6ea\"/>\n", kLeft,
                          axes.y.At(t), kRight);
    out += Text(kLeft - 7, axes.y.At(t) + 4, "end", "class=\"tick\"", absl::StrFormat("%.4g", t));
  }
  for (const double t : axes.x.Ticks()) {
    absl::StrAppendFormat(&out, "<path d=\"M%.1f %.1fv5\" stroke=\"#8a929c\"/>\n", axes.x.At(t),
                          kBottom);
    out += Text(axes.x.At(t), kBottom + 18, "middle", "class=\"tick\"", absl::StrFormat("%.4g", t));
  }
  absl::StrAppendFormat(&out, "<path d=\"M%.1f %.1fH%.1f\" stroke=\"#8a929c\"/>\n", kLeft, kBottom,
                        kRight);
  return out + Text((kLeft + kRight) / 2, kPanelHeight - 8, "middle", "class=\"tick\"", x_label);
}

// The mark of one value, with its bar.
std::string DrawMark(const Series& series, size_t i, const Axes& axes) {
  const double x = axes.x.At(series.x[i]);
  std::string out = absl::StrFormat("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", x,
                                    axes.y.At(series.y[i]), ColorOf(series));
  const double error = series.error.empty() ? 0 : series.error[i];
  if (error > 0 && axes.y.Holds(series.y[i] - error)) {
    absl::StrAppendFormat(
        &out,
        "<path d=\"M%.1f %.1fV%.1f\" stroke=\"%s\" stroke-opacity=\"0.5\" stroke-width=\"4\"/>\n",
        x, axes.y.At(series.y[i] - error), axes.y.At(series.y[i] + error), ColorOf(series));
  }
  return out;
}

std::string DrawSeries(const Series& series, const Axes& axes) {
  const bool marked = series.look == Look::kMeasured || series.look == Look::kPoints;
  std::string path, marks;
  bool pen_down = false;
  for (size_t i = 0; i < series.x.size(); ++i) {
    if (!axes.x.Holds(series.x[i]) || !axes.y.Holds(series.y[i])) {
      pen_down = false;
      continue;
    }
    absl::StrAppendFormat(&path, "%s%.1f %.1f", pen_down ? "L" : "M", axes.x.At(series.x[i]),
                          axes.y.At(series.y[i]));
    pen_down = true;
    if (marked) marks += DrawMark(series, i, axes);
  }
  if (series.look == Look::kPoints) return marks;
  return absl::StrFormat(
      "<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"1.8\"%s/>\n%s", path,
      ColorOf(series),
      series.look == Look::kPredicted ? " stroke-dasharray=\"5 4\" stroke-opacity=\"0.8\"" : "",
      marks);
}

std::string DrawPanel(const Panel& panel) {
  const Axes axes(panel, kLeft, kRight, kTop, kBottom);
  std::string out = Text(kLeft, 18, "start", "class=\"title\"", panel.title);
  out += DrawAxes(axes, panel.x_label);
  double legend = kLeft;
  for (const Series& series : panel.series) {
    out += DrawSeries(series, axes);
    if (series.legend.empty()) continue;
    absl::StrAppendFormat(&out, "<circle cx=\"%.1f\" cy=\"30\" r=\"4\" fill=\"%s\"/>\n", legend + 4,
                          ColorOf(series));
    out += Text(legend + 12, 34, "start", "class=\"tick\"", series.legend);
    legend += 24 + kLegendLetter * static_cast<double>(series.legend.size());
  }
  return out;
}

}  // namespace

std::string Svg(const Figure& figure) {
  const size_t columns = std::clamp<size_t>(figure.panels.size(), 1, 2);
  const size_t rows = (figure.panels.size() + columns - 1) / columns;
  const double width = static_cast<double>(columns) * kPanelWidth;
  const double height = kHeader + static_cast<double>(rows) * kPanelHeight;
  std::string out = absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f "
      "%.0f\" "
      "font-family=\"system-ui, sans-serif\">\n<style>.tick{font-size:11.5px;fill:#555e68}"
      ".title{font-size:14px;font-weight:600;fill:#1f2933}</style>\n"
      "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n",
      width, height, width, height);
  out += Text(kLeft, 26, "start", "font-size=\"17\" font-weight=\"600\" fill=\"#1f2933\"",
              figure.title);
  out += Text(kLeft, 46, "start", "class=\"tick\"", figure.caption);
  for (size_t i = 0; i < figure.panels.size(); ++i) {
    absl::StrAppendFormat(&out, "<g transform=\"translate(%.0f,%.0f)\">\n%s</g>\n",
                          static_cast<double>(i % columns) * kPanelWidth,
                          kHeader + static_cast<double>(i / columns) * kPanelHeight,
                          DrawPanel(figure.panels[i]));
  }
  return out + "</svg>\n";
}

}  // namespace mneme::plot
