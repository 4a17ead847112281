#include "core/models/linear/tam_learner.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/status.h"
#include "core/models/linear/linear_codec.h"
#include "core/models/linear/linear_rows.h"

namespace mneme::models {
namespace {

// What a row of the delta is multiplied by: the mean score of a trained item at its own key. Where
// training left none above the noise, the noise.
double DeltaScale(const SealedPartition& sealed) {
  const double scale = std::max(sealed.score_mean, sealed.sigma);
  return scale > 0 ? scale : 1;
}

// Those of the rows that are numbered `end_row` or more.
std::vector<uint32_t> RowsFrom(const LearnerRows& rows, uint64_t end_row) {
  std::vector<uint32_t> later;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows.row_number(i) >= end_row) later.push_back(rows.rows[i]);
  }
  return later;
}

LearnerRows Some(const LearnerRows& rows, std::span<const uint32_t> chosen) {
  return {.block = rows.block,
          .rows = chosen,
          .key_frame = rows.key_frame,
          .normalize_responses = rows.normalize_responses};
}

}  // namespace

TamLearner::TamLearner(const MemorySpec& spec)
    : d_k_(spec.key_dim), d_v_(spec.response_dim), all_(nullptr, scale_, NoRows()) {}

void TamLearner::Add(const LearnerRows& rows) {
  if (rows.size() == 0) return;
  const ScaledBlock<double> block(rows);
  next_row_ = rows.row_number(rows.size() - 1) + 1;
  all_.Add(block.rows());
  if (trained_) {
    trained_->delta.Add(block.rows());
    SealedPartition& sealed = trained_->epoch.sealed;
    if (!sealed.delta_began) {
      sealed.delta_began = true;
      trained_->sealed = std::make_shared<const SealedPartition>(sealed);
    }
  }
  if (next_) {
    next_->delta.Accumulate(block.rows(), Sign::kAdd);
    next_->delta_began = true;
  }
}

void TamLearner::Remove(const LearnerRows& rows) {
  if (rows.size() == 0) return;
  all_.Remove(ScaledBlock<double>(rows).rows());
  if (trained_) {
    const std::vector<uint32_t> later = RowsFrom(rows, trained_->epoch.sealed.end_row);
    if (!later.empty()) trained_->delta.Remove(ScaledBlock<double>(Some(rows, later)).rows());
    trained_->suppressed += CountSuppressed(rows);
  }
  if (next_) {
    const std::vector<uint32_t> later = RowsFrom(rows, next_->end_row);
    if (!later.empty()) {
      next_->delta.Accumulate(ScaledBlock<double>(Some(rows, later)).rows(), Sign::kSubtract);
    }
    for (size_t i = 0; i < rows.size(); ++i) {
      if (rows.row_number(i) < next_->end_row) next_->removed.push_back(rows.row_number(i));
    }
  }
}

ServedWeights TamLearner::Publish() {
  return trained_ ? trained_->delta.Publish() : all_.Publish();
}

bool TamLearner::WasTrainedOn(uint64_t row_number) const {
  if (!trained_ || row_number >= trained_->epoch.sealed.end_row) return false;
  return std::ranges::binary_search(trained_->epoch.sealed.items->rows, row_number);
}

uint64_t TamLearner::CountSuppressed(const LearnerRows& rows) const {
  uint64_t count = 0;
  for (size_t i = 0; i < rows.size(); ++i) count += WasTrainedOn(rows.row_number(i));
  return count;
}

std::shared_ptr<const SealedPartition> TamLearner::sealed() const {
  return trained_ ? trained_->sealed : nullptr;
}

uint64_t TamLearner::delta_items() const {
  return trained_ ? static_cast<uint64_t>(std::max<int64_t>(0, trained_->delta.sums().n)) : 0;
}

