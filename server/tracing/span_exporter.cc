#include "server/tracing/span_exporter.h"

#include <algorithm>
#include <utility>

#include "absl/synchronization/notification.h"
#include "core/base/status.h"
#include "otlp.grpc.pb.h"
#include "server/observe/log.h"

namespace mneme::server {
namespace {

using std::chrono::steady_clock;

// Codes after which OTLP has the same batch sent again.
bool MayComeBack(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
    case grpc::StatusCode::ABORTED:
    case grpc::StatusCode::OUT_OF_RANGE:
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DATA_LOSS:
      return true;
    default:
      return false;
  }
}

std::string Method() {
  return absl::StrCat("/", otlp::TraceService::service_full_name(), "/Export");
}

uint64_t SpansOf(const std::vector<EndedCall>& calls) {
  uint64_t spans = 0;
  for (const EndedCall& call : calls) spans += call.spans();
  return spans;
}

}  // namespace

SpanExporter::SpanExporter(std::shared_ptr<grpc::Channel> channel, SpanExporterOptions options)
    : options_(std::move(options)),
      stub_(std::move(channel)),
      random_(options_.seed),
      thread_([this] { Run(); }) {}

SpanExporter::~SpanExporter() { Stop(); }

void SpanExporter::Take(EndedCall call) {
  const uint64_t spans = call.spans();
  MutexLock lock(&mutex_);
  if (flush_end_.has_value() || counts_.waiting + spans > kSpansWaitingMax) {
    counts_.dropped_full += spans;
    return;
  }
  queue_.push_back(std::move(call));
  const bool was_empty = counts_.waiting == 0;
  counts_.waiting += spans;
  // Else the thread has a batch in the making: it need not be woken for each call.
  if (was_empty || counts_.waiting >= kSpansPerBatch) wake_.NotifyOne();
}

void SpanExporter::Stop() {
  {
    MutexLock lock(&mutex_);
    if (!flush_end_.has_value()) flush_end_ = steady_clock::now() + options_.flush;
    wake_.NotifyAll();
    while (!ended_) {
      const auto left = *flush_end_ - steady_clock::now();
      if (left.count() <= 0) break;
      wake_.WaitFor(&mutex_, left);
    }
    if (under_way_ != nullptr) under_way_->TryCancel();
  }
  if (thread_.joinable()) thread_.join();
}

SpanCounts SpanExporter::counts() const {
  MutexLock lock(&mutex_);
  return counts_;
}

void SpanExporter::Run() {
  while (true) {
    const std::vector<EndedCall> batch = TakeBatch();
    if (batch.empty()) break;
    Send(batch);
  }
  MutexLock lock(&mutex_);
  ended_ = true;
  wake_.NotifyAll();
}

std::vector<EndedCall> SpanExporter::TakeBatch() {
  MutexLock lock(&mutex_);
  while (queue_.empty() && !flush_end_.has_value()) wake_.Wait(&mutex_);
  const auto end = steady_clock::now() + options_.pause;
  while (counts_.waiting < kSpansPerBatch && !flush_end_.has_value()) {
    const auto left = end - steady_clock::now();
    if (left.count() <= 0 || !wake_.WaitFor(&mutex_, left)) break;
  }
  std::vector<EndedCall> batch;
  uint64_t spans = 0;
  while (!queue_.empty() && (batch.empty() || spans + queue_.front().spans() <= kSpansPerBatch)) {
    spans += queue_.front().spans();
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  counts_.waiting -= spans;
  return batch;
}

void SpanExporter::Send(const std::vector<EndedCall>& batch) {
  const uint64_t spans = SpansOf(batch);
  const grpc::Slice bytes(ToOtlp(batch, options_.resource, options_.version, random_));
  const grpc::ByteBuffer request(&bytes, 1);
  for (int tries = 1;; ++tries) {
    const Sent sent = Try(request, spans);
    if (sent == Sent::kTaken) return;
    if (sent == Sent::kRefused) return Count(&SpanCounts::dropped_refused, spans);
    if (tries >= kExportTriesMax || !WaitForNextTry(tries)) break;
  }
  Count(&SpanCounts::dropped_unreachable, spans);
}

SpanExporter::Sent SpanExporter::Try(const grpc::ByteBuffer& request, uint64_t spans) {
  grpc::ClientContext context;
  {
    MutexLock lock(&mutex_);
    const auto deadline = Deadline();
    if (!deadline.has_value()) return Sent::kNoAnswer;
    context.set_deadline(*deadline);
    under_way_ = &context;
  }
  otlp::ExportTraceServiceResponse response;
  grpc::Status status;
  absl::Notification answered;
  stub_.UnaryCall(&context, Method(), grpc::StubOptions(), &request, &response,
                  [&](const grpc::Status& answer) {
                    status = answer;
                    answered.Notify();
                  });
  answered.WaitForNotification();
  NoteHealth(status);
  MutexLock lock(&mutex_);
  under_way_ = nullptr;
  if (!status.ok()) {
    ++counts_.failures;
    return MayComeBack(status.error_code()) ? Sent::kNoAnswer : Sent::kRefused;
  }
  const auto rejected = static_cast<uint64_t>(std::clamp<int64_t>(
      response.partial_success().rejected_spans(), 0, static_cast<int64_t>(spans)));
  ++counts_.exports;
  counts_.dropped_refused += rejected;
  counts_.exported += spans - rejected;
  return Sent::kTaken;
}

bool SpanExporter::WaitForNextTry(int tries) {
  const std::chrono::nanoseconds most =
      std::min(options_.backoff_most, options_.backoff_least * (1 << (tries - 1)));
  const auto end = steady_clock::now() + most / 2 +
                   std::chrono::nanoseconds(static_cast<int64_t>(
                       random_.Uniform() * static_cast<double>(most.count()) / 2));
  MutexLock lock(&mutex_);
  while (!flush_end_.has_value()) {
    const auto left = end - steady_clock::now();
    if (left.count() <= 0) return true;
    wake_.WaitFor(&mutex_, left);
  }
  return steady_clock::now() < *flush_end_;  // once more, at once
}

std::optional<std::chrono::system_clock::time_point> SpanExporter::Deadline() const {
  std::chrono::nanoseconds most = options_.answer;
  if (flush_end_.has_value()) {
    most = std::min<std::chrono::nanoseconds>(most, *flush_end_ - steady_clock::now());
    if (most.count() <= 0) return std::nullopt;
  }
  return std::chrono::system_clock::now() +
         std::chrono::duration_cast<std::chrono::system_clock::duration>(most);
}

void SpanExporter::Count(uint64_t SpanCounts::*figure, uint64_t spans) {
  MutexLock lock(&mutex_);
  counts_.*figure += spans;
}

void SpanExporter::NoteHealth(const grpc::Status& status) {
  if (status.ok() == healthy_) return;
  healthy_ = status.ok();
  LogWarning(healthy_ ? absl::StrCat("tracing: the collector at ", options_.endpoint, " is back")
                      : absl::StrCat("tracing: the collector at ", options_.endpoint,
                                     " does not take spans: ", status.error_message()));
}

}  // namespace mneme::server
