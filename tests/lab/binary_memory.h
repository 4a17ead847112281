// Patterns of +1 and -1, their damage, and the search for how many of them a memory holds.
#ifndef MNEME_TESTS_LAB_BINARY_MEMORY_H_
#define MNEME_TESTS_LAB_BINARY_MEMORY_H_

#include <cstddef>
#include <functional>

#include "absl/status/statusor.h"
#include "core/base/random.h"
#include "core/math/matrix.h"
#include "core/models/dense/kernel_spec.h"
#include "tests/lab/experiment.h"

namespace mneme::lab {

// [n, d], each +1 or -1 with equal chance.
MatrixD RandomSigns(size_t n, size_t d, Random& random);

// Turns each number with this chance.
void FlipEach(double chance, Random& random, MatrixD& signs);

// Share of numbers that differ, over all rows.
double DifferingShare(MatrixViewD a, MatrixViewD b);

// Share of bits of the stored patterns, or of `probes` of them, that one synchronous step gets
// wrong.
absl::StatusOr<double> StepBitError(const models::DenseKernelSpec& kernel, size_t patterns,
                                    size_t d, size_t probes, Random& random);

// Halfway between the largest number for which bad(number) is false and the smallest for which it
// is true: doubling, then halving to one in 32; `limit` where that is not bad. Noise in `bad` is
// the caller's to even out, over seeds.
absl::StatusOr<double> SearchCapacity(size_t limit,
                                      const std::function<absl::StatusOr<bool>(size_t)>& bad,
                                      Run& run);

}  // namespace mneme::lab

#endif  // MNEME_TESTS_LAB_BINARY_MEMORY_H_
