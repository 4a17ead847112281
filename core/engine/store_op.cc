// Store: new rows come in; with upsert, rows of the same ids go out first, and so do those whose
// time has come.
#include <algorithm>
#include <numeric>
#include <utility>

#include "core/base/fail_point.h"
#include "core/engine/eviction.h"
#include "core/engine/forecast.h"
#include "core/engine/item_policy.h"
#include "core/engine/limits.h"
#include "core/engine/memory_write_op.h"
#include "core/engine/ops.h"
#include "core/engine/row_bytes.h"

namespace mneme::engine {
namespace {

constexpr int kIdTries = 4;

class StoreOp final : public MemoryWriteOp {
 public:
  StoreOp(std::shared_ptr<Memory> written, StoreCommand command, ItemIdGenerator& ids,
          MemoryBudget& budget, Done<WriteReply> done)
      : MemoryWriteOp(std::move(written),
                      {.request_id = command.request_id,
                       .body_hash = command.body_hash,
                       .sync = command.sync,
                       .timeline = command.timeline},
                      std::move(done)),
        command_(std::move(command)),
        generator_(ids) {
    bytes_ = (command_.keys.rows * command_.keys.cols +
              command_.responses.rows * command_.responses.cols) *
             sizeof(float);
    for (const storage::Payload& p : command_.payloads)
      bytes_ += p.payload.size() + p.attributes.size();
    room_ =
        budget.Reserve(absl::StrFormat("a Store of %d rows", command_.keys.rows), BytesNeeded(), 0);
  }

  size_t bytes() const override { return bytes_; }
  bool grows() const override { return true; }

 private:
  absl::StatusOr<Prepared> PrepareRows(CommitGroup& group) override {
    if (command_.cancelled && command_.cancelled()) {
      return Cancelled("the Store was called off before it was done",
                       {.reason = "CANCELLED",
                        .next_step = "Send it again once what came before it has been settled."});
    }
    MNEME_RETURN_IF_ERROR(room_.status());  // after the outcome of an earlier request
    ClearTakenOut();
    evictor_.reset();
    reply_ = {};
    MNEME_ASSIGN_OR_RETURN(expire_unix_nanos_,
                           ExpiryOfRows(command_, memory().item_policy(), group.now_unix_nanos));
    if (memory().keeps_ids()) {
      if (AnyTouched(group, command_.ids)) return Prepared::kNextGroup;
      MNEME_RETURN_IF_ERROR(ResolveIds(group));
      // An id made here, and chosen by a user just now.
      if (AnyTouched(group, command_.ids)) return Prepared::kNextGroup;
    }
    MNEME_ASSIGN_OR_RETURN(const Prepared room, MakeRoom(group));
    if (room == Prepared::kNextGroup) return room;
    MNEME_RETURN_IF_ERROR(CheckLoad());
    TouchIds(group, command_.ids);
    TouchIds(group, forgotten().block().ids);
    if (evictor_.has_value()) evictor_->Commit();
    Write(group);
    return Prepared::kReady;
  }

  Mutation mutation() const override {
    return {
        .stored = stored_, .expire_unix_nanos = expire_unix_nanos_, .payloads = command_.payloads};
  }

  void LetGo() override {
    if (room_.ok()) room_->Release();
  }

  // Of main memory: what the memory will keep, and twice the batch while it is committed.
  uint64_t BytesNeeded() const {
    constexpr uint64_t kCommitCopies = 2;
    constexpr uint64_t kExpiryBytes = 72;      // of a row in the ExpiryIndex
    constexpr uint64_t kAttributesBytes = 24;  // of a row in the AttributeStore, besides its own
    const Memory::Published published = memory().published();
    const models::ModelStats& stats = published.view->stats();
    uint64_t kept = GrowthBytes(memory().spec(), stats.partitions, stats.items, command_.keys.rows);
    for (const ItemId& id : command_.ids) kept += id.text().size();
    for (const storage::Payload& p : command_.payloads) {
      if (!p.attributes.empty()) kept += p.attributes.size() + kAttributesBytes;
    }
    if (!command_.expire_unix_nanos.empty() || command_.ttl_nanos.value_or(0) > 0)
      kept += command_.keys.rows * kExpiryBytes;
    return kept + kCommitCopies * bytes_;
  }

