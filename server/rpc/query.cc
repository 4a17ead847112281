// Retrieve and ListwiseQuery.
#include <utility>

#include "server/rpc/call.h"
#include "server/rpc/convert_query.h"
#include "server/rpc/memory_service.h"

namespace mneme::server {
namespace {

// Both queries: what differs is how they are decoded and encoded.
template <typename Request, typename Response, typename Encode>
grpc::ServerUnaryReactor* ServeQuery(engine::Engine& engine, CallBounds& bounds,
                                     grpc::CallbackServerContext* context, const Request* request,
                                     Response* response, Encode encode) {
  return Serve<Verb::kRead>(
      bounds, context, request, response,
      [](const Request& from, DecodeArena& arena) { return DecodeQuery(from, arena); },
      [&engine, context](engine::QueryCommand command, engine::Done<engine::QueryReply> done) {
        command.cancelled = [context] { return context->IsCancelled(); };
        engine.Query(std::move(command), std::move(done));
      },
      encode);
}

}  // namespace

MemoryServiceImpl::Reactor* MemoryServiceImpl::Retrieve(Context* context,
                                                        const v1::RetrieveRequest* request,
                                                        v1::RetrieveResponse* response) {
  return ServeQuery(
      engine_, bounds_, context, request, response,
      [form = RecallFormOf(*request)](const engine::QueryReply& reply, v1::RetrieveResponse* to) {
        EncodeRecalls(reply, form, to);
      });
}

MemoryServiceImpl::Reactor* MemoryServiceImpl::ListwiseQuery(
    Context* context, const v1::ListwiseQueryRequest* request,
    v1::ListwiseQueryResponse* response) {
  return ServeQuery(engine_, bounds_, context, request, response, EncodeLists);
}

}  // namespace mneme::server
