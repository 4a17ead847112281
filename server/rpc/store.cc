// Store and DeleteItems.
#include <memory>
#include <utility>

#include "core/base/status.h"
#include "server/rpc/convert.h"
#include "server/rpc/memory_service.h"
#include "server/rpc/status.h"
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

uint64_t HashStore(const engine::StoreCommand& command) {
  BodyHash hash;
  hash.Add(command.keys)
      .Add(command.responses)
      .Add(uint64_t{command.upsert})
      .Add(uint64_t{command.ids.size()});
  for (const ItemId& id : command.ids) hash.Add(id);
  hash.Add(MatrixView{command.weights.data(), 1, command.weights.size()});
  for (const storage::Payload& p : command.payloads) hash.Add(p.payload).Add(p.attributes);
  return hash.value();
}

absl::StatusOr<engine::StoreCommand> DecodeStore(const v1::StoreRequest& request,
                                                 DecodeArena& arena) {
  engine::StoreCommand command{.upsert = request.upsert(), .request_id = request.request_id()};
  MNEME_ASSIGN_OR_RETURN(command.memory, DecodeMemoryName(request.memory(), "memory"));
  MNEME_ASSIGN_OR_RETURN(command.keys, DecodeMatrix(request.keys(), "keys", arena));
  MNEME_ASSIGN_OR_RETURN(command.responses, DecodeMatrix(request.responses(), "responses", arena));
  MNEME_ASSIGN_OR_RETURN(command.ids, DecodeItemIds(request.ids(), "ids"));
  command.weights = {request.weights().data(), static_cast<size_t>(request.weights_size())};
  MNEME_ASSIGN_OR_RETURN(command.payloads, DecodePayloads(request, arena));
  MNEME_ASSIGN_OR_RETURN(command.sync, DecodeDurability(request.durability()));
  if (!command.request_id.empty()) command.body_hash = HashStore(command);
  return command;
}

absl::StatusOr<engine::DeleteCommand> DecodeDelete(const v1::DeleteItemsRequest& request,
                                                   DecodeArena& arena) {
  engine::DeleteCommand command{.allow_missing = request.allow_missing(),
                                .request_id = request.request_id()};
  MNEME_ASSIGN_OR_RETURN(command.memory, DecodeMemoryName(request.memory(), "memory"));
  MNEME_ASSIGN_OR_RETURN(command.ids, DecodeItemIds(request.ids(), "ids"));
  MNEME_ASSIGN_OR_RETURN(command.keys, DecodeMatrix(request.keys(), "keys", arena));
  MNEME_ASSIGN_OR_RETURN(command.responses, DecodeMatrix(request.responses(), "responses", arena));
  command.weights = {request.weights().data(), static_cast<size_t>(request.weights_size())};
  MNEME_ASSIGN_OR_RETURN(command.sync, DecodeDurability(request.durability()));
  if (!command.request_id.empty()) {
    BodyHash hash;
    hash.Add(command.keys).Add(command.responses).Add(uint64_t{command.allow_missing});
    for (const ItemId& id : command.ids) hash.Add(id);
    command.body_hash =
        hash.Add(MatrixView{command.weights.data(), 1, command.weights.size()}).value();
  }
  return command;
}

}  // namespace

MemoryServiceImpl::Reactor* MemoryServiceImpl::Store(Context* context,
                                                     const v1::StoreRequest* request,
                                                     v1::StoreResponse* response) {
  Reactor* reactor = context->DefaultReactor();
  auto arena = std::make_shared<DecodeArena>();
  const auto decode = [&]() -> absl::StatusOr<engine::StoreCommand> {
    MNEME_RETURN_IF_ERROR(CheckMessageBytes(request->ByteSizeLong()));
    return DecodeStore(*request, *arena);
  };
  absl::StatusOr<engine::StoreCommand> command = decode();
  if (!command.ok()) {
    reactor->Finish(ToGrpc(command.status()));
    return reactor;
  }
  engine_.Store(*std::move(command), [reactor, response,
                                      arena](absl::StatusOr<engine::WriteReply> reply) {
    if (reply.ok()) {
      response->set_stored(reply->stored);
      if (reply->load.has_value()) response->set_load(*reply->load);
      EncodeWarnings(reply->warnings, response->mutable_warnings());
      response->set_replaced(reply->replaced);
      response->set_first_id(reply->first_id);
      response->set_read_token(EncodeReadToken({.uid = reply->uid, .position = reply->position}));
      response->set_position(reply->position);
      response->set_durability(EncodeDurability(reply->sync));
      response->set_replayed(reply->replayed);
      response->set_item_count(reply->item_count);
    }
    reactor->Finish(ToGrpc(reply.status()));
  });
  return reactor;
}

MemoryServiceImpl::Reactor* MemoryServiceImpl::DeleteItems(Context* context,
                                                           const v1::DeleteItemsRequest* request,
                                                           v1::DeleteItemsResponse* response) {
  Reactor* reactor = context->DefaultReactor();
  auto arena = std::make_shared<DecodeArena>();
  const auto decode = [&]() -> absl::StatusOr<engine::DeleteCommand> {
    MNEME_RETURN_IF_ERROR(CheckMessageBytes(request->ByteSizeLong()));
    return DecodeDelete(*request, *arena);
  };
  absl::StatusOr<engine::DeleteCommand> command = decode();
  if (!command.ok()) {
    reactor->Finish(ToGrpc(command.status()));
    return reactor;
  }
  engine_.DeleteItems(*std::move(command), [reactor, response,
                                            arena](absl::StatusOr<engine::WriteReply> reply) {
    if (reply.ok()) {
      response->set_deleted(reply->deleted);
      response->set_missing(reply->missing);
      response->set_suppressed(reply->suppressed);
      response->set_read_token(EncodeReadToken({.uid = reply->uid, .position = reply->position}));
      response->set_position(reply->position);
      response->set_durability(EncodeDurability(reply->sync));
      response->set_replayed(reply->replayed);
      response->set_item_count(reply->item_count);
    }
    reactor->Finish(ToGrpc(reply.status()));
  });
  return reactor;
}

}  // namespace mneme::server
