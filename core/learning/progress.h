// How far a training run has come, and the way to stop it.
#ifndef MNEME_CORE_LEARNING_PROGRESS_H_
#define MNEME_CORE_LEARNING_PROGRESS_H_

#include <functional>

#include "absl/status/status.h"

namespace mneme::learning {

struct Progress {
  int step = 0;
  int steps_max = 0;
  double loss = 0;   // of the best matrix so far; of the batch where only batches are seen
  double share = 0;  // of the work that is done, an estimate in [0, 1] that never falls
};

// Called after each step and, in long ones, between blocks of rows. False: stop, with Cancelled.
// May be empty.
using ProgressFn = std::function<bool(const Progress&)>;

// Asked between blocks of rows of one evaluation, by the calling thread. False: give up.
using KeepGoingFn = std::function<bool()>;

// What a run that was told to stop answers.
absl::Status TrainingCancelled();

}  // namespace mneme::learning

#endif  // MNEME_CORE_LEARNING_PROGRESS_H_
