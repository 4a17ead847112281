// CreateMemory, UpdateMemory, DeleteMemory.
#include <utility>

#include "core/base/fail_point.h"
#include "core/engine/alias_ops.h"
#include "core/engine/catalogue_entry.h"
#include "core/engine/item_policy.h"
#include "core/engine/ops.h"
#include "core/engine/row_bytes.h"

namespace mneme::engine {
namespace {

absl::Status RevisionRaced(std::string_view name) {
  return Aborted(
      absl::StrFormat("memory '%s' has changed since its etag was read", AbslView(name)),
      {.reason = "ETAG",
       .given = "an older etag",
       .expected = "the present one",
       .next_step = "Read the memory again, look at what changed, and repeat with its etag."});
}

template <typename T>
void Change(const std::optional<T>& to, T& field) {
  if (to.has_value()) field = *to;
}

void Merge(const UpdateCommand& command, MemoryInfo& info) {
  Change(command.description, info.labels.description);
  Change(command.labels, info.labels.labels);
  Change(command.ttl_nanos, info.item_policy.ttl_nanos);
  Change(command.items_max, info.item_policy.items_max);
  Change(command.bytes_max, info.item_policy.bytes_max);
  Change(command.full_policy, info.item_policy.full_policy);
  Change(command.frozen, info.frozen);
}

class CreateOp final : public WriteOp {
 public:
  CreateOp(Catalogue& catalogue, Random& random, size_t memories_max, MemoryBudget& budget,
           CreateCommand command, NewModel made, Done<MemoryInfo> done)
      : catalogue_(catalogue),
        random_(random),
        memories_max_(memories_max),
        budget_(budget),
        command_(std::move(command)),
        made_(std::move(made)),
        done_(std::move(done)),
        key_{.scope = "", .request_id = command_.request_id} {}

  size_t bytes() const override { return 1'024; }

  bool grows() const override { return true; }
  absl::StatusOr<Prepared> Prepare(CommitGroup& group) override {
    if (IsTouched(group, TouchName(command_.name))) return Prepared::kNextGroup;
    if (!key_.request_id.empty() && IsTouched(group, TouchRequest(key_)))
      return Prepared::kNextGroup;
    // Looked up whether or not the name is there: what was carried out is not carried out again.
    MNEME_ASSIGN_OR_RETURN(const std::optional<WriteReply> earlier,
                           FindOutcome(group, key_, command_.body_hash, std::nullopt));
    absl::StatusOr<std::shared_ptr<Memory>> there = catalogue_.Find(command_.name);
    if (earlier.has_value()) {
      if (!there.ok() || (*there)->uid() != earlier->uid) return GoneSince();
      memory_ = *std::move(there);
      return Prepared::kReady;
    }
    if (there.ok()) return catalogue_.CheckFree(command_.name);
    if (catalogue_.size() + group.memories_created >= memories_max_) {
      return ResourceExhausted(
          absl::StrFormat("%d memories are held already", memories_max_),
          {.reason = "LIMIT",
           .given = absl::StrCat(memories_max_ + 1),
           .expected = absl::StrCat("at most ", memories_max_),
           .next_step =
               "Delete a memory, or raise limits.memories_max in the server's configuration."});
    }
    MNEME_RETURN_IF_ERROR(group.disk);
    if (made_.model == nullptr) {
      MNEME_ASSIGN_OR_RETURN(made_, MakeNewModel(budget_, command_));
    }
    MemoryInfo info{.name = command_.name,
                    .uid = NewUid(group.now_unix_nanos),
                    .revision = 1,
                    .create_unix_nanos = group.now_unix_nanos,
                    .update_unix_nanos = group.now_unix_nanos,
                    .labels = command_.labels,
                    .spec = command_.spec,
                    .item_policy = command_.item_policy};
    group.batch.PutMemory(info.uid, EncodeCatalogueEntry(info));
    group.touched.insert(TouchName(command_.name));
    if (!key_.request_id.empty()) {
      group.touched.insert(TouchRequest(key_));
      group.batch.PutRequest(key_, {.body_hash = command_.body_hash,
                                    .time_unix_nanos = group.now_unix_nanos,
                                    .reply = EncodeWriteReply({.uid = info.uid})});
    }
    memory_ = std::make_shared<Memory>(std::move(info), std::move(made_.model));
    created_ = true;
    ++group.memories_created;
    return Prepared::kReady;
  }

  void Apply() override {
    if (!created_) return;
    memory_->Publish();
    catalogue_.Insert(memory_);
  }

  void Finish(const absl::Status& status, Sync) override {
    made_.room.Release();  // the memory counts by itself now
    if (!status.ok()) return done_(status);
    done_(memory_->info());
  }

 private:
  absl::Status GoneSince() const {
    return FailedPrecondition(
        absl::StrFormat("request id '%s' made memory '%s', which was deleted since",
                        command_.request_id, command_.name),
        {.reason = "DELETED_SINCE",
         .given = command_.request_id,
         .expected = "a new request id",
         .next_step = "To make the memory anew, send the request under a new id."});
  }

  // The time is mixed in, so that a generator that starts again from its seed does not give a
  // deleted memory's uid again.
  MemoryUid NewUid(int64_t now_unix_nanos) {
    MemoryUid uid;
    do {
      uid = Random(random_.Next(), static_cast<uint64_t>(now_unix_nanos)).Next();
    } while (catalogue_.ContainsUid(uid));
    return uid;
  }

  Catalogue& catalogue_;
  Random& random_;
  const size_t memories_max_;
  MemoryBudget& budget_;
  const CreateCommand command_;
  NewModel made_;  // no model: made when the commit is prepared
  const Done<MemoryInfo> done_;
  const storage::RequestKey key_;
  std::shared_ptr<Memory> memory_;
  bool created_ = false;
};

class UpdateOp final : public WriteOp {
 public:
  UpdateOp(Catalogue& catalogue, UpdateCommand command, Done<MemoryInfo> done)
      : catalogue_(catalogue), command_(std::move(command)), done_(std::move(done)) {}

