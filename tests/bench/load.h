// Load over asynchronous calls: closed (a fixed number in flight) for throughput, open (arrivals by
// a schedule) for latency. Open-loop latencies count from the scheduled time, so that a server that
// stalls cannot hide the calls that it kept from being sent (coordinated omission).
//
// Threads: each function blocks until all its calls have ended; completions come from gRPC's.
#ifndef MNEME_TESTS_BENCH_LOAD_H_
#define MNEME_TESTS_BENCH_LOAD_H_

#include <grpcpp/grpcpp.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mneme::bench {

// Starts call number i; `done` is to be called once, from any thread.
using Done = std::function<void(grpc::Status)>;
using StartCall = std::function<void(size_t i, Done done)>;

// A StartCall over a stub: `start(context, request, response, callback)` is the asynchronous
// method, request i is requests[i % size]. `requests` must outlive the load.
template <typename Response, typename Request, typename Start>
StartCall UnaryCalls(const std::vector<Request>& requests, Start start) {
  return [&requests, start](size_t i, Done done) {
    struct Call {
      grpc::ClientContext context;
      Response response;
    };
    auto call = std::make_shared<Call>();
    start(&call->context, &requests[i % requests.size()], &call->response,
          [call, done = std::move(done)](grpc::Status status) { done(std::move(status)); });
  };
}

struct LoadResult {
  double seconds = 0;  // from the first start to the last end
  size_t calls = 0;
  std::vector<double> micros;  // of each call
  double per_second() const { return static_cast<double>(calls) / seconds; }
};

// `calls` calls with `in_flight` of them on their way at any time. The first call that fails ends
// the load with its error.
absl::StatusOr<LoadResult> ClosedLoop(size_t in_flight, size_t calls, const StartCall& start);
// Arrivals as a Poisson process of this rate, from a fixed seed.
absl::StatusOr<LoadResult> OpenLoop(double per_second, size_t calls, const StartCall& start);

// One call after the other, on this thread: `call` gives the status of each.
absl::StatusOr<LoadResult> OneAtATime(size_t calls,
                                      const std::function<grpc::Status(size_t)>& call);

}  // namespace mneme::bench

#endif  // MNEME_TESTS_BENCH_LOAD_H_
