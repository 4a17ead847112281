#include "core/engine/memory.h"

#include <algorithm>
#include <utility>

namespace mneme::engine {
namespace {

// Of one memory: enough for a few filters over a million items.
constexpr size_t kFilterCacheBytes = 2u << 20;

}  // namespace

void OwnedRows::Append(const storage::RowView& row) {
  Append(row.row, row.id, row.weight, row.key, row.response);
}

void OwnedRows::Append(uint64_t row_number, const ItemId& id, float weight,
                       std::span<const float> key, std::span<const float> response) {
  keys_.insert(keys_.end(), key.begin(), key.end());
  responses_.insert(responses_.end(), response.begin(), response.end());
  if (with_ids_) ids_.push_back(id);
  weights_.push_back(weight);
  row_numbers_.push_back(row_number);
}

void OwnedRows::Clear() {
  keys_.clear();
  responses_.clear();
  ids_.clear();
  weights_.clear();
  row_numbers_.clear();
}

models::RowBlock OwnedRows::block() const {
  const size_t n = row_numbers_.size();
  models::RowBlock block;
  // Keys may be gone (RETAIN_RESPONSES after a checkpoint); a column is whole or absent.
  if (keys_.size() == n * key_dim_) block.keys = {keys_.data(), n, key_dim_};
  if (response_dim_ > 0 && responses_.size() == n * response_dim_) {
    block.responses = {responses_.data(), n, response_dim_};
  }
  block.ids = ids_;
  block.weights = weights_;
  block.row_numbers = row_numbers_;
  return block;
}

Memory::Memory(MemoryInfo info, std::unique_ptr<models::Model> model,
               std::shared_ptr<const StartupProgress> startup)
    : name_(info.name),
      uid_(info.uid),
      spec_(info.spec),
      startup_(std::move(startup)),
      filter_cache_(std::make_shared<filter::FilterCache>(kFilterCacheBytes)),
      info_(std::move(info)) {
  if (model != nullptr) Equip(std::move(model));
  usage_.Turn(info_.item_policy.full_policy == FullPolicy::kEvictLeastUsed);
}

void Memory::Equip(std::unique_ptr<models::Model> model) {
  model_ = std::move(model);
  law_ = model_->law();
}

void Memory::Serve() {
  MutexLock lock(&mutex_);
  if (info_.health == Health::kStarting) info_.health = Health::kServing;
}

Memory::Published Memory::published() const {
  MutexLock lock(&mutex_);
  return published_;
}

MemoryInfo Memory::info() const {
  MemoryInfo out;
  Published published;
  {
    MutexLock lock(&mutex_);
    out = info_;
    published = published_;
  }
  out.position = published.position;
  if (published.view != nullptr) out.stats = published.view->stats();
  const auto account = [&out](std::string_view what, uint64_t bytes) {
    if (bytes == 0) return;
    out.stats.bytes.push_back({.what = what, .bytes = bytes});
    out.stats.row_bytes += bytes;
  };
  account("attributes", published.attributes.bytes());
  account("expiry", expiry_.bytes());
  account("filters' answers", filter_cache_->bytes() + row_sets_.bytes());
  return out;
}

ItemPolicy Memory::item_policy() const {
  MutexLock lock(&mutex_);
  return info_.item_policy;
}

bool Memory::frozen() const {
  MutexLock lock(&mutex_);
  return info_.frozen;
}

absl::Status Memory::CheckServing() const {
  Health health;
  std::string reason;
  {
    MutexLock lock(&mutex_);
    if (info_.health == Health::kServing) return absl::OkStatus();
    health = info_.health;
    reason = info_.health_reason;
  }
  if (health == Health::kStarting) return startup_->StillStarting(name_);
  if (health == Health::kUnloaded) return RefusedInRecoveryMode();
  return FailedPrecondition(
      absl::StrFormat("memory '%s' is degraded and refuses work: %s", name_, reason),
      {.reason = "DEGRADED",
       .given = name_,
       .expected = "a memory in health SERVING",
       .next_step = "Restore it from a backup, or delete it; the other memories serve."});
}

absl::Status Memory::Apply(const Mutation& mutation) {
  MNEME_CHECK(mutation.position == applied_position + 1);
  if (mutation.state != nullptr) {
    MNEME_RETURN_IF_ERROR(model_->Load(*mutation.state));
    checkpoint_position = mutation.position;
    checkpoint_next_row = next_row;
  }
  if (mutation.forgotten.size() > 0) MNEME_RETURN_IF_ERROR(model_->Forget(mutation.forgotten));
  if (mutation.stored.size() > 0) MNEME_RETURN_IF_ERROR(model_->Absorb(mutation.stored));
  MNEME_RETURN_IF_ERROR(ApplyAttributes(mutation));
  if (expiry_.earliest() != ExpiryIndex::kNever) {
    leaving_expiry_.insert(leaving_expiry_.end(), mutation.forgotten.row_numbers.begin(),
                           mutation.forgotten.row_numbers.end());
  }
  usage_.Remove(mutation.forgotten.row_numbers);
  compacts_ = compacts_ || mutation.forgotten.size() > 0;
  for (size_t i = 0; i < mutation.expire_unix_nanos.size(); ++i) {
    expiry_.Add(mutation.stored.row_numbers[i], mutation.expire_unix_nanos[i]);
  }
  applied_position = mutation.position;
  if (mutation.stored.size() > 0) applied_next_row = mutation.stored.row_numbers.back() + 1;
  rows_since_checkpoint += mutation.forgotten.size() + mutation.stored.size();
  return absl::OkStatus();
}

absl::Status Memory::ApplyAttributes(const Mutation& mutation) {
  if (attributes_ != nullptr) {
    for (const uint64_t row : mutation.forgotten.row_numbers) attributes_->Remove(row);
  }
  for (size_t i = 0; i < mutation.payloads.size(); ++i) {
    MNEME_RETURN_IF_ERROR(
        AddAttributes(mutation.stored.row_numbers[i], mutation.payloads[i].attributes));
  }
  return absl::OkStatus();
}

absl::Status Memory::AddAttributes(uint64_t row, std::string_view attributes) {
  if (attributes.empty()) return absl::OkStatus();
  if (attributes_ == nullptr) {
    attributes_ = std::make_unique<filter::AttributeStore>(filter_cache_);
  }
  return attributes_->Append(row, attributes);
}

std::shared_ptr<const Probe> Memory::newest_probe() const {
  MutexLock lock(&mutex_);
  return probe_;
}

void Memory::KeepProbe(std::shared_ptr<const Probe> probe) {
  MutexLock lock(&mutex_);
  probe_ = std::move(probe);
}

std::optional<Capacity> Memory::capacity(uint32_t partitions) const {
  {
    MutexLock lock(&mutex_);
    if (capacity_.has_value() && capacity_->partitions == partitions) return capacity_;
  }
  const std::optional<Capacity> capacity = CapacityOf(spec_, partitions);
  MutexLock lock(&mutex_);
  capacity_ = capacity;
  return capacity;
}

void Memory::Publish() {
  usage_.Advance(applied_next_row);
  Published next{
      .view = model_->Publish(), .position = applied_position, .next_row = applied_next_row};
  if (attributes_ != nullptr) next.attributes = attributes_->Publish();
  {
    MutexLock lock(&mutex_);
    std::swap(published_, next);  // the old one dies after the lock, with `next`
    info_.checkpoint_position = checkpoint_position;
    info_.expired = expired_;
    info_.evicted = evicted_;
  }
  expiry_.Remove(leaving_expiry_);
  leaving_expiry_.clear();
  CountBytes();
}

void Memory::TakeBack(const GivenOut& before) {
  next_position = before.next_position;
  next_row = before.next_row;
  item_count = before.item_count;
  evict_from = 0;  // rows that were to be evicted are there
}

void Memory::CountIn(MemoryBudget& budget) {
  account_ = MemoryBudget::Account(budget);
  CountBytes();
}

void Memory::CountBytes() {
  const Published now = published();
  if (now.view == nullptr) return;
  const models::ModelStats& stats = now.view->stats();
  // A checkpoint is there three times for a moment: as the model saves it, as it is stored, and in
  // the commit.
  const uint64_t checkpoint = law_ == models::Law::kAnswersAdd ? 0 : 3 * stats.fixed_bytes;
  account_.Set(stats.fixed_bytes + stats.row_bytes + now.attributes.bytes() + expiry_.bytes() +
                   usage_.bytes(),
               std::max(checkpoint, compacts_ ? stats.row_bytes : 0));
}

void Memory::SetDescription(const MemoryInfo& info) {
  usage_.Turn(info.item_policy.full_policy == FullPolicy::kEvictLeastUsed);
  evict_from = 0;
  MutexLock lock(&mutex_);
  info_.labels = info.labels;
  info_.item_policy = info.item_policy;
  info_.frozen = info.frozen;
  info_.revision = info.revision;
  info_.update_unix_nanos = info.update_unix_nanos;
}

void Memory::CountGone(uint64_t expired, uint64_t evicted) {
  expired_ += expired;
  evicted_ += evicted;
}

void Memory::Degrade(const absl::Status& why) {
  MutexLock lock(&mutex_);
  if (info_.health == Health::kDegraded) return;
  info_.health = Health::kDegraded;
  info_.health_reason = std::string(why.message());
}

absl::Status Memory::NoteRead(absl::Status status) {
  if (absl::IsDataLoss(status)) Degrade(status);
  return status;
}

}  // namespace mneme::engine
