// An index over the rows of an explicit store: for a cue it names some rows, a few hundred or
// thousand, among which the best ones probably are. What is said of them is approximate; scores
// come from the rows themselves (rescore.h), and how good the answers are is measured before an
// index is used (calibration.h).
//
// An index never replaces the rows, and holds no ids: rows go by their numbers, which are those of
// the store and ascend.
//
// Threads     CandidateIndex: one writer calls Add, Remove, Publish, BeginRebuild and
//             InstallRebuild. An IndexRebuild is stepped by any one thread, beside the writer, and
//             touches nothing of the index. CandidateView is immutable, outlives all later writes,
//             and waits for nobody.
// Invariants  1. A view names live rows only: none that was removed before it was published.
//             2. Lists ascend by (distance, row number), and hold each row once. A row number is
//             the
//                same wherever a memory's rows are, so lists over parts of the rows merge into the
//                list over all (exactly so for the binary index).
#ifndef MNEME_CORE_MODELS_INDEX_CANDIDATE_INDEX_H_
#define MNEME_CORE_MODELS_INDEX_CANDIDATE_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/math/matrix.h"
#include "core/models/store/explicit_store.h"

namespace mneme::models {

inline constexpr size_t kCandidateDepthMax = 65536;
inline constexpr size_t kCandidateCuesMax = 4096;

struct Candidate {
  uint64_t row_number = 0;
  float distance = 0;  // in the index's own measure: smaller is nearer

  friend bool operator==(const Candidate&, const Candidate&) = default;
  friend bool operator<(const Candidate& a, const Candidate& b) {
    return std::tie(a.distance, a.row_number) < std::tie(b.distance, b.row_number);
  }
};
using CandidateList = std::vector<Candidate>;

class CandidateView {
 public:
  virtual ~CandidateView() = default;
  virtual size_t key_dim() const = 0;
  virtual size_t live_rows() const = 0;
  virtual uint64_t bytes() const = 0;

  // One list a cue, of min(depth, live rows) candidates; a graph may find fewer.
  //
  // Errors   InvalidArgument: cues of another dimension, not finite, or without a direction where
  //          one is needed; depth 0. ResourceExhausted (LIMIT): more cues or depth than the
  //          constants above.
  absl::StatusOr<std::vector<CandidateList>> Candidates(MatrixView cues, size_t depth) const;

 protected:
  virtual absl::StatusOr<std::vector<CandidateList>> Find(MatrixView cues, size_t depth) const = 0;
};

// New content for an index, made beside it.
class IndexRebuild {
 public:
  virtual ~IndexRebuild() = default;
  // Works on about rows_max more rows. True: done, to be installed.
  virtual absl::StatusOr<bool> Step(size_t rows_max) = 0;
};

class CandidateIndex {
 public:
  virtual ~CandidateIndex() = default;

  // InvalidArgument naming the row whose key cannot be indexed, Internal when row numbers do not
  // ascend: nothing is added then.
  virtual absl::Status Add(MatrixView keys, std::span<const uint64_t> row_numbers) = 0;
  // Internal when a row is not there or named twice: nothing is removed then.
  virtual absl::Status Remove(std::span<const uint64_t> row_numbers) = 0;
  virtual std::shared_ptr<const CandidateView> Publish() = 0;

  // Whether a rebuild would make answers faster or better; without one they stay right.
  virtual bool NeedsRebuild() const = 0;
  // `store` holds the rows that the index does. A rebuild that was begun before and is not
  // installed yet is void.
  virtual std::unique_ptr<IndexRebuild> BeginRebuild(const StoreView& store) = 0;
  // Takes a rebuild that is done; `now` holds the rows that the index does by now. What was added
  // and removed since it was begun is in. FailedPrecondition (REBUILD_VOID): another was begun, or
  // this one is not done; the index is as before.
  virtual absl::Status InstallRebuild(std::unique_ptr<IndexRebuild> rebuild,
                                      const StoreView& now) = 0;
};

// The k nearest of the lists of several parts of the rows.
CandidateList MergeCandidates(std::span<const CandidateList> parts, size_t k);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_INDEX_CANDIDATE_INDEX_H_
