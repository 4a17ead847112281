// Store and DeleteItems.
#include <utility>

#include "server/rpc/call.h"
#include "server/rpc/convert_write.h"
#include "server/rpc/memory_service.h"

namespace mneme::server {

MemoryServiceImpl::Reactor* MemoryServiceImpl::Store(Context* context,
                                                     const v1::StoreRequest* request,
                                                     v1::StoreResponse* response) {
  return Serve<Verb::kWrite>(
      bounds_, context, request, response, DecodeStore,
      [this, context](engine::StoreCommand command, engine::Done<engine::WriteReply> done) {
        command.cancelled = [context] { return context->IsCancelled(); };
        engine_.Store(std::move(command), std::move(done));
      },
      EncodeStored);
}

MemoryServiceImpl::Reactor* MemoryServiceImpl::DeleteItems(Context* context,
                                                           const v1::DeleteItemsRequest* request,
                                                           v1::DeleteItemsResponse* response) {
  return Serve<Verb::kWrite>(
      bounds_, context, request, response, DecodeDelete,
      [this](engine::DeleteCommand command, engine::Done<engine::WriteReply> done) {
        engine_.DeleteItems(std::move(command), std::move(done));
      },
      EncodeDeleted);
}

}  // namespace mneme::server
