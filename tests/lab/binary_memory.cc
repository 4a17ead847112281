#include "tests/lab/binary_memory.h"

#include <algorithm>

#include "core/base/status.h"
#include "core/models/dense/dense_driver.h"

namespace mneme::lab {

MatrixD RandomSigns(size_t n, size_t d, Random& random) {
  MatrixD out(n, d);
  uint64_t bits = 0;
  for (size_t i = 0; i < n * d; ++i, bits >>= 1) {
    if (i % 64 == 0) bits = random.Next();
    out.data()[i] = (bits & 1) != 0 ? 1 : -1;
  }
  return out;
}

void FlipEach(double chance, Random& random, MatrixD& signs) {
  for (double& s : signs.flat()) {
    if (random.Uniform() < chance) s = -s;
  }
}

double DifferingShare(MatrixViewD a, MatrixViewD b) {
  size_t differing = 0;
  for (size_t i = 0; i < a.flat().size(); ++i) differing += a.data[i] != b.data[i];
  return static_cast<double>(differing) / static_cast<double>(a.flat().size());
}

absl::StatusOr<double> StepBitError(const models::DenseKernelSpec& kernel, size_t patterns,
                                    size_t d, size_t probes, Random& random) {
  double wrong = 0;
  size_t done = 0;
  while (done < probes) {
    const MatrixD stored = RandomSigns(patterns, d, random);
    const size_t count = std::min(patterns, probes - done);
    const MatrixViewD cues = stored.view().slice(0, count);
    MNEME_ASSIGN_OR_RETURN(
        const auto result,
        models::RunDense<double>(kernel, {.keys = stored, .cues = cues},
                                 {.steps_max = 1, .state = models::StateSpace::kBinary}));
    for (const models::DenseCueResult& cue : result.cues) MNEME_RETURN_IF_ERROR(cue.error);
    wrong += DifferingShare(result.recalls, cues) * static_cast<double>(count);
    done += count;
  }
  return wrong / static_cast<double>(done);
}

absl::StatusOr<double> SearchCapacity(size_t limit,
                                      const std::function<absl::StatusOr<bool>(size_t)>& bad,
                                      Run& run) {
  size_t good = 0, worst = 1;
  while (true) {
    MNEME_ASSIGN_OR_RETURN(const bool fails, bad(worst));
    if (fails) break;
    good = worst;
    if (worst >= limit) return static_cast<double>(good);
    worst = std::min(2 * worst, limit);
  }
  run.Progress(0.5);
  while (worst - good > std::max<size_t>(1, good / 32)) {
    const size_t middle = good + (worst - good) / 2;
    MNEME_ASSIGN_OR_RETURN(const bool fails, bad(middle));
    (fails ? worst : good) = middle;
  }
  return static_cast<double>(good + worst) / 2;
}

}  // namespace mneme::lab
