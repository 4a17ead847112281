// etcd as a peer of durable writes: a cluster of one in a temporary folder, on unix sockets, asked
// over gRPC as mneme is. Each put is in its log on the disk when it is acknowledged.
//
// Threads: Puts() may be called from several.
#ifndef MNEME_TESTS_BENCH_ETCD_H_
#define MNEME_TESTS_BENCH_ETCD_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tests/bench/load.h"
#include "tests/support/daemon.h"

namespace mneme::bench {

class Etcd {
 public:
  // Null, with the reason in `missing`, where it is not installed.
  static absl::StatusOr<std::unique_ptr<Etcd>> Start(std::string* missing);
  ~Etcd();
  Etcd(const Etcd&) = delete;
  Etcd& operator=(const Etcd&) = delete;

  // Puts of `bytes` bytes under 256 keys in turn.
  StartCall Puts(size_t bytes);

 private:
  struct Parts;
  explicit Etcd(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace mneme::bench

#endif  // MNEME_TESTS_BENCH_ETCD_H_
