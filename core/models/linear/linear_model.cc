#include "core/models/linear/linear_model.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "core/base/status.h"
#include "core/models/linear/federated_learner.h"
#include "core/models/linear/linear_codec.h"

namespace mneme::models {
namespace {

absl::Status NoDirection(std::string_view what, size_t row, bool is_mean) {
  return InvalidArgument(
      absl::StrFormat("%s of row %d is %s; this memory brings it to unit length", what, row,
                      is_mean ? "the key mean, less which it is zero" : "the zero vector"),
      {.reason = "ZERO_VECTOR",
       .given = absl::StrFormat("%s of row %d: all coordinates %s", what, row,
                                is_mean ? "those of the mean" : "0"),
       .expected = is_mean ? "a vector that is not the mean" : "a vector that is not zero",
       .next_step = absl::StrFormat("Leave the row out, or create the memory without "
                                    "normalisation of %ss.",
                                    what)});
}

// The first row that is zero, less `mean` where there is one.
std::optional<size_t> FindZero(MatrixView vectors, std::span<const float> mean) {
  for (size_t i = 0; i < vectors.rows; ++i) {
    const std::span<const float> x = vectors.row(i);
    const bool zero = mean.empty() ? std::ranges::all_of(x, [](float value) { return value == 0; })
                                   : std::ranges::equal(x, mean);
    if (zero) return i;
  }
  return std::nullopt;
}

}  // namespace

LinearModel::LinearModel(const MemorySpec& spec)
    : spec_(spec),
      linear_(std::get<LinearSpec>(spec.model)),
      key_frame_(linear_),
      router_(MakeRouter()) {
  AddPartitions();
}

PartitionRouter LinearModel::MakeRouter() const {
  return PartitionRouter(linear_.partitions,
                         has_codebook() ? PartitionBy::kId : PartitionBy::kKeyBytes);
}

LinearModel::Partition LinearModel::MakePartition() const {
  return {.learner = MakeLearner(spec_),
          .codebook = ExplicitStore(spec_.response_dim, 0),
          .published = nullptr};
}

void LinearModel::AddPartitions() {
  while (partitions_.size() < router_.partitions()) {
    partitions_.push_back(MakePartition());
    ServeBesideTrained(partitions_.size() - 1);
  }
}

// LoadPolicy::kGrow: decided row by row, so that it does not matter how rows were batched.
void LinearModel::Grow(const RowBlock& rows) {
  if (linear_.load_policy != LoadPolicy::kGrow) return;
  const double room = linear_.load_limit * static_cast<double>(spec_.key_dim) *
                      static_cast<double>(spec_.response_dim) *
                      static_cast<double>(linear_.partitions);
  int64_t held = 0;  // by the newest generation
  for (size_t p = partitions_.size() - linear_.partitions; p < partitions_.size(); ++p) {
    held += partitions_[p].learner->items();
  }
  for (const uint64_t row_number : rows.row_numbers) {
    const bool full = held > 0 && static_cast<double>(held + 1) > room;
    if (full && router_.partitions() + linear_.partitions <= kPartitionsGrownMax) {
      router_.BeginGeneration(row_number);
      held = 0;
    }
    ++held;
  }
  AddPartitions();
}

absl::Status LinearModel::Check(const RowBlock& rows) const {
  if (linear_.normalize_keys) {
    const std::optional<size_t> zero = FindZero(rows.keys, linear_.key_mean);
    if (zero.has_value()) return NoDirection("key", *zero, !linear_.key_mean.empty());
  }
  if (linear_.normalize_responses) {
    const std::optional<size_t> zero = FindZero(rows.responses, {});
    if (zero.has_value()) return NoDirection("response", *zero, false);
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
  constexpr size_t kRowsAtOnce = 64;  // scratch that the allocator has at hand, and the cache holds
  Partition& partition = partitions_[group.partition];
  partition.published = nullptr;
  Matrix units(std::min(kRowsAtOnce, group.rows.size()), spec_.response_dim);
  std::vector<ItemId> ids;
  std::vector<uint64_t> row_numbers;
  for (size_t first = 0; first < group.rows.size(); first += kRowsAtOnce) {
    const size_t count = std::min(kRowsAtOnce, group.rows.size() - first);
    ids.clear();
    row_numbers.clear();
    for (size_t i = 0; i < count; ++i) {
      const size_t row = group.rows[first + i];
      Normalize(rows.responses.row(row), units.row(i));  // a zero response scores 0
      ids.push_back(rows.ids[row]);
      row_numbers.push_back(rows.row_numbers[row]);
    }
    MNEME_RETURN_IF_ERROR(partition.codebook.Append(
        {.keys = units.view().slice(0, count), .ids = ids, .row_numbers = row_numbers}));
  }
  return absl::OkStatus();
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
  Grow(rows);
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

absl::StatusOr<FederatedRows> LinearModel::Exchange(const FederatedExchange& exchange) {
  if (linear_.rule != LinearRule::kFederated) return Model::Exchange(exchange);
  const Matrix* const weights = exchange.weights.get();
  if (weights != nullptr &&
      (weights->rows() != spec_.response_dim || weights->cols() != spec_.key_dim)) {
    return InvalidArgument(
        "the weights of the node have another shape than those of the memory",
        {.reason = "SHAPE",
         .given = absl::StrFormat("%d x %d", weights->rows(), weights->cols()),
         .expected = absl::StrFormat("%d x %d", spec_.response_dim, spec_.key_dim),
         .next_step = "Give the federation and its memories the same dimensions."});
  }
  Partition& partition = partitions_[0];
  if (weights != nullptr) partition.published = nullptr;
  return static_cast<FederatedLearner&>(*partition.learner).Exchange(exchange);
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
    AddRowBytes("codebook", partition.published->codebook.bytes(), stats);
  }
  stats.items = static_cast<uint64_t>(std::max<int64_t>(0, items));
  stats.partitions = static_cast<uint32_t>(partitions_.size());
  stats.partition_items = static_cast<uint64_t>(fullest);
  return stats;
}

std::string LinearModel::Save() const {
  std::vector<std::string> saved;
  for (const Partition& partition : partitions_) {
    ByteWriter out;
    partition.learner->Save(out);
    saved.push_back(out.Take());
  }
  return EncodeLinearState(spec_, router_.starts(), saved);
}

absl::Status LinearModel::Load(std::string_view blob) {
  MNEME_ASSIGN_OR_RETURN(const LinearState state, DecodeLinearState(spec_, blob));
  PartitionRouter router = MakeRouter();
  for (size_t g = 1; g < state.generation_starts.size(); ++g) {
    router.BeginGeneration(state.generation_starts[g]);
  }
  std::vector<Partition> partitions;
  ByteReader all(state.one_entry ? state.partitions[0] : std::string_view());
  for (size_t p = 0; p < router.partitions(); ++p) {
    ByteReader one(state.one_entry ? std::string_view() : state.partitions[p]);
    partitions.push_back(MakePartition());
    MNEME_RETURN_IF_ERROR(partitions.back().learner->Load(state.one_entry ? all : one));
    if (!one.done()) return LinearStateDamaged("has another size", "more bytes", "its end");
  }
  if (!all.done()) return LinearStateDamaged("has another size", "more bytes", "its end");
  router_ = std::move(router);
  partitions_ = std::move(partitions);
  return absl::OkStatus();
}

std::unique_ptr<Model> MakeLinearModel(const MemorySpec& spec) {
  return std::make_unique<LinearModel>(spec);
}

}  // namespace mneme::models
