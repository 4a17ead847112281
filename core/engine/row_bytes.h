// What a memory takes of main memory, by its spec: before its first item, and for each item. The
// forecast that admission and quotas go by; the exact count is ModelStats.
#ifndef MNEME_CORE_ENGINE_ROW_BYTES_H_
#define MNEME_CORE_ENGINE_ROW_BYTES_H_

#include <cstdint>

#include "core/models/spec.h"

namespace mneme::engine {

// The float64 sums, the served weights, and of ridge a factor. Of a dense memory: the projections
// of a binary index. Of a feature memory: sums and frequencies, which is all there is.
uint64_t FixedBytes(const models::MemorySpec& spec);
// Of an item without attributes and with a numeric id, with its place in the index.
uint64_t RowBytes(const models::MemorySpec& spec);
// How many bytes a memory of `items` grows by `rows` more, with the room for rows to come.
uint64_t GrowthBytes(const models::MemorySpec& spec, uint32_t partitions, uint64_t items,
                     uint64_t rows);

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_ROW_BYTES_H_