void TamLearner::Describe(ModelStats& stats) const {
  AddBytes("statistics", all_.sums().bytes(), stats);
  if (next_) AddBytes("statistics", next_->delta.bytes(), stats);
  if (!trained_) {
    AddBytes("W", all_.served_bytes(), stats);
    AddBytes("factors", all_.factor_bytes(), stats);
    // Of a partition that began after the training of the others.
    if (stats.trained) stats.trained->delta_items += static_cast<uint64_t>(items());
    return;
  }
  const TamEpoch& epoch = trained_->epoch;
  const SealedPartition& sealed = epoch.sealed;
  const SealedItems& items = *sealed.items;
  AddBytes("statistics", trained_->delta.sums().bytes(), stats);
  AddBytes("W", epoch.weights->bytes() + trained_->delta.served_bytes(), stats);
  AddBytes("factors", trained_->delta.factor_bytes(), stats);
  AddRowBytes("certificates", items.rows.size() * (sizeof(items.rows[0]) + sizeof(items.radii[0])),
              stats);
  if (!stats.trained) stats.trained.emplace();
  TrainedStats& trained = *stats.trained;
  trained.position = epoch.position;
  trained.job = epoch.job;
  trained.items += items.rows.size();
  if (sealed.certified > 0 && (trained.certified == 0 || sealed.radius_min < trained.radius_min)) {
    trained.radius_min = sealed.radius_min;
  }
  trained.certified += sealed.certified;
  trained.list_size += sealed.list_size;
  trained.loss = std::max(trained.loss, sealed.loss);
  trained.weights_norm += epoch.partition_share * sealed.weights_norm;
  trained.score_sigmas += epoch.item_share * epoch.score_sigmas;
  trained.delta_items += delta_items();
  trained.suppressed += trained_->suppressed;
  stats.suppressed += trained_->suppressed;
}

TamLearner::Start TamLearner::BeginTraining() {
  next_.emplace(Next{.delta = NoRows(), .end_row = next_row_, .items = items()});
  return {.end_row = next_row_, .warm_start = trained_ ? trained_->epoch.weights : nullptr};
}

void TamLearner::SetTrained(TamEpoch epoch, LinearSums delta, uint64_t suppressed) {
  auto sealed = std::make_shared<const SealedPartition>(epoch.sealed);
  TamSum sum(epoch.weights, DeltaScale(*sealed), std::move(delta));
  trained_.emplace(Trained{.epoch = std::move(epoch),
                           .sealed = std::move(sealed),
                           .delta = std::move(sum),
                           .suppressed = suppressed});
  all_ = TamSum(nullptr, scale_, std::move(all_).TakeSums());  // is served no more
}

bool TamLearner::SawAllRows(const TamEpoch& epoch) const {
  const std::vector<uint64_t>& trained = epoch.sealed.items->rows;
  size_t seen = trained.size() + epoch.rivals.size();
  for (const uint64_t row : next_->removed) {
    seen -=
        std::ranges::binary_search(trained, row) || std::ranges::binary_search(epoch.rivals, row);
  }
  return static_cast<int64_t>(seen) == next_->items - static_cast<int64_t>(next_->removed.size());
}

void TamLearner::Install(TamEpoch epoch) {
  epoch.sealed.end_row = next_->end_row;
  epoch.sealed.delta_began = next_->delta_began;
  uint64_t suppressed = 0;
  for (const uint64_t row : next_->removed) {
    suppressed += std::ranges::binary_search(epoch.sealed.items->rows, row);
  }
  LinearSums delta = std::move(next_->delta);
  next_.reset();
  epoch.rivals = {};
  SetTrained(std::move(epoch), std::move(delta), suppressed);
}

void TamLearner::ServeBeside(const TamLearner& trained) {
  scale_ = trained.trained_ ? DeltaScale(trained.trained_->epoch.sealed) : trained.scale_;
  all_ = TamSum(nullptr, scale_, std::move(all_).TakeSums());
}

void TamLearner::Save(ByteWriter& out) const {
  out.Put(all_.sums().n);
  PutNumbers(all_.sums().a.flat(), out);
  out.Put(next_row_);
  out.Put(scale_);
  out.Put(static_cast<uint8_t>(trained_.has_value()));
  if (trained_) SaveTrained(out);
}

