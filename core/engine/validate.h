// Checks of requests that need no state: shapes, finiteness, limits. Each error says which row and
// column.
#ifndef MNEME_CORE_ENGINE_VALIDATE_H_
#define MNEME_CORE_ENGINE_VALIDATE_H_

#include <string_view>

#include "absl/status/status.h"
#include "core/engine/limits.h"
#include "core/engine/memory.h"
#include "core/engine/types.h"

namespace mneme::engine {

// Most steps of the dynamics that the spec allows; 1 for models without.
int StepsMaxOf(const models::MemorySpec& spec);

absl::Status ValidateCreate(const CreateCommand& command, const Limits& limits);
absl::Status ValidateLabels(const Labels& labels);
absl::Status ValidateRequestId(std::string_view request_id);
absl::Status ValidateStore(const StoreCommand& command, const Memory& memory, const Limits& limits);
absl::Status ValidateDelete(const DeleteCommand& command, const Memory& memory,
                            const Limits& limits);
absl::Status ValidateCues(const models::CueBatch& cues, const Memory& memory, const Limits& limits);
// Responses sent to be ranked: finite, of the memory's dimension, at most list_size_max.
absl::Status ValidateCandidates(MatrixView responses, const Memory& memory, const Limits& limits);

// RESOURCE_EXHAUSTED, LIMIT: `what` names the thing, `given` and `limit` the numbers.
absl::Status OverLimit(std::string_view what, uint64_t given, uint64_t limit,
                       std::string_view next_step);

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_VALIDATE_H_
