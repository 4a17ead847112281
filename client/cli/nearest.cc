#include "client/cli/nearest.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

namespace mneme::cli {
namespace {

// Levenshtein's: letters added, removed or replaced.
size_t Changes(std::string_view from, std::string_view to) {
  std::vector<size_t> line(to.size() + 1);
  std::iota(line.begin(), line.end(), size_t{0});
  for (size_t i = 0; i < from.size(); ++i) {
    size_t before = std::exchange(line[0], i + 1);
    for (size_t j = 0; j < to.size(); ++j) {
      const size_t kept = before + (from[i] == to[j] ? 0 : 1);
      before = line[j + 1];
      line[j + 1] = std::min({kept, line[j] + 1, line[j + 1] + 1});
    }
  }
  return line.back();
}

}  // namespace

std::string Nearest(std::string_view given, const std::vector<std::string>& known) {
  std::string nearest;
  size_t least = std::max<size_t>(2, given.size() / 3) + 1;
  for (const std::string& one : known) {
    const size_t changes = Changes(given, one);
    if (changes >= least) continue;
    least = changes;
    nearest = one;
  }
  return nearest;
}

}  // namespace mneme::cli
