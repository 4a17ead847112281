#include "core/engine/row_set_cache.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

namespace mneme::engine {

std::shared_ptr<const RowSet> RowSetCache::Find(const Key& key) {
  MutexLock lock(&mutex_);
  return FindLocked(key);
}

std::shared_ptr<const RowSet> RowSetCache::FindLocked(const Key& key) {
  const auto at = std::find_if(entries_.begin(), entries_.end(),
                               [&key](const Entry& entry) { return entry.key == key; });
  if (at == entries_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, at);
  return at->set;
}

std::shared_ptr<const RowSet> RowSetCache::Keep(const Key& key, RowSet set) {
  set.listed.shrink_to_fit();
  Entry entry{.key = key, .set = std::make_shared<const RowSet>(std::move(set))};
  MutexLock lock(&mutex_);
  if (std::shared_ptr<const RowSet> here = FindLocked(key); here != nullptr) return here;
  std::shared_ptr<const RowSet> kept = entry.set;
  bytes_ += BytesOf(entry);
  entries_.push_front(std::move(entry));
  DropOverflow();
  return kept;
}

void RowSetCache::DropOverflow() {
  uint64_t newest = 0;
  for (const Entry& entry : entries_) newest = std::max(newest, entry.key.position);
  uint64_t dropped = 0;
  std::erase_if(entries_, [&](const Entry& entry) {
    if (entry.key.position == newest) return false;
    dropped += BytesOf(entry);
    return true;
  });
  bytes_ -= dropped;
  while (entries_.size() > kSets || bytes_ > kBytesMax) {
    bytes_ -= BytesOf(entries_.back());
    entries_.pop_back();
  }
}

uint64_t RowSetCache::BytesOf(const Entry& entry) {
  return sizeof(Entry) + sizeof(RowSet) + entry.key.filter.capacity() +
         entry.set->listed.capacity() * sizeof(uint64_t);
}

uint64_t RowSetCache::bytes() const {
  MutexLock lock(&mutex_);
  return bytes_;
}

RowSet Intersect(const RowSet& a, const RowSet& b) {
  if (!a.listed_pass && b.listed_pass) return Intersect(b, a);
  RowSet both{.listed_pass = a.listed_pass};
  const auto out = std::back_inserter(both.listed);
  const std::vector<uint64_t>&x = a.listed, &y = b.listed;
  if (!a.listed_pass) {
    std::set_union(x.begin(), x.end(), y.begin(), y.end(), out);
  } else if (b.listed_pass) {
    std::set_intersection(x.begin(), x.end(), y.begin(), y.end(), out);
  } else {
    std::set_difference(x.begin(), x.end(), y.begin(), y.end(), out);
  }
  return both;
}

}  // namespace mneme::engine
