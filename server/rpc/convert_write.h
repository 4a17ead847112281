// Writes: wire <-> engine. What comes out of a decoder borrows from the request and the arena.
#ifndef MNEME_SERVER_RPC_CONVERT_WRITE_H_
#define MNEME_SERVER_RPC_CONVERT_WRITE_H_

#include "absl/status/statusor.h"
#include "core/engine/types.h"
#include "mneme/v1/memory_service.pb.h"
#include "server/rpc/convert.h"

namespace mneme::server {

// With a request id the command carries a hash of all that makes the request what it is: the same
// id with another hash is another request.
absl::StatusOr<engine::StoreCommand> DecodeStore(const v1::StoreRequest& request,
                                                 DecodeArena& arena);
absl::StatusOr<engine::DeleteCommand> DecodeDelete(const v1::DeleteItemsRequest& request,
                                                   DecodeArena& arena);

void EncodeStored(const engine::WriteReply& reply, v1::StoreResponse* to);
void EncodeDeleted(const engine::WriteReply& reply, v1::DeleteItemsResponse* to);

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_CONVERT_WRITE_H_
