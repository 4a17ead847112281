// Where the bytes of a memory are, and how many there will be with twice the items.
#ifndef MNEME_CORE_ENGINE_USAGE_H_
#define MNEME_CORE_ENGINE_USAGE_H_

#include "absl/status/statusor.h"
#include "core/engine/types.h"
#include "core/storage/storage.h"

namespace mneme::engine {

// Of a memory that serves. With twice the items what grows with items is twice as large; a model's
// matrices, its checkpoint and the log (which checkpoints keep short) are not.
//
// Cost  a pass over the part of the log that is kept; for linear memories two forecasts.
absl::StatusOr<MemoryUsage> MeasureUsage(const storage::Storage& storage, const MemoryInfo& info);

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_USAGE_H_
