// A peer in a process of its own (mneme-bench-peer), so that its BLAS and its threads are those
// that its users have: asked by lines over pipes, rows and answers in files.
//
// Not thread-safe.
#ifndef MNEME_TESTS_BENCH_PEER_PROCESS_H_
#define MNEME_TESTS_BENCH_PEER_PROCESS_H_

#include <sys/types.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "tests/bench/case.h"
#include "tests/bench/dataset.h"
#include "tests/bench/ours.h"
#include "tests/support/daemon.h"

namespace mneme::bench {

// The rows and cues of a dataset as files that peers map.
class VectorFiles {
 public:
  static absl::StatusOr<std::unique_ptr<VectorFiles>> Write(const Dataset& dataset);
  std::string rows() const { return directory_.path() + "/rows"; }
  std::string cues() const { return directory_.path() + "/cues"; }
  size_t row_count() const { return row_count_; }
  size_t dim() const { return dim_; }
  bool l2() const { return l2_; }

 private:
  test::TemporaryDirectory directory_;
  size_t row_count_ = 0;
  size_t dim_ = 0;
  bool l2_ = false;
};

struct PeerOptions {
  std::string kind;  // faiss-flat, faiss-hnsw, hnswlib, usearch, sqlite-vec
  int threads = 0;   // 0: as a user gets it
  int links = 16;
  int build_effort = 200;
  size_t rows = 0;  // that it begins with; 0: all
};

struct SearchOptions {
  size_t first = 0;  // cue
  size_t count = 1;
  size_t k = 10;
  size_t batch = 1;  // cues in one call
  int effort = 0;
};

class PeerProcess {
 public:
  // Null: not there (Unavailable would be an error; a missing peer is none).
  static absl::StatusOr<std::unique_ptr<PeerProcess>> Start(const Context& context,
                                                            const VectorFiles& files,
                                                            const PeerOptions& options);
  ~PeerProcess();
  PeerProcess(const PeerProcess&) = delete;
  PeerProcess& operator=(const PeerProcess&) = delete;

  double build_seconds() const { return build_seconds_; }
  // Cues a second, by the peer's own clock.
  absl::StatusOr<double> Search(const SearchOptions& options);
  // What the last Search found.
  absl::StatusOr<Lists> Found(const SearchOptions& options) const;

  struct Mixed {
    double inserts_per_second = 0;
    double answers_per_second = 0;
  };
  // One thread inserts the rows that are left, another asks.
  absl::StatusOr<Mixed> InsertAndAsk(double seconds, size_t k, int effort);

 private:
  PeerProcess() = default;
  absl::StatusOr<std::string> ReadLine();
  absl::StatusOr<std::string> Command(const std::string& line);

  test::TemporaryDirectory directory_;
  std::string kind_;
  pid_t pid_ = -1;
  FILE* to_ = nullptr;
  FILE* from_ = nullptr;
  double build_seconds_ = 0;
};

}  // namespace mneme::bench

#endif  // MNEME_TESTS_BENCH_PEER_PROCESS_H_
