// grpc::Status -> absl::Status with the details that the server sent, and errors made on this side
// in the same form.
//
// Threads: plain functions.
#ifndef MNEME_CLIENT_CPP_SRC_STATUS_H_
#define MNEME_CLIENT_CPP_SRC_STATUS_H_

#include <cstdint>
#include <stop_token>
#include <string_view>

#include "absl/status/status.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/support/status.h"
#include "mneme/error.h"

namespace mneme::client {

inline absl::string_view AbslView(std::string_view s) { return {s.data(), s.size()}; }

// The details come from the trailer grpc-status-details-bin. An error without details was made by
// gRPC itself (nobody listens, the deadline passed): it gets a reason and a next step, naming
// `target`. Where nobody here asked by `stop` for it, CANCELLED without details is a server that
// went away with the call (it stops): UNAVAILABLE, as any other loss of it.
absl::Status FromGrpc(const grpc::Status& status, std::string_view target,
                      const std::stop_token& stop);

// As FromGrpc, for a google.rpc.Status inside a reply.
absl::Status FromProto(const google::rpc::Status& status);

// The same error with `context: ` before its message.
absl::Status Annotate(const absl::Status& status, std::string_view context);
// The same error with Error::rows_done set.
absl::Status WithRowsDone(const absl::Status& status, uint64_t rows_done);

}  // namespace mneme::client

#endif  // MNEME_CLIENT_CPP_SRC_STATUS_H_
