#include "core/learning/progress.h"

#include "core/base/status.h"

namespace mneme::learning {

absl::Status TrainingCancelled() {
  return MakeError(absl::StatusCode::kCancelled, "training was cancelled; nothing was changed",
                   {.reason = "CANCELLED",
                    .given = "a request to stop",
                    .expected = "training to its end",
                    .next_step = "Train again, from the weights in use as a warm start."});
}

}  // namespace mneme::learning
