// What filters said about full chunks of attributes, so that a filter asked again costs next to
// nothing. One cache may serve the attributes of all memories.
//
// Threads: all calls from any thread.
//
// Invariants
//   1. A full chunk never changes and its number is never given twice, so an answer stays true.
//   2. bytes() <= bytes_max after every call; what was used longest ago goes first.
#ifndef MNEME_CORE_FILTER_FILTER_CACHE_H_
#define MNEME_CORE_FILTER_FILTER_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>

#include "core/base/mutex.h"
#include "core/filter/row_bits.h"

namespace mneme::filter {

inline constexpr size_t kFilterCacheBytesMax = 16 << 20;

// What a filter says about the rows of a chunk, removed ones too: older views still have them.
struct ChunkAnswer {
  RowBits passes;
  RowBits fails;  // rows on which the filter is an error: an attribute of another type

  friend bool operator==(const ChunkAnswer&, const ChunkAnswer&) = default;
};

class FilterCache {
 public:
  explicit FilterCache(size_t bytes_max = kFilterCacheBytesMax) : bytes_max_(bytes_max) {}
  FilterCache(const FilterCache&) = delete;
  FilterCache& operator=(const FilterCache&) = delete;

  // A number for a chunk that this cache has not given before.
  uint64_t NewChunkNumber();

  std::optional<ChunkAnswer> Get(const std::string& filter_text, uint64_t chunk);
  void Put(const std::string& filter_text, uint64_t chunk, const ChunkAnswer& answer);

  size_t bytes() const;  // about what is allocated
  size_t bytes_max() const { return bytes_max_; }

 private:
  struct Entry {
    const std::string* filter_text = nullptr;  // the key in filters_: does not move
    uint64_t chunk = 0;
    ChunkAnswer answer;
  };
  using Entries = std::list<Entry>;
  using Chunks = std::unordered_map<uint64_t, Entries::iterator>;

  static constexpr size_t kEntryBytes = sizeof(Entry) + 8 * sizeof(void*);  // with list and map
  static size_t FilterBytes(const std::string& text) { return text.size() + 128; }

  void DropOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t bytes_max_;
  mutable Mutex mutex_;
  uint64_t chunks_given_ ABSL_GUARDED_BY(mutex_) = 0;
  Entries entries_ ABSL_GUARDED_BY(mutex_);  // used last first
  std::unordered_map<std::string, Chunks> filters_ ABSL_GUARDED_BY(mutex_);
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace mneme::filter

#endif  // MNEME_CORE_FILTER_FILTER_CACHE_H_
