#include "server/rpc/call.h"

#include <chrono>

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

absl::Status UnaryCall::Admit(const google::protobuf::Message& request) {
  const uint64_t bytes = request.ByteSizeLong();
  if (absl::Status fits = CheckMessageBytes(bytes, bounds_.message_bytes_max); !fits.ok()) {
    return fits;
  }
  if (absl::Status taken = bounds_.budget.TryTake(bytes + kCallBytes); !taken.ok()) return taken;
  charged_bytes_ = bytes + kCallBytes;
  return absl::OkStatus();
}

void UnaryCall::Answer(const absl::Status& status, google::protobuf::Message* response,
                       bool is_write) {
  arena_.reset();
  if (!status.ok()) return Finish(ToGrpc(status));
  const uint64_t bytes = kAnswerCopies * response->ByteSizeLong();
  if (is_write) {
    bounds_.budget.Take(bytes);
  } else if (absl::Status taken = bounds_.budget.TryTake(bytes); !taken.ok()) {
    // Given back here and now, not when the client has read that it gets none.
    std::unique_ptr<google::protobuf::Message> empty(response->New());
    response->GetReflection()->Swap(response, empty.get());
    return Finish(ToGrpc(taken));
  }
  charged_bytes_ += bytes;
  if (bytes > ByteBudget::kSmallBytes) {
    parties_ = 2;
    patience_ = std::make_unique<grpc::Alarm>();
    patience_->Set(
        std::chrono::system_clock::now() + std::chrono::seconds(bounds_.answer_seconds_max),
        [this](bool over) {
          {
            MutexLock lock(&mutex_);
            if (over && !done_) context_->TryCancel();
          }
          Leave();
        });
  }
  Finish(grpc::Status::OK);
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
