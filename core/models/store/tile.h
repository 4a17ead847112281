// A tile: up to 1,024 rows of an explicit store, column by column; the unit of parallel work.
//
// Threads: one writer appends at the end; readers look only at rows below a count that was handed
// to them after those rows were written (StoreView), so that no row is read and written at once.
#ifndef MNEME_CORE_MODELS_STORE_TILE_H_
#define MNEME_CORE_MODELS_STORE_TILE_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "core/base/ids.h"
#include "core/math/codes.h"
#include "core/math/matrix.h"

namespace mneme::models {

inline constexpr size_t kTileRows = 1024;

// Keys of fewer numbers are not coded: their codes would save little.
inline constexpr size_t kCodedDimMin = 16;
constexpr bool HasCodes(size_t key_dim) {
  return key_dim >= kCodedDimMin && key_dim <= math::kCodeDimMax;
}
// Bytes of a row's codes and what is known of them.
constexpr size_t CodedRowBytes(size_t key_dim) {
  return math::CodeBytes(key_dim) + 3 * sizeof(float) + sizeof(int32_t);
}

// An ItemId in 16 bytes; the bytes of a text live in a TextArena. Ordered as ItemId is.
class IdCell {
 public:
  IdCell() = default;
  explicit IdCell(uint64_t number) : number_(number) {}
  explicit IdCell(std::string_view text)
      : text_(text.data()), text_bytes_(static_cast<uint32_t>(text.size())) {}

  bool is_text() const { return text_bytes_ != 0; }
  ItemId ToItemId() const { return is_text() ? ItemId(text()) : ItemId(number_); }

  friend bool operator==(const IdCell& a, const IdCell& b) { return (a <=> b) == 0; }
  friend std::strong_ordering operator<=>(const IdCell& a, const IdCell& b) {
    if (a.is_text() != b.is_text()) {
      return a.is_text() ? std::strong_ordering::greater : std::strong_ordering::less;
    }
    return a.is_text() ? a.text() <=> b.text() : a.number_ <=> b.number_;
  }

  std::string_view text() const { return {text_, text_bytes_}; }  // of a text

 private:
  union {
    uint64_t number_ = 0;
    const char* text_;
  };
  uint32_t text_bytes_ = 0;  // 0: a number
};
static_assert(sizeof(IdCell) == 16);

// Bytes that never move, appended by one writer.
class TextArena {
 public:
  std::string_view Add(std::string_view text);
  size_t bytes() const { return bytes_; }

 private:
  static constexpr size_t kChunkBytes = 4096;
  std::vector<std::unique_ptr<char[]>> chunks_;
  char* next_ = nullptr;
  size_t left_ = 0;
  size_t bytes_ = 0;
};

// Which rows of a tile are gone.
struct Tombstones {
  std::array<uint64_t, kTileRows / 64> words = {};
  uint32_t count = 0;

  bool Test(size_t row) const { return (words[row / 64] >> (row % 64)) & 1; }
  void Set(size_t row) {
    words[row / 64] |= uint64_t{1} << (row % 64);
    ++count;
  }
  void Clear(size_t row) {
    words[row / 64] &= ~(uint64_t{1} << (row % 64));
    --count;
  }
};

// The columns of a tile, for reading: the first `rows` of each.
template <typename T>
struct BasicTileView {
  size_t rows = 0;
  size_t key_dim = 0;
  size_t value_dim = 0;              // 0: keys are their own values
  const T* keys = nullptr;           // [rows, key_dim], 64-byte aligned
  const T* values = nullptr;         // [rows, value_dim]; null for auto-association
  const T* squared_norms = nullptr;  // of the keys as stored here
  const T* log_weights = nullptr;    // null: 0 each
  const T* extra = nullptr;          // the model's own number of a row; null: none
  // Codes of the keys of the first `coded_rows` rows, a multiple of math::kCodeGroup (0: none,
  // also where some key cannot be bounded).
  size_t coded_rows = 0;
  const int8_t* codes = nullptr;
  const int32_t* code_offsets = nullptr;
  const T* code_scales = nullptr;
  const T* code_errors = nullptr;
  const T* code_norms = nullptr;
  const uint64_t* row_numbers = nullptr;
  const IdCell* ids = nullptr;
  const Tombstones* dead = nullptr;  // null: none

  bool IsDead(size_t row) const { return dead != nullptr && dead->Test(row); }
  size_t dead_count() const { return dead == nullptr ? 0 : dead->count; }
  // Calls visit(row) for each live row, in order; dead ones cost a bit.
  template <typename Visit>
  void VisitLive(const Visit& visit) const {
    for (size_t first = 0; first < rows; first += 64) {
      const size_t here = std::min<size_t>(64, rows - first);
      uint64_t live = here == 64 ? ~uint64_t{0} : (uint64_t{1} << here) - 1;
      if (dead != nullptr) live &= ~dead->words[first / 64];
      for (; live != 0; live &= live - 1) {
        visit(first + static_cast<size_t>(std::countr_zero(live)));
      }
    }
  }
  // What a weight multiplies: the value, or the key itself.
  const T* outputs() const { return values != nullptr ? values : keys; }
  size_t output_dim() const { return values != nullptr ? value_dim : key_dim; }
};
using TileView = BasicTileView<float>;

// One row on its way into a tile.
struct TileRow {
  const float* key = nullptr;
  const float* value = nullptr;
  float log_weight = 0;
  float extra = 0;
  uint64_t row_number = 0;
};

class Tile {
 public:
  // capacity: a multiple of math::kCodeGroup. `codes`: math::CodeGroupBytes(capacity, key_dim)
  // bytes for them, where HasCodes(key_dim); null: no codes.
  Tile(size_t capacity, size_t key_dim, size_t value_dim, std::shared_ptr<int8_t> codes);
  // A larger tile with the rows of a smaller one; texts stay where they are, in the shared arena.
  Tile(size_t capacity, const Tile& smaller, std::shared_ptr<int8_t> codes);

  size_t rows() const { return rows_; }
  size_t capacity() const { return keys_.rows(); }
  size_t bytes() const;
  uint64_t row_number(size_t row) const { return row_numbers_[row]; }
  const float* key(size_t row) const { return keys_.data() + row * keys_.cols(); }

  void Append(const TileRow& row, const ItemId& id);
  // Copies row `from` of another tile to the end of this one.
  void AppendFrom(const Tile& other, size_t from);
  TileView View(size_t rows, const Tombstones* dead) const;

 private:
  size_t AppendColumns(const TileRow& row);
  void AppendCodes(const float* key, size_t at);

  size_t rows_ = 0;
  Matrix keys_;
  Matrix values_;
  Matrix squared_norms_;  // [capacity, 1], as the next two
  Matrix log_weights_;
  Matrix extra_;
  // Cleared by the writer for good when a key cannot be bounded by its codes: then no row of the
  // tile is.
  std::atomic<bool> all_bounded_{true};
  std::shared_ptr<int8_t> codes_;  // groups of rows (math/codes.h); null: none
  BasicMatrix<int32_t> code_offsets_;
  Matrix code_scales_;
  Matrix code_errors_;
  Matrix code_norms_;
  std::vector<uint64_t> row_numbers_;
  std::vector<IdCell> ids_;
  std::shared_ptr<TextArena> texts_;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_STORE_TILE_H_
