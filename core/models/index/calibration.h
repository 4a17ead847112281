// Whether an index is worth having, and how deep its lists must be: measured on the memory itself,
// against the exact scan that would answer otherwise.
//
// Stored rows serve as cues, each left out of its own answer, and real cues where there are some.
// For growing depths the share of the exact top k that the rescored candidates hold is measured;
// the least depth that reaches the target is chosen. The verdict says no where none does, where the
// exact scan in batches is as fast, or where there are hardly more rows than candidates. Whoever
// holds a verdict other than kUse answers from the exact scan and says why.
#ifndef MNEME_CORE_MODELS_INDEX_CALIBRATION_H_
#define MNEME_CORE_MODELS_INDEX_CALIBRATION_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/math/matrix.h"
#include "core/models/index/candidate_index.h"
#include "core/models/spec.h"
#include "core/models/store/explicit_store.h"

namespace mneme::models {

// A share, and the interval that holds it with a probability of 95 %.
struct MeasuredShare {
  double share = 0;
  double low = 0;
  double high = 1;
};

// Wilson's interval: of `hits` in `trials`. Without trials: 0 in [0, 1].
MeasuredShare WilsonShare(uint64_t hits, uint64_t trials);

inline constexpr size_t kCalibrationCuesMax = 512;  // stored ones, and given ones as many again
inline constexpr size_t kCalibratedTop = 10;        // the lists whose recall is measured

struct CalibrationOptions {
  double target_recall = 0.98;  // in (0, 1]
  size_t k = kCalibratedTop;    // of the top k; 1 to 1,000
  size_t stored_cues = kCalibrationCuesMax;
  uint64_t seed = 1;        // which rows
  size_t least_depth = 32;  // doubled until the target is reached, or most_depth
  size_t most_depth = 8192;
  size_t batch = 64;  // cues at once, for both ways of answering; 1 to kCandidateCuesMax
  // Told after each batch which share of the work is done, at least; false: stop. May be empty.
  std::function<bool(double)> progress;
};

struct DepthResult {
  size_t depth = 0;
  MeasuredShare recall;
  double candidates_ns = 0;  // a cue: median over the batches
  double rescore_ns = 0;
};

enum class IndexVerdict { kUse, kTooFewRows, kRecallTooLow, kExactIsFaster };
std::string_view Name(IndexVerdict verdict);

struct Calibration {
  IndexVerdict verdict = IndexVerdict::kTooFewRows;
  std::string why;       // a sentence with the figures
  size_t depth = 0;      // of kUse
  MeasuredShare recall;  // at that depth, or at the deepest tried
  double exact_ns = 0;   // a cue, in batches
  uint64_t rows = 0;     // live ones when it was made
  std::vector<DepthResult> table;

  bool use() const { return verdict == IndexVerdict::kUse; }
  // A memory that has doubled is another one.
  bool IsDueAt(uint64_t live_rows) const { return live_rows >= 2 * rows; }
};

// The exact top k of each cue, best first, as the memory answers in batches.
using ExactTop =
    std::function<absl::StatusOr<std::vector<std::vector<ScoredRow>>>(MatrixView cues, size_t k)>;

// Shapes   given_cues [Q, D], Q <= kCalibrationCuesMax; may be empty. View and store hold the same
//          rows; all cues as they are compared (unit vectors under cosine).
// Errors   InvalidArgument (CALIBRATION) for an option or too many cues; Cancelled by `progress`;
//          what `exact` or the view return.
// Cost     (stored_cues + Q) answers of the exact scan, and as many of the index a depth.
// Threads  a pure function but for the clock; minutes long on a large memory: a job.
// Source   E. B. Wilson, "Probable inference", JASA 1927, for the interval.
absl::StatusOr<Calibration> Calibrate(const CandidateView& view, const StoreView& store,
                                      Similarity similarity, MatrixView given_cues,
                                      const ExactTop& exact, const Clock& clock,
                                      const CalibrationOptions& options);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_INDEX_CALIBRATION_H_
