// Commands on a data directory that no daemon serves. Nothing is written to it; while one runs, no
// daemon starts on it.
#ifndef MNEME_SERVER_OFFLINE_OFFLINE_H_
#define MNEME_SERVER_OFFLINE_OFFLINE_H_

#include <cstdint>
#include <memory>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/storage/directory_lock.h"
#include "core/storage/storage.h"

namespace mneme::server {

// A data directory, locked and opened for reading.
struct OfflineData {
  std::unique_ptr<storage::DirectoryLock> lock;
  std::unique_ptr<storage::Storage> storage;
};
// FailedPrecondition (LOCKED) while a daemon has it.
absl::StatusOr<OfflineData> OpenOffline(const std::string& directory, uint64_t memory_bytes_max);

// Checks everything and prints a table of the memories and each damage with what to do about it, or
// one JSON object. DataLoss (DAMAGED) when there is any.
absl::Status RunFsck(storage::Storage& storage, bool json, std::ostream& out,
                     std::ostream& progress);

// Tells the versions of what lies in the directory and what becomes of them under this mnemed.
// FailedPrecondition (FORMAT_VERSION) for what is newer than it reads.
absl::Status RunUpgradeCheck(const storage::Storage& storage, const std::string& directory,
                             bool json, std::ostream& out);

struct DumpOptions {
  std::string memory;              // name; empty: all
  std::string what = "catalogue";  // or "log", "items", "state"
  uint64_t limit = 0;              // lines a memory; 0: all
  bool vectors = false;
};
// Prints JSON Lines. NotFound (MEMORY_NOT_FOUND), InvalidArgument (DUMP_WHAT).
absl::Status RunDump(const storage::Storage& storage, const DumpOptions& options,
                     std::ostream& out);

}  // namespace mneme::server

#endif  // MNEME_SERVER_OFFLINE_OFFLINE_H_
