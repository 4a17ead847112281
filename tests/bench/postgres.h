// PostgreSQL as the peer of durable writes: a private cluster in a temporary folder, on a unix
// socket, driven by pgbench.
//
// Not thread-safe.
#ifndef MNEME_TESTS_BENCH_POSTGRES_H_
#define MNEME_TESTS_BENCH_POSTGRES_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tests/support/daemon.h"

namespace mneme::bench {

class Postgres {
 public:
  // Null, with the reason in `missing`, where it is not installed or cannot be run.
  static absl::StatusOr<std::unique_ptr<Postgres>> Start(std::string* missing);
  ~Postgres();
  Postgres(const Postgres&) = delete;
  Postgres& operator=(const Postgres&) = delete;

  // Single-row inserts of a key of `bytes` bytes a second, by this many clients, each committed
  // with synchronous_commit on.
  absl::StatusOr<double> InsertsPerSecond(int clients, int seconds, size_t bytes);

 private:
  explicit Postgres(std::string programs) : programs_(std::move(programs)) {}
  // As the user that may run a server.
  absl::StatusOr<std::string> Run(const std::string& command) const;

  test::TemporaryDirectory directory_;
  std::string programs_;
  bool running_ = false;
};

}  // namespace mneme::bench

#endif  // MNEME_TESTS_BENCH_POSTGRES_H_
