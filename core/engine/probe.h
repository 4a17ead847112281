// Measures a linear memory: asks for a sample of its items by their own keys, with noise, and notes
// at which rank each comes back.
#ifndef MNEME_CORE_ENGINE_PROBE_H_
#define MNEME_CORE_ENGINE_PROBE_H_

#include <functional>

#include "absl/status/statusor.h"
#include "core/engine/forecast.h"
#include "core/engine/memory.h"
#include "core/storage/storage.h"

namespace mneme::engine {

struct ProbeOptions {
  size_t items = kProbeItemsDefault;
  double cue_cosine = 1;  // noise is orthogonal to the key, in a random direction
  uint64_t seed = 1;
  int64_t now_unix_nanos = 0;
  std::function<bool()> cancelled;  // asked between batches of cues; may be empty
};

// Errors   FailedPrecondition: NO_ITEMS, fewer than 2 items; PROBE_NEEDS_KEYS, keys or responses
//          are not kept. Cancelled: the caller is gone, or the memory.
// Cost     a recall and a scan of the codebook for each item of the sample, on this thread; reads
//          the sample's rows from disk.
absl::StatusOr<Probe> MeasureMemory(const storage::Storage& storage, const Memory& memory,
                                    const ProbeOptions& options);

// x less the mean (empty: none), of unit length, in float64; empty for the zero vector.
std::vector<double> UnitKey(std::span<const float> key, std::span<const float> mean);

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_PROBE_H_
