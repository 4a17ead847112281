#include "core/models/dense/dense_index.h"

#include <algorithm>
#include <utility>

#include "core/base/status.h"
#include "core/models/dense/index_work.h"
#include "core/models/index/calibration_codec.h"

namespace mneme::models {
namespace {

absl::Status Void() {
  return FailedPrecondition("this work on the index is void",
                            {.reason = "REBUILD_VOID",
                             .given = "a work begun before the last one",
                             .expected = "the one begun last",
                             .next_step = "Begin again."});
}

IndexFallback FallbackOf(IndexVerdict verdict) {
  switch (verdict) {
    case IndexVerdict::kUse:
      return IndexFallback::kNone;
    case IndexVerdict::kTooFewRows:
      return IndexFallback::kFewRows;
    case IndexVerdict::kRecallTooLow:
      return IndexFallback::kRecallTooLow;
    case IndexVerdict::kExactIsFaster:
      return IndexFallback::kExactIsFaster;
  }
  return IndexFallback::kUncalibrated;
}

// One that Calibrate may have made: lists are made by what it says.
bool IsPossible(const Calibration& calibration) {
  if (!calibration.use()) return Name(calibration.verdict) != "?";
  return !calibration.table.empty() && calibration.depth > 0 &&
         calibration.depth <= kRescoreDepthMax;
}

}  // namespace

void DenseIndex::Fail(const absl::Status& why) {
  failure_ = {.why = std::string(why.message()), .rows = live_rows_};
}

void DenseIndex::GiveUp(const absl::Status& why) {
  index_.reset();
  work_ = nullptr;
  Fail(why);
}

void DenseIndex::Add(MatrixView keys, std::span<const uint64_t> row_numbers) {
  if (index_ == nullptr) return;
  if (const absl::Status added = index_->Add(keys, row_numbers); !added.ok()) GiveUp(added);
}

void DenseIndex::Remove(std::span<const uint64_t> row_numbers) {
  if (work_ != nullptr && index_ == nullptr) {
    removed_meanwhile_.insert(removed_meanwhile_.end(), row_numbers.begin(), row_numbers.end());
  }
  if (index_ == nullptr) return;
  if (const absl::Status removed = index_->Remove(row_numbers); !removed.ok()) GiveUp(removed);
}

bool DenseIndex::NeedsRebuild(uint64_t live_rows) const {
  return index_ != nullptr && live_rows >= rebuild_from_ && index_->NeedsRebuild();
}

bool DenseIndex::IsRefused(uint64_t live_rows) const {
  return calibration_ != nullptr && !calibration_->use() && !calibration_->IsDueAt(live_rows);
}

bool DenseIndex::IsWorkDue(uint64_t live_rows) const {
  if (live_rows < kIndexRowsMin || IsRefused(live_rows)) return false;
  if (failure_ && live_rows < 2 * failure_->rows) return false;
  if (index_ == nullptr || NeedsRebuild(live_rows)) return true;
  return calibration_ == nullptr || calibration_->IsDueAt(live_rows);
}

IndexFallback DenseIndex::Fallback(uint64_t live_rows) const {
  if (IsRefused(live_rows)) return FallbackOf(calibration_->verdict);
  if (index_ == nullptr) {
    if (failure_) return IndexFallback::kFailed;
    return live_rows < kIndexRowsMin ? IndexFallback::kFewRows : IndexFallback::kBuilding;
  }
  // A graph stays right without its rebuild; a code that does not cover a key was not measured.
  if (is_binary() && NeedsRebuild(live_rows)) return IndexFallback::kBuilding;
  if (calibration_ == nullptr) {
    return failure_ ? IndexFallback::kFailed : IndexFallback::kUncalibrated;
  }
  return calibration_->IsDueAt(live_rows) ? IndexFallback::kGrown : IndexFallback::kNone;
}

std::shared_ptr<const IndexSnapshot> DenseIndex::Publish(uint64_t live_rows) {
  live_rows_ = live_rows;
  return std::make_shared<IndexSnapshot>(
      IndexSnapshot{.stats = {.fallback = Fallback(live_rows),
                              .why = failure_ ? failure_->why : "",
                              .calibration = calibration_,
                              .work_due = work_ == nullptr && IsWorkDue(live_rows)},
                    .candidates = index_ == nullptr ? nullptr : index_->Publish()});
}

std::unique_ptr<IndexWork> DenseIndex::Begin(bool now, const StoreView& store, ExactTop exact) {
  const uint64_t rows = store.live_rows();
  work_ = nullptr;
  removed_meanwhile_.clear();
  if (!now && !IsWorkDue(rows)) return nullptr;
  std::unique_ptr<IndexWork> work;
  if (index_ == nullptr) {
    work = std::make_unique<BuildWork>(spec_, similarity_, store);
  } else if (NeedsRebuild(rows)) {
    work = std::make_unique<RebuildWork>(index_->BeginRebuild(store), rows);
  } else {
    work = std::make_unique<CalibrateWork>(spec_, similarity_, store, index_->Publish(),
                                           std::move(exact));
  }
  work_ = work.get();
  return work;
}

absl::StatusOr<Model::Installed> DenseIndex::Install(IndexWork& work, const StoreView& now) {
  if (&work != work_) return Void();
  if (auto* const build = dynamic_cast<BuildWork*>(&work)) {
    MNEME_RETURN_IF_ERROR(build->Remove(removed_meanwhile_));
    removed_meanwhile_.clear();
    MNEME_ASSIGN_OR_RETURN(const bool complete, build->CatchUp(now));
    if (!complete) return Model::Installed::kMore;
    index_ = build->Take();
  } else if (auto* const rebuild = dynamic_cast<RebuildWork*>(&work)) {
    MNEME_RETURN_IF_ERROR(index_->InstallRebuild(rebuild->Take(), now));
    if (is_binary()) calibration_ = nullptr;  // it spoke of the codes before
  }
  work_ = nullptr;
  failure_.reset();
  if (const auto* const calibrate = dynamic_cast<const CalibrateWork*>(&work)) {
    calibration_ = calibrate->calibration();
    if (!calibration_->use()) index_.reset();
    return Model::Installed::kCalibrated;
  }
  rebuild_from_ = index_->NeedsRebuild() ? 2 * now.live_rows() : 0;
  return Model::Installed::kIndex;
}

void DenseIndex::Abandon(const absl::Status& why) {
  work_ = nullptr;
  removed_meanwhile_.clear();
  if (!absl::IsCancelled(why)) Fail(why);
}

void DenseIndex::Put(ByteWriter& out) const {
  out.Put<uint8_t>(calibration_ != nullptr);
  if (calibration_ != nullptr) PutCalibration(*calibration_, out);
}

absl::Status DenseIndex::Get(ByteReader& in) {
  calibration_ = nullptr;
  if (in.Get<uint8_t>() != 0) {
    calibration_ = std::make_shared<const Calibration>(GetCalibration(in));
  }
  if (in.done() && (calibration_ == nullptr || IsPossible(*calibration_))) return absl::OkStatus();
  return DataLoss("the calibration of an index cannot be read back",
                  {.reason = "CORRUPT", .next_step = "Restore the memory from a backup."});
}

}  // namespace mneme::models
