// How a memory got from one round to a later one, in factors: what a ParamDown holds in place of
// the whole memory where that is less.
//
// Whoever has the memory of the round that a change begins with, and takes its steps in order, has
// the later one: exactly in float32, but for the order of summation.
//
// Shapes   memory [d_v, d_k]; the factors as MemoryChange has them (frame.h).
// Threads  plain values, of the node that has them.
#ifndef MNEME_CORE_FEDERATION_MEMORY_CHANGES_H_
#define MNEME_CORE_FEDERATION_MEMORY_CHANGES_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "core/federation/frame.h"
#include "core/federation/gradient_sum.h"

namespace mneme::federation {

// Takes the steps of one that IsChange (frame.h) accepts.
//
// Cost  2 rank d_v d_k multiply-adds, and a pass for each scale that is not 1.
void ApplyChange(const MemoryChange& change, size_t d_v, size_t d_k, std::span<float> memory);

// The newest changes of one memory, together smaller than the memory.
class MemoryChanges {
 public:
  MemoryChanges(size_t d_v, size_t d_k) : d_v_(d_v), d_k_(d_k) {}

  // The memory of this round is there as a whole, and nothing from before it.
  void Restart(uint64_t round);
  // A change from newest() to this round, as it came.
  void Add(uint64_t round, const MemoryChange& change);

  // At the root. A step memory = scale memory + factor gradient; then, of all steps since the last
  // one, a change to this round.
  void AddStep(float scale, float factor, const GradientSum& gradient, WireType type);
  void Seal(uint64_t round);

  // What led from the memory of this round to the newest; nothing where it is not known, or no
  // smaller than the memory.
  std::optional<MemoryChange> Since(uint64_t round) const;
  uint64_t newest() const { return newest_; }
  uint64_t start() const { return start_; }  // of the last Restart

 private:
  void Bound();

  size_t d_v_;
  size_t d_k_;
  uint64_t start_ = 0;
  uint64_t newest_ = 0;
  std::deque<MemoryChange> changes_;  // each begins where the one before ends
  size_t rank_ = 0;                   // of all of them
  MemoryChange open_;
  bool open_is_known_ = true;  // all steps were factors, and few enough
};

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_MEMORY_CHANGES_H_
