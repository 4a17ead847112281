#include "core/engine/memory.h"

#include <algorithm>
#include <utility>

namespace mneme::engine {

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
      info_(std::move(info)) {
  if (model != nullptr) Equip(std::move(model));
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
  return out;
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
  if (mutation.forgotten.size() > 0) MNEME_RETURN_IF_ERROR(model_->Forget(mutation.forgotten));
  if (mutation.stored.size() > 0) MNEME_RETURN_IF_ERROR(model_->Absorb(mutation.stored));
  expiry_.Remove(mutation.forgotten.row_numbers);
  for (size_t i = 0; i < mutation.expire_unix_nanos.size(); ++i) {
    expiry_.Add(mutation.stored.row_numbers[i], mutation.expire_unix_nanos[i]);
  }
  applied_position = mutation.position;
  if (mutation.stored.size() > 0) applied_next_row = mutation.stored.row_numbers.back() + 1;
  rows_since_checkpoint += mutation.forgotten.size() + mutation.stored.size();
  return absl::OkStatus();
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
  std::shared_ptr<const models::View> view = model_->Publish();
  MutexLock lock(&mutex_);
  published_.view.swap(view);  // the old one dies after the lock, with `view`
  published_.position = applied_position;
  info_.checkpoint_position = checkpoint_position;
}

void Memory::SetDescription(const MemoryInfo& info) {
  MutexLock lock(&mutex_);
  info_.labels = info.labels;
  info_.item_policy = info.item_policy;
  info_.frozen = info.frozen;
  info_.revision = info.revision;
  info_.update_unix_nanos = info.update_unix_nanos;
}

void Memory::Degrade(const absl::Status& why) {
  MutexLock lock(&mutex_);
  info_.health = Health::kDegraded;
  info_.health_reason = std::string(why.message());
}

}  // namespace mneme::engine
