#include "client/plot/bars.h"

namespace mneme::plot {

Series Bars(std::span<const double> from, std::span<const double> to,
            std::span<const double> counts) {
  Series bars;
  if (counts.empty()) return bars;
  const auto add = [&bars](double x, double y) {
    bars.x.push_back(x);
    bars.y.push_back(y);
  };
  add(from.front(), 0);
  for (size_t i = 0; i < counts.size(); ++i) {
    add(from[i], counts[i]);
    add(to[i], counts[i]);
  }
  add(to.back(), 0);
  return bars;
}

}  // namespace mneme::plot
