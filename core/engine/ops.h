// The writes that the committer carries out, one class a verb behind one function each. Shapes,
// finiteness and limits were checked by the engine; what depends on the state (does the id exist?)
// is checked in Prepare.
#ifndef MNEME_CORE_ENGINE_OPS_H_
#define MNEME_CORE_ENGINE_OPS_H_

#include <functional>
#include <memory>

#include "core/base/ids.h"
#include "core/base/random.h"
#include "core/engine/catalogue.h"
#include "core/engine/committer.h"
#include "core/engine/memory_budget.h"
#include "core/engine/types.h"
#include "core/models/model.h"

namespace mneme::engine {

std::unique_ptr<WriteOp> MakeStoreOp(std::shared_ptr<Memory> memory, StoreCommand command,
                                     ItemIdGenerator& ids, MemoryBudget& budget,
                                     Done<WriteReply> done);
// Takes out the rows that are due, at most kRowsPerSweep of them; `reply.deleted` says how many.
std::unique_ptr<WriteOp> MakeExpireOp(std::shared_ptr<Memory> memory, Done<WriteReply> done);
std::unique_ptr<WriteOp> MakeDeleteOp(std::shared_ptr<Memory> memory, DeleteCommand command,
                                      Done<WriteReply> done);
// Rows that a filter let pass, ascending; those that have gone since are passed over.
struct RowsToDelete {
  std::vector<uint64_t> rows;
  bool more = false;
};
std::unique_ptr<WriteOp> MakeDeleteRowsOp(std::shared_ptr<Memory> memory, DeleteCommand command,
                                          RowsToDelete rows, Done<WriteReply> done);
// Adds the sums of a sketch to a feature memory's.
std::unique_ptr<WriteOp> MakeMergeOp(std::shared_ptr<Memory> memory, MergeCommand command,
                                     MemoryBudget& budget, Done<WriteReply> done);
// The model of a memory to be, and the room it takes until the memory counts by itself.
struct NewModel {
  MemoryBudget::Reservation room;
  std::unique_ptr<models::Model> model;
};
// Cost     that of models::MakeModel: a feature memory draws its frequencies, seconds at most.
absl::StatusOr<NewModel> MakeNewModel(MemoryBudget& budget, const CreateCommand& command);
// `random` is used by the committer's thread only. `made` without a model: it is made when the
// commit is prepared, for models that are quickly made.
std::unique_ptr<WriteOp> MakeCreateOp(Catalogue& catalogue, Random& random, size_t memories_max,
                                      MemoryBudget& budget, CreateCommand command, NewModel made,
                                      Done<MemoryInfo> done);
std::unique_ptr<WriteOp> MakeUpdateOp(Catalogue& catalogue, UpdateCommand command,
                                      Done<MemoryInfo> done);
std::unique_ptr<WriteOp> MakeDropOp(Catalogue& catalogue, DropCommand command, Done<bool> done);

// Runs `change` on the memory's model, on the committer's thread, and publishes. With `checkpoint`
// what it made is on stable storage before anyone sees it or is answered. An error of `change` must
// leave the model as it was; it is what the caller gets.
std::unique_ptr<WriteOp> MakeModelOp(std::shared_ptr<Memory> memory,
                                     std::function<absl::Status(Memory&)> change, bool checkpoint,
                                     Done<MemoryInfo> done);

// ---- shared by the verbs

// A request that was carried out before on the memory of that uid, or on any: its reply, if the
// body is the same; InvalidArgument (REQUEST_ID_REUSED) if not. What was done to an earlier memory
// of the same name does not count.
absl::StatusOr<std::optional<WriteReply>> FindOutcome(CommitGroup& group,
                                                      const storage::RequestKey& key,
                                                      uint64_t body_hash,
                                                      std::optional<MemoryUid> uid);
// FailedPrecondition (FROZEN).
absl::Status CheckNotFrozen(const Memory& memory);
// Aborted (ETAG) unless the item is there, in the row that the etag names.
absl::Status CheckItemEtag(const Memory& memory, const ItemId& id, const ItemEtag& etag,
                           std::optional<uint64_t> row);
// False when a write of the group touched one of these already; true after marking them all.
bool Touch(CommitGroup& group, const std::vector<std::string>& keys);
bool IsTouched(const CommitGroup& group, const std::string& key);
std::string TouchName(std::string_view memory_name);
std::string TouchId(MemoryUid uid, const ItemId& id);
std::string TouchRequest(const storage::RequestKey& key);

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_OPS_H_
