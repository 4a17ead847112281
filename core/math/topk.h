// The K best of a stream of entries, kept in a bounded heap.
#ifndef MNEME_CORE_MATH_TOPK_H_
#define MNEME_CORE_MATH_TOPK_H_

#include <algorithm>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

namespace mneme::math {

// Entry is a value with a field `score` (bigger is better; not NaN) and a function
//   bool Precedes(const Entry& other) const
// that orders entries of equal score. It must be a strict total order, the same in every part of a
// query, so that the K best are one set however the entries were split: mneme orders by ItemId. An
// entry therefore carries what finds its id (a pointer into a tile's id column), and the id is
// looked at only when two scores are equal.
//
// A commutative monoid under Merge for one `limit`, exactly. Not thread-safe.
template <typename Entry>
class TopK {
 public:
  explicit TopK(size_t limit = 0) : limit_(limit) {}

  size_t limit() const { return limit_; }
  size_t size() const { return heap_.size(); }
  bool full() const { return heap_.size() == limit_; }

  // An entry with a lower score than this cannot get in; one with it may (the tie decides).
  double threshold() const {
    if (limit_ == 0) return std::numeric_limits<double>::infinity();
    return full() ? heap_.front().score : -std::numeric_limits<double>::infinity();
  }

  void Push(const Entry& entry) {
    if (heap_.size() < limit_) {
      heap_.push_back(entry);
      std::push_heap(heap_.begin(), heap_.end(), Better);
    } else if (limit_ > 0 && Better(entry, heap_.front())) {
      std::pop_heap(heap_.begin(), heap_.end(), Better);
      heap_.back() = entry;
      std::push_heap(heap_.begin(), heap_.end(), Better);
    }
  }

  void Merge(const TopK& other) {
    for (const Entry& entry : other.heap_) Push(entry);
  }

  // Best first; leaves this empty.
  std::vector<Entry> TakeSorted() {
    std::sort_heap(heap_.begin(), heap_.end(), Better);
    return std::exchange(heap_, {});
  }

 private:
  static bool Better(const Entry& a, const Entry& b) {
    return a.score > b.score || (a.score == b.score && a.Precedes(b));
  }

  size_t limit_;
  std::vector<Entry> heap_;  // the worst in front
};

}  // namespace mneme::math

#endif  // MNEME_CORE_MATH_TOPK_H_
