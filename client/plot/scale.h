// A linear or logarithmic map from values to places on the page, with round ticks.
//
// Threads: plain values.
#ifndef MNEME_CLIENT_PLOT_SCALE_H_
#define MNEME_CLIENT_PLOT_SCALE_H_

#include <vector>

#include "client/plot/figure.h"

namespace mneme::plot {

class Scale {
 public:
  // Over all finite `values`, with a margin, onto [from, to] (which may fall). Logarithmic when all
  // are positive and the largest is at least `log_span` times the least.
  Scale(std::vector<double> values, double from, double to, double log_span);
  // Linear over `range`, with no margin.
  Scale(Range range, double from, double to);

  // The place of a value. Only for values that it Holds.
  double At(double value) const;
  // Finite, and positive where the scale is logarithmic.
  bool Holds(double value) const;
  // 1, 2 or 5 times a power of ten each; three to ten or so.
  std::vector<double> Ticks() const;

 private:
  double Map(double value) const;

  double from_;
  double to_;
  double low_ = 0;
  double high_ = 1;
  bool log_ = false;
};

// Scales of a panel whose plot area is [left, right] x [top, bottom], y upwards.
struct Axes {
  Axes(const Panel& panel, double left, double right, double top, double bottom);
  Scale x;
  Scale y;
};

}  // namespace mneme::plot

#endif  // MNEME_CLIENT_PLOT_SCALE_H_
