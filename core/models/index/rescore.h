// The exact half of an approximate answer: candidates are scored by their rows.
#ifndef MNEME_CORE_MODELS_INDEX_RESCORE_H_
#define MNEME_CORE_MODELS_INDEX_RESCORE_H_

#include <cstddef>
#include <span>
#include <vector>

#include "core/math/matrix.h"
#include "core/models/index/candidate_index.h"
#include "core/models/spec.h"
#include "core/models/store/explicit_store.h"

namespace mneme::models {

// The k best of each cue's candidates, best first, equal scores by item id. Scores are those of the
// row functions of core/math, to the bit: what a list of a dense memory holds. Candidates that the
// view has no live row for are left out.
//
// Shapes   cues [Q, D] as they are compared (unit vectors under cosine), candidates [Q].
// Cost     the candidates' rows are read, in the order given, eight ahead.
// Threads  a pure function. The answer points into the store's columns: hold the view.
std::vector<std::vector<ScoredRow>> RescoreTop(const StoreView& store, Similarity similarity,
                                               MatrixView cues,
                                               std::span<const CandidateList> candidates, size_t k);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_INDEX_RESCORE_H_
