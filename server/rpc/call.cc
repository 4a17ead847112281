#include "server/rpc/call.h"

#include <chrono>

#include "core/base/status.h"

namespace mneme::server {
namespace {

// A message and its bytes on the way out.
constexpr uint64_t kAnswerCopies = 2;

}  // namespace

absl::Status OutOfMemory() {
  return ResourceExhausted(
      "the machine has no main memory left for this call",
      {.reason = "FULL",
       .given = "a call that takes more than there is",
       .expected = "main memory beyond engine.memory_bytes_max",
       .next_step = "Give the server less memory than the machine (or its container) has."});
}

void UnaryCall::Answer(const absl::Status& status, google::protobuf::Message* response,
                       bool is_write) {
  arena_.reset();
  meter().Lap("encode");
  if (!status.ok()) return End(status, nullptr);
  const uint64_t sent_bytes = response->ByteSizeLong();
  bounds_.gate.Charge(caller(), sent_bytes);
  const uint64_t bytes = kAnswerCopies * sent_bytes;
  if (is_write) {
    bounds_.budget.Take(bytes);
  } else if (absl::Status taken = bounds_.budget.TryTake(bytes); !taken.ok()) {
    // Given back here and now, not when the client has read that it gets none.
    std::unique_ptr<google::protobuf::Message> empty(response->New());
    response->GetReflection()->Swap(response, empty.get());
    return End(taken, nullptr);
  }
  entry_.NoteCharged(bytes);
  meter().AddOut(sent_bytes);
  if (bytes > ByteBudget::kSmallBytes) {
    patience_ = std::make_unique<grpc::Alarm>();
    SetAlarm(*patience_, std::chrono::seconds(bounds_.answer_seconds_max.load()),
             [this](bool over) {
               MutexLock lock(&mutex_);
               if (over && !done_) context_->TryCancel();
             });
  }
  End(absl::OkStatus(), response);
}

void UnaryCall::End(const absl::Status& status, const google::protobuf::Message* response) {
  meter().Lap("respond");
  Finish(entry_.End(status, response));
}

void UnaryCall::OnDone() {
  if (patience_ != nullptr) {
    {
      MutexLock lock(&mutex_);
      done_ = true;
    }
    patience_->Cancel();
  }
  Leave();
}

}  // namespace mneme::server
