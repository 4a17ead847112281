// A data directory made of commits that were all acknowledged as durable, what is served after the
// first n of them, and the judgement of a damaged copy. Knows storage only, no engine.
//
// Not thread-safe.
#ifndef MNEME_TESTS_FAULTS_DURABLE_LOG_H_
#define MNEME_TESTS_FAULTS_DURABLE_LOG_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/random.h"
#include "core/storage/rocksdb_storage.h"
#include "rocksdb/env.h"
#include "tests/support/fault_file_system.h"

namespace mneme::test {

inline constexpr uint64_t kLogBlockBytes = 32u << 10;  // RocksDB's
inline constexpr uint64_t kTailBytes = 64u << 10;

struct LogShape {
  bool with_states = false;    // checkpoints and trimmed records too
  bool block_aligned = false;  // where a log block ends, a commit ends
  bool several_logs = false;   // so little memory that RocksDB begins new logs, and keeps old ones
};

class DurableLog {
 public:
  DurableLog(uint64_t seed, LogShape shape);

  const DiskImage& image() const { return images_.back(); }
  // The newest log file; without `several_logs` it holds every commit.
  const std::string& path() const { return path_; }
  uint64_t bytes() const { return ends_.back(); }
  uint64_t commits() const { return ends_.size() - 1; }
  // Where commit n ends in the log; of 0, where the first begins.
  uint64_t end(uint64_t commit) const { return ends_[commit]; }
  // Commits that lie wholly before this byte.
  uint64_t CommitsBefore(uint64_t byte) const;

  struct Verdict {
    absl::Status status;             // of opening and reading
    std::optional<uint64_t> prefix;  // commits served, if it is exactly the first ones
  };
  // What a storage over the damaged directory serves.
  Verdict Judge(const DiskImage& damaged) const;

 private:
  struct Disk;  // a storage on a disk of its own

  absl::Status Commit(storage::Storage& storage, Random& random, uint64_t pad_bytes);
  // The payload that makes the next commit end with its log block; nullopt when the block has too
  // much or too little room left for that.
  std::optional<uint64_t> PadToBlock(Random random);
  // Everything that can be read, in one number; or why it cannot be read.
  absl::StatusOr<uint32_t> Digest(const storage::Storage& storage) const;

  const LogShape shape_;
  std::string path_;
  std::vector<uint64_t> ends_;
  std::vector<DiskImage> images_;  // after n commits
  std::vector<uint32_t> digests_;
  uint64_t next_row_ = 0;
};

}  // namespace mneme::test

#endif  // MNEME_TESTS_FAULTS_DURABLE_LOG_H_
