#include "core/models/linear/federated_learner.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/base/status.h"
#include "core/models/linear/linear_codec.h"
#include "core/models/linear/linear_rows.h"

namespace mneme::models {

FederatedLearner::FederatedLearner(const MemorySpec& spec)
    : d_k_(spec.key_dim),
      d_v_(spec.response_dim),
      weights_(std::make_shared<const Matrix>(d_v_, d_k_)),
      state_(std::make_shared<const std::string>()) {}

size_t FederatedLearner::rows_max() const {
  return std::max<size_t>(1, kFederatedRowBytesMax / ((d_k_ + d_v_) * sizeof(float)));
}

void FederatedLearner::DropOldest() {
  if (oldest() >= taken_) ++missed_;
  rows_.pop_front();
}

void FederatedLearner::Add(const LearnerRows& rows) {
  const ScaledBlock<float> block(rows, ScaledBlock<float>::Weights::kIgnored);
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::span<const float> key = block.rows().keys.row(i);
    const std::span<const float> response = block.rows().responses.row(i);
    Row row{.number = rows.row_number(i), .weight = static_cast<float>(rows.weight(i)), .pair = {}};
    row.pair.reserve(d_k_ + d_v_);
    row.pair.insert(row.pair.end(), key.begin(), key.end());
    row.pair.insert(row.pair.end(), response.begin(), response.end());
    if (rows_.size() >= rows_max()) DropOldest();
    rows_.push_back(std::move(row));
    ++stored_;
  }
  n_ += static_cast<int64_t>(rows.size());
}

void FederatedLearner::Remove(const LearnerRows& rows) {
  suppressed_ += CountSuppressed(rows);
  n_ -= static_cast<int64_t>(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto row = std::ranges::lower_bound(rows_, rows.row_number(i), {}, &Row::number);
    if (row == rows_.end() || row->number != rows.row_number(i)) continue;
    std::ranges::fill(row->pair, 0.0f);
  }
}

uint64_t FederatedLearner::CountSuppressed(const LearnerRows& rows) const {
  const uint64_t taken = taken_ > oldest() ? taken_ - oldest() : 0;  // of the rows kept
  const uint64_t untaken =
      taken < rows_.size() ? rows_[taken].number : std::numeric_limits<uint64_t>::max();
  uint64_t count = 0;
  for (size_t i = 0; i < rows.size(); ++i) count += rows.row_number(i) < untaken ? 1 : 0;
  return count;
}

void FederatedLearner::Describe(ModelStats& stats) const {
  AddBytes("W", weights_->bytes(), stats);
  AddBytes("federation", state_->size(), stats);
  AddRowBytes("rows to learn", rows_.size() * (sizeof(Row) + (d_k_ + d_v_) * sizeof(float)), stats);
  stats.suppressed += suppressed_;
}

FederatedRows FederatedLearner::Exchange(const FederatedExchange& exchange) {
  if (exchange.weights != nullptr) weights_ = exchange.weights;
  if (exchange.state != nullptr) {
    state_ = exchange.state;
    while (!rows_.empty() && oldest() < exchange.learned) rows_.pop_front();
  }
  const uint64_t first = std::clamp(exchange.from, oldest(), stored_);
  const size_t skipped = first - oldest();
  const size_t count = stored_ - first;
  FederatedRows out{.first = first,
                    .keys = std::vector<float>(count * d_k_),
                    .responses = std::vector<float>(count * d_v_),
                    .weights = std::vector<float>(count),
                    .missed = missed_,
                    .state = state_};
  for (size_t i = 0; i < count; ++i) {
    const Row& row = rows_[skipped + i];
    const auto middle = row.pair.begin() + static_cast<std::ptrdiff_t>(d_k_);
    std::copy(row.pair.begin(), middle, out.keys.data() + i * d_k_);
    std::copy(middle, row.pair.end(), out.responses.data() + i * d_v_);
    out.weights[i] = row.weight;
  }
  taken_ = stored_;
  return out;
}

void FederatedLearner::Save(ByteWriter& out) const {
  out.Put(n_);
  out.Put(suppressed_);
  out.Put(missed_);
  out.Put(stored_);
  PutNumbers(weights_->flat(), out);
  out.Put(static_cast<uint64_t>(state_->size()));
  out.PutRaw(*state_);
  out.Put(static_cast<uint64_t>(rows_.size()));
  for (const Row& row : rows_) {
    out.Put(row.number);
    out.Put(row.weight);
    PutNumbers(std::span<const float>(row.pair), out);
  }
}

absl::Status FederatedLearner::Load(ByteReader& in) {
  MNEME_ASSIGN_OR_RETURN(n_, TakeRowCount(in));
  suppressed_ = in.Get<uint64_t>();
  missed_ = in.Get<uint64_t>();
  stored_ = in.Get<uint64_t>();
  Matrix weights(d_v_, d_k_);
  MNEME_RETURN_IF_ERROR(TakeNumbers(in, weights.flat()));
  weights_ = std::make_shared<const Matrix>(std::move(weights));
  state_ = std::make_shared<const std::string>(in.GetRaw(in.Get<uint64_t>()));
  const auto count = in.Get<uint64_t>();
  const uint64_t most = std::min<uint64_t>(rows_max(), stored_);
  if (!in.ok() || count > most) {
    return LinearStateDamaged("has rows to learn that it cannot have", absl::StrCat(count),
                              absl::StrCat("at most ", most));
  }
  for (uint64_t i = 0; i < count; ++i) {
    Row row{.number = in.Get<uint64_t>(), .weight = in.Get<float>(), .pair = {}};
    row.pair.resize(d_k_ + d_v_);
    MNEME_RETURN_IF_ERROR(TakeNumbers(in, std::span<float>(row.pair)));
    if (!rows_.empty() && row.number <= rows_.back().number) {
      return LinearStateDamaged("has rows out of order", absl::StrCat(row.number),
                                "row numbers that ascend");
    }
    rows_.push_back(std::move(row));
  }
  return absl::OkStatus();
}

}  // namespace mneme::models
