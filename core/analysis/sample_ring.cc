#include "core/analysis/sample_ring.h"

#include <algorithm>
#include <utility>

namespace mneme::analysis {

std::vector<Waiter<>> SampleRing::TakeWatchers() {
  return watchers_.Take(
      [ended = ended_, added = added_](uint64_t number) { return ended || number < added; });
}

void SampleRing::Add(uint64_t step, std::span<const double> values) {
  std::vector<Waiter<>> watchers;
  {
    MutexLock lock(&mutex_);
    if (ended_) return;
    const size_t width = observables_.size();
    const size_t place = added_ % kSamplesKept;
    if (steps_.size() <= place) {
      steps_.resize(place + 1);
      values_.resize((place + 1) * width);
    }
    steps_[place] = step;
    std::copy_n(values.begin(), width, values_.begin() + static_cast<ptrdiff_t>(place * width));
    ++added_;
    if (added_ - oldest_ > kSamplesKept) ++oldest_;
    watchers = TakeWatchers();
  }
  for (const Waiter<>& watcher : watchers) watcher.Call();
}

void SampleRing::End() {
  std::vector<Waiter<>> watchers;
  {
    MutexLock lock(&mutex_);
    ended_ = true;
    watchers = TakeWatchers();
  }
  for (const Waiter<>& watcher : watchers) watcher.Call();
}

void SampleRing::Drop() {
  End();
  MutexLock lock(&mutex_);
  oldest_ = added_;
  steps_ = {};
  values_ = {};
}

std::optional<Sample> SampleRing::Take(uint64_t& next) const {
  MutexLock lock(&mutex_);
  const uint64_t number = std::max(next, oldest_);
  if (!Has(number)) return std::nullopt;
  const size_t width = observables_.size();
  const auto row = values_.begin() + static_cast<ptrdiff_t>(number % kSamplesKept * width);
  Sample sample{.step = steps_[number % kSamplesKept],
                .values = {row, row + static_cast<ptrdiff_t>(width)},
                .missed = number - next};
  next = number + 1;
  return sample;
}

bool SampleRing::IsOver(uint64_t next) const {
  MutexLock lock(&mutex_);
  return ended_ && !Has(std::max(next, oldest_));
}

bool SampleRing::WhenReady(uint64_t next, Waiter<> watcher) {
  {
    MutexLock lock(&mutex_);
    if (!ended_ && !Has(next)) return watchers_.Add(next, std::move(watcher));
  }
  watcher.Call();
  return true;
}

}  // namespace mneme::analysis
