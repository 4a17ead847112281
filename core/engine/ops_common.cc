#include "core/engine/ops.h"

#include "core/engine/catalogue_entry.h"

namespace mneme::engine {

absl::StatusOr<std::optional<WriteReply>> FindOutcome(CommitGroup& group,
                                                      const storage::RequestKey& key,
                                                      uint64_t body_hash,
                                                      std::optional<MemoryUid> uid) {
  if (key.request_id.empty()) return std::optional<WriteReply>();
  MNEME_ASSIGN_OR_RETURN(const std::optional<storage::RequestOutcome> outcome,
                         group.storage.FindRequest(key));
  if (!outcome.has_value()) return std::optional<WriteReply>();
  MNEME_ASSIGN_OR_RETURN(WriteReply reply, DecodeWriteReply(outcome->reply));
  if (uid.has_value() && reply.uid != *uid) return std::optional<WriteReply>();
  if (outcome->body_hash != body_hash) {
    return InvalidArgument(
        absl::StrFormat("request id '%s' was used before with another body", key.request_id),
        {.reason = "REQUEST_ID_REUSED",
         .given = "another body",
         .expected = "the same request again, or a new request id",
         .next_step = "Make a new id (a UUID) for each new request; repeat an id only to retry."});
  }
  reply.replayed = true;
  return std::optional<WriteReply>(std::move(reply));
}

absl::Status CheckNotFrozen(const Memory& memory) {
  if (!memory.frozen()) return absl::OkStatus();
  return FailedPrecondition(
      absl::StrFormat("memory '%s' is frozen: it takes no changes", memory.name()),
      {.reason = "FROZEN",
       .given = memory.name(),
       .expected = "a memory that is not frozen",
       .next_step =
           "Unfreeze it with UpdateMemory, frozen = false (mnemectl memory unfreeze), if it is to "
           "change."});
}

absl::Status CheckItemEtag(const Memory& memory, const ItemId& id, const ItemEtag& etag,
                           std::optional<uint64_t> row) {
  if (row.has_value() && etag == ItemEtag{memory.uid(), *row}) return absl::OkStatus();
  const bool absent = !row.has_value();
  return Aborted(
      absl::StrFormat("item '%s' of memory '%s' %s", id.ToString(), memory.name(),
                      absent ? "is not there any more" : "was replaced since its etag was read"),
      {.reason = "ETAG",
       .given = absl::StrFormat("the etag of row %d", etag.row),
       .expected = absent ? std::string("no etag") : absl::StrFormat("that of row %d", *row),
       .next_step = "Read the item again, look at what changed, and repeat with its etag. Nothing "
                    "of the batch was done."});
}

bool IsTouched(const CommitGroup& group, const std::string& key) {
  return group.touched.contains(key);
}

bool Touch(CommitGroup& group, const std::vector<std::string>& keys) {
  for (const std::string& key : keys) {
    if (IsTouched(group, key)) return false;
  }
  group.touched.insert(keys.begin(), keys.end());
  return true;
}

std::string TouchName(std::string_view memory_name) {
  return absl::StrCat("m", AbslView(memory_name));
}

std::string TouchId(MemoryUid uid, const ItemId& id) {
  return absl::StrCat("i", absl::Hex(uid, absl::kZeroPad16), id.Encode());
}

std::string TouchRequest(const storage::RequestKey& key) {
  return absl::StrCat("r", key.principal, absl::string_view("\0", 1), key.scope,
                      absl::string_view("\0", 1), key.request_id);
}

}  // namespace mneme::engine
