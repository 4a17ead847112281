#include "core/filter/filter_cache.h"

namespace mneme::filter {

uint64_t FilterCache::NewChunkNumber() {
  MutexLock lock(&mutex_);
  return ++chunks_given_;
}

size_t FilterCache::bytes() const {
  MutexLock lock(&mutex_);
  return bytes_;
}

std::optional<ChunkAnswer> FilterCache::Get(const std::string& filter_text, uint64_t chunk) {
  MutexLock lock(&mutex_);
  const auto filter = filters_.find(filter_text);
  if (filter == filters_.end()) return std::nullopt;
  const auto found = filter->second.find(chunk);
  if (found == filter->second.end()) return std::nullopt;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->answer;
}

void FilterCache::Put(const std::string& filter_text, uint64_t chunk, const ChunkAnswer& answer) {
  MutexLock lock(&mutex_);
  const auto [filter, is_new] = filters_.try_emplace(filter_text);
  if (is_new) bytes_ += FilterBytes(filter_text);
  const auto [place, is_first] = filter->second.try_emplace(chunk);
  if (!is_first) return;  // two threads asked at once: both found the same
  entries_.push_front({.filter_text = &filter->first, .chunk = chunk, .answer = answer});
  place->second = entries_.begin();
  bytes_ += kEntryBytes;
  while (bytes_ > bytes_max_) DropOldest();
}

void FilterCache::DropOldest() {
  const Entry& oldest = entries_.back();
  const auto filter = filters_.find(*oldest.filter_text);
  filter->second.erase(oldest.chunk);
  entries_.pop_back();
  bytes_ -= kEntryBytes;
  if (!filter->second.empty()) return;
  bytes_ -= FilterBytes(filter->first);
  filters_.erase(filter);
}

}  // namespace mneme::filter
