// The rows of a memory that answers from its items: append-only tiles that a writer extends while
// readers hold views of them.
//
// Writing: one thread appends, removes and publishes. Reading: a StoreView is immutable, cheap to
// copy and outlives all later writes; any thread may use it.
//
// Invariants
//   1. Row numbers ascend, over all tiles; so a row number is found by binary search.
//   2. All tiles but the last are full (kTileRows rows, dead ones included): row i is in tile i /
//   kTileRows.
//   3. Rows below a published count never change. What changes is copied first: the list of tiles
//   when
//      one is added, a bitmap of tombstones when a row goes. A Publish after plain appends copies
//      nothing.
//   4. At most a quarter of the rows are dead after Remove: beyond that, new tiles are built from
//   the
//      live rows, in order, at a cost that the removals before it have earned.
//
// Memory: the last tile has room for 16 rows or a sixteenth of all rows more than it needs, and
// grows by copying (StoreRoom); from 16,384 rows on, tiles have room for 1,024 from the start.
// bytes() counts what is allocated, but for what is left over of the last slab of codes (of a store
// of 64 MiB and more).
#ifndef MNEME_CORE_MODELS_STORE_EXPLICIT_STORE_H_
#define MNEME_CORE_MODELS_STORE_EXPLICIT_STORE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "core/base/ids.h"
#include "core/base/row_set.h"
#include "core/math/matrix.h"
#include "core/models/store/code_slab.h"
#include "core/models/store/tile.h"

namespace mneme::models {

// Rows that a store of `rows` rows, none of them dead, has room for: at most a sixteenth more,
// or 16.
uint64_t StoreRoom(uint64_t rows);

// Rows on their way in. Columns have one entry a row, or none: then no values, weight 1, extra 0,
// id = row number.
struct StoreRows {
  MatrixView keys;
  MatrixView values;
  std::span<const float> log_weights;
  std::span<const float> extra;
  std::span<const ItemId> ids;
  std::span<const uint64_t> row_numbers;  // ascending, above all that came before
};

// A scored row in a top-K; equal scores go by id. Points into the store's columns: hold the view.
struct ScoredRow {
  double score = 0;
  const IdCell* id = nullptr;
  uint64_t row_number = 0;
  float log_weight = 0;
  float coded_score = 0;  // as the sums have it: by codes, by a matrix product, or `score`

  bool Precedes(const ScoredRow& other) const {
    if (id == other.id || *id == *other.id) return row_number < other.row_number;
    return *id < *other.id;
  }
};

// Where a row lies.
struct RowPosition {
  uint32_t tile = 0;
  uint32_t row = 0;
  friend auto operator<=>(const RowPosition&, const RowPosition&) = default;
};

class StoreView {
 public:
  StoreView() = default;

  size_t tiles() const { return (rows_ + kTileRows - 1) / kTileRows; }
  TileView tile(size_t i) const;
  size_t rows() const { return rows_; }  // dead ones too
  size_t live_rows() const { return live_; }
  uint64_t bytes() const { return bytes_; }

  // Where a live row with this number lies; nullopt when there is none. O(log rows), and without a
  // look at the row where row numbers have no gaps.
  std::optional<RowPosition> Find(uint64_t row_number) const;
  // The key of the row at such a place.
  const float* key(RowPosition at) const { return (*entries_)[at.tile].tile->key(at.row); }

  // As if only the rows that pass were stored: the others are dead, and tiles without a live row
  // are left out. Where at most one row in 32 is live, these rows are copied out instead, if they
  // are few enough (8 MiB).
  //
  // Cost     rows are looked at where row numbers have gaps; else the listed rows only. Copies the
  //          bitmaps of tiles that change.
  // Threads  const; the answer shares the tiles and outlives this.
  StoreView Only(const RowSet& rows) const;

 private:
  friend class ExplicitStore;
  struct Entry {
    std::shared_ptr<const Tile> tile;
    std::shared_ptr<const Tombstones> dead;
  };
  using Entries = std::vector<Entry>;

  StoreView CopyLive() const;
  size_t RowsOf(size_t tile) const { return std::min(kTileRows, rows_ - tile * kTileRows); }
  std::optional<RowPosition> FindWithoutGaps(uint64_t row_number) const;
  bool IsDead(RowPosition at) const {
    const Tombstones* const dead = (*entries_)[at.tile].dead.get();
    return dead != nullptr && dead->Test(at.row);
  }

  std::shared_ptr<const Entries> entries_;
  size_t rows_ = 0;
  size_t live_ = 0;
  uint64_t bytes_ = 0;
};

class ExplicitStore {
 public:
  // value_dim 0: auto-association, no values are kept. With `codes`, tiles hold codes of the keys
  // too, if these have kCodedDimMin numbers.
  ExplicitStore(size_t key_dim, size_t value_dim, bool codes = false);

  size_t key_dim() const { return key_dim_; }
  size_t value_dim() const { return value_dim_; }
  size_t live_rows() const { return rows_ - dead_; }

  // Internal when a shape or the order of row numbers is wrong: nothing is appended then.
  absl::Status Append(const StoreRows& rows);
  // Internal when a row is not there or named twice: nothing is removed then.
  absl::Status Remove(std::span<const uint64_t> row_numbers);

  StoreView Publish();

 private:
  struct Slot {
    std::shared_ptr<Tile> tile;
    std::shared_ptr<Tombstones> dead;  // null: none
    bool dead_is_shared = false;       // a published view looks at it: copy before changing
  };

  absl::Status CheckShapes(const StoreRows& rows) const;
  // The last tile, with room for at least one of `more` rows to come.
  Tile& RoomFor(size_t more);
  std::shared_ptr<int8_t> RoomForCodes(size_t rows);
  std::optional<RowPosition> Find(uint64_t row_number) const;
  void Bury(RowPosition at);
  void Compact();

  size_t key_dim_;
  size_t value_dim_;
  bool has_codes_;
  CodeSlab code_slab_;
  std::vector<Slot> slots_;
  size_t rows_ = 0;
  size_t dead_ = 0;
  uint64_t closed_bytes_ =
      0;  // of published_, without its last tile (which may still take in text)
  std::shared_ptr<const StoreView::Entries> published_;  // of slots_; null: they have changed since
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_STORE_EXPLICIT_STORE_H_
