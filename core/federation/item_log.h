// A node's own items, as far as some root has not been told of them: a bounded ring with absolute
// positions.
//
// The position of an item is its place in the memory's own order, counted by whoever stores it, and
// it is the same after a restart. Each root has a cursor: the items before it were evaluated for
// that root. So each item counts once for each root, whatever the clocks do.
//
// Threads     not thread-safe.
// Invariants  1. tail() <= head(); head() - tail() <= the capacity.
//             2. Everything in it is finite.
#ifndef MNEME_CORE_FEDERATION_ITEM_LOG_H_
#define MNEME_CORE_FEDERATION_ITEM_LOG_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/random.h"

namespace mneme::federation {

// Rows that answer one tag.
//
// Shapes   keys [count, d_k], responses [count, d_v], gates [count].
struct Batch {
  size_t count = 0;
  uint64_t from = 0;  // positions from .. to are done with
  uint64_t to = 0;
  std::vector<float> keys;
  std::vector<float> responses;
  std::vector<float> gates;
};

class ItemLog {
 public:
  // `capacity`: rows at most; memory is taken as it fills.
  ItemLog(size_t d_k, size_t d_v, size_t capacity, uint64_t head = 0);

  uint64_t head() const { return head_; }
  uint64_t tail() const { return tail_; }
  size_t size() const { return static_cast<size_t>(head_ - tail_); }
  size_t capacity() const { return capacity_; }

  // Appends rows whose first has position `first`. Rows before the head are known already and are
  // passed over; after a gap the log starts anew behind it. A full log lets its oldest go.
  //
  // Shapes   keys [n, d_k], responses [n, d_v], gates [n] or empty (all 1).
  void Append(uint64_t first, std::span<const float> keys, std::span<const float> responses,
              std::span<const float> gates);
  // The items before `position` are needed by nobody.
  void Release(uint64_t position);

  // The oldest `rows_max` items from `cursor` on, or, where it lags by more than `lag_max`, as many
  // of all that are here, chosen evenly; then `to` is the head.
  void Take(uint64_t cursor, size_t rows_max, size_t lag_max, Random& random, Batch& batch) const;

 private:
  void Put(const float* key, const float* response, float gate);
  void Grow();
  void CopyRow(uint64_t position, Batch& batch) const;

  size_t d_k_;
  size_t d_v_;
  size_t capacity_;
  size_t room_ = 0;  // rows that the vectors hold
  uint64_t head_;
  uint64_t tail_;
  std::vector<float> keys_;
  std::vector<float> responses_;
  std::vector<float> gates_;
};

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_ITEM_LOG_H_
