// A figure of one or more panels with lines and points over common axes, as values: what is drawn,
// not how. svg.h draws it for a page, text_plot.h for a terminal.
//
// Threads: plain values.
#ifndef MNEME_CLIENT_PLOT_FIGURE_H_
#define MNEME_CLIENT_PLOT_FIGURE_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace mneme::plot {

// How a series looks. What was measured has marks, and bars where its error is known.
enum class Look {
  kMeasured,   // marks joined by a line
  kPredicted,  // a dashed line
  kCurve,      // a line
  kPoints,     // marks alone
};

struct Series {
  std::string legend;  // empty: none, as when another series of this colour has it
  std::vector<double> x;
  std::vector<double> y;      // as many; what is not finite interrupts the line
  std::vector<double> error;  // as many, half the length of a bar each; or none
  Look look = Look::kCurve;
  size_t color = 0;  // series of one thing share it
};

struct Range {
  double low = 0;
  double high = 1;
};

struct Panel {
  std::string title;
  std::string x_label;
  std::vector<Series> series;
  std::optional<Range> y;  // absent: what the series need, logarithmic over two decades
  bool log_y = false;      // logarithmic over less, where all values are positive
};

struct Figure {
  std::string title;
  std::string caption;
  std::vector<Panel> panels;  // two in a row
};

}  // namespace mneme::plot

#endif  // MNEME_CLIENT_PLOT_FIGURE_H_
