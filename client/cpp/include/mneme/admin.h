// What an administrator asks of a server: aliases, where the bytes are, backups. Plain values, no
// protobuf; fields mean what their namesakes in proto/mneme/v1/admin_service.proto mean.
//
// Threads: plain values.
#ifndef MNEME_CLIENT_CPP_INCLUDE_MNEME_ADMIN_H_
#define MNEME_CLIENT_CPP_INCLUDE_MNEME_ADMIN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mneme/memory.h"

namespace mneme::client {

// Another name for a memory; it may stand wherever a memory is named.
struct Alias {
  std::string name;    // "memories/faces"
  std::string memory;  // "memories/faces-v2"
  Timestamp update_time;
};

// Where the bytes of a memory are.
struct MemoryUsage {
  std::string name;
  uint64_t items = 0;
  std::vector<ByteAccount> memory;  // main memory, by kind
  std::vector<ByteAccount> disk;    // by kind; an estimate
  uint64_t memory_bytes = 0;
  uint64_t disk_bytes = 0;
  uint64_t memory_bytes_twice = 0;  // with twice the items
  uint64_t disk_bytes_twice = 0;
  std::optional<double> top1;  // share of recalls that rank first, by theory (linear)
  std::optional<double> top1_twice;
  uint64_t log_records = 0;  // that no checkpoint covers yet
};

// A key of the server's configuration that differs.
struct ConfigChange {
  std::string name;  // "log.level"
  std::string was;
  std::string now;
};

// What reading the configuration again came to.
struct ReloadReport {
  std::vector<ConfigChange> changed;        // in force now
  std::vector<ConfigChange> needs_restart;  // in force after a restart
  std::vector<std::string> parts;           // what else was read again, a sentence each
};

struct BackupMemory {
  std::string name;
  std::string uid;
  uint64_t position = 0;  // of the last write that the backup holds
  uint64_t items = 0;
  uint32_t samples = 0;  // answers that a restore must repeat
  std::string degraded_reason;
};

struct Backup {
  std::string name;  // "backups/7"
  Timestamp create_time;
  uint64_t bytes = 0;      // of all its files, those shared with other backups too
  uint64_t new_bytes = 0;  // written for it
  std::vector<BackupMemory> memories;
  std::string description;
};

// The sums of a feature memory.
struct Sketch {
  std::string bytes;  // for MergeSketch
  uint64_t item_count = 0;
  Epoch epoch;  // the state that was exported
};

struct MergeResult {
  uint64_t merged = 0;  // items that came
  std::string read_token;
  uint64_t position = 0;
  bool replayed = false;  // carried out by an earlier request of this id
  uint64_t item_count = 0;
};

// What a restore brought back.
struct Restored {
  std::vector<Memory> memories;
  uint64_t samples_compared = 0;
};

}  // namespace mneme::client

#endif  // MNEME_CLIENT_CPP_INCLUDE_MNEME_ADMIN_H_
