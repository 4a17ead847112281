#include "core/engine/usage_clock.h"

#include <algorithm>
#include <utility>

#include "core/engine/limits.h"

namespace mneme::engine {

void UsageClock::Note(std::span<const uint64_t> rows) {
  if (!on() || !mutex_.TryLock()) return;
  for (const uint64_t row : rows) NoteOne(row);
  mutex_.Unlock();
}

void UsageClock::NoteOne(uint64_t row) {
  const uint64_t now = next_row_.load(std::memory_order_relaxed);
  const auto [place, added] = places_.try_emplace(row);
  if (!added) {
    uses_.splice(uses_.end(), uses_, place->second);
    place->second->time = now;
    return;
  }
  place->second = uses_.insert(uses_.end(), {row, now});
  if (uses_.size() <= kUsageEntriesMax) return;
  const uint64_t forgotten = uses_.front().row;
  lowest_forgotten_ = std::min(lowest_forgotten_, forgotten);
  places_.erase(forgotten);
  uses_.pop_front();
}

uint64_t UsageClock::bytes() const {
  constexpr uint64_t kEntryBytes = sizeof(Use) + 2 * sizeof(void*) + 16 + 17;  // node, table slot
  MutexLock lock(&mutex_);
  return uses_.size() * kEntryBytes;
}

void UsageClock::Turn(bool on) {
  on_.store(on, std::memory_order_relaxed);
  if (on) return;
  MutexLock lock(&mutex_);
  places_.clear();
  uses_.clear();
  lowest_forgotten_ = kNone;
}

void UsageClock::Remove(std::span<const uint64_t> rows) {
  if (!on()) return;
  MutexLock lock(&mutex_);
  for (const uint64_t row : rows) {
    const auto place = places_.find(row);
    if (place == places_.end()) continue;
    uses_.erase(place->second);
    places_.erase(place);
  }
}

bool UsageClock::Contains(uint64_t row) const {
  MutexLock lock(&mutex_);
  return places_.contains(row);
}

std::vector<UsageClock::Use> UsageClock::LeastUsed(size_t most) const {
  MutexLock lock(&mutex_);
  const size_t count = std::min(most, uses_.size());
  return {uses_.begin(), std::next(uses_.begin(), static_cast<int64_t>(count))};
}

uint64_t UsageClock::TakeLowestForgotten() {
  MutexLock lock(&mutex_);
  return std::exchange(lowest_forgotten_, kNone);
}

}  // namespace mneme::engine
