#include "client/demo/draw.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/terminal.h"

namespace mneme::demo {
namespace {

constexpr std::string_view kRamp = " .:-=+*#%@";
constexpr size_t kGap = 2;      // between a cue and its recall
constexpr size_t kPairGap = 6;  // between pairs

// 0 to levels - 1.
int Level(float pixel, int levels) {
  return static_cast<int>(
      std::lround(std::clamp(pixel, 0.0f, 1.0f) * static_cast<float>(levels - 1)));
}

// An upper half block: its own colour is the upper pixel, the background the lower one.
std::string Cell(float upper, float lower, Colors colors) {
  if (colors == Colors::kTrueColor) {
    const int u = Level(upper, 256);
    const int l = Level(lower, 256);
    return absl::StrCat("\x1b[38;2;", u, ";", u, ";", u, ";48;2;", l, ";", l, ";", l, "m▀");
  }
  if (colors == Colors::kGrey256) {
    return absl::StrCat("\x1b[38;5;", 232 + Level(upper, 24), ";48;5;", 232 + Level(lower, 24),
                        "m▀");
  }
  return std::string(
      1, kRamp[Level((std::clamp(upper, 0.0f, 1.0f) + std::clamp(lower, 0.0f, 1.0f)) / 2,
                     static_cast<int>(kRamp.size()))]);
}

// The text, cut or filled to `width` cells (ASCII).
std::string Fit(std::string text, size_t width) {
  text.resize(width, ' ');
  return text;
}

}  // namespace

Colors DetectColors() {
  if (isatty(STDOUT_FILENO) == 0) return Colors::kAscii;
  const char* none = std::getenv("NO_COLOR");
  if (none != nullptr && *none != '\0') return Colors::kAscii;
  const char* term = std::getenv("TERM");
  if (term == nullptr || std::string_view(term) == "dumb") return Colors::kAscii;
  const char* color = std::getenv("COLORTERM");
  const std::string_view kind = color == nullptr ? "" : color;
  return kind == "truecolor" || kind == "24bit" ? Colors::kTrueColor : Colors::kGrey256;
}

size_t DetectColumns() {
  constexpr size_t kUsual = 80;
  const cli::Columns columns = cli::ColumnsOf(STDOUT_FILENO);
  return columns ? columns() : kUsual;
}

std::vector<std::string> Draw(std::span<const float> image, size_t width, Colors colors) {
  std::vector<std::string> lines;
  for (size_t row = 0; row < image.size() / width; row += 2) {
    std::string line;
    for (size_t x = 0; x < width; ++x) {
      const size_t below = (row + 1) * width + x;
      line += Cell(image[row * width + x], below < image.size() ? image[below] : 0.0f, colors);
    }
    if (colors != Colors::kAscii) line += "\x1b[0m";
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string ArrangePairs(const std::vector<std::pair<Picture, Picture>>& pairs, size_t width,
                         size_t columns) {
  const size_t pair_width = 2 * width + kGap + kPairGap;
  const size_t per_row = std::max<size_t>(1, (columns + kPairGap) / pair_width);
  std::string text;
  for (size_t begin = 0; begin < pairs.size(); begin += per_row) {
    const size_t end = std::min(begin + per_row, pairs.size());
    const size_t height = pairs[begin].first.lines.size();
    for (size_t line = 0; line <= height; ++line) {
      for (size_t i = begin; i < end; ++i) {
        const auto& [left, right] = pairs[i];
        const bool caption = line == height;
        absl::StrAppend(&text, i == begin ? "" : std::string(kPairGap, ' '),
                        caption ? Fit(left.caption, width) : left.lines[line],
                        std::string(kGap, ' '),
                        caption ? Fit(right.caption, width) : right.lines[line]);
      }
      absl::StrAppend(&text, "\n");
    }
    absl::StrAppend(&text, "\n");
  }
  return text;
}

}  // namespace mneme::demo
