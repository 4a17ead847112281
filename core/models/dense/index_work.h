// The background work on a dense memory's index: making one from rows, making one anew, measuring
// it. See IndexWork in core/models/model.h; DenseIndex begins and installs these.
//
// Threads     Run belongs to one thread, everything else to the model's writer, never at once.
#ifndef MNEME_CORE_MODELS_DENSE_INDEX_WORK_H_
#define MNEME_CORE_MODELS_DENSE_INDEX_WORK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/models/index/calibration.h"
#include "core/models/index/candidate_index.h"
#include "core/models/model.h"
#include "core/models/spec.h"
#include "core/models/store/explicit_store.h"

namespace mneme::models {

// An index of its own, made from the rows of a store beside their writer; then it catches up.
class BuildWork final : public IndexWork {
 public:
  BuildWork(const IndexSpec& spec, Similarity similarity, StoreView store)
      : spec_(spec), similarity_(similarity), store_(std::move(store)) {}

  // Takes in the rows of the store that are not in yet.
  absl::Status Run(const Clock& clock, const TrainProgressFn& progress) override;

  // After Run. Those of these rows that are in go out.
  absl::Status Remove(std::span<const uint64_t> row_numbers);
  // Takes in the rows of `now` that came since, here and now, if they are few; else they are the
  // next Run's, and false is given.
  absl::StatusOr<bool> CatchUp(const StoreView& now);
  std::unique_ptr<CandidateIndex> Take() { return std::move(index_); }

 private:
  absl::StatusOr<std::unique_ptr<CandidateIndex>> Make() const;
  // Of a Run, for progress.
  double AddingShare() const;
  absl::Status AddRows(const TrainProgressFn& progress);

  IndexSpec spec_;
  Similarity similarity_;
  StoreView store_;
  std::unique_ptr<CandidateIndex> index_;
  std::optional<uint64_t> last_row_;  // rows up to here are in, or were gone
};

// New content for an index that is in use.
class RebuildWork final : public IndexWork {
 public:
  RebuildWork(std::unique_ptr<IndexRebuild> rebuild, uint64_t rows)
      : rebuild_(std::move(rebuild)), rows_(rows) {}

  absl::Status Run(const Clock& clock, const TrainProgressFn& progress) override;
  std::unique_ptr<IndexRebuild> Take() { return std::move(rebuild_); }

 private:
  std::unique_ptr<IndexRebuild> rebuild_;
  uint64_t rows_;  // about so many
};

// The recall of an index, measured on the rows it stands for.
class CalibrateWork final : public IndexWork {
 public:
  // `exact`: of these rows.
  CalibrateWork(const IndexSpec& spec, Similarity similarity, StoreView store,
                std::shared_ptr<const CandidateView> candidates, ExactTop exact)
      : spec_(spec),
        similarity_(similarity),
        store_(std::move(store)),
        candidates_(std::move(candidates)),
        exact_(std::move(exact)) {}

  absl::Status Run(const Clock& clock, const TrainProgressFn& progress) override;
  // After Run.
  std::shared_ptr<const Calibration> calibration() const { return calibration_; }

 private:
  IndexSpec spec_;
  Similarity similarity_;
  StoreView store_;
  std::shared_ptr<const CandidateView> candidates_;
  ExactTop exact_;
  std::shared_ptr<const Calibration> calibration_;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_INDEX_WORK_H_
