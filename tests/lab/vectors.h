// Real vectors for experiments: word vectors and the like, from a raw file.
#ifndef MNEME_TESTS_LAB_VECTORS_H_
#define MNEME_TESTS_LAB_VECTORS_H_

#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/math/matrix.h"

namespace mneme::lab {

// The first n vectors, as they are in the file (neither centred nor scaled): of a path, or of a set
// (glove) that the build tree holds as data/NAME.vec. NotFound with reason DATA_ABSENT naming the
// package; DataLoss where the file is not what it says; InvalidArgument where it holds fewer.
absl::StatusOr<Matrix> LoadVectors(std::string_view data, size_t n);

// Rows less their mean, each of length 1 (zero rows stay zero).
Matrix CentredUnitRows(MatrixView rows);

}  // namespace mneme::lab

#endif  // MNEME_TESTS_LAB_VECTORS_H_
