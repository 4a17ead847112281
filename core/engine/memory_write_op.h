// What Store, DeleteItems and the expiry of items share: one change of one memory, answered from
// its outcome if it was carried out before, with rows that go out of the memory.
//
// A subclass finds the rows that go out (TakeOut), adds them and its own to the batch (AddRemovals,
// CloseRecord), and hands the same rows to the memory (Apply). Nothing may be added to the batch
// before PrepareRows is sure to succeed.
//
// Used by the committer's thread only.
#ifndef MNEME_CORE_ENGINE_MEMORY_WRITE_OP_H_
#define MNEME_CORE_ENGINE_MEMORY_WRITE_OP_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "core/engine/committer.h"
#include "core/engine/memory.h"
#include "core/engine/types.h"

namespace mneme::engine {

class MemoryWriteOp : public WriteOp {
 public:
  Sync sync() const final { return request_.sync; }
  Timeline* timeline() const final { return request_.timeline; }
  absl::StatusOr<Prepared> Prepare(CommitGroup& group) final;
  void Apply() final;
  void Finish(const absl::Status& status, Sync reached) final;

 protected:
  // As the caller named it.
  struct Request {
    std::string request_id;
    uint64_t body_hash = 0;
    Sync sync = Sync::kDisk;
    Timeline* timeline = nullptr;
  };

  MemoryWriteOp(std::shared_ptr<Memory> memory, Request request, Done<WriteReply> done);

  virtual bool refused_when_frozen() const { return true; }
  // Prepare, once it is sure that the memory takes writes and that this one is new.
  virtual absl::StatusOr<Prepared> PrepareRows(CommitGroup& group) = 0;
  // What the memory is to do; its position is filled in by the caller.
  virtual Mutation mutation() const = 0;
  // Gives back what it held while it was on its way; before the caller is answered.
  virtual void LetGo() {}

  Memory& memory() const { return *memory_; }
  bool IsTouchedId(const CommitGroup& group, const ItemId& id) const;
  void TouchIds(CommitGroup& group, std::span<const ItemId> ids) const;
  bool AnyTouched(const CommitGroup& group, std::span<const ItemId> ids) const;

  // The row goes out: it must be one that is live, and not taken out already.
  void TakeOut(const storage::RowView& row);
  // Rows that one write may take out of its own accord: at most `most`, and where their vectors are
  // needed to forget them no more than a group's bytes of these.
  size_t RowsAtOnce(size_t most) const;
  // Of the rows that are due, at most `most` go out. A row that another write of the group takes
  // out already, or this one, is passed over.
  absl::Status TakeOutDue(CommitGroup& group, size_t most);
  bool IsGoing(const CommitGroup& group, const storage::RowView& row) const;
  const OwnedRows& forgotten() const { return forgotten_; }
  // Nothing goes out, so far.
  void ClearTakenOut();
  // Pairs that go out without their rows.
  OwnedRows& forgotten() { return forgotten_; }
  // Adds the going of all rows taken out to the record and the batch.
  void AddRemovals(CommitGroup& group, storage::LogRecord& record);
  // Numbers the record and adds it, if it says anything; and the outcome under the request's id.
  // `stored`: items that come in.
  void CloseRecord(CommitGroup& group, storage::LogRecord record, uint64_t stored);

  WriteReply reply_;
  uint64_t expired_ = 0;               // of the rows that go out, those that were due
  std::vector<uint64_t> marked_rows_;  // to be erased by the next checkpoint

 private:
  const std::shared_ptr<Memory> memory_;
  const Request request_;
  const Done<WriteReply> done_;
  const storage::RequestKey key_;
  OwnedRows forgotten_;
  absl::flat_hash_set<uint64_t> taken_out_;  // their numbers
  bool changes_ = false;                     // there is a record
};

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_MEMORY_WRITE_OP_H_
