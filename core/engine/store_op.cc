// Store: new rows come in; with upsert, rows of the same ids go out first.
#include <algorithm>
#include <numeric>
#include <utility>

#include "core/engine/catalogue_entry.h"
#include "core/engine/forecast.h"
#include "core/engine/ops.h"

namespace mneme::engine {
namespace {

constexpr int kIdTries = 4;

class StoreOp final : public WriteOp {
 public:
  StoreOp(std::shared_ptr<Memory> memory, StoreCommand command, ItemIdGenerator& ids,
          Done<WriteReply> done)
      : memory_(std::move(memory)),
        command_(std::move(command)),
        generator_(ids),
        done_(std::move(done)),
        key_{.scope = command_.memory, .request_id = command_.request_id},
        forgotten_(memory_->spec().key_dim, memory_->spec().response_dim, memory_->keeps_ids()) {
    bytes_ = (command_.keys.rows * command_.keys.cols +
              command_.responses.rows * command_.responses.cols) *
             sizeof(float);
    for (const storage::Payload& p : command_.payloads)
      bytes_ += p.payload.size() + p.attributes.size();
  }

  size_t bytes() const override { return bytes_; }
  Sync sync() const override { return command_.sync; }

  absl::StatusOr<Prepared> Prepare(CommitGroup& group) override {
    const std::string request = TouchRequest(key_);
    if (IsTouched(group, TouchName(memory_->name()))) return Prepared::kNextGroup;
    if (!key_.request_id.empty() && IsTouched(group, request)) return Prepared::kNextGroup;
    if (memory_->dropped()) {
      return NotFound(absl::StrFormat("memory '%s' was deleted", memory_->name()),
                      {.reason = "MEMORY_NOT_FOUND",
                       .given = memory_->name(),
                       .next_step = "Create it again, or store into another memory."});
    }
    MNEME_RETURN_IF_ERROR(memory_->CheckServing());
    MNEME_ASSIGN_OR_RETURN(const std::optional<WriteReply> earlier,
                           FindOutcome(group, key_, command_.body_hash, memory_->uid()));
    if (earlier.has_value()) {
      reply_ = *earlier;
      return Prepared::kReady;
    }
    if (memory_->keeps_ids()) {
      if (AnyTouched(group)) return Prepared::kNextGroup;
      MNEME_RETURN_IF_ERROR(ResolveIds(group));
      if (AnyTouched(group))
        return Prepared::kNextGroup;  // an id made here, and chosen by a user just now
    }
    MNEME_RETURN_IF_ERROR(CheckLoad());
    if (memory_->keeps_ids()) {
      for (const ItemId& id : command_.ids) group.touched.insert(TouchId(memory_->uid(), id));
    }
    if (!key_.request_id.empty()) group.touched.insert(request);
    Write(group);
    return Prepared::kReady;
  }

  void Apply() override {
    if (reply_.replayed || !memory_->CheckServing().ok()) return;
    Mutation mutation{
        .position = reply_.position, .forgotten = forgotten_.block(), .stored = stored_};
    if (absl::Status status = memory_->Apply(mutation); !status.ok())
      return memory_->Degrade(status);
    if (memory_->law() != models::Law::kAnswersAdd) {
      memory_->removed_rows.insert(memory_->removed_rows.end(),
                                   mutation.forgotten.row_numbers.begin(),
                                   mutation.forgotten.row_numbers.end());
    }
  }

  void Finish(const absl::Status& status, Sync reached) override {
    if (!status.ok()) return done_(status);
    reply_.sync = std::max(reply_.sync, reached);  // of a retry: what either of the two reached
    done_(reply_);
  }

 private:
  bool AnyTouched(const CommitGroup& group) const {
    return std::any_of(command_.ids.begin(), command_.ids.end(), [&](const ItemId& id) {
      return IsTouched(group, TouchId(memory_->uid(), id));
    });
  }

  // Makes ids where the user gave none; finds the rows that ids have already; reads the ones to be
  // replaced.
  absl::Status ResolveIds(CommitGroup& group) {
    forgotten_.Clear();
    const size_t n = command_.keys.rows;
    std::vector<std::optional<uint64_t>> rows;
    for (int attempt = 0; attempt < kIdTries; ++attempt) {
      if (made_ids_) {
        reply_.first_id = generator_.Take(n);
        command_.ids.clear();
        for (size_t i = 0; i < n; ++i) command_.ids.emplace_back(reply_.first_id + i);
      }
      MNEME_ASSIGN_OR_RETURN(rows, group.storage.FindIds(memory_->uid(), command_.ids));
      bool clash = false;
      for (const auto& row : rows) clash = clash || row.has_value();
      if (!made_ids_ || !clash) break;
    }
    for (size_t i = 0; i < n; ++i) {
      if (!rows[i].has_value()) continue;
      if (!command_.upsert || made_ids_) {
        return AlreadyExists(absl::StrFormat("row %d: item '%s' is in memory '%s' already", i,
                                             command_.ids[i].ToString(), memory_->name()),
                             {.reason = "ITEM_EXISTS",
                              .given = command_.ids[i].ToString(),
                              .expected = "ids that are not in the memory",
                              .next_step = "Set upsert to replace items, or choose other ids. "
                                           "Nothing of the batch was stored."});
      }
      if (memory_->law() != models::Law::kAnswersAdd && !memory_->keeps_keys()) {
        return FailedPrecondition(
            absl::StrFormat("row %d: item '%s' is to be replaced, but memory '%s' keeps no keys to "
                            "forget it by",
                            i, command_.ids[i].ToString(), memory_->name()),
            {.reason = "VECTORS_NEEDED",
             .given = "upsert by id",
             .expected = "a memory with retain ALL",
             .next_step =
                 "DeleteItems with the id and the pair that was stored, then Store the new one."});
      }
    }
    for (const auto& row : rows) {
      if (!row.has_value()) continue;
      MNEME_RETURN_IF_ERROR(
          group.storage.ReadRow(memory_->uid(), *row, [this](const storage::RowView& view) {
            forgotten_.Append(view);
            return absl::OkStatus();
          }));
    }
    return absl::OkStatus();
  }

