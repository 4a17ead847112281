// A panel in letters, for a terminal: axes with round ticks, a letter for each series, a legend.
//
//   hit rate against load
//    1.0 ┤aaaaaaaa
//        │        aaaaaa
//    0.5 ┤              A aaa
//        └┬──────┬──────┬─────
//         0     0.1    0.2      load
//   a hit@10   A hit@10, measured
//
// Threads: plain functions.
#ifndef MNEME_CLIENT_PLOT_TEXT_PLOT_H_
#define MNEME_CLIENT_PLOT_TEXT_PLOT_H_

#include <cstddef>
#include <string>

#include "client/plot/figure.h"

namespace mneme::plot {

// Small letters are curves, capital letters marks: series of one colour have the same letter. The
// plot area is `width` x `height` characters. Ends with a newline.
std::string TextPlot(const Panel& panel, size_t width = 64, size_t height = 16);

}  // namespace mneme::plot

#endif  // MNEME_CLIENT_PLOT_TEXT_PLOT_H_
