#include "server/rpc/call.h"

#include <chrono>

#include "core/base/status.h"
#include "core/engine/limits.h"
#include "core/engine/validate.h"
#include "server/rpc/status.h"

namespace mneme::server {
namespace {

// What gRPC and we hold for a call besides its messages.
constexpr uint64_t kCallBytes = 8 * 1024;
// A message and its bytes on the way out.
constexpr uint64_t kAnswerCopies = 2;

}  // namespace

absl::Status CheckMessageBytes(uint64_t bytes, uint64_t most) {
  if (bytes <= most) return absl::OkStatus();
  return engine::OverLimit("bytes in one message", bytes, most,
                           "Split the batch into several requests.");
}

absl::Status OutOfMemory() {
  return ResourceExhausted(
      "the machine has no main memory left for this call",
      {.reason = "FULL",
       .given = "a call that takes more than there is",
       .expected = "main memory beyond engine.memory_bytes_max",
       .next_step = "Give the server less memory than the machine (or its container) has."});
}

absl::Status UnaryCall::Admit(const google::protobuf::Message& request) {
  const uint64_t bytes = request.ByteSizeLong();
  meter_.AddIn(bytes);
  bounds_.deliveries.Add(*context_, bytes);
  request_ = &request;
  passage_ = bounds_.gate.Admit(*context_, request, bytes);
  MNEME_RETURN_IF_ERROR(passage_.status);
  // gRPC made the request for this call alone, and looks at it no more.
  PinNames(passage_, const_cast<google::protobuf::Message*>(&request));
  if (absl::Status fits = CheckMessageBytes(bytes, bounds_.message_bytes_max); !fits.ok()) {
    return fits;
  }
  const uint64_t held = kCallBytes + (bytes > kSmallRequestBytes ? request.SpaceUsedLong() : bytes);
  MNEME_RETURN_IF_ERROR(bounds_.budget.TryTake(held));
  charged_bytes_ = held;
  return absl::OkStatus();
}

void UnaryCall::Refuse(const google::protobuf::Message& request,
                       google::protobuf::Message* response, const absl::Status& why) {
  const absl::Status status = Admit(request);
  // What else it may do depends on what it says, which nobody knows.
  const bool may_call = !absl::IsUnauthenticated(status) && !absl::IsResourceExhausted(status);
  Answer(may_call ? why : status, response, false);
}

void UnaryCall::Answer(const absl::Status& status, google::protobuf::Message* response,
                       bool is_write) {
  arena_.reset();
  meter_.Lap("encode");
  if (!status.ok()) return End(status, nullptr);
  const uint64_t sent_bytes = response->ByteSizeLong();
  bounds_.gate.Charge(passage_.caller, sent_bytes);
  const uint64_t bytes = kAnswerCopies * sent_bytes;
  if (is_write) {
    bounds_.budget.Take(bytes);
  } else if (absl::Status taken = bounds_.budget.TryTake(bytes); !taken.ok()) {
    // Given back here and now, not when the client has read that it gets none.
    std::unique_ptr<google::protobuf::Message> empty(response->New());
    response->GetReflection()->Swap(response, empty.get());
    return End(taken, nullptr);
  }
  charged_bytes_ += bytes;
  meter_.AddOut(sent_bytes);
  if (bytes > ByteBudget::kSmallBytes) {
    parties_ = 2;
    patience_ = std::make_unique<grpc::Alarm>();
    patience_->Set(
        std::chrono::system_clock::now() + std::chrono::seconds(bounds_.answer_seconds_max.load()),
        [this](bool over) {
          {
            MutexLock lock(&mutex_);
            if (over && !done_) context_->TryCancel();
          }
          Leave();
        });
  }
  End(absl::OkStatus(), response);
}

void UnaryCall::End(const absl::Status& status, const google::protobuf::Message* response) {
  const int code = static_cast<int>(status.code());
  meter_.Lap("respond");
  meter_.End(code, request_, response);
  bounds_.gate.Note(*context_, passage_, *request_, status, response);
  Finish(ToGrpc(bounds_.gate.Redact(passage_.caller, status)));
}

void UnaryCall::OnDone() {
  bounds_.budget.Give(charged_bytes_);
  if (patience_ != nullptr) {
    {
      MutexLock lock(&mutex_);
      done_ = true;
    }
    patience_->Cancel();
  }
  Leave();
}

// Call and alarm each leave once, and look at nothing afterwards.
void UnaryCall::Leave() {
  if (parties_.fetch_sub(1) == 1) delete this;
}

}  // namespace mneme::server
