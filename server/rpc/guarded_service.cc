#include "server/rpc/guarded_service.h"

namespace mneme::server {

void* GuardedHandler::Deserialize(grpc_call* call, grpc_byte_buffer* bytes, grpc::Status* status,
                                  void** data) {
  // Nothing came: gRPC's handler says so.
  return bytes == nullptr ? serving_->Deserialize(call, bytes, status, data) : bytes;
}

void GuardedHandler::RunHandler(const HandlerParameter& given) {
  if (given.request == nullptr) return serving_->RunHandler(given);
  auto* bytes = static_cast<grpc_byte_buffer*>(given.request);
  const uint64_t size = grpc_byte_buffer_length(bytes);
  const bool known =
      size <= kUncheckedRequestBytesMax || bounds_.gate.CheckCaller(*given.server_context).ok();
  if (!known) {
    bounds_.deliveries.Add(*given.server_context, size);
    grpc_byte_buffer_destroy(bytes);
    bytes = grpc_raw_byte_buffer_create(nullptr, 0);
  }
  grpc::internal::MethodHandler* handler = known ? serving_.get() : refusing_.get();
  grpc::Status status;
  void* data = nullptr;
  void* request = handler->Deserialize(given.call->call(), bytes, &status, &data);
  if (!status.ok()) {
    if (data != nullptr) discard_(data);
    data = nullptr;
    bounds_.deliveries.Add(*given.server_context, size);
    handler = unreadable_.get();
    request = handler->Deserialize(given.call->call(), grpc_raw_byte_buffer_create(nullptr, 0),
                                   &status, &data);
  }
  handler->RunHandler(HandlerParameter(given.call, given.server_context, request, status, data,
                                       given.call_requester));
}

}  // namespace mneme::server
