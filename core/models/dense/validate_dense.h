// Which choices of a dense spec go together.
//
// Threads  a pure function.
#ifndef MNEME_CORE_MODELS_DENSE_VALIDATE_DENSE_H_
#define MNEME_CORE_MODELS_DENSE_VALIDATE_DENSE_H_

#include "absl/status/status.h"
#include "core/models/spec.h"

namespace mneme::models {

// InvalidArgument (reason SPEC) naming the field that the others leave no room for.
absl::Status ValidateDense(const MemorySpec& spec, const DenseSpec& dense);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_VALIDATE_DENSE_H_
