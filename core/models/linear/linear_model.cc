#include "core/models/linear/linear_model.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "core/base/status.h"
#include "core/models/linear/linear_codec.h"

namespace mneme::models {
namespace {

bool IsZero(std::span<const float> x) {
  return std::all_of(x.begin(), x.end(), [](float value) { return value == 0; });
}

absl::Status CheckDirections(MatrixView vectors, std::string_view what) {
  for (size_t i = 0; i < vectors.rows; ++i) {
    if (!IsZero(vectors.row(i))) continue;
    return InvalidArgument(
        absl::StrFormat("%s of row %d is the zero vector; this memory brings it to unit length",
                        what, i),
        {.reason = "ZERO_VECTOR",
         .given = absl::StrFormat("%s of row %d: all coordinates 0", what, i),
         .expected = "a vector that is not zero",
         .next_step = absl::StrFormat("Leave the row out, or create the memory without "
                                      "normalisation of %ss.",
                                      what)});
  }
  return absl::OkStatus();
}

}  // namespace

LinearModel::LinearModel(const MemorySpec& spec)
    : spec_(spec), linear_(std::get<LinearSpec>(spec.model)) {
  const LinearShape shape{.d_k = spec.key_dim,
                          .d_v = spec.response_dim,
                          .rule = linear_.rule,
                          .lambda = linear_.lambda};
  partitions_.reserve(linear_.partitions);
  for (size_t p = 0; p < linear_.partitions; ++p) partitions_.emplace_back(shape, shape.d_v);
}

PartitionBy LinearModel::partition_by() const {
  return has_codebook() ? PartitionBy::kId : PartitionBy::kKeyBytes;
}

absl::Status LinearModel::Check(const RowBlock& rows) const {
  if (linear_.normalize_keys) MNEME_RETURN_IF_ERROR(CheckDirections(rows.keys, "key"));
  if (linear_.normalize_responses) {
    MNEME_RETURN_IF_ERROR(CheckDirections(rows.responses, "response"));
  }
  return absl::OkStatus();
}

void LinearModel::Learn(const RowBlock& rows, const PartitionRows& group, Sign sign) {
  Partition& partition = partitions_[group.partition];
  partition.published = nullptr;
  const std::span<const uint32_t> all = group.rows;
  for (size_t first = 0; first < all.size(); first += ScaledBlock::kRowsMax) {
    const size_t count = std::min(ScaledBlock::kRowsMax, all.size() - first);
    const ScaledBlock block(rows, all.subspan(first, count), linear_);
    if (sign == Sign::kAdd) {
      partition.matrix.Add(block.rows());
    } else {
      partition.matrix.Remove(block.rows());
    }
  }
}

absl::Status LinearModel::AppendToCodebook(const RowBlock& rows, const PartitionRows& group) {
  Matrix units(group.rows.size(), spec_.response_dim);
  std::vector<ItemId> ids;
  std::vector<uint64_t> row_numbers;
  ids.reserve(group.rows.size());
  row_numbers.reserve(group.rows.size());
  for (size_t i = 0; i < group.rows.size(); ++i) {
    const size_t row = group.rows[i];
    Normalize(rows.responses.row(row), units.row(i));  // a zero response scores 0
    ids.push_back(rows.ids[row]);
    row_numbers.push_back(rows.row_numbers[row]);
  }
  Partition& partition = partitions_[group.partition];
  partition.published = nullptr;
  return partition.codebook.Append({.keys = units, .ids = ids, .row_numbers = row_numbers});
}

absl::Status LinearModel::RemoveFromCodebook(const RowBlock& rows, const PartitionRows& group) {
  std::vector<uint64_t> row_numbers;
  row_numbers.reserve(group.rows.size());
  for (const uint32_t row : group.rows) row_numbers.push_back(rows.row_numbers[row]);
  Partition& partition = partitions_[group.partition];
  partition.published = nullptr;
  return partition.codebook.Remove(row_numbers);
}

absl::Status LinearModel::Absorb(const RowBlock& rows) {
  for (const PartitionRows& group : GroupRows(rows, partitions_.size(), partition_by())) {
    Learn(rows, group, Sign::kAdd);
    if (has_codebook()) MNEME_RETURN_IF_ERROR(AppendToCodebook(rows, group));
  }
  return absl::OkStatus();
}

absl::Status LinearModel::Forget(const RowBlock& rows) {
  for (const PartitionRows& group : GroupRows(rows, partitions_.size(), partition_by())) {
    if (has_codebook()) MNEME_RETURN_IF_ERROR(RemoveFromCodebook(rows, group));
    Learn(rows, group, Sign::kSubtract);
  }
  return absl::OkStatus();
}

absl::Status LinearModel::Restore(const RowBlock& rows) {
  if (!has_codebook()) return absl::OkStatus();
  for (const PartitionRows& group : GroupRows(rows, partitions_.size(), PartitionBy::kId)) {
    MNEME_RETURN_IF_ERROR(AppendToCodebook(rows, group));
  }
  return absl::OkStatus();
}

std::shared_ptr<const View> LinearModel::Publish() {
  auto snapshot = std::make_shared<LinearSnapshot>();
  snapshot->key_dim = spec_.key_dim;
  snapshot->response_dim = spec_.response_dim;
  snapshot->normalize_keys = linear_.normalize_keys;
  snapshot->has_codebook = has_codebook();
  snapshot->partitions.reserve(partitions_.size());
  snapshot->first_tiles.reserve(partitions_.size() + 1);
  snapshot->first_tiles.push_back(0);
  ModelStats& stats = snapshot->stats;
  for (Partition& partition : partitions_) {
    if (partition.published == nullptr) {
      partition.published = std::make_shared<const PartitionView>(PartitionView{
          .weights = partition.matrix.Publish(), .codebook = partition.codebook.Publish()});
    }
    snapshot->partitions.push_back(partition.published);
    const StoreView& codebook = partition.published->codebook;
    snapshot->first_tiles.push_back(snapshot->first_tiles.back() + codebook.tiles());
    stats.items += static_cast<uint64_t>(std::max<int64_t>(0, partition.matrix.sums().n));
    stats.fixed_bytes += partition.matrix.bytes();
    stats.row_bytes += codebook.bytes();
    stats.lambda = std::max(stats.lambda, partition.matrix.lambda());
  }
  return std::make_shared<LinearView>(std::move(snapshot));
}

std::string LinearModel::Save() const {
  SumsList sums;
  for (const Partition& partition : partitions_) sums.emplace_back(partition.matrix.sums());
  return EncodeLinearState(spec_, sums);
}

absl::Status LinearModel::Load(std::string_view blob) {
  MNEME_ASSIGN_OR_RETURN(std::vector<LinearSums> sums, DecodeLinearState(spec_, blob));
  for (size_t p = 0; p < partitions_.size(); ++p) {
    partitions_[p].matrix.Replace(std::move(sums[p]));
    partitions_[p].published = nullptr;
  }
  return absl::OkStatus();
}

std::unique_ptr<Model> MakeLinearModel(const MemorySpec& spec) {
  return std::make_unique<LinearModel>(spec);
}

}  // namespace mneme::models
