// A dense memory over plain matrices, in one call, in float or double: for experiments and as the
// reference. It runs the product's own passes (tile_pass.h) and dynamics (dense_run.h).
#ifndef MNEME_CORE_MODELS_DENSE_DENSE_DRIVER_H_
#define MNEME_CORE_MODELS_DENSE_DENSE_DRIVER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/math/matrix.h"
#include "core/math/moments.h"
#include "core/models/dense/kernel_spec.h"
#include "core/models/model.h"

namespace mneme::models {

template <typename T>
struct DenseInput {
  BasicMatrixView<T> keys;         // [N, d]
  BasicMatrixView<T> values;       // [N, d_v], or empty: the keys are the values (auto-association)
  BasicMatrixView<T> cues;         // [B, d]
  std::span<const uint8_t> mask;   // known coordinates, as in CueBatch; empty: all
  std::span<const T> log_weights;  // N, or empty: 0 each
};

// How the rows are cut up. Never changes an answer beyond rounding, except for local_top.
struct DenseLayout {
  size_t tile_rows = 1024;
  size_t shards = 1;          // each probed into its own partial; then merged
  uint64_t shuffle_seed = 0;  // 0: rows in order; else dealt out to shards in a random order
  // 0: exact. Else the one-round variant: each shard sends its best `local_top` rows of the first
  // pass, and the steps run on the union of them. Separation exp only.
  size_t local_top = 0;
};

struct DenseTopRow {
  size_t row = 0;    // of `keys`
  double score = 0;  // the similarity
  double share = 0;  // of all weight
};

struct DenseCueResult {
  absl::Status error;  // not OK: this cue alone could not be answered (zero vector under cosine)
  AnswerStatus status = AnswerStatus::kUnset;
  int steps = 0;
  // Of the state scored last (with steps_max = 1: of the cue). The sums are scaled by
  // e^{-log_scale}.
  double energy = 0;
  double log_scale = 0;
  double s0 = 0;  // Σ e^a F
  double s1 = 0;  // Σ e^a F'
  double p_max = 0;
  double n_eff = 0;
  uint64_t n_support = 0;
  NoSupportPolicy fallback = NoSupportPolicy::kReport;  // as in DenseOutcome
  double beta = 0;                                      // likewise
  std::optional<uint64_t> best_row;  // argmax: of `keys`; the recall is its value, verbatim
  std::vector<DenseTopRow> top;      // best first, ties by smaller row
  // Of all similarities to the cue itself (first pass).
  math::Moments scores;
  double z_best = 0;
  double z_gap = 0;
  std::vector<double> energies;  // of each state scored: the cue, then after each step but the last
  double truncation_bound = 0;   // local_top only: mass left out relative to the best row, at most
};

template <typename T>
struct DenseResult {
  BasicMatrix<T> recalls;  // [B, d_v] (auto: the state after the last step)
  // ∇E at the state scored last [B, d]; for auto-association under dot or l2 with exp or relu, else
  // empty.
  BasicMatrix<T> gradients;
  std::vector<DenseCueResult> cues;
};

// Runs the dynamics on every cue. Values of their own: one step, whatever steps_max says. Sweeps
// over binary states take all rows in one place, whatever the layout says; their energies are of
// each state between sweeps.
//
// Errors   InvalidArgument (reason SHAPE, SPEC, NOT_FINITE or NOT_BINARY) where shapes, beta, power
//          or local_top are wrong, a power separation is used without dot or cosine, or binary
//          states without dot and numbers 1 and -1.
// Cost     2·B·N·(d+d_v) flop a step. One thread.
// Threads  a pure function.
// Source   dense-memory notes, 1.1 to 1.5.
template <typename T>
absl::StatusOr<DenseResult<T>> RunDense(const DenseKernelSpec& kernel, const DenseInput<T>& input,
                                        const DynamicsSpec& dynamics = {},
                                        const DenseLayout& layout = {}, size_t top = 1);

extern template absl::StatusOr<DenseResult<float>> RunDense(const DenseKernelSpec&,
                                                            const DenseInput<float>&,
                                                            const DynamicsSpec&, const DenseLayout&,
                                                            size_t);
extern template absl::StatusOr<DenseResult<double>> RunDense(const DenseKernelSpec&,
                                                             const DenseInput<double>&,
                                                             const DynamicsSpec&,
                                                             const DenseLayout&, size_t);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_DENSE_DRIVER_H_
