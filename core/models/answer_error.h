// Errors of answers that several models give.
#ifndef MNEME_CORE_MODELS_ANSWER_ERROR_H_
#define MNEME_CORE_MODELS_ANSWER_ERROR_H_

#include "absl/status/status.h"

namespace mneme::models {

// FailedPrecondition (NOT_FINITE): of a cue whose recall is beyond float32.
absl::Status RecallNotFinite();

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_ANSWER_ERROR_H_
