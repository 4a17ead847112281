#include "server/rpc/call_entry.h"

#include "core/base/status.h"
#include "core/engine/validate.h"
#include "server/rpc/status.h"

namespace mneme::server {
namespace {

// What gRPC and we hold for a call besides its messages.
constexpr uint64_t kCallBytes = 8 * 1024;

}  // namespace

absl::Status CheckMessageBytes(uint64_t bytes, uint64_t most) {
  if (bytes <= most) return absl::OkStatus();
  return engine::OverLimit("bytes in one message", bytes, most,
                           "Split the batch into several requests.");
}

absl::Status CallEntry::Admit(const google::protobuf::Message& request) {
  const uint64_t bytes = request.ByteSizeLong();
  meter_.AddIn(bytes);
  bounds_.deliveries.Add(context_, bytes);
  request_ = &request;
  passage_ = bounds_.gate.Admit(context_, request, bytes);
  MNEME_RETURN_IF_ERROR(passage_.status);
  // gRPC made the request for this call alone, and looks at it no more.
  PinNames(passage_, const_cast<google::protobuf::Message*>(&request));
  if (absl::Status fits = CheckMessageBytes(bytes, bounds_.message_bytes_max); !fits.ok()) {
    return fits;
  }
  const uint64_t held = kCallBytes + (bytes > kSmallRequestBytes ? request.SpaceUsedLong() : bytes);
  MNEME_RETURN_IF_ERROR(bounds_.budget.TryTake(held));
  NoteCharged(held);
  return absl::OkStatus();
}

absl::Status CallEntry::Refuse(const google::protobuf::Message& request, const absl::Status& why) {
  const absl::Status status = Admit(request);
  // What else it may do depends on what it says, which nobody knows.
  const bool may_call = !absl::IsUnauthenticated(status) && !absl::IsResourceExhausted(status);
  return may_call ? why : status;
}

grpc::Status CallEntry::End(const absl::Status& status, const google::protobuf::Message* response) {
  meter_.End(static_cast<int>(status.code()), request_, response);
  bounds_.gate.Note(context_, passage_, *request_, status, response);
  return ToGrpc(bounds_.gate.Redact(passage_.caller, status));
}

}  // namespace mneme::server
