// One memory: its description, its model, and the view that readers hold.
//
// Threads: description and published view may be read by any thread. Everything under "the writer"
// belongs to one thread, the committer's (or the one that recovers, before there is a committer).
// No lock is held over model arithmetic.
//
// Invariants
//   1. published().position is the position of the last mutation that the view contains, and
//   mutations are applied in the
//      order of their positions, wholly or not at all.
//   2. Live and replayed mutations go through the same Apply.
//   3. A row is in expiry() for as long as a published view that holds it may be taken: who asks
//      for what is due first, and for the view then, never shows an item whose time has come.
#ifndef MNEME_CORE_ENGINE_MEMORY_H_
#define MNEME_CORE_ENGINE_MEMORY_H_

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/status.h"
#include "core/engine/expiry_index.h"
#include "core/engine/forecast.h"
#include "core/engine/memory_budget.h"
#include "core/engine/row_set_cache.h"
#include "core/engine/startup.h"
#include "core/engine/types.h"
#include "core/engine/usage_clock.h"
#include "core/filter/attribute_store.h"

namespace mneme::engine {

// Rows with their own storage: read back from disk for Forget and for replay.
class OwnedRows {
 public:
  OwnedRows(size_t key_dim, size_t response_dim, bool with_ids)
      : key_dim_(key_dim), response_dim_(response_dim), with_ids_(with_ids) {}
  void Append(const storage::RowView& row);
  void Append(uint64_t row_number, const ItemId& id, float weight, std::span<const float> key,
              std::span<const float> response);
  void Clear();
  size_t size() const { return row_numbers_.size(); }
  models::RowBlock block() const;

 private:
  size_t key_dim_;
  size_t response_dim_;
  bool with_ids_;
  std::vector<float> keys_;
  std::vector<float> responses_;
  std::vector<ItemId> ids_;
  std::vector<float> weights_;
  std::vector<uint64_t> row_numbers_;
};

// One record of the log, with its rows at hand. Old rows go out before new ones come in.
struct Mutation {
  uint64_t position = 0;
  models::RowBlock forgotten;
  models::RowBlock stored;
  std::span<const int64_t> expire_unix_nanos;  // of the stored rows; empty: they never expire
  std::span<const storage::Payload> payloads;  // of the stored rows; empty: none
  // Of a merge: the model's state after it, which its commit put as a checkpoint. No rows.
  const std::string* state = nullptr;
};

class Memory {
 public:
  struct Published {
    std::shared_ptr<const models::View> view;
    filter::AttributeView attributes;  // of the items of the view
    uint64_t position = 0;
    uint64_t next_row = 0;  // rows of the view are below it
  };

  // `startup`: of a memory in health kStarting.
  Memory(MemoryInfo info, std::unique_ptr<models::Model> model,
         std::shared_ptr<const StartupProgress> startup = nullptr);

  // ---- any thread
  const std::string& name() const { return name_; }
  MemoryUid uid() const { return uid_; }
  const models::MemorySpec& spec() const { return spec_; }
  // Of a memory that serves, or did.
  models::Law law() const { return law_; }
  bool keeps_ids() const { return spec_.retain != models::Retain::kStatistics; }
  bool keeps_keys() const { return spec_.retain == models::Retain::kAll; }
  absl::Status CheckRows(const models::RowBlock& rows) const { return model_->Check(rows); }
  Published published() const;
  MemoryInfo info() const;
  ItemPolicy item_policy() const;
  bool frozen() const;
  // Rows that expire; read by queries, which hide those that are due.
  const ExpiryIndex& expiry() const { return expiry_; }
  RowSetCache& row_sets() { return row_sets_; }
  // An answer names these rows: the memory may keep those that are used.
  void NoteUse(std::span<const uint64_t> rows) { usage_.Note(rows); }
  const UsageClock& usage() const { return usage_; }
  bool dropped() const { return dropped_.load(std::memory_order_acquire); }
  // OK while the memory serves; otherwise why it does not: FailedPrecondition (DEGRADED,
  // RECOVERY_MODE), Unavailable (STARTING). All but the description is there only once it was OK.
  absl::Status CheckServing() const;
  // The newest measurement of this memory, and its load meter: kept here by those who make them.
  std::shared_ptr<const Probe> newest_probe() const;
  void KeepProbe(std::shared_ptr<const Probe> probe);
  // What CapacityOf says of this many partitions; computed when it is first asked for.
  std::optional<Capacity> capacity(uint32_t partitions) const;

