// What the machine can do at best, as measurements that cases take turns with.
//
// Threads: each function may be called by one thread at a time.
#ifndef MNEME_TESTS_BENCH_FLOORS_H_
#define MNEME_TESTS_BENCH_FLOORS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/bench/case.h"
#include "tests/bench/load.h"
#include "tests/support/daemon.h"

namespace mneme::bench {

// Synced writes of `bytes` each that one writer gets done a second, appended to a file of `folder`.
absl::StatusOr<double> SyncsPerSecond(const std::string& folder, size_t bytes, int writes);
// Bytes a second, written to a file of `folder` and synced at its end.
absl::StatusOr<double> DiskWriteRate(const std::string& folder, size_t bytes);
// Bytes a second of a file's first reading, past the page cache where the system lets it go.
absl::StatusOr<double> DiskReadRate(const std::string& folder, size_t bytes);
// Bytes of main memory a second that `threads` threads read.
double MemoryReadRate(int threads);
// Floating-point operations a second of sgemm.
double SgemmRate(int threads);

// A server that does nothing but answer.
class EchoServer {
 public:
  static absl::StatusOr<std::unique_ptr<EchoServer>> Start(const Context& context);
  // Calls whose request and reply have these sizes on the wire.
  StartCall Calls(size_t request_bytes, size_t reply_bytes);
  absl::StatusOr<LoadResult> OneAtATime(size_t calls, size_t request_bytes, size_t reply_bytes);
  ~EchoServer();

 private:
  struct Parts;
  explicit EchoServer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// Serves echoes until killed; writes its port to the file.
int RunEchoServer(const std::string& port_file);

}  // namespace mneme::bench

#endif  // MNEME_TESTS_BENCH_FLOORS_H_
