// Unit vectors and cues for them: of a file, some held out; or made up.
#ifndef MNEME_TESTS_LAB_VECTOR_CUES_H_
#define MNEME_TESTS_LAB_VECTOR_CUES_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "core/math/matrix.h"
#include "core/models/store/explicit_store.h"
#include "tests/lab/experiment.h"

namespace mneme::lab {

inline constexpr std::string_view kMadeUpVectors = "gauss";

struct VectorCues {
  Matrix rows;
  Matrix cues;
  models::StoreView store;  // of the rows, numbered from 0
};

// By the flags data, n and cues: the first n vectors of a file in a shuffled order, of which `cues`
// are held out; or, for data=gauss, n random directions of d numbers, a cue being one of them with
// Gaussian noise of length `noise`. All brought to unit length.
absl::StatusOr<VectorCues> MakeVectorCues(const Parameters& parameters, Run& run);

}  // namespace mneme::lab

#endif  // MNEME_TESTS_LAB_VECTOR_CUES_H_
