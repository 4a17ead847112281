// The observables of a simulation while it runs: one thread adds samples, any number of watchers
// read them, each at its own pace. The newest kSamplesKept are there; a watcher that comes late or
// reads slowly is told how many it missed. Nobody who watches holds up the one who adds.
//
// Thread-safe. Watchers are called on the adding thread, or at once; they must not block.
#ifndef MNEME_CORE_ANALYSIS_SAMPLE_RING_H_
#define MNEME_CORE_ANALYSIS_SAMPLE_RING_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/waiters.h"

namespace mneme::analysis {

// Samples that a watcher may find.
inline constexpr size_t kSamplesKept = 1'024;
// Those that wait for the next sample at once.
inline constexpr size_t kWatchersMax = 64;

struct Sample {
  uint64_t step = 0;
  std::vector<double> values;  // one an observable
  uint64_t missed = 0;         // samples before it that are no longer there
};

class SampleRing {
 public:
  explicit SampleRing(std::vector<std::string> observables)
      : observables_(std::move(observables)) {}

  const std::vector<std::string>& observables() const { return observables_; }

  // One value an observable.
  void Add(uint64_t step, std::span<const double> values);
  // There will be no more.
  void End();
  // End, and forgets all samples.
  void Drop();

  // The sample number `next` (0 is the first ever), or the oldest that is left after it; `next` is
  // then the number of the one to ask for after it. nullopt: not there yet, or never.
  std::optional<Sample> Take(uint64_t& next) const;
  // Whether there will be none with this number or a later one.
  bool IsOver(uint64_t next) const;
  // Calls `watcher` as soon as the sample with this number is there or will never be, unless he
  // leaves before. False, and no call, where too many watch already.
  bool WhenReady(uint64_t next, Waiter<> watcher);

 private:
  bool Has(uint64_t next) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return next < added_; }
  // Those who need wait no longer.
  std::vector<Waiter<>> TakeWatchers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::vector<std::string> observables_;
  mutable Mutex mutex_;                                  // a leaf
  std::vector<uint64_t> steps_ ABSL_GUARDED_BY(mutex_);  // by number modulo kSamplesKept
  std::vector<double> values_ ABSL_GUARDED_BY(mutex_);   // likewise, a row each
  uint64_t added_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t oldest_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  Waiters<uint64_t> watchers_ ABSL_GUARDED_BY(mutex_){kWatchersMax};  // for samples, by number
};

}  // namespace mneme::analysis

#endif  // MNEME_CORE_ANALYSIS_SAMPLE_RING_H_