  size_t bytes() const override { return 1'024; }

  absl::StatusOr<Prepared> Prepare(CommitGroup& group) override {
    if (IsTouched(group, TouchName(command_.name))) return Prepared::kNextGroup;
    MNEME_ASSIGN_OR_RETURN(memory_, catalogue_.Find(command_.name));
    info_ = memory_->info();
    if (command_.etag.has_value() && *command_.etag != EtagOf(info_))
      return RevisionRaced(command_.name);
    Merge(command_, info_);
    MNEME_RETURN_IF_ERROR(ValidateItemPolicy(info_.item_policy, info_.spec));
    ++info_.revision;
    info_.update_unix_nanos = group.now_unix_nanos;
    group.batch.PutMemory(info_.uid, EncodeCatalogueEntry(info_));
    group.touched.insert(TouchName(command_.name));
    return Prepared::kReady;
  }

  void Apply() override { memory_->SetDescription(info_); }

  void Finish(const absl::Status& status, Sync) override {
    if (!status.ok()) return done_(status);
    done_(memory_->info());
  }

 private:
  Catalogue& catalogue_;
  const UpdateCommand command_;
  const Done<MemoryInfo> done_;
  std::shared_ptr<Memory> memory_;
  MemoryInfo info_;
};

class DropOp final : public WriteOp {
 public:
  DropOp(Catalogue& catalogue, DropCommand command, Done<bool> done)
      : catalogue_(catalogue), command_(std::move(command)), done_(std::move(done)) {}

  size_t bytes() const override { return 64; }

  absl::StatusOr<Prepared> Prepare(CommitGroup& group) override {
    if (IsTouched(group, TouchName(command_.name))) return Prepared::kNextGroup;
    MNEME_ASSIGN_OR_RETURN(memory_, catalogue_.Find(command_.name));
    for (const std::shared_ptr<Memory>& written : group.memories) {
      if (written == memory_)
        return Prepared::kNextGroup;  // its rows are in this batch, not yet applied
    }
    if (command_.etag.has_value() && *command_.etag != EtagOf(memory_->info()))
      return RevisionRaced(command_.name);
    MNEME_RETURN_IF_ERROR(CheckNoAliases(catalogue_, memory_->name()));
    group.batch.DropMemory(memory_->uid());
    group.touched.insert(TouchName(command_.name));
    return Prepared::kReady;
  }

  void Apply() override {
    MNEME_PASS_FAIL_POINT("memory.drop");
    memory_->MarkDropped();
    catalogue_.Erase(memory_->name());
  }

  void Finish(const absl::Status& status, Sync) override {
    if (!status.ok()) return done_(status);
    memory_.reset();  // its room is free when the caller hears of it
    done_(true);
  }

 private:
  Catalogue& catalogue_;
  const DropCommand command_;
  const Done<bool> done_;
  std::shared_ptr<Memory> memory_;
};

}  // namespace

absl::StatusOr<NewModel> MakeNewModel(MemoryBudget& budget, const CreateCommand& command) {
  // The matrices, and three copies of them while there is a checkpoint.
  const uint64_t fixed = FixedBytes(command.spec);
  NewModel made;
  MNEME_ASSIGN_OR_RETURN(
      made.room, budget.Reserve(absl::StrCat("memory '", command.name, "'"), fixed, 3 * fixed));
  MNEME_ASSIGN_OR_RETURN(made.model, models::MakeModel(command.spec));
  return made;
}

std::unique_ptr<WriteOp> MakeCreateOp(Catalogue& catalogue, Random& random, size_t memories_max,
                                      MemoryBudget& budget, CreateCommand command, NewModel made,
                                      Done<MemoryInfo> done) {
  return std::make_unique<CreateOp>(catalogue, random, memories_max, budget, std::move(command),
                                    std::move(made), std::move(done));
}
std::unique_ptr<WriteOp> MakeUpdateOp(Catalogue& catalogue, UpdateCommand command,
                                      Done<MemoryInfo> done) {
  return std::make_unique<UpdateOp>(catalogue, std::move(command), std::move(done));
}
std::unique_ptr<WriteOp> MakeDropOp(Catalogue& catalogue, DropCommand command, Done<bool> done) {
  return std::make_unique<DropOp>(catalogue, std::move(command), std::move(done));
}

}  // namespace mneme::engine
