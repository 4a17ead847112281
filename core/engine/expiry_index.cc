#include "core/engine/expiry_index.h"

#include <algorithm>
#include <utility>

namespace mneme::engine {

void ExpiryIndex::Add(uint64_t row, int64_t expire_unix_nanos) {
  if (expire_unix_nanos == 0) return;
  MutexLock lock(&mutex_);
  by_time_.emplace(expire_unix_nanos, row);
  by_row_[row] = expire_unix_nanos;
  NoteChange();
}

void ExpiryIndex::Remove(std::span<const uint64_t> rows) {
  if (earliest() == kNever) return;
  MutexLock lock(&mutex_);
  for (uint64_t row : rows) {
    const auto it = by_row_.find(row);
    if (it == by_row_.end()) continue;
    by_time_.erase({it->second, row});
    by_row_.erase(it);
  }
  NoteChange();
}

std::vector<uint64_t> ExpiryIndex::Due(int64_t now_unix_nanos, size_t most) const {
  std::vector<uint64_t> out;
  if (earliest() > now_unix_nanos) return out;
  MutexLock lock(&mutex_);
  for (const auto& [time, row] : by_time_) {
    if (time > now_unix_nanos || out.size() == most) break;
    out.push_back(row);
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::shared_ptr<const RowSet> ExpiryIndex::Unexpired(int64_t now_unix_nanos) const {
  if (earliest() > now_unix_nanos) return nullptr;
  MutexLock lock(&mutex_);
  if (unexpired_ != nullptr && now_unix_nanos >= unexpired_from_ &&
      now_unix_nanos < unexpired_until_) {
    return unexpired_;
  }
  auto set = std::make_shared<RowSet>(RowSet{.listed_pass = false});
  unexpired_until_ = kNever;
  for (const auto& [time, row] : by_time_) {
    if (time > now_unix_nanos) {
      unexpired_until_ = time;
      break;
    }
    unexpired_from_ = time;
    set->listed.push_back(row);
  }
  if (set->listed.empty()) return nullptr;  // the last one has just gone
  std::sort(set->listed.begin(), set->listed.end());
  unexpired_ = std::move(set);
  return unexpired_;
}

uint64_t ExpiryIndex::bytes() const {
  constexpr uint64_t kNodeBytes = 48 + 24;  // of the tree and of the table, about
  MutexLock lock(&mutex_);
  return by_row_.size() * kNodeBytes;
}

void ExpiryIndex::NoteChange() {
  unexpired_ = nullptr;
  earliest_.store(by_time_.empty() ? kNever : by_time_.begin()->first, std::memory_order_release);
}

}  // namespace mneme::engine
