// From the merged sums of a pass to the figures of an answer.
#ifndef MNEME_CORE_MODELS_DENSE_DENSE_REPORT_H_
#define MNEME_CORE_MODELS_DENSE_DENSE_REPORT_H_

#include <vector>

#include "core/models/dense/dense_partial.h"
#include "core/models/dense/dense_run.h"

namespace mneme::models {

// Energy, shares and evidence of one cue, from what all rows gave. `top`: the best rows, best first
// (two of them on the first pass, for the z figures).
//
// Units    squared_norm: of the state that was scored.
// Threads  a pure function of its arguments.
void ReportFigures(const DenseTask& task, bool first_pass, double squared_norm, CueSums sums,
                   std::vector<ScoredRow> top, DenseOutcome& outcome);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_DENSE_REPORT_H_
