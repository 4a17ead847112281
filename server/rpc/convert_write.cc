#include "server/rpc/convert_write.h"

#include <algorithm>
#include <utility>

#include "core/base/status.h"
#include "server/rpc/tokens.h"

namespace mneme::server {
namespace {

// Attributes as they are kept: protobuf, maps in order, so that the same attributes are the same
// bytes.
std::string EncodeAttributes(const v1::Attributes& attributes) {
  std::string out;
  google::protobuf::io::StringOutputStream stream(&out);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  attributes.SerializeToCodedStream(&coded);
  coded.Trim();
  return out;
}

absl::StatusOr<std::vector<storage::Payload>> DecodePayloads(const v1::StoreRequest& request,
                                                             DecodeArena& arena) {
  std::vector<storage::Payload> out;
  const int n = std::max(request.payloads_size(), request.attributes_size());
  if (request.payloads_size() > 0 && request.attributes_size() > 0 &&
      request.payloads_size() != request.attributes_size()) {
    return InvalidArgument(
        absl::StrFormat("%d payloads and %d attributes", request.payloads_size(),
                        request.attributes_size()),
        {.reason = "SHAPE",
         .given = absl::StrCat(request.attributes_size(), " attributes"),
         .expected = "one a row, or none",
         .next_step = "Send one for each row; an empty one stands for nothing."});
  }
  for (int i = 0; i < n; ++i) {
    storage::Payload payload;
    if (i < request.payloads_size()) payload.payload = request.payloads(i);
    if (i < request.attributes_size() && request.attributes(i).values_size() > 0) {
      MNEME_RETURN_IF_ERROR(CheckAttributes(request.attributes(i), i));
      payload.attributes = arena.strings.emplace_back(EncodeAttributes(request.attributes(i)));
    }
    out.push_back(payload);
  }
  return out;
}

absl::Status CheckOnePerRow(std::string_view what, size_t given, size_t rows) {
  if (given == 0 || given == rows) return absl::OkStatus();
  return InvalidArgument(absl::StrFormat("%d %s for %d rows", given, AbslView(what), rows),
                         {.reason = "SHAPE",
                          .given = absl::StrCat(given, " ", AbslView(what)),
                          .expected = absl::StrCat(rows, ", or none"),
                          .next_step = "Send one for each row; an empty one stands for nothing."});
}

// Lifetimes: one a row, or one for all, or those of the memory.
absl::Status DecodeLifetimes(const v1::StoreRequest& request, engine::StoreCommand& command) {
  const auto& times = request.expire_times();
  if (request.has_ttl()) {
    if (!times.empty()) {
      return InvalidArgument("both ttl and expire_times are set",
                             {.reason = "EXPIRE",
                              .given = "both",
                              .expected = "one of them, or none",
                              .next_step = "Set ttl for all rows, or expire_times one a row."});
    }
    MNEME_ASSIGN_OR_RETURN(command.ttl_nanos, DecodeDuration(request.ttl(), "ttl"));
  }
  MNEME_RETURN_IF_ERROR(
      CheckOnePerRow("expire_times", static_cast<size_t>(times.size()), command.keys.rows));
  command.expire_unix_nanos.reserve(static_cast<size_t>(times.size()));
  for (int i = 0; i < times.size(); ++i) {
    MNEME_ASSIGN_OR_RETURN(const int64_t at,
                           DecodeTimestamp(times[i], absl::StrFormat("expire_times[%d]", i)));
    command.expire_unix_nanos.push_back(at);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::optional<engine::ItemEtag>>> DecodeEtags(
    const google::protobuf::RepeatedPtrField<std::string>& etags, size_t rows) {
  MNEME_RETURN_IF_ERROR(CheckOnePerRow("etags", static_cast<size_t>(etags.size()), rows));
  std::vector<std::optional<engine::ItemEtag>> out(static_cast<size_t>(etags.size()));
  for (int i = 0; i < etags.size(); ++i) {
    if (etags[i].empty()) continue;
    MNEME_ASSIGN_OR_RETURN(out[static_cast<size_t>(i)],
                           ParseItemEtag(etags[i], absl::StrFormat("etags[%d]", i)));
  }
  return out;
}

// Columns that a request does not have add nothing, so that requests of older versions keep their
// hash; the names keep one column from passing for another.
void AddEtags(const std::vector<std::optional<engine::ItemEtag>>& etags, BodyHash& hash) {
  if (etags.empty()) return;
  hash.Add(std::string_view("etags")).Add(uint64_t{etags.size()});
  for (const auto& etag : etags) {
    hash.Add(uint64_t{etag.has_value()});
    if (etag.has_value()) hash.Add(etag->uid).Add(etag->row);
  }
}

uint64_t HashStore(const engine::StoreCommand& command) {
  BodyHash hash;
  hash.Add(command.keys)
      .Add(command.responses)
      .Add(uint64_t{command.upsert})
      .Add(uint64_t{command.ids.size()});
  for (const ItemId& id : command.ids) hash.Add(id);
  hash.Add(MatrixView{command.weights.data(), 1, command.weights.size()});
  for (const storage::Payload& p : command.payloads) hash.Add(p.payload).Add(p.attributes);
  if (command.ttl_nanos.has_value()) {
    hash.Add(std::string_view("ttl")).Add(static_cast<uint64_t>(*command.ttl_nanos));
  }
  if (!command.expire_unix_nanos.empty()) hash.Add(std::string_view("expire"));
  for (int64_t at : command.expire_unix_nanos) hash.Add(static_cast<uint64_t>(at));
  AddEtags(command.etags, hash);
  return hash.value();
}

uint64_t HashDelete(const engine::DeleteCommand& command) {
  BodyHash hash;
  hash.Add(command.keys).Add(command.responses).Add(uint64_t{command.allow_missing});
  for (const ItemId& id : command.ids) hash.Add(id);
  hash.Add(MatrixView{command.weights.data(), 1, command.weights.size()});
  if (!command.filter.empty()) {
    hash.Add(std::string_view("filter")).Add(std::string_view(command.filter));
  }
  AddEtags(command.etags, hash);
  return hash.value();
}

// The fields that both verbs have.
template <typename Request, typename Command>
absl::Status DecodeCommon(const Request& request, Command& command, DecodeArena& arena) {
  command.request_id = request.request_id();
  MNEME_ASSIGN_OR_RETURN(command.memory, DecodeMemoryName(request.memory(), "memory"));
  MNEME_ASSIGN_OR_RETURN(command.keys, DecodeMatrix(request.keys(), "keys", arena));
  MNEME_ASSIGN_OR_RETURN(command.responses, DecodeMatrix(request.responses(), "responses", arena));
  MNEME_ASSIGN_OR_RETURN(command.ids, DecodeItemIds(request.ids(), "ids"));
  command.weights = {request.weights().data(), static_cast<size_t>(request.weights_size())};
  MNEME_ASSIGN_OR_RETURN(command.sync, DecodeDurability(request.durability()));
  return absl::OkStatus();
}

template <typename Response>
void EncodeCommon(const engine::WriteReply& reply, Response* to) {
  to->set_read_token(EncodeReadToken({.uid = reply.uid, .position = reply.position}));
  to->set_position(reply.position);
  to->set_durability(EncodeDurability(reply.sync));
  to->set_replayed(reply.replayed);
  to->set_item_count(reply.item_count);
}

}  // namespace

absl::StatusOr<engine::StoreCommand> DecodeStore(const v1::StoreRequest& request,
                                                 DecodeArena& arena) {
  engine::StoreCommand command{.upsert = request.upsert()};
  MNEME_RETURN_IF_ERROR(DecodeCommon(request, command, arena));
  MNEME_ASSIGN_OR_RETURN(command.payloads, DecodePayloads(request, arena));
  MNEME_RETURN_IF_ERROR(DecodeLifetimes(request, command));
  MNEME_ASSIGN_OR_RETURN(command.etags, DecodeEtags(request.etags(), command.keys.rows));
  if (!command.request_id.empty()) command.body_hash = HashStore(command);
  return command;
}

absl::StatusOr<engine::DeleteCommand> DecodeDelete(const v1::DeleteItemsRequest& request,
                                                   DecodeArena& arena) {
  engine::DeleteCommand command{.filter = request.filter(),
                                .allow_missing = request.allow_missing()};
  MNEME_RETURN_IF_ERROR(DecodeCommon(request, command, arena));
  MNEME_ASSIGN_OR_RETURN(command.etags, DecodeEtags(request.etags(), command.ids.size()));
  if (!command.request_id.empty()) command.body_hash = HashDelete(command);
  return command;
}

void EncodeStored(const engine::WriteReply& reply, v1::StoreResponse* to) {
  EncodeCommon(reply, to);
  to->set_stored(reply.stored);
  to->set_replaced(reply.replaced);
  to->set_evicted(reply.evicted);
  to->set_first_id(reply.first_id);
  if (reply.load.has_value()) to->set_load(*reply.load);
  EncodeWarnings(reply.warnings, to->mutable_warnings());
}

void EncodeDeleted(const engine::WriteReply& reply, v1::DeleteItemsResponse* to) {
  EncodeCommon(reply, to);
  to->set_deleted(reply.deleted);
  to->set_missing(reply.missing);
  to->set_suppressed(reply.suppressed);
  to->set_more(reply.more);
}

}  // namespace mneme::server
