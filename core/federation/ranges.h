// Which positions of another node's items have come: ranges, of which a bounded number is kept.
//
// Threads     not thread-safe.
// Invariants  1. Add gives each position to its caller at most once.
//             2. At most kRangesMax ranges: where more gaps are open, the oldest one is given up
//             and
//                counts as come.
#ifndef MNEME_CORE_FEDERATION_RANGES_H_
#define MNEME_CORE_FEDERATION_RANGES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

namespace mneme::federation {

class Ranges {
 public:
  static constexpr size_t kRangesMax = 64;
  using Range = std::pair<uint64_t, uint64_t>;  // from .. before

  // The parts of from .. to that are new, in order; they have come now.
  std::vector<Range> Add(uint64_t from, uint64_t to) {
    std::vector<Range> fresh;
    uint64_t at = from;
    for (auto it = FirstEndingAfter(from); it != ranges_.end() && it->first < to; ++it) {
      if (at < it->first) fresh.emplace_back(at, it->first);
      at = std::max(at, it->second);
    }
    if (at < to) fresh.emplace_back(at, to);
    for (const auto& [begin, end] : fresh) Join(begin, end);
    while (ranges_.size() > kRangesMax) {
      const uint64_t begin = ranges_.begin()->first;
      ranges_.erase(ranges_.begin());
      const uint64_t end = ranges_.begin()->second;
      ranges_.erase(ranges_.begin());
      ranges_.emplace(begin, end);
    }
    return fresh;
  }
  // What is at `from` and behind it has not come.
  void ForgetFrom(uint64_t from) {
    ranges_.erase(ranges_.lower_bound(from), ranges_.end());
    if (!ranges_.empty()) ranges_.rbegin()->second = std::min(ranges_.rbegin()->second, from);
  }
  // Whether any position of from .. to has come.
  bool Touches(uint64_t from, uint64_t to) {
    const auto it = FirstEndingAfter(from);
    return it != ranges_.end() && it->first < to;
  }
  // Behind the newest that came; 0 before any.
  uint64_t end() const { return ranges_.empty() ? 0 : ranges_.rbegin()->second; }
  const std::map<uint64_t, uint64_t>& all() const { return ranges_; }

 private:
  std::map<uint64_t, uint64_t>::iterator FirstEndingAfter(uint64_t position) {
    auto it = ranges_.upper_bound(position);
    if (it != ranges_.begin() && std::prev(it)->second > position) --it;
    return it;
  }
  void Join(uint64_t from, uint64_t to) {
    auto next = ranges_.lower_bound(from);
    if (next != ranges_.begin() && std::prev(next)->second == from) {
      from = std::prev(next)->first;
      ranges_.erase(std::prev(next));
    }
    if (next != ranges_.end() && next->first == to) {
      to = next->second;
      ranges_.erase(next);
    }
    ranges_[from] = to;
  }

  std::map<uint64_t, uint64_t> ranges_;  // from -> before; they do not touch
};

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_RANGES_H_
