// Clone: a job that copies a memory as it is at one moment, under a new name.
#ifndef MNEME_CORE_ENGINE_CLONE_H_
#define MNEME_CORE_ENGINE_CLONE_H_

#include <memory>
#include <string>

#include "core/engine/copies.h"

namespace mneme::engine {

// The copy is visible at once and complete; cancelled or failed, nothing of it is left. It answers
// as the source did at the copy's position. It is not frozen, whatever the source is.
absl::StatusOr<MemoryInfo> CloneNow(const JobContext& context, const Memory& source,
                                    const std::string& name, const JobRunner::Report& report);

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_CLONE_H_
