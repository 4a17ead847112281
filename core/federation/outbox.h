// Both ends of one direction of an edge: frames that were sent and not yet acknowledged, and which
// frames have come.
//
// A lane is what may not hold up anything else: one kind of frame of one tree. Each lane has a
// window; what does not fit stays where it is (sums go on growing in content), so that a slow peer
// costs a bounded number of frames.
//
// Threads     not thread-safe.
// Invariants  1. A lane has at most its window of frames in flight.
//             2. Inbox says kNew once for each number of a session.
#ifndef MNEME_CORE_FEDERATION_OUTBOX_H_
#define MNEME_CORE_FEDERATION_OUTBOX_H_

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <utility>

#include "core/federation/frame.h"

namespace mneme::federation {

enum class LaneKind { kParam, kSum, kProbe, kFactor };

struct Lane {
  LaneKind kind = LaneKind::kSum;
  uint32_t root = 0;
  friend auto operator<=>(const Lane&, const Lane&) = default;
};

class Outbox {
 public:
  struct Sent {
    uint64_t seq = 0;
    Lane lane;
    Body body;  // of a kParam lane only the root: what is sent again is the newest
  };

  uint32_t InFlight(Lane lane) const {
    const auto found = in_flight_.find(lane);
    return found == in_flight_.end() ? 0 : found->second;
  }
  // Keeps it; its number.
  uint64_t Add(Lane lane, Body body) {
    sent_.push_back({++last_, lane, std::move(body)});
    ++in_flight_[lane];
    return last_;
  }
  // False where so much was never sent; `acked` grows by what this told.
  bool Ack(uint64_t seq, size_t& acked) {
    if (seq > last_) return false;
    while (!sent_.empty() && sent_.front().seq <= seq) {
      const auto lane = in_flight_.find(sent_.front().lane);
      if (--lane->second == 0) in_flight_.erase(lane);
      sent_.pop_front();
      ++acked;
    }
    return true;
  }
  uint32_t widest_lane() const {
    uint32_t widest = 0;
    for (const auto& [lane, count] : in_flight_) widest = std::max(widest, count);
    return widest;
  }
  const std::deque<Sent>& unacked() const { return sent_; }
  // A new session: counts from 1 again. Gives the frames that were in flight.
  std::deque<Sent> Reset() {
    last_ = 0;
    in_flight_.clear();
    return std::exchange(sent_, {});
  }

 private:
  uint64_t last_ = 0;
  std::deque<Sent> sent_;
  std::map<Lane, uint32_t> in_flight_;
};

class Inbox {
 public:
  enum class Seen { kNew, kDuplicate, kTooFarAhead };
  // Frames beyond the first missing one; it takes a stream that reorders to need any.
  static constexpr size_t kAheadMax = 1024;

  Seen Accept(uint64_t seq) {
    if (seq <= seen_ || ahead_.contains(seq)) return Seen::kDuplicate;
    if (seq != seen_ + 1) {
      if (ahead_.size() >= kAheadMax) return Seen::kTooFarAhead;
      ahead_.insert(seq);
      return Seen::kNew;
    }
    ++seen_;
    while (!ahead_.empty() && *ahead_.begin() == seen_ + 1) {
      ++seen_;
      ahead_.erase(ahead_.begin());
    }
    return Seen::kNew;
  }
  // All up to here have come.
  uint64_t seen() const { return seen_; }
  size_t ahead() const { return ahead_.size(); }
  void Reset() {
    seen_ = 0;
    ahead_.clear();
  }

 private:
  uint64_t seen_ = 0;
  std::set<uint64_t> ahead_;
};

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_OUTBOX_H_
