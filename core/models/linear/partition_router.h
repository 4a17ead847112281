// Which matrix of a linear memory an item belongs to.
//
// A memory begins with P matrices, generation 0. Under LoadPolicy::kGrow further generations of P
// matrices each follow; a row belongs to the newest generation that began at or before its number,
// and within it to the matrix StableHash(id) mod P. So the number and the id of a row say for ever
// where it is. A memory that keeps no ids has one generation, and the bytes of the key decide.
//
// Thread-safe while it does not change: readers hold copies.
#ifndef MNEME_CORE_MODELS_LINEAR_PARTITION_ROUTER_H_
#define MNEME_CORE_MODELS_LINEAR_PARTITION_ROUTER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/ids.h"
#include "core/models/model.h"

namespace mneme::models {

// Generations begin only while there are at most this many matrices after it.
inline constexpr size_t kPartitionsGrownMax = 256;

// What names a row: its id, or the bytes of its key where the memory keeps no ids.
enum class PartitionBy { kId, kKeyBytes };

class PartitionRouter {
 public:
  explicit PartitionRouter(size_t per_generation = 1, PartitionBy by = PartitionBy::kId)
      : per_generation_(per_generation), by_(by) {}

  // Matrices in all: those of generation g are [g * per_generation, (g + 1) * per_generation).
  size_t partitions() const { return starts_.size() * per_generation_; }
  size_t per_generation() const { return per_generation_; }
  size_t generations() const { return starts_.size(); }

  size_t PartitionOf(uint64_t row_number, const ItemId& id) const {
    return GenerationOf(row_number) * per_generation_ + HashOf(id);
  }
  // Of a row of a block.
  size_t PartitionOf(const RowBlock& block, size_t row) const {
    if (by_ == PartitionBy::kId) return PartitionOf(block.row_numbers[row], block.ids[row]);
    if (per_generation_ == 1) return 0;
    const std::span<const float> key = block.keys.row(row);
    return StableHash(
               std::string_view(reinterpret_cast<const char*>(key.data()), key.size_bytes())) %
           per_generation_;
  }

  // Row numbers at which the generations begin, ascending; the first is 0.
  std::span<const uint64_t> starts() const { return starts_; }
  // Rows from this number on, above all starts, belong to a new generation.
  void BeginGeneration(uint64_t row_number) { starts_.push_back(row_number); }

 private:
  size_t HashOf(const ItemId& id) const {
    return per_generation_ == 1 ? 0 : StableHash(id) % per_generation_;
  }
  size_t GenerationOf(uint64_t row_number) const {
    if (starts_.size() == 1) return 0;
    const auto after = std::upper_bound(starts_.begin(), starts_.end(), row_number);
    return static_cast<size_t>(after - starts_.begin()) - 1;
  }

  size_t per_generation_;
  PartitionBy by_;
  std::vector<uint64_t> starts_ = {0};
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_LINEAR_PARTITION_ROUTER_H_
