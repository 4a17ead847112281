// The expiry of items: rows whose time has come go out, by a record of the log, so that replay
// needs no clock.
#include <utility>

#include "core/base/fail_point.h"
#include "core/engine/limits.h"
#include "core/engine/memory_write_op.h"
#include "core/engine/ops.h"

namespace mneme::engine {
namespace {

class ExpireOp final : public MemoryWriteOp {
 public:
  ExpireOp(std::shared_ptr<Memory> memory, Done<WriteReply> done)
      : MemoryWriteOp(std::move(memory), {.sync = Sync::kOs}, std::move(done)) {}

  size_t bytes() const override { return 1'024; }

 private:
  bool refused_when_frozen() const override { return false; }

  absl::StatusOr<Prepared> PrepareRows(CommitGroup& group) override {
    MNEME_RETURN_IF_ERROR(MNEME_FAIL_POINT("expire.prepare"));
    MNEME_RETURN_IF_ERROR(TakeOutDue(group, kRowsPerSweep));
    TouchIds(group, forgotten().block().ids);
    storage::LogRecord record{.kind = storage::RecordKind::kExpire, .first_row = memory().next_row};
    AddRemovals(group, record);
    reply_.deleted = expired_;
    CloseRecord(group, std::move(record), 0);
    return Prepared::kReady;
  }

  Mutation mutation() const override { return {}; }
};

}  // namespace

std::unique_ptr<WriteOp> MakeExpireOp(std::shared_ptr<Memory> memory, Done<WriteReply> done) {
  return std::make_unique<ExpireOp>(std::move(memory), std::move(done));
}

}  // namespace mneme::engine
