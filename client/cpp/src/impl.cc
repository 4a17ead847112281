#include "client/cpp/src/impl.h"

#include <algorithm>
#include <limits>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/src/convert.h"
#include "client/cpp/src/status.h"

namespace mneme::client {
namespace {

constexpr std::chrono::milliseconds kStopCheck(50);  // how often a wait for a connection looks up
constexpr size_t kHeadBytes = 4096;  // of a request, beside its rows: names, ids, lengths

absl::Status Cancelled() {
  return MakeError({.code = absl::StatusCode::kCancelled,
                    .reason = "CANCELLED",
                    .message = "stopped before the request was sent"});
}

}  // namespace

Client::Impl::Impl(std::shared_ptr<grpc::Channel> channel, ClientOptions options)
    : options_(std::move(options)),
      channel_(std::move(channel)),
      stubs_(v1::MemoryService::NewStub(channel_), v1::AdminService::NewStub(channel_),
             google::longrunning::Operations::NewStub(channel_),
             v1::FederationService::NewStub(channel_)),
      jitter_(std::random_device()()) {}

// gRPC ends the process for a header that it cannot send.
absl::Status Client::Impl::CheckTraceparent(std::string_view traceparent) {
  constexpr size_t kLength = 55;  // "00-" + 32 digits + "-" + 16 digits + "-01"
  constexpr std::string_view kTaken = "0123456789abcdef-";
  if (traceparent.empty() || (traceparent.size() >= kLength &&
                              traceparent.find_first_not_of(kTaken) == std::string_view::npos)) {
    return absl::OkStatus();
  }
  return MakeError({.code = absl::StatusCode::kInvalidArgument,
                    .reason = "TRACEPARENT",
                    .message = "the traceparent is none",
                    .given = std::to_string(traceparent.size()) + " bytes",
                    .expected = "00-, 32 hexadecimal digits, -, 16 digits, -, 2 digits",
                    .next_step = "Send what W3C's Trace Context has, or leave it out."});
}

void Client::Impl::Prepare(grpc::ClientContext& context, const std::string& traceparent) const {
  if (!traceparent.empty()) context.AddMetadata("traceparent", traceparent);
  if (options_.api_key.empty()) return;
  context.AddMetadata("authorization", absl::StrCat("Bearer ", options_.api_key));
}

absl::Status Client::Impl::CallOnce(const CallOptions& call,
                                    std::chrono::system_clock::time_point deadline,
                                    const std::function<grpc::Status(grpc::ClientContext&)>& once) {
  grpc::ClientContext context;
  context.set_deadline(deadline);
  Prepare(context, call.traceparent);
  const std::stop_callback cancel(call.stop, [&context] { context.TryCancel(); });
  return FromGrpc(once(context), options_.target, call.stop);
}

absl::Status Client::Impl::Call(const CallOptions& call, Repeatable repeatable,
                                const std::function<grpc::Status(grpc::ClientContext&)>& once) {
  if (absl::Status status = CheckTraceparent(call.traceparent); !status.ok()) return status;
  const auto deadline = std::chrono::system_clock::now() + call.timeout.value_or(options_.timeout);
  for (int tries = 1;; ++tries) {
    if (call.stop.stop_requested()) return Cancelled();
    const absl::Status status = CallOnce(call, deadline, once);
    if (status.ok()) return status;
    if (GetError(status).reason == "LIMIT") ForgetLimits();
    const auto delay = NextDelay(options_.retry, tries, status, repeatable, jitter_.Take());
    if (!delay || std::chrono::system_clock::now() + *delay >= deadline) return status;
    if (!Wait(*delay, call.stop)) return Cancelled();
  }
}

bool Client::Impl::WaitForNextTry(int tries_done, const absl::Status& status, Repeatable repeatable,
                                  std::stop_token stop) {
  const auto delay = NextDelay(options_.retry, tries_done, status, repeatable, jitter_.Take());
  return delay && Wait(*delay, stop);
}

bool Client::Impl::Wait(std::chrono::nanoseconds delay, std::stop_token stop) {
  if (options_.wait) return options_.wait(delay, stop);
  if (channel_->GetState(/*try_to_connect=*/true) == GRPC_CHANNEL_READY) {
    return SleepFor(delay, stop);
  }
  // A connection is made by whoever waits in gRPC; if all threads slept elsewhere, nobody would
  // make it for seconds.
  const auto end = std::chrono::system_clock::now() + delay;
  while (!stop.stop_requested()) {
    const auto slice = std::min(end, std::chrono::system_clock::now() + kStopCheck);
    if (channel_->WaitForConnected(slice) || slice == end) return true;
  }
  return false;
}

absl::StatusOr<Limits> Client::Impl::GetLimits(const CallOptions& call) {
  {
    const std::lock_guard lock(mutex_);
    if (limits_) return *limits_;
  }
  v1::ServerInfo info;
  absl::Status status =
      Call(call, Repeatable::kYes, &Memories::GetServerInfo, v1::GetServerInfoRequest(), info);
  if (!status.ok()) return status;
  const Limits limits = FromWire(info).limits;
  const std::lock_guard lock(mutex_);
  limits_ = limits;
  return limits;
}

void Client::Impl::ForgetLimits() {
  const std::lock_guard lock(mutex_);
  limits_.reset();
}

absl::StatusOr<std::vector<RowRange>> Client::Impl::Split(
    const CallOptions& call, size_t rows, const std::function<size_t(const Limits&)>& rows_max,
    const std::function<size_t(size_t)>& bytes_of, size_t shared_bytes) {
  if (rows <= 1) return std::vector<RowRange>{{.begin = 0, .end = rows, .index = 0}};
  const absl::StatusOr<Limits> limits = GetLimits(call);
  if (!limits.ok()) return limits.status();
  constexpr size_t kNoLimit = std::numeric_limits<size_t>::max();
  const size_t most_rows = rows_max(*limits) == 0 ? kNoLimit : rows_max(*limits);
  const size_t message = limits->message_bytes_max == 0 ? kNoLimit : limits->message_bytes_max;
  const size_t room = message - std::min(message, kHeadBytes + shared_bytes);
  for (size_t row = 0; row < rows; ++row) {
    if (bytes_of(row) <= room) continue;
    return MakeError(
        {.code = absl::StatusCode::kResourceExhausted,
         .reason = "LIMIT",
         .message = absl::StrCat("row ", row, " alone is larger than a message may be"),
         .given = absl::StrCat(bytes_of(row), " bytes"),
         .expected = absl::StrCat("at most ", room, " bytes"),
         .next_step = "Make the row's payload or attributes smaller, or raise the "
                      "server's limit on the bytes of a message."});
  }
  return SplitRows(rows, most_rows, std::min(room, options_.request_bytes_target), bytes_of);
}

}  // namespace mneme::client
