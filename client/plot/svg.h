// A figure as an SVG picture: ticks at round numbers, a legend for each panel, nothing that needs
// scripts or fonts.
//
// Threads: plain functions.
#ifndef MNEME_CLIENT_PLOT_SVG_H_
#define MNEME_CLIENT_PLOT_SVG_H_

#include <string>

#include "client/plot/figure.h"

namespace mneme::plot {

// The whole file. The same figure gives the same bytes.
std::string Svg(const Figure& figure);

}  // namespace mneme::plot

#endif  // MNEME_CLIENT_PLOT_SVG_H_
