// What a Client holds, and the one way in which it calls: a deadline, a way to stop, tries, errors
// with their details.
//
// Threads: as Client's.
#ifndef MNEME_CLIENT_CPP_SRC_IMPL_H_
#define MNEME_CLIENT_CPP_SRC_IMPL_H_

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "client/cpp/src/retry.h"
#include "client/cpp/src/split.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "mneme/client.h"
#include "mneme/v1/memory_service.grpc.pb.h"

namespace mneme::client {

class Client::Impl {
 public:
  Impl(std::shared_ptr<grpc::Channel> channel, ClientOptions options);

  v1::MemoryService::Stub& stub() { return *stub_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  const ClientOptions& options() const { return options_; }

  // Calls until it succeeds, must not be tried again, or time is over; gives the last error.
  absl::Status Call(const CallOptions& call, Repeatable repeatable,
                    const std::function<grpc::Status(grpc::ClientContext&)>& once);

  // The same for a method of the stub.
  template <typename Request, typename Response>
  absl::Status Call(const CallOptions& call, Repeatable repeatable,
                    grpc::Status (v1::MemoryService::Stub::*method)(grpc::ClientContext*,
                                                                    const Request&, Response*),
                    const Request& request, Response& response) {
    return Call(call, repeatable, [&](grpc::ClientContext& context) {
      response.Clear();
      return (stub_.get()->*method)(&context, request, &response);
    });
  }

  // What the server takes; asked for once, and again after it has refused something for its size.
  absl::StatusOr<Limits> GetLimits(const CallOptions& call);

  // Ranges of rows that fit into one request each: `bytes_of(row)` bytes a row, at most
  // `rows_max(limits)` rows. A single row is not worth a question about limits. ResourceExhausted
  // when one row alone is more than the server takes.
  absl::StatusOr<std::vector<RowRange>> Split(const CallOptions& call, size_t rows,
                                              const std::function<size_t(const Limits&)>& rows_max,
                                              const std::function<size_t(size_t)>& bytes_of);

 private:
  absl::Status CallOnce(const CallOptions& call, std::chrono::system_clock::time_point deadline,
                        const std::function<grpc::Status(grpc::ClientContext&)>& once);
  // Waits before the next try; false when the caller wants to stop.
  bool Wait(std::chrono::nanoseconds delay, std::stop_token stop);
  void ForgetLimits();

  const ClientOptions options_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::MemoryService::Stub> stub_;
  Jitter jitter_;
  std::mutex mutex_;
  std::optional<Limits> limits_;  // guarded by mutex_
};

}  // namespace mneme::client

#endif  // MNEME_CLIENT_CPP_SRC_IMPL_H_
