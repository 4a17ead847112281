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
#include <tuple>
#include <utility>
#include <vector>

#include "client/cpp/src/retry.h"
#include "client/cpp/src/split.h"
#include "google/longrunning/operations.grpc.pb.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "mneme/client.h"
#include "mneme/v1/admin_service.grpc.pb.h"
#include "mneme/v1/federation_service.grpc.pb.h"
#include "mneme/v1/memory_service.grpc.pb.h"

namespace mneme::client {

class Client::Impl {
 public:
  Impl(std::shared_ptr<grpc::Channel> channel, ClientOptions options);

  using Memories = v1::MemoryService::Stub;
  using Admin = v1::AdminService::Stub;
  using Federations = v1::FederationService::Stub;
  using Operations = google::longrunning::Operations::Stub;

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  Memories& memories() { return *std::get<std::unique_ptr<Memories>>(stubs_); }
  Admin& admin() { return *std::get<std::unique_ptr<Admin>>(stubs_); }
  const ClientOptions& options() const { return options_; }
  // InvalidArgument (TRACEPARENT) for one that cannot be sent; empty is fine.
  static absl::Status CheckTraceparent(std::string_view traceparent);
  // What each call carries.
  void Prepare(grpc::ClientContext& context, const std::string& traceparent = {}) const;

  // Calls until it succeeds, must not be tried again, or time is over; gives the last error.
  absl::Status Call(const CallOptions& call, Repeatable repeatable,
                    const std::function<grpc::Status(grpc::ClientContext&)>& once);

  template <typename Stub, typename Request, typename Response>
  using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);

  // The same for a method of a stub: Memories, Admin, Federations or Operations.
  template <typename Stub, typename Request, typename Response>
  absl::Status Call(const CallOptions& call, Repeatable repeatable,
                    Method<Stub, Request, Response> method, const Request& request,
                    Response& response) {
    Stub& stub = *std::get<std::unique_ptr<Stub>>(stubs_);
    return Call(call, repeatable, [&](grpc::ClientContext& context) {
      response.Clear();
      return (stub.*method)(&context, request, &response);
    });
  }

  // One request for each of `ranges`, a few in flight at a time: `make(range)` gives the request,
  // `take(response, range)` keeps what it answers. `take` runs in several threads at once, and its
  // error counts as that of its range. The requests must be safe to repeat.
  template <typename Request, typename Response, typename Make, typename Take>
  absl::Status CallEach(const std::vector<RowRange>& ranges, const CallOptions& call,
                        const Progress& progress, Method<Memories, Request, Response> method,
                        const Make& make, const Take& take) {
    return RunSplit(ranges, options_.in_flight_max, progress, [&](const RowRange& range) {
      Response response;
      absl::Status status = Call(call, Repeatable::kYes, method, make(range), response);
      return status.ok() ? take(std::move(response), range) : status;
    });
  }

  // The wait before try number `tries_done` + 1 after `status`, waited for; false when there shall
  // be none or the caller wants to stop.
  bool WaitForNextTry(int tries_done, const absl::Status& status, Repeatable repeatable,
                      std::stop_token stop);

  // What the server takes; asked for once, and again after it has refused something for its size.
  absl::StatusOr<Limits> GetLimits(const CallOptions& call);

  // Ranges of rows that fit into one request each: `bytes_of(row)` bytes a row beside
  // `shared_bytes` that each request carries, at most `rows_max(limits)` rows. A single row is not
  // worth a question about limits. ResourceExhausted when one row alone is more than the server
  // takes.
  absl::StatusOr<std::vector<RowRange>> Split(const CallOptions& call, size_t rows,
                                              const std::function<size_t(const Limits&)>& rows_max,
                                              const std::function<size_t(size_t)>& bytes_of,
                                              size_t shared_bytes = 0);

 private:
  absl::Status CallOnce(const CallOptions& call, std::chrono::system_clock::time_point deadline,
                        const std::function<grpc::Status(grpc::ClientContext&)>& once);
  // Waits before the next try; false when the caller wants to stop.
  bool Wait(std::chrono::nanoseconds delay, std::stop_token stop);
  void ForgetLimits();

  const ClientOptions options_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::tuple<std::unique_ptr<Memories>, std::unique_ptr<Admin>, std::unique_ptr<Operations>,
                   std::unique_ptr<Federations>>
      stubs_;
  Jitter jitter_;
  std::mutex mutex_;
  std::optional<Limits> limits_;  // guarded by mutex_
};

}  // namespace mneme::client

#endif  // MNEME_CLIENT_CPP_SRC_IMPL_H_
