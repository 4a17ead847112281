// The attributes of a memory's items in RAM, for filters: chunks of 1,024 items that a writer
// extends while readers hold views of them. Items without attributes are not in it.
//
// Writing: one thread appends, removes and publishes. Reading: an AttributeView is immutable, cheap
// to copy and outlives all later writes and the store; any thread may use it.
//
// Invariants
//   1. Row numbers ascend, over all chunks.
//   2. All chunks but the last are full (kChunkRows items, removed ones included) and never change.
//   3. Items below a published count never change. What changes is copied first: the list of chunks
//      when one is added, the bits of removed items when one goes. A Publish after plain appends
//      copies nothing.
//   4. At most a quarter of the items kept are removed ones: beyond that, new chunks are built from
//      the others, in order, at a cost that the removals before it have earned.
//   5. Removing an item leaves what the FilterCache knows of its chunk true; only 4 starts anew.
//
// Memory: 24 bytes an item beside its attribute bytes; the first chunk starts with room for 16 and
// grows fourfold. bytes() counts what is allocated, without the cache.
#ifndef MNEME_CORE_FILTER_ATTRIBUTE_STORE_H_
#define MNEME_CORE_FILTER_ATTRIBUTE_STORE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/row_set.h"
#include "core/filter/attribute_chunk.h"
#include "core/filter/filter.h"
#include "core/filter/filter_cache.h"

namespace mneme::filter {

class AttributeView {
 public:
  AttributeView() = default;

  size_t rows() const { return rows_ - removed_; }  // items that have attributes
  uint64_t bytes() const { return bytes_; }

  // The rows that pass, of all rows of the memory: the filter is asked once about an item without
  // attributes, and the rows listed are those for which it says the opposite.
  //
  // Errors   InvalidArgument FILTER_TYPE from the first row with an attribute of another type than
  //          the filter's; Cancelled when `cancelled` (may be empty) says so, asked once a chunk.
  // Cost     one Filter::Matches an item; for chunks the cache knows, a look-up and the rows
  // listed.
  absl::StatusOr<RowSet> Select(const Filter& filter, const std::function<bool()>& cancelled) const;

 private:
  friend class AttributeStore;
  struct Entry {
    std::shared_ptr<const AttributeChunk> chunk;
    std::shared_ptr<const RowBits> removed;  // null: none
  };
  using Entries = std::vector<Entry>;

  ChunkAnswer Ask(const Filter& filter, const AttributeChunk& chunk, size_t rows) const;

  std::shared_ptr<FilterCache> cache_;
  std::shared_ptr<const Entries> entries_;
  size_t rows_ = 0;  // removed ones too
  size_t removed_ = 0;
  uint64_t bytes_ = 0;
};

class AttributeStore {
 public:
  // The cache is shared: by views, and by as many stores as one likes.
  explicit AttributeStore(std::shared_ptr<FilterCache> cache);

  size_t rows() const { return rows_ - removed_; }
  uint64_t bytes() const;

  // Empty bytes are an item without attributes: nothing is kept of it but that its row is passed.
  // DataLoss CORRUPT when the bytes are damaged, Internal when the row is not above all before it:
  // nothing is appended then.
  absl::Status Append(uint64_t row, std::string_view attribute_bytes);
  // Nothing happens when the row has no attributes here.
  void Remove(uint64_t row);

  AttributeView Publish();

 private:
  struct Slot {
    std::shared_ptr<AttributeChunk> chunk;
    std::shared_ptr<RowBits> removed;  // null: none
    bool removed_is_shared = false;    // a published view looks at it: copy before changing
  };
  struct Place {
    Slot* slot = nullptr;
    size_t at = 0;
  };

  AttributeChunk& RoomForOne();
  void Keep(uint64_t row, std::string_view attribute_bytes);
  std::optional<Place> Find(uint64_t row);
  void Compact();

  std::shared_ptr<FilterCache> cache_;
  std::vector<Slot> slots_;
  size_t rows_ = 0;  // removed ones too
  size_t removed_ = 0;
  size_t full_bytes_ = 0;  // of all chunks but the last
  size_t removed_bytes_ = 0;
  std::optional<uint64_t> last_row_;                         // ever appended
  std::shared_ptr<const AttributeView::Entries> published_;  // of slots_; null: they have changed
};

}  // namespace mneme::filter

#endif  // MNEME_CORE_FILTER_ATTRIBUTE_STORE_H_
