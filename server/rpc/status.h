// The one mapping of engine errors to gRPC: code and message, and google.rpc.Status details
// (ErrorInfo, Help, RetryInfo).
#ifndef MNEME_SERVER_RPC_STATUS_H_
#define MNEME_SERVER_RPC_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "google/rpc/status.pb.h"

namespace mneme::server {

// Longer texts are cut: they travel in headers, which clients take up to 8 KiB of.
inline constexpr size_t kMessageBytesMax = 640;
inline constexpr size_t kDetailBytesMax = 320;

grpc::Status ToGrpc(const absl::Status& status);
// The same as a message, for one cue of a batch.
void ToProto(const absl::Status& status, google::rpc::Status* out);

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_STATUS_H_