  // Makes ids where the user gave none; takes out the rows that are to be replaced.
  absl::Status ResolveIds(CommitGroup& group) {
    const size_t n = command_.keys.rows;
    std::vector<std::optional<uint64_t>> rows;
    for (int attempt = 0; attempt < kIdTries; ++attempt) {
      if (made_ids_) {
        reply_.first_id = generator_.Take(n);
        command_.ids.clear();
        for (size_t i = 0; i < n; ++i) command_.ids.emplace_back(reply_.first_id + i);
      }
      MNEME_ASSIGN_OR_RETURN(rows, group.storage.FindIds(memory().uid(), command_.ids));
      bool clash = false;
      for (const auto& row : rows) clash = clash || row.has_value();
      if (!made_ids_ || !clash) break;
    }
    for (size_t i = 0; i < n; ++i) {
      bool present = false;
      if (rows[i].has_value()) {
        const auto take = [&](const storage::RowView& row) {
          present = !IsDue(row, group.now_unix_nanos);
          TakeOut(row);
          return absl::OkStatus();
        };
        MNEME_RETURN_IF_ERROR(group.storage.ReadRow(memory().uid(), *rows[i], take));
        if (present) {
          MNEME_RETURN_IF_ERROR(CheckReplaceable(i));
        } else {
          ++expired_;
        }
      }
      if (!command_.etags.empty() && command_.etags[i].has_value()) {
        MNEME_RETURN_IF_ERROR(CheckItemEtag(memory(), command_.ids[i], *command_.etags[i],
                                            present ? rows[i] : std::nullopt));
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckReplaceable(size_t i) const {
    if (!command_.upsert || made_ids_) {
      return AlreadyExists(absl::StrFormat("row %d: item '%s' is in memory '%s' already", i,
                                           command_.ids[i].ToString(), memory().name()),
                           {.reason = "ITEM_EXISTS",
                            .given = command_.ids[i].ToString(),
                            .expected = "ids that are not in the memory",
                            .next_step = "Set upsert to replace items, or choose other ids. "
                                         "Nothing of the batch was stored."});
    }
    if (CanForgetById(memory().spec())) return absl::OkStatus();
    return FailedPrecondition(
        absl::StrFormat("row %d: item '%s' is to be replaced, but memory '%s' keeps no keys to "
                        "forget it by",
                        i, command_.ids[i].ToString(), memory().name()),
        {.reason = "VECTORS_NEEDED",
         .given = "upsert by id",
         .expected = "a memory with retain ALL",
         .next_step =
             "DeleteItems with the id and the pair that was stored, then Store the new one."});
  }

  uint64_t ItemsAfter() const {
    return memory().item_count + command_.keys.rows - forgotten().size();
  }

  // Keeps the memory within its caps: what is due goes out first, then what the policy says.
  absl::StatusOr<Prepared> MakeRoom(CommitGroup& group) {
    const ItemPolicy policy = memory().item_policy();
    const Cap cap = CapOf(policy, memory().spec());
    const uint64_t rows = command_.keys.rows;
    if (ItemsAfter() <= cap.items || rows <= forgotten().size()) return Prepared::kReady;
    MNEME_RETURN_IF_ERROR(TakeOutDue(group, kRowsPerSweep));
    if (ItemsAfter() <= cap.items) return Prepared::kReady;
    if (rows > cap.items) return FullOfItems(memory(), policy, cap, rows);
    if (policy.full_policy == FullPolicy::kRefuse)
      return FullOfItems(memory(), policy, cap, ItemsAfter());
    const uint64_t count = std::min(ItemsAfter() - cap.items, rows + RowsAtOnce(kEvictedMax));
    MNEME_RETURN_IF_ERROR(MNEME_FAIL_POINT("evict.prepare"));
    evictor_.emplace(group.storage, memory());
    const auto take = [&](const storage::RowView& row) {
      if (IsGoing(group, row)) return false;
      TakeOut(row);
      return true;
    };
    MNEME_ASSIGN_OR_RETURN(reply_.evicted, evictor_->Find(policy.full_policy, count, take));
    if (reply_.evicted == count) return Prepared::kReady;
    // What other writes of the group bring is not on disk yet.
    const auto& written = group.memories;
    if (std::find_if(written.begin(), written.end(), [this](const auto& other) {
          return other.get() == &memory();
        }) != written.end()) {
      return Prepared::kNextGroup;
    }
    evictor_->Restart();
    MNEME_ASSIGN_OR_RETURN(reply_.evicted, evictor_->Find(policy.full_policy, count, take));
    if (reply_.evicted == count) return Prepared::kReady;
    return Internal(absl::StrFormat("memory '%s' counts %d items more than it has", memory().name(),
                                    count - reply_.evicted));
  }

  // The policy for loads past the spec's limit. GROW is the model's own affair.
  absl::Status CheckLoad() {
    const auto* linear = std::get_if<models::LinearSpec>(&memory().spec().model);
    if (linear == nullptr) return absl::OkStatus();
    const uint64_t items = ItemsAfter();
    reply_.load = LoadOf(memory().spec(), items, memory().published().view->stats().partitions);
    const bool over = *reply_.load > linear->load_limit;
    if (linear->load_policy == models::LoadPolicy::kRefuse && over) {
      return ResourceExhausted(
          absl::StrFormat("with %d items the load of memory '%s' would be %.4g, its limit is %.4g",
                          items, memory().name(), *reply_.load, linear->load_limit),
          {.reason = "FULL",
           .given = absl::StrFormat("load %.4g", *reply_.load),
           .expected = absl::StrFormat("at most %.4g", linear->load_limit),
           .next_step = "Delete items, or store into a memory with more partitions. Nothing of the "
                        "batch was stored."});
    }
    if (linear->load_policy == models::LoadPolicy::kWarn && over) {
      reply_.warnings.push_back(
          {.reason = "LOAD",
           .message = absl::StrFormat("the load of memory '%s' is %.4g, past its limit of %.4g",
                                      memory().name(), *reply_.load, linear->load_limit),
           .next_step = "Ask for a forecast; more partitions hold more items."});
    }
    return absl::OkStatus();
  }

  void Write(CommitGroup& group) {
    const size_t n = command_.keys.rows;
    storage::LogRecord record{
        .kind = storage::RecordKind::kStore, .first_row = memory().next_row, .row_count = n};
    memory().next_row += n;
    AddRemovals(group, record);  // before the new rows, whose ids may be the same
    row_numbers_.resize(n);
    std::iota(row_numbers_.begin(), row_numbers_.end(), record.first_row);
    for (size_t i = 0; i < n; ++i) {
      storage::RowView row{.row = row_numbers_[i],
                           .weight = command_.weights.empty() ? 1.0f : command_.weights[i],
                           .key = command_.keys.row(i)};
      if (memory().keeps_ids()) row.id = command_.ids[i];
      if (!expire_unix_nanos_.empty()) row.expire_unix_nanos = expire_unix_nanos_[i];
      if (command_.responses.rows > 0) row.response = command_.responses.row(i);
      group.batch.PutRow(memory().uid(), row,
                         command_.payloads.empty() ? storage::Payload{} : command_.payloads[i],
                         memory().keeps_ids());
    }
    stored_ = {.keys = command_.keys,
               .responses = command_.responses,
               .weights = command_.weights,
               .row_numbers = row_numbers_};
    if (memory().keeps_ids()) stored_.ids = command_.ids;
    reply_.stored = n;
    reply_.replaced = forgotten().size() - expired_ - reply_.evicted;
    CloseRecord(group, std::move(record), n);
  }

  StoreCommand command_;
  ItemIdGenerator& generator_;
  const bool made_ids_ = command_.ids.empty();  // by us: made again if they clash
  size_t bytes_ = 0;
  absl::StatusOr<MemoryBudget::Reservation> room_;  // until it is applied
  std::optional<Evictor> evictor_;                  // of a Store that evicts
  std::vector<int64_t> expire_unix_nanos_;          // empty: none of the rows expires
  std::vector<uint64_t> row_numbers_;
  models::RowBlock stored_;
};

}  // namespace

std::unique_ptr<WriteOp> MakeStoreOp(std::shared_ptr<Memory> memory, StoreCommand command,
                                     ItemIdGenerator& ids, MemoryBudget& budget,
                                     Done<WriteReply> done) {
  return std::make_unique<StoreOp>(std::move(memory), std::move(command), ids, budget,
                                   std::move(done));
}

}  // namespace mneme::engine
