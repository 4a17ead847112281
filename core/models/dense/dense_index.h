// The index of a dense memory, as its writer holds it: fed row by row, published with each view,
// and kept in order by background work. What readers take of it is an IndexSnapshot.
//
// An index never costs an answer: while it is being made, where its recall was not measured, or was
// found wanting, the snapshot says why lists are answered by the exact scan. One that was found
// wanting is given up until the memory has doubled.
//
// Threads     the model's writer; see index_work.h for what runs beside it.
// Invariants  1. A snapshot's candidates are those of exactly the rows of the store it was
// published
//                with.
//             2. At most one work is under way; beginning another makes the one before void.
#ifndef MNEME_CORE_MODELS_DENSE_DENSE_INDEX_H_
#define MNEME_CORE_MODELS_DENSE_DENSE_INDEX_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/bytes.h"
#include "core/models/index/calibration.h"
#include "core/models/index/candidate_index.h"
#include "core/models/model.h"
#include "core/models/spec.h"
#include "core/models/store/explicit_store.h"

namespace mneme::models {

// Memories of fewer rows are scanned in less time than it takes to choose.
inline constexpr uint64_t kIndexRowsMin = 4096;
// Squared lengths of the keys that an index takes: sums and differences of two of them stay within
// float32.
inline constexpr double kIndexedSquareMax = 2e37;

struct IndexSnapshot {
  IndexStats stats;
  std::shared_ptr<const CandidateView> candidates;  // not null where stats.fallback is kNone
};

class DenseIndex {
 public:
  DenseIndex(const IndexSpec& spec, Similarity similarity) : spec_(spec), similarity_(similarity) {}

  // Rows that the store took in or gave up, keys as it keeps them.
  void Add(MatrixView keys, std::span<const uint64_t> row_numbers);
  void Remove(std::span<const uint64_t> row_numbers);
  std::shared_ptr<const IndexSnapshot> Publish(uint64_t live_rows);

  // As the functions of Model; `store` and `now` are of the rows as they are, `exact` of `store`.
  std::unique_ptr<IndexWork> Begin(bool now, const StoreView& store, ExactTop exact);
  absl::StatusOr<Model::Installed> Install(IndexWork& work, const StoreView& now);
  void Abandon(const absl::Status& why);

  // What a restart must know: the calibration. Rows are coded anew, by the same seeds.
  void Put(ByteWriter& out) const;
  // DataLoss (CORRUPT).
  absl::Status Get(ByteReader& in);

 private:
  struct Failure {
    std::string why;
    uint64_t rows = 0;  // live ones at the time
  };

  bool is_binary() const { return std::holds_alternative<BinaryIndexSpec>(spec_.kind); }
  bool IsWorkDue(uint64_t live_rows) const;
  bool NeedsRebuild(uint64_t live_rows) const;
  // The calibration says no, and still speaks of this memory.
  bool IsRefused(uint64_t live_rows) const;
  IndexFallback Fallback(uint64_t live_rows) const;
  void Fail(const absl::Status& why);
  // Answers are those of the scan from now on, until the memory has doubled.
  void GiveUp(const absl::Status& why);

  IndexSpec spec_;
  Similarity similarity_;
  std::unique_ptr<CandidateIndex> index_;           // null: not made, or given up
  std::shared_ptr<const Calibration> calibration_;  // null: none
  std::optional<Failure> failure_;                  // of the last work
  uint64_t live_rows_ = 0;                          // as last published
  uint64_t rebuild_from_ = 0;        // live rows below which another rebuild would change nothing
  const IndexWork* work_ = nullptr;  // under way
  std::vector<uint64_t> removed_meanwhile_;  // since a first index is being made
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_DENSE_INDEX_H_
