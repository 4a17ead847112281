// mneme.v1.MemoryService on gRPC's callback API: each handler converts, hands over to the engine,
// and fills the reply. Handlers never block: the engine finishes the calls.
#ifndef MNEME_SERVER_RPC_MEMORY_SERVICE_H_
#define MNEME_SERVER_RPC_MEMORY_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <string>

#include "core/base/clock.h"
#include "core/engine/engine.h"
#include "mneme/v1/memory_service.grpc.pb.h"
#include "server/rpc/call.h"
#include "server/rpc/guarded_service.h"
#include "server/rpc/store_stream.h"

namespace mneme::server {

// What GetServerInfo says besides the engine's own figures.
struct ServerFacts {
  std::string version;
  std::string instruction_set;
  std::string blas_core;
  int64_t start_unix_nanos = 0;
  std::string memory_limit_source;  // "configuration", "cgroup" or "machine"
  // Of the port for clients, as in use; 0: not bounded.
  uint64_t connections_max = 0;
  uint64_t connections_per_address_max = 0;
};

class MemoryServiceImpl final : public GuardedService<v1::MemoryService::CallbackService> {
 public:
  using Reactor = grpc::ServerUnaryReactor;
  using Context = grpc::CallbackServerContext;
  using StreamReactor = grpc::ServerBidiReactor<grpc::ByteBuffer, v1::StoreStreamResponse>;

  // Engine, clock and bounds must outlive the service.
  MemoryServiceImpl(engine::Engine& engine, const Clock& clock, ServerFacts facts,
                    CallBounds& bounds);

  // memories.cc
  Reactor* CreateMemory(Context*, const v1::CreateMemoryRequest*, v1::Memory*) override;
  Reactor* GetMemory(Context*, const v1::GetMemoryRequest*, v1::Memory*) override;
  Reactor* ListMemories(Context*, const v1::ListMemoriesRequest*,
                        v1::ListMemoriesResponse*) override;
  Reactor* UpdateMemory(Context*, const v1::UpdateMemoryRequest*, v1::Memory*) override;
  Reactor* DeleteMemory(Context*, const v1::DeleteMemoryRequest*,
                        google::protobuf::Empty*) override;
  // store.cc
  Reactor* Store(Context*, const v1::StoreRequest*, v1::StoreResponse*) override;
  Reactor* DeleteItems(Context*, const v1::DeleteItemsRequest*, v1::DeleteItemsResponse*) override;
  // store_stream.cc
  StreamReactor* OpenStoreStream(Context*);
  // items.cc
  Reactor* GetItem(Context*, const v1::GetItemRequest*, v1::Item*) override;
  Reactor* ListItems(Context*, const v1::ListItemsRequest*, v1::ListItemsResponse*) override;
  // query.cc
  Reactor* Retrieve(Context*, const v1::RetrieveRequest*, v1::RetrieveResponse*) override;
  Reactor* ListwiseQuery(Context*, const v1::ListwiseQueryRequest*,
                         v1::ListwiseQueryResponse*) override;
  // explain.cc
  Reactor* Explain(Context*, const v1::ExplainRequest*, v1::ExplainResponse*) override;
  // train.cc
  Reactor* Train(Context*, const v1::TrainRequest*, google::longrunning::Operation*) override;
  // forecast.cc
  Reactor* Forecast(Context*, const v1::ForecastRequest*, v1::ForecastResponse*) override;
  // server_info.cc
  Reactor* GetServerInfo(Context*, const v1::GetServerInfoRequest*, v1::ServerInfo*) override;

 private:
  // How `reply` came about; `meter`: of the call, which is watched.
  absl::Status EncodeExplanation(const v1::ExplainRequest& request, const engine::QueryReply& reply,
                                 CallMeter& meter, v1::ExplainResponse* response) const;

  engine::Engine& engine_;
  const Clock& clock_;
  const ServerFacts facts_;
  CallBounds& bounds_;
  StreamCounts streams_;
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_MEMORY_SERVICE_H_
