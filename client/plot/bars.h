// A histogram as the outline of its bars.
//
// Threads: plain functions.
#ifndef MNEME_CLIENT_PLOT_BARS_H_
#define MNEME_CLIENT_PLOT_BARS_H_

#include <span>

#include "client/plot/figure.h"

namespace mneme::plot {

// Bins [from, to] with their counts, as many of each: from 0 up, along the bars, and down to 0. No
// points without bins.
Series Bars(std::span<const double> from, std::span<const double> to,
            std::span<const double> counts);

}  // namespace mneme::plot

#endif  // MNEME_CLIENT_PLOT_BARS_H_
