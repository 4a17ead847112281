// Every RPC as JSON: a POST whose body is the request in protobuf's own JSON mapping, answered with
// the response in the same.
//
// One path for all RPCs. The body becomes the bytes of the request message, which go to this
// server's own gRPC services over a channel inside the process, so that authentication, limits and
// counting are those of gRPC. Nothing here knows a single RPC.
//
// Thread-safe.
#ifndef MNEME_SERVER_HTTP_JSON_DOOR_H_
#define MNEME_SERVER_HTTP_JSON_DOOR_H_

#include <google/protobuf/util/type_resolver.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/base/mutex.h"
#include "core/engine/read_pool.h"
#include "server/http/http_server.h"
#include "server/http/routes.h"

namespace mneme::server {

// Threads that turn JSON into messages and back.
inline constexpr int kJsonThreads = 2;

class JsonDoor {
 public:
  // Counts what becomes no call against its sender's limits; ResourceExhausted (RATE).
  using Take = std::function<absl::Status(const std::string& authorization, uint64_t bytes)>;
  // `call_time`: for a call whose client does not say (Grpc-Timeout).
  JsonDoor(grpc::Server& server, std::chrono::nanoseconds call_time, Take take);
  ~JsonDoor();

  // Carries the call out; `request` lives until `respond` is called. Does not block.
  void Call(const RpcTarget& target, const HttpRequest& request, HttpRespond respond);
  // From now on calls are refused. Before the gRPC server shuts down: a call that came to it after
  // that over the channel inside the process would end the process.
  void StopCalls();
  // For other work that takes longer than the network's thread should be away.
  engine::ReadPool& pool() { return pool_; }

 private:
  struct Pending;

  void Send(const RpcTarget& target, const HttpRequest& request, HttpRespond respond);
  void Begin(const std::shared_ptr<Pending>& call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  HttpResponse Encode(Pending& call, const grpc::Status& status) const;

  const std::chrono::nanoseconds call_time_;
  const Take take_;
  const std::unique_ptr<google::protobuf::util::TypeResolver> types_;
  Mutex mutex_;  // while a call is begun; nothing else is locked under it but the pool's
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer> stub_;
  engine::ReadPool pool_;  // last: its work uses the others
};

// Digits (at most 8) and a unit, H, M, S, m, u or n: gRPC's own form. InvalidArgument (TIMEOUT).
absl::StatusOr<std::chrono::nanoseconds> ParseTimeout(std::string_view text);

}  // namespace mneme::server

#endif  // MNEME_SERVER_HTTP_JSON_DOOR_H_
