// Retrieve and ListwiseQuery: wire <-> engine.
//
// Threads: plain functions.
#ifndef MNEME_SERVER_RPC_CONVERT_QUERY_H_
#define MNEME_SERVER_RPC_CONVERT_QUERY_H_

#include "absl/status/statusor.h"
#include "core/engine/types.h"
#include "mneme/v1/memory_service.pb.h"
#include "server/rpc/convert.h"

namespace mneme::server {

absl::StatusOr<engine::QueryCommand> DecodeQuery(const v1::RetrieveRequest& request,
                                                 DecodeArena& arena);
absl::StatusOr<engine::QueryCommand> DecodeQuery(const v1::ListwiseQueryRequest& request,
                                                 DecodeArena& arena);

// How an answer's recalls go.
struct RecallForm {
  bool values = false;
  v1::Dtype dtype = v1::DTYPE_FLOAT32;  // without `values`
};
// As the request has it; of one that DecodeQuery takes.
RecallForm RecallFormOf(const v1::RetrieveRequest& request);

void EncodeRecalls(const engine::QueryReply& reply, RecallForm form, v1::RetrieveResponse* to);
void EncodeLists(const engine::QueryReply& reply, v1::ListwiseQueryResponse* to);

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_CONVERT_QUERY_H_
