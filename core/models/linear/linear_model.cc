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
    : spec_(spec),
      linear_(std::get<LinearSpec>(spec.model)),
      key_frame_(linear_),
      router_(linear_.partitions, has_codebook() ? PartitionBy::kId : PartitionBy::kKeyBytes) {
  AddPartitions();
}

// As many as the router has.
void LinearModel::AddPartitions() {
  partitions_.reserve(router_.partitions());
  while (partitions_.size() < router_.partitions()) {
    partitions_.push_back(
        {.learner = MakeLearner(spec_), .codebook = ExplicitStore(spec_.response_dim, 0)});
  }
}

absl::Status LinearModel::Check(const RowBlock& rows) const {
  if (linear_.normalize_keys) MNEME_RETURN_IF_ERROR(CheckDirections(rows.keys, "key"));
  if (linear_.normalize_responses) {
    MNEME_RETURN_IF_ERROR(CheckDirections(rows.responses, "response"));
  }
  return absl::OkStatus();
}

template <typename Visit>
void LinearModel::ForBlocks(const RowBlock& rows, const PartitionRows& group, Visit visit) const {
  const std::span<const uint32_t> all = group.rows;
  for (size_t first = 0; first < all.size(); first += LearnerRows::kRowsMax) {
    visit(
        LearnerRows{.block = rows,
                    .rows = all.subspan(first, std::min(LearnerRows::kRowsMax, all.size() - first)),
                    .key_frame = key_frame_,
                    .normalize_responses = linear_.normalize_responses});
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
  for (const PartitionRows& group : GroupRows(rows, router_)) {
    Partition& partition = partitions_[group.partition];
    partition.published = nullptr;
    ForBlocks(rows, group, [&](const LearnerRows& some) { partition.learner->Add(some); });
    if (has_codebook()) MNEME_RETURN_IF_ERROR(AppendToCodebook(rows, group));
  }
  return absl::OkStatus();
}

absl::Status LinearModel::Forget(const RowBlock& rows) {
  for (const PartitionRows& group : GroupRows(rows, router_)) {
    if (has_codebook()) MNEME_RETURN_IF_ERROR(RemoveFromCodebook(rows, group));
    Partition& partition = partitions_[group.partition];
    partition.published = nullptr;
    ForBlocks(rows, group, [&](const LearnerRows& some) { partition.learner->Remove(some); });
  }
  return absl::OkStatus();
}

uint64_t LinearModel::CountSuppressed(const RowBlock& rows) const {
  uint64_t count = 0;
  for (const PartitionRows& group : GroupRows(rows, router_)) {
    const PartitionLearner& learner = *partitions_[group.partition].learner;
    ForBlocks(rows, group,
              [&](const LearnerRows& some) { count += learner.CountSuppressed(some); });
  }
  return count;
}

absl::Status LinearModel::Restore(const RowBlock& rows) {
  if (!has_codebook()) return absl::OkStatus();
  for (const PartitionRows& group : GroupRows(rows, router_)) {
    MNEME_RETURN_IF_ERROR(AppendToCodebook(rows, group));
  }
  return absl::OkStatus();
}

std::shared_ptr<const View> LinearModel::Publish() {
  auto snapshot = std::make_shared<LinearSnapshot>();
  snapshot->key_dim = spec_.key_dim;
  snapshot->response_dim = spec_.response_dim;
  snapshot->key_frame = key_frame_;
  snapshot->has_codebook = has_codebook();
  snapshot->certifies = linear_.rule == LinearRule::kTam;
  snapshot->router = router_;
  snapshot->partitions.reserve(partitions_.size());
  snapshot->first_tiles.reserve(partitions_.size() + 1);
  snapshot->first_tiles.push_back(0);
  for (Partition& partition : partitions_) {
    if (partition.published == nullptr) {
      partition.published = std::make_shared<const PartitionView>(
          PartitionView{.weights = partition.learner->Publish(),
                        .codebook = partition.codebook.Publish(),
                        .sealed = partition.learner->sealed(),
                        .delta_items = partition.learner->delta_items()});
    }
    snapshot->partitions.push_back(partition.published);
    const StoreView& codebook = partition.published->codebook;
    snapshot->first_tiles.push_back(snapshot->first_tiles.back() + codebook.tiles());
  }
  snapshot->stats = Stats();
  return std::make_shared<LinearView>(std::move(snapshot));
}

// A memory that keeps no ids cannot know whether a pair that is forgotten was ever stored, nor
// that its key went to this partition: n of a partition may fall below 0, as its sums say, and it
// then serves nothing. The items of the memory are the sum over the partitions, as the engine
// counts them too, and at least 0.
ModelStats LinearModel::Stats() const {
  ModelStats stats;
  int64_t items = 0, fullest = 0;
  for (const Partition& partition : partitions_) {
    items += partition.learner->items();
    fullest = std::max(fullest, partition.learner->items());
    partition.learner->Describe(stats);
    stats.row_bytes += partition.published->codebook.bytes();
  }
  stats.items = static_cast<uint64_t>(std::max<int64_t>(0, items));
  stats.partitions = static_cast<uint32_t>(partitions_.size());
  stats.partition_items = static_cast<uint64_t>(fullest);
  if (stats.row_bytes > 0) stats.bytes.push_back({.what = "codebook", .bytes = stats.row_bytes});
  return stats;
}

std::string LinearModel::Save() const {
  ByteWriter out;
  out.PutRaw(EncodeLinearHeader(spec_));
  for (const Partition& partition : partitions_) partition.learner->Save(out);
  return out.Take();
}

absl::Status LinearModel::Load(std::string_view blob) {
  ByteReader in(blob);
  MNEME_RETURN_IF_ERROR(TakeLinearHeader(spec_, in));
  std::vector<std::unique_ptr<PartitionLearner>> learners;
  for (size_t p = 0; p < partitions_.size(); ++p) {
    learners.push_back(MakeLearner(spec_));
    MNEME_RETURN_IF_ERROR(learners.back()->Load(in));
  }
  if (!in.done()) return LinearStateDamaged("goes on", "more bytes", "its end");
  for (size_t p = 0; p < partitions_.size(); ++p) {
    partitions_[p].learner = std::move(learners[p]);
    partitions_[p].published = nullptr;
  }
  return absl::OkStatus();
}

std::unique_ptr<Model> MakeLinearModel(const MemorySpec& spec) {
  return std::make_unique<LinearModel>(spec);
}

}  // namespace mneme::models
