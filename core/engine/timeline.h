// Where the time of one call went: the few calls that are traced or explained carry one, all others
// a null pointer.
//
// A timeline is a row of laps that leave nothing out: each begins where the one before ended, so
// they never overlap and add up to the call.
//
// Threads: one at a time, whoever holds the call; the queues that hand calls on order them.
#ifndef MNEME_CORE_ENGINE_TIMELINE_H_
#define MNEME_CORE_ENGINE_TIMELINE_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/models/model.h"

namespace mneme::engine {

// A recall may take thousands of steps: further laps of names that came before are one, "more".
inline constexpr size_t kLapsMax = 64;

struct Lap {
  std::string_view name;  // static, as are all of them: "queue", "scan", "commit"
  int64_t end_nanos = 0;  // of Clock::NowMonotonicNanos
  // Of one that read a memory, for all cues of its batch:
  uint64_t parts = 0;
  uint64_t bytes = 0;
  uint32_t threads = 0;
};

class Timeline {
 public:
  // Begins at `begin_nanos`. The clock must outlive it.
  Timeline(const Clock& clock, int64_t begin_nanos) : clock_(&clock), begin_nanos_(begin_nanos) {}

  const Clock& clock() const { return *clock_; }
  int64_t begin_nanos() const { return begin_nanos_; }
  int64_t end_nanos() const { return laps_.empty() ? begin_nanos_ : laps_.back().end_nanos; }
  const std::vector<Lap>& laps() const { return laps_; }
  // At its end; then it has none.
  std::vector<Lap> TakeLaps() { return std::move(laps_); }

  // From the last one until now.
  void Pass(std::string_view name) {
    Add({.name = name, .end_nanos = clock_->NowMonotonicNanos()});
  }
  // `lap.end_nanos`: not before the last one's.
  void Add(const Lap& lap);
  // The laps of another, which began where this one stands.
  void Follow(const Timeline& other);

 private:
  const Clock* clock_;
  int64_t begin_nanos_;
  std::vector<Lap> laps_;
};

// Notes the passes of a query, if anybody asked: what a stage is before it is probed, and again
// when it has been settled. Costs a comparison with null where nobody did.
class PassWatch {
 public:
  explicit PassWatch(Timeline* timeline) : timeline_(timeline) {}

  // A stage of `query` begins.
  void Begin(const models::Query& query) {
    if (timeline_ != nullptr) Note(query);
  }
  // All of it was probed, by so many threads.
  void Probed(size_t threads) {
    if (timeline_ == nullptr || lap_.parts == 0) return;
    lap_.threads = static_cast<uint32_t>(threads);
    lap_.end_nanos = timeline_->clock().NowMonotonicNanos();
    timeline_->Add(lap_);
  }
  void Settled() {
    if (timeline_ != nullptr) timeline_->Pass("settle");
  }

 private:
  void Note(const models::Query& query);

  Timeline* timeline_;
  Lap lap_;
};

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_TIMELINE_H_
