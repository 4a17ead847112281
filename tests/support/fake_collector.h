// A collector in the test's own process: keeps what it is sent, or hangs, or refuses.
//
// Threads: thread-safe.
#ifndef MNEME_TESTS_SUPPORT_FAKE_COLLECTOR_H_
#define MNEME_TESTS_SUPPORT_FAKE_COLLECTOR_H_

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "otlp.grpc.pb.h"

namespace mneme::test {

namespace otlp = ::opentelemetry::proto::collector::trace::v1;

class FakeCollector final : public otlp::TraceService::Service {
 public:
  // A free port of this machine.
  explicit FakeCollector(
      std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials()) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", std::move(credentials), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~FakeCollector() override {
    Hang(false);
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
  }

  int port() const { return port_; }
  std::string target() const { return "127.0.0.1:" + std::to_string(port_); }
  std::shared_ptr<grpc::Channel> channel() const {
    return grpc::CreateChannel(target(), grpc::InsecureChannelCredentials());
  }

  // The next exports fail with these, one each.
  void FailWith(std::vector<grpc::Status> statuses) {
    MutexLock lock(&mutex_);
    failures_.assign(statuses.begin(), statuses.end());
  }
  // Calls wait from now on, or go on.
  void Hang(bool hang) {
    MutexLock lock(&mutex_);
    hangs_ = hang;
    changed_.NotifyAll();
  }
  // Of each export from now on, so many spans are not taken.
  void Reject(int64_t spans) {
    MutexLock lock(&mutex_);
    rejected_ = spans;
  }

  // Waits until `enough` of what came in is true; what came in, or nothing after a minute.
  std::optional<std::vector<otlp::ExportTraceServiceRequest>> WaitFor(
      const std::function<bool(const std::vector<otlp::ExportTraceServiceRequest>&)>& enough) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    MutexLock lock(&mutex_);
    while (!enough(received_)) {
      const auto left = end - std::chrono::steady_clock::now();
      if (left.count() <= 0) return std::nullopt;
      changed_.WaitFor(&mutex_, left);
    }
    return received_;
  }
  // The spans, once there are so many.
  std::vector<otlp::Span> WaitForSpans(size_t count) {
    const auto all = WaitFor([count](const auto& received) { return CountOf(received) >= count; });
    return all.has_value() ? SpansOf(*all) : std::vector<otlp::Span>();
  }
  int calls() const {
    MutexLock lock(&mutex_);
    return calls_;
  }
  bool WaitForCalls(int count) {
    return WaitFor([this, count](const auto&) { return calls_ >= count; }).has_value();
  }

  static std::vector<otlp::Span> SpansOf(
      const std::vector<otlp::ExportTraceServiceRequest>& requests) {
    std::vector<otlp::Span> spans;
    for (const auto& request : requests) {
      for (const auto& resource : request.resource_spans()) {
        for (const auto& scope : resource.scope_spans()) {
          spans.insert(spans.end(), scope.spans().begin(), scope.spans().end());
        }
      }
    }
    return spans;
  }
  static size_t CountOf(const std::vector<otlp::ExportTraceServiceRequest>& requests) {
    return SpansOf(requests).size();
  }

 private:
  grpc::Status Export(grpc::ServerContext* context, const otlp::ExportTraceServiceRequest* request,
                      otlp::ExportTraceServiceResponse* response) override {
    MutexLock lock(&mutex_);
    ++calls_;
    changed_.NotifyAll();
    while (hangs_ && !context->IsCancelled()) {
      changed_.WaitFor(&mutex_, std::chrono::milliseconds(20));
    }
    if (context->IsCancelled()) return grpc::Status::CANCELLED;
    if (!failures_.empty()) {
      const grpc::Status failed = failures_.front();
      failures_.pop_front();
      return failed;
    }
    if (rejected_ > 0) response->mutable_partial_success()->set_rejected_spans(rejected_);
    received_.push_back(*request);
    return grpc::Status::OK;
  }

  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<otlp::ExportTraceServiceRequest> received_;
  std::deque<grpc::Status> failures_;
  bool hangs_ = false;
  int64_t rejected_ = 0;
  int calls_ = 0;
};

}  // namespace mneme::test

#endif  // MNEME_TESTS_SUPPORT_FAKE_COLLECTOR_H_
