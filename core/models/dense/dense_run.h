// The dynamics of a batch of cues: states, steps, convergence, and the figures of each answer.
// Knows no store: rows come in through PassTile, in whatever parts; the product and the driver both
// run it.
//
// The step is x+ = Σ w ξ / Σ w over the stored patterns (under cosine and on the sphere: its
// direction). Under l2 and dot, with a convex non-decreasing separation, it never raises the
// energy; nor does it on the sphere.
//
// Known and unknown coordinates (a mask). The first pass compares the known coordinates only and
// reads out all of them. There a similarity is estimated from the known part: a sum over `known` of
// d coordinates is scaled by d / known (a cosine needs no scale), or beta, which is chosen for
// whole vectors, would be too small for the part and blend. Later passes compare whole vectors: the
// known coordinates are held at the cue's values, the unknown ones take the read-out. So what is
// known stays evidence at every step, and from the second pass on the energy does not rise, being
// minimised over the unknown coordinates alone (l2, dot). The recall is the read-out itself, so
// that noise on the known coordinates does not stay in it. Under cosine the held coordinates are
// scaled to the length that the read-out has there.
//   Measured (1,000 Gaussian keys, d = 64, automatic beta, a fifth known, exact): right item
//   without the scale 0.42 with held coordinates, 0.10 with whole free steps, 0.01 with steps in
//   the known coordinates; with the scale 1.00. With noise of 0.6 nearest-neighbour distances:
//   0.29, 0.10, 0.01; with the scale 0.81.
//
// Under cosine rows are unit vectors; their lengths are averaged with the same weights, and the
// recall of an auto-association is the mean direction (of length at most 1) times that mean length:
// for one clean pattern the stored row. On the sphere it is the direction, of length 1.
//
// A reading of values (hetero-association) is one pass. A list is one pass without a read-out.
//
// States of +1 and -1 take, all at once, the signs of Σ A ξ + s Σ C (separation.h); of
// cosh(β) v - sinh(β) s0 s under exp, which is the same. A tie gives +1. A state that comes back
// after two steps ends the run as it stands (MAX_ITERATIONS).
//
// Cues that end without support, where the dynamics have a policy for them, are begun again
// together once all others are done: passes go on until Settle says so.
//
// Threads: Add is const and may run in several threads, each with a partial of its own; Settle is
// the coordinator's.
#ifndef MNEME_CORE_MODELS_DENSE_DENSE_RUN_H_
#define MNEME_CORE_MODELS_DENSE_DENSE_RUN_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "core/math/matrix.h"
#include "core/math/moments.h"
#include "core/models/dense/cue_encoding.h"
#include "core/models/dense/dense_partial.h"
#include "core/models/dense/kernel_spec.h"
#include "core/models/dense/separation_traits.h"
#include "core/models/features/linear_encoder.h"
#include "core/models/model.h"
#include "core/models/store/explicit_store.h"

namespace mneme::models {

// What is asked of the run.
struct DenseTask {
  DenseKernelSpec kernel;
  DynamicsSpec dynamics;
  QueryKind kind = QueryKind::kRetrieve;
  size_t output_dim = 0;         // of the read-out
  bool auto_associative = true;  // the read-out is a key
  size_t top = 0;                // rows named in an answer
  bool listed_only = false;      // only the rows given to Add are listed (and enter the moments)
  uint64_t live_rows = 0;        // in the store
  bool keep_trace = false;       // energies and last states
  bool use_codes = false;        // read the tiles' codes where that gives the same answer
  // States are compared as this has them (keys are so already; values of their own are read out).
  // Whole cues only. Must outlive the run; null: as they are.
  const LinearEncoder* encoder = nullptr;
};

struct ListedRow {
  ScoredRow row;
  double share = 0;  // of all weight, not of the list's
};

// The answer to one cue. Figures are of the state that was scored last; z and `scores` of the cue
// itself, where they say how far the best match stands above the noise (at a fixed point it always
// does).
struct DenseOutcome {
  absl::Status error;
  AnswerStatus status = AnswerStatus::kUnset;
  int steps = 0;
  double energy = 0;
  double log_scale = 0;
  double s0 = 0;
  double s1 = 0;
  double p_max = 0;
  double n_eff = 0;
  uint64_t n_support = 0;
  // What answered where nothing pulled, under DynamicsSpec::no_support; kReport: nothing had to.
  NoSupportPolicy fallback = NoSupportPolicy::kReport;
  double beta = 0;    // that these figures are of
  double radius = 0;  // likewise, of separations of finite support
  // Of argmax, and of a support of one row: the row whose value is the read-out, for the caller to
  // copy verbatim.
  std::optional<uint64_t> best_row;
  std::vector<ListedRow> top;  // best first
  double mass = 0;             // share of `top`
  double share_error = 0;      // shares and mass may be off by this, relative (a list by codes)
  uint64_t rows_survived = 0;  // of a scan by codes, over all passes: as in CueSums
  uint64_t rows_rescored = 0;
  math::Moments scores;
  double z_best = 0;
  double z_gap = 0;
  std::vector<double> energies;
};

template <typename T>
class DenseRun {
 public:
  // The cues' numbers and mask must outlive this. Cues that cannot be used have an error and take
  // no part.
  DenseRun(const DenseTask& task, BasicMatrixView<T> cues, std::span<const uint8_t> mask);