absl::Status TamLearner::Load(ByteReader& in) {
  LinearSums all = NoRows();
  MNEME_ASSIGN_OR_RETURN(all.n, TakeRowCount(in));
  MNEME_RETURN_IF_ERROR(TakeNumbers(in, all.a.flat()));
  next_row_ = in.Get<uint64_t>();
  MNEME_RETURN_IF_ERROR(TakeNumbers(in, {&scale_, 1}));
  all_ = TamSum(nullptr, scale_, std::move(all));
  const bool trained = in.Get<uint8_t>() != 0;
  if (!in.ok()) return LinearStateDamaged("is cut", "its end", "a partition");
  return trained ? LoadTrained(in) : absl::OkStatus();
}

void TamLearner::SaveTrained(ByteWriter& out) const {
  const TamEpoch& epoch = trained_->epoch;
  const SealedPartition& sealed = epoch.sealed;
  out.Put(sealed.end_row);
  out.Put(uint64_t{sealed.list_size});
  out.Put(sealed.sigma);
  out.Put(sealed.score_mean);
  out.Put(sealed.loss);
  out.Put(sealed.weights_norm);
  out.Put(sealed.certified);
  out.Put(sealed.radius_min);
  out.Put(static_cast<uint8_t>(sealed.delta_began));
  out.Put(epoch.score_sigmas);
  out.Put(epoch.partition_share);
  out.Put(epoch.item_share);
  out.Put(epoch.position);
  out.PutBytes(epoch.job);
  PutNumbers(epoch.weights->flat(), out);
  out.Put(trained_->suppressed);
  const LinearSums& delta = trained_->delta.sums();
  out.Put(delta.n);
  if (delta.n != 0) PutNumbers(delta.a.flat(), out);
  out.Put(uint64_t{sealed.items->rows.size()});
  for (const uint64_t row : sealed.items->rows) out.Put(row);
  PutNumbers(sealed.items->radii, out);
}

absl::Status TamLearner::LoadTrained(ByteReader& in) {
  TamEpoch epoch;
  SealedPartition& sealed = epoch.sealed;
  const auto take = [&in](double& number) { return TakeNumbers(in, {&number, 1}); };
  sealed.end_row = in.Get<uint64_t>();
  sealed.list_size = in.Get<uint64_t>();
  for (double* number : {&sealed.sigma, &sealed.score_mean, &sealed.loss, &sealed.weights_norm}) {
    MNEME_RETURN_IF_ERROR(take(*number));
  }
  sealed.certified = in.Get<uint64_t>();
  MNEME_RETURN_IF_ERROR(take(sealed.radius_min));
  sealed.delta_began = in.Get<uint8_t>() != 0;
  for (double* number : {&epoch.score_sigmas, &epoch.partition_share, &epoch.item_share}) {
    MNEME_RETURN_IF_ERROR(take(*number));
  }
  epoch.position = in.Get<uint64_t>();
  epoch.job = std::string(in.GetBytes());
  Matrix weights(d_v_, d_k_);
  MNEME_RETURN_IF_ERROR(TakeNumbers(in, weights.flat()));
  epoch.weights = std::make_shared<const Matrix>(std::move(weights));
  const uint64_t suppressed = in.Get<uint64_t>();
  LinearSums delta = NoRows();
  MNEME_ASSIGN_OR_RETURN(delta.n, TakeRowCount(in));
  if (delta.n != 0) MNEME_RETURN_IF_ERROR(TakeNumbers(in, delta.a.flat()));
  const uint64_t rows = in.Get<uint64_t>();
  if (!in.ok() || rows > in.rest().size() / (sizeof(uint64_t) + sizeof(float))) {
    return LinearStateDamaged("is cut", "its end", "the certificates of a partition");
  }
  auto items = std::make_shared<SealedItems>();
  for (uint64_t i = 0; i < rows; ++i) items->rows.push_back(in.Get<uint64_t>());
  items->radii.resize(rows);
  MNEME_RETURN_IF_ERROR(TakeNumbers(in, items->radii));
  if (!std::ranges::is_sorted(items->rows)) {
    return LinearStateDamaged("has certificates out of order", "row numbers that fall",
                              "ascending row numbers");
  }
  sealed.items = std::move(items);
  SetTrained(std::move(epoch), std::move(delta), suppressed);
  return absl::OkStatus();
}

}  // namespace mneme::models
