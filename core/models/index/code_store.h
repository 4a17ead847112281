// Bit codes of rows, in append-only blocks that a writer extends while readers hold views: what an
// explicit store is for keys, for codes in groups of eight (core/math/hamming.h).
//
// Threads     CodeStore: one writer. CodeView: immutable, any thread, outlives later writes.
// Invariants  1. Row numbers ascend over all blocks; all blocks but the last are full (kTileRows).
//             2. A view reads of the blocks only groups that were full when it was published. The
//                group that was being filled is in the view, as a copy: no word is read and
//                written at once.
//             3. At most a quarter of the rows are dead after Remove; beyond that, the live ones
//                are copied into new blocks.
// Memory      The blocks of a store of 4 MiB and more lie in pages of 2 MiB: a scan with small ones
//             waits for their addresses.
#ifndef MNEME_CORE_MODELS_INDEX_CODE_STORE_H_
#define MNEME_CORE_MODELS_INDEX_CODE_STORE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "core/math/hamming.h"
#include "core/math/matrix.h"
#include "core/models/store/code_slab.h"
#include "core/models/store/tile.h"

namespace mneme::models {

constexpr size_t CodeBlockBytes(size_t words) { return kTileRows * words * sizeof(uint64_t); }

struct CodeBlock {
  // `bytes`: CodeBlockBytes, from a cache line on.
  explicit CodeBlock(std::shared_ptr<int8_t> bytes)
      : memory(std::move(bytes)),
        codes(reinterpret_cast<uint64_t*>(memory.get())),
        row_numbers(kTileRows) {}

  std::shared_ptr<int8_t> memory;
  uint64_t* codes;  // group g, word w: from (g * words + w) * math::kHammingGroup
  std::vector<uint64_t> row_numbers;
};

// The codes of a block as a reader sees them: full groups, and at most one that is not.
struct CodeBlockView {
  const uint64_t* full = nullptr;
  size_t full_groups = 0;
  const uint64_t* rest = nullptr;  // null: there is none
  size_t rows = 0;
  const uint64_t* row_numbers = nullptr;
  const Tombstones* dead = nullptr;  // null: none

  bool IsDead(size_t row) const { return dead != nullptr && dead->Test(row); }
};

class CodeView {
 public:
  size_t words() const { return words_; }
  size_t rows() const { return rows_; }  // dead ones too
  size_t live_rows() const { return live_; }
  uint64_t bytes() const;
  size_t blocks() const { return (rows_ + kTileRows - 1) / kTileRows; }
  CodeBlockView block(size_t i) const;
  uint64_t row_number(size_t position) const {
    return (*entries_)[first_block_ + position / kTileRows].row_numbers[position % kTileRows];
  }
  // `count` blocks from `first` on, as a view of their own: what a thread scans beside others.
  CodeView Part(size_t first, size_t count) const;

 private:
  friend class CodeStore;
  struct Entry {
    std::shared_ptr<const CodeBlock> block;
    std::shared_ptr<const Tombstones> dead;
    // Of the block: a scan goes from one entry to the next, and waits for nothing between.
    const uint64_t* codes;
    const uint64_t* row_numbers;
  };
  using Entries = std::vector<Entry>;

  std::shared_ptr<const Entries> entries_;
  std::shared_ptr<const BasicMatrix<uint64_t>> rest_;  // the last group, where it is not full
  size_t first_block_ = 0;
  size_t words_ = 0;
  size_t rows_ = 0;
  size_t live_ = 0;
};

class CodeStore {
 public:
  explicit CodeStore(size_t words) : words_(words) {}

  size_t live_rows() const { return rows_ - dead_; }
  std::optional<uint64_t> last_row() const { return last_row_; }

  // codes [rows, words]. Internal when row numbers do not ascend: nothing is appended then.
  absl::Status Append(std::span<const uint64_t> codes, std::span<const uint64_t> row_numbers);
  // Internal when a row is not there or named twice: nothing is removed then.
  absl::Status Remove(std::span<const uint64_t> row_numbers);
  CodeView Publish();

 private:
  struct Slot {
    std::shared_ptr<CodeBlock> block;
    std::shared_ptr<Tombstones> dead;  // null: none
    bool dead_is_shared = false;       // a published view looks at it: copy before changing
  };

  void AppendOne(const uint64_t* code, size_t stride, uint64_t row_number);
  std::optional<size_t> Find(uint64_t row_number) const;
  void Bury(size_t position);
  void Compact();

  size_t words_;
  CodeSlab slab_;
  std::vector<Slot> slots_;
  size_t rows_ = 0;
  size_t dead_ = 0;
  std::optional<uint64_t> last_row_;                    // the highest number ever appended
  std::shared_ptr<const CodeView::Entries> published_;  // of slots_; null: they have changed since
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_INDEX_CODE_STORE_H_
