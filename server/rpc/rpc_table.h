// All RPCs of the contract, with the rule of each: role, memories, HTTP path
// (proto/mneme/v1/method.proto). Who may call what, what is counted, and what stands behind which
// HTTP path is read from here, so that an RPC that is added is known to all of these.
//
// Immutable once made; thread-safe.
#ifndef MNEME_SERVER_RPC_RPC_TABLE_H_
#define MNEME_SERVER_RPC_RPC_TABLE_H_

#include <google/protobuf/descriptor.h>

#include <cstddef>
#include <string>
#include <vector>

#include "mneme/v1/method.pb.h"

namespace mneme::server {

struct Rpc {
  const google::protobuf::MethodDescriptor* descriptor = nullptr;
  std::string path;     // of gRPC: "/mneme.v1.MemoryService/Retrieve"
  v1::MethodRule rule;  // google.longrunning's stand in rpc_table.cc

  // Its name alone, which no other RPC has: "Retrieve".
  const std::string& name() const { return descriptor->name(); }
  bool streams() const { return descriptor->client_streaming() || descriptor->server_streaming(); }
  // Whether it takes long by its nature.
  bool waits() const { return streams() || name() == "WaitOperation"; }
};

// Service by service, in the order of the .proto files.
const std::vector<Rpc>& AllRpcs();

// Place in AllRpcs of the RPC that takes requests of this type; each type has one RPC.
size_t RpcOf(const google::protobuf::Descriptor& request);

// The same, looked up when it is first asked for.
template <typename Request>
size_t RpcOf() {
  static const size_t method = RpcOf(*Request::descriptor());
  return method;
}

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_RPC_TABLE_H_
