// Images as text: two pixels a character cell, in grey where the terminal can, in ASCII where it
// cannot.
//
// Threads: plain functions.
#ifndef MNEME_CLIENT_DEMO_DRAW_H_
#define MNEME_CLIENT_DEMO_DRAW_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace mneme::demo {

enum class Colors { kAscii, kGrey256, kTrueColor };

// What standard output can show, by isatty, $TERM, $COLORTERM and $NO_COLOR (no-color.org).
Colors DetectColors();
// Columns of the terminal; 80 where there is none.
size_t DetectColumns();

// The lines of one image, each `width` cells wide; pixels outside 0 to 1 are cut off there.
std::vector<std::string> Draw(std::span<const float> image, size_t width, Colors colors);

// A picture with a line of text under it.
struct Picture {
  std::vector<std::string> lines;
  std::string caption;
};

// Pictures of `width` cells in pairs side by side (a cue and its recall), as many pairs in a row as
// `columns` allow.
std::string ArrangePairs(const std::vector<std::pair<Picture, Picture>>& pairs, size_t width,
                         size_t columns);

}  // namespace mneme::demo

#endif  // MNEME_CLIENT_DEMO_DRAW_H_