  // The policy for loads past the spec's limit. GROW is the model's own affair.
  absl::Status CheckLoad() {
    const auto* linear = std::get_if<models::LinearSpec>(&memory_->spec().model);
    if (linear == nullptr) return absl::OkStatus();
    const uint64_t items = memory_->item_count + command_.keys.rows - forgotten_.size();
    reply_.load = LoadOf(memory_->spec(), items, memory_->published().view->stats().partitions);
    const bool over = *reply_.load > linear->load_limit;
    if (linear->load_policy == models::LoadPolicy::kRefuse && over) {
      return ResourceExhausted(
          absl::StrFormat("with %d items the load of memory '%s' would be %.4g, its limit is %.4g",
                          items, memory_->name(), *reply_.load, linear->load_limit),
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
                                      memory_->name(), *reply_.load, linear->load_limit),
           .next_step = "Ask for a forecast; more partitions hold more items."});
    }
    return absl::OkStatus();
  }

  void Write(CommitGroup& group) {
    const MemoryUid uid = memory_->uid();
    const size_t n = command_.keys.rows;
    storage::LogRecord record{.position = memory_->next_position++,
                              .kind = storage::RecordKind::kStore,
                              .first_row = memory_->next_row,
                              .row_count = n};
    memory_->next_row += n;
    const models::RowBlock out = forgotten_.block();
    for (size_t i = 0; i < out.size(); ++i) {
      record.removed_rows.push_back(out.row_numbers[i]);
      if (memory_->law() == models::Law::kAnswersAdd) {
        group.batch.EraseRow(uid, out.row_numbers[i], &out.ids[i]);
      } else {
        group.batch.MarkRowRemoved(
            uid,
            {.row = out.row_numbers[i],
             .id = out.ids[i],
             .weight = out.weights[i],
             .key = out.keys.row(i),
             .response = out.responses.empty() ? std::span<const float>() : out.responses.row(i)});
      }
    }
    group.batch.AppendLog(uid, record);
    row_numbers_.resize(n);
    std::iota(row_numbers_.begin(), row_numbers_.end(), record.first_row);
    for (size_t i = 0; i < n; ++i) {
      storage::RowView row{.row = row_numbers_[i],
                           .weight = command_.weights.empty() ? 1.0f : command_.weights[i],
                           .key = command_.keys.row(i)};
      if (memory_->keeps_ids()) row.id = command_.ids[i];
      if (command_.responses.rows > 0) row.response = command_.responses.row(i);
      group.batch.PutRow(uid, row,
                         command_.payloads.empty() ? storage::Payload{} : command_.payloads[i],
                         memory_->keeps_ids());
    }
    stored_ = {.keys = command_.keys,
               .responses = command_.responses,
               .weights = command_.weights,
               .row_numbers = row_numbers_};
    if (memory_->keeps_ids()) stored_.ids = command_.ids;
    memory_->item_count += n;
    memory_->item_count -= out.size();
    reply_.uid = uid;
    reply_.position = record.position;
    reply_.stored = n;
    reply_.replaced = out.size();
    reply_.item_count = memory_->item_count;
    reply_.sync = command_.sync;
    if (!key_.request_id.empty()) {
      group.batch.PutRequest(key_, {.body_hash = command_.body_hash,
                                    .time_unix_nanos = group.now_unix_nanos,
                                    .reply = EncodeWriteReply(reply_)});
    }
    group.memories.push_back(memory_);
  }

  const std::shared_ptr<Memory> memory_;
  StoreCommand command_;
  ItemIdGenerator& generator_;
  const Done<WriteReply> done_;
  const storage::RequestKey key_;
  const bool made_ids_ = command_.ids.empty();  // by us: made again if they clash
  size_t bytes_ = 0;
  OwnedRows forgotten_;
  std::vector<uint64_t> row_numbers_;
  models::RowBlock stored_;
  WriteReply reply_;
};

}  // namespace

std::unique_ptr<WriteOp> MakeStoreOp(std::shared_ptr<Memory> memory, StoreCommand command,
                                     ItemIdGenerator& ids, Done<WriteReply> done) {
  return std::make_unique<StoreOp>(std::move(memory), std::move(command), ids, std::move(done));
}

}  // namespace mneme::engine
