// The outcome of a run as the model interface gives it.
#ifndef MNEME_CORE_MODELS_DENSE_DENSE_ANSWER_H_
#define MNEME_CORE_MODELS_DENSE_DENSE_ANSWER_H_

#include "core/models/dense/dense_run.h"
#include "core/models/model.h"

namespace mneme::models {

CueAnswer ToCueAnswer(DenseOutcome outcome);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_DENSE_ANSWER_H_
