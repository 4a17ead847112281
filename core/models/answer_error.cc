#include "core/models/answer_error.h"

#include "core/base/status.h"

namespace mneme::models {

absl::Status RecallNotFinite() {
  return FailedPrecondition(
      "the recall is too large for float32",
      {.reason = "NOT_FINITE",
       .given = "stored rows or a cue of enormous length",
       .expected = "a recall below 3.4e38",
       .next_step = "Scale keys and responses to about unit length and store them again."});
}

}  // namespace mneme::models