  size_t active() const { return order_.size(); }
  DensePartial Empty() const;
  // Adds a tile. `listed`: with task.listed_only, the rows of this tile that may be listed.
  void Add(const BasicTileView<T>& tile, std::span<const uint32_t> listed,
           DensePartial& into) const;
  // Takes the step with everything merged. True when every cue is done. `merged` is used up.
  bool Settle(DensePartial& merged);

  // After Settle returned true. `recalls` [B, output_dim], a row of zeros where there is no answer.
  BasicMatrix<T>& recalls() { return recalls_; }
  std::vector<DenseOutcome>& outcomes() { return outcomes_; }
  const std::vector<DenseOutcome>& outcomes() const { return outcomes_; }
  // Whether the next pass reads codes where it can.
  bool uses_codes() const { return !codes_.empty(); }
  // Before the first pass: looks at a tile and says which cues' sums are to be those of the keys.
  // Leaves codes out where they would not pay: for a read-out that needs most keys.
  void ChooseCodes(const BasicTileView<T>& tile);
  // Whether codes ruled rows out.
  bool coded() const { return codes_use_ == CodesUse::kRead; }
  // The same, and why not. With task.use_codes, after the first pass.
  CodesUse codes_use() const { return codes_use_; }
  // With task.keep_trace: the state scored last of each cue [B, key_dim].
  BasicMatrix<T>& last_states() { return last_states_; }

 private:
  void Begin(std::vector<uint32_t> cues);
  void FillMasks();
  void EncodeStates();
  void EncodeFeatures();
  // What passes compare, [active, key_dim].
  const BasicMatrix<T>& compared() const { return task_.encoder == nullptr ? states_ : features_; }
  SumKind Sums() const;
  bool OneShot() const;
  bool OnSphere() const;
  bool IsBinary() const { return task_.dynamics.state == StateSpace::kBinary; }
  size_t ListLimit() const;
  void Report(const CueSums& sums, std::vector<ScoredRow> top, size_t place);
  void WriteRecall(const CueSums& sums, std::span<const double> output, size_t cue);
  void StepState(const CueSums& sums, std::span<const double> output, size_t place,
                 std::span<T> next) const;
  void HoldKnown(size_t cue, std::span<T> next) const;
  bool HasConverged(const CueSums& sums, size_t place, std::span<const T> next) const;
  bool SettleCue(const CueSums& sums, std::span<const double> output, std::vector<ScoredRow> top,
                 size_t place, std::span<T> next);
  bool Restart();
  void NoteCodes();

  DenseTask task_;  // its kernel is that of the present round
  DenseKernelSpec given_kernel_;
  BasicMatrixView<T> cues_;
  KnownCoordinates known_;
  int round_ = 0;                   // of cues begun again without support
  std::vector<int> earlier_steps_;  // by cue: of the rounds before
  int step_ = 0;                    // passes settled in this round

  // Of the active cues, in one order; those under a mask come last in the first pass.
  std::vector<uint32_t> order_;  // which cue
  BasicMatrix<T> states_;        // [active, key_dim]
  BasicMatrix<T> features_;      // of these, with an encoder
  std::vector<T> squared_norms_;
  std::vector<math::CodedCue> codes_;  // none where codes are not used
  std::vector<uint8_t> weigh_;         // by place: CueBlock::weigh
  CodesUse codes_use_ = CodesUse::kNone;
  std::vector<uint64_t> supports_;  // of the pass before (finite support)
  std::vector<uint64_t> befores_;   // marks of the states before (binary)
  size_t masked_from_ = 0;          // first pass: active cues from here on are under a mask
  BasicMatrix<T> masks_;            // their masks as numbers, first pass only
  std::vector<T> scales_;           // and d / known

  BasicMatrix<T> recalls_;
  BasicMatrix<T> last_states_;
  std::vector<DenseOutcome> outcomes_;
};

extern template class DenseRun<float>;
extern template class DenseRun<double>;

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_DENSE_RUN_H_
