// Vectors to store and cues to ask for: made up, or read from what tests/tools/fetch-images and
// fetch-vectors put into build/data.
//
// Threads: plain functions.
#ifndef MNEME_TESTS_BENCH_DATASET_H_
#define MNEME_TESTS_BENCH_DATASET_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "core/math/matrix.h"
#include "core/models/spec.h"

namespace mneme::bench {

struct Dataset {
  models::Similarity similarity = models::Similarity::kDot;
  Matrix rows;
  Matrix cues;
};

// Uniform unit vectors; the cues are others.
Dataset GaussianUnits(size_t rows, size_t cues, size_t dim);
// The first images, 784 numbers of 0 to 1, l2; the cues are the last ones. NotFound: not fetched.
absl::StatusOr<Dataset> FashionImages(const std::string& folder, size_t rows, size_t cues);
// Words brought to unit length, cosine; the cues are every 341st word or so, taken out of the rows.
// NotFound: not fetched.
absl::StatusOr<Dataset> WordVectors(const std::string& folder, size_t rows, size_t cues);

}  // namespace mneme::bench

#endif  // MNEME_TESTS_BENCH_DATASET_H_