  // What cannot be read back is not served: later calls answer why (the first reason stays). Views
  // that readers hold live on.
  void Degrade(const absl::Status& why);
  // Hands the status of a read on; damage degrades the memory.
  absl::Status NoteRead(absl::Status status);

  // ---- the writer
  absl::Status Apply(const Mutation& mutation);
  // Recovery: the attributes of a row that is there, in the order of rows. DataLoss when the bytes
  // are damaged.
  absl::Status AddAttributes(uint64_t row, std::string_view attributes);
  // Lets the model recompute what is due; true when `SaveModel` must be persisted now.
  bool Maintain() { return model_->Maintain(); }
  void Publish();
  std::string SaveModel() const { return model_->Save(); }
  models::Model& model() { return *model_; }
  ExpiryIndex& expiry() { return expiry_; }
  UsageClock& usage() { return usage_; }
  void SetDescription(const MemoryInfo& info);
  // From now on what it holds is part of the server's sum, which must outlive it.
  void CountIn(MemoryBudget& budget);
  // Items that went out because they were due, or to make room; told with the next view, which is
  // the first without them.
  void CountGone(uint64_t expired, uint64_t evicted);
  void MarkDropped() { dropped_.store(true, std::memory_order_release); }
  // Recovery: the model of a memory that was made without one, and the moment from which it serves.
  void Equip(std::unique_ptr<models::Model> model);
  void Serve();

  // Of a write that was prepared and not carried out nothing stays.
  struct GivenOut {
    uint64_t next_position = 1;
    uint64_t next_row = 0;
    uint64_t item_count = 0;
  };
  GivenOut given_out() const { return {next_position, next_row, item_count}; }
  void TakeBack(const GivenOut& before);

  // What has been given out to prepared writes, ahead of what was applied.
  uint64_t next_position = 1;
  uint64_t next_row = 0;
  uint64_t item_count = 0;
  uint64_t evict_from = 0;  // rows below it are gone, or their use is known
  // Since the last checkpoint.
  uint64_t applied_position = 0;
  uint64_t applied_next_row = 0;  // rows below it were absorbed, or went out again
  uint64_t checkpoint_position = 0;
  uint64_t checkpoint_next_row = 0;  // rows below it are in the checkpoint
  uint64_t purged_row = 0;  // of these, rows below it hold nothing that the memory does not keep
  uint64_t rows_since_checkpoint = 0;
  bool checkpoint_due = false;         // what the model holds now is nowhere else: publish it after
  std::vector<uint64_t> removed_rows;  // marked, to be erased by the next checkpoint

 private:
  absl::Status ApplyAttributes(const Mutation& mutation);
  void CountBytes();

  const std::string name_;
  const MemoryUid uid_;
  const models::MemorySpec spec_;
  // Set once, before the memory serves.
  std::unique_ptr<models::Model> model_;
  models::Law law_ = models::Law::kAnswersAdd;
  const std::shared_ptr<const StartupProgress> startup_;
  std::atomic<bool> dropped_{false};
  ExpiryIndex expiry_;
  std::vector<uint64_t> leaving_expiry_;  // forgotten; to leave expiry_ with the next view
  const std::shared_ptr<filter::FilterCache> filter_cache_;
  std::unique_ptr<filter::AttributeStore> attributes_;  // null: no item had any yet
  RowSetCache row_sets_;
  UsageClock usage_;
  MemoryBudget::Account account_;  // the writer's
  uint64_t expired_ = 0;           // the writer's, as is evicted_
  uint64_t evicted_ = 0;
  bool compacts_ = false;  // rows went out: tiles will be built anew

  mutable Mutex mutex_;  // a leaf: nothing else is locked under it
  MemoryInfo info_ ABSL_GUARDED_BY(mutex_);
  Published published_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const Probe> probe_ ABSL_GUARDED_BY(mutex_);
  mutable std::optional<Capacity> capacity_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_MEMORY_H_
