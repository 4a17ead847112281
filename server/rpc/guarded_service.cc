#include "server/rpc/guarded_service.h"

#include <grpc/byte_buffer_reader.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <vector>

#include "core/base/status.h"
#include "server/rpc/parsed_size.h"

namespace mneme::server {
namespace {

// The same bytes for gRPC's C++ classes.
grpc::ByteBuffer Share(grpc_byte_buffer* bytes) {
  std::vector<grpc::Slice> slices;
  grpc_byte_buffer_reader reader;
  if (grpc_byte_buffer_reader_init(&reader, bytes) != 0) {
    grpc_slice* slice = nullptr;
    while (grpc_byte_buffer_reader_peek(&reader, &slice) != 0) {
      slices.emplace_back(*slice, grpc::Slice::ADD_REF);
    }
    grpc_byte_buffer_reader_destroy(&reader);
  }
  return {slices.data(), slices.size()};
}

}  // namespace

absl::StatusOr<uint64_t> TakeParsed(ByteBudget& budget, const google::protobuf::Descriptor& type,
                                    grpc::ByteBuffer& bytes) {
  if (bytes.Length() <= kSmallRequestBytes) return 0;
  grpc::ProtoBufferReader reader(&bytes);
  const uint64_t parsed_bytes = ParsedSize(type, reader, budget.bytes_max());
  MNEME_RETURN_IF_ERROR(budget.TryTake(parsed_bytes));
  return parsed_bytes;
}

absl::Status Unreadable(const google::protobuf::Descriptor& type) {
  const std::string& name = type.full_name();
  return InvalidArgument(absl::StrCat("what came is no ", name),
                         {.reason = "REQUEST_BYTES",
                          .given = "bytes that cannot be parsed",
                          .expected = absl::StrCat("a ", name, ", all text in it UTF-8"),
                          .next_step = "Encode text as UTF-8, and use the .proto files of this "
                                       "server's version."});
}

void* GuardedHandler::Deserialize(grpc_call* call, grpc_byte_buffer* bytes, grpc::Status* status,
                                  void** data) {
  // Nothing came: gRPC's handler says so.
  return bytes == nullptr ? method_.serving->Deserialize(call, bytes, status, data) : bytes;
}

void GuardedHandler::RunHandler(const HandlerParameter& given) {
  if (given.request == nullptr) return method_.serving->RunHandler(given);
  auto* const bytes = static_cast<grpc_byte_buffer*>(given.request);
  const uint64_t size = grpc_byte_buffer_length(bytes);
  absl::StatusOr<uint64_t> parsed_bytes = 0;
  if (size > kSmallRequestBytes) {
    parsed_bytes = MayParse(*given.server_context, bytes);
    if (!parsed_bytes.ok()) {
      grpc_byte_buffer_destroy(bytes);
      return Refuse(given, size, parsed_bytes.status());
    }
  }
  grpc::Status status;
  void* data = nullptr;
  void* const request = method_.serving->Deserialize(given.call->call(), bytes, &status, &data);
  // From here on the call itself is charged for it.
  bounds_.budget.Give(*parsed_bytes);
  if (!status.ok()) {
    if (data != nullptr) method_.discard(data);
    return Refuse(given, size, Unreadable(*method_.request));
  }
  method_.serving->RunHandler(HandlerParameter(given.call, given.server_context, request, status,
                                               data, given.call_requester));
}

absl::StatusOr<uint64_t> GuardedHandler::MayParse(const grpc::ServerContextBase& context,
                                                  grpc_byte_buffer* bytes) const {
  MNEME_RETURN_IF_ERROR(bounds_.gate.CheckCaller(context));
  MNEME_RETURN_IF_ERROR(
      CheckMessageBytes(grpc_byte_buffer_length(bytes), bounds_.message_bytes_max));
  grpc::ByteBuffer shared = Share(bytes);
  return TakeParsed(bounds_.budget, *method_.request, shared);
}

void GuardedHandler::Refuse(const HandlerParameter& given, uint64_t bytes,
                            const absl::Status& why) {
  bounds_.deliveries.Add(*given.server_context, bytes);
  const Handler handler = method_.refusing(why);
  grpc::Status status;
  void* data = nullptr;
  void* const request = handler->Deserialize(
      given.call->call(), grpc_raw_byte_buffer_create(nullptr, 0), &status, &data);
  handler->RunHandler(HandlerParameter(given.call, given.server_context, request, status, data,
                                       given.call_requester));
}

}  // namespace mneme::server
