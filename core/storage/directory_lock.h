// The lock of a data directory: of the process that writes it, or of one that reads it as it lies.
//
// RocksDB has a lock of its own (db/LOCK), of the kind that a process loses as soon as it closes
// any descriptor of that file, wherever it had opened it. This one belongs to its descriptor, so it
// is held beside RocksDB's.
#ifndef MNEME_CORE_STORAGE_DIRECTORY_LOCK_H_
#define MNEME_CORE_STORAGE_DIRECTORY_LOCK_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace rocksdb {
class Status;
}

namespace mneme::storage {

class DirectoryLock {
 public:
  // FailedPrecondition (LOCKED): somebody has it, this process included. Where there is no such
  // directory, or its file system has no such locks, there is nothing to hold.
  static absl::StatusOr<std::unique_ptr<DirectoryLock>> Take(const std::string& directory);
  // RocksDB's too, which RocksDB takes when it opens a database for writing: for those who read.
  // Where its file cannot be written (a copy on a read-only medium) nobody can write there.
  static absl::StatusOr<std::unique_ptr<DirectoryLock>> TakeWithDatabase(
      const std::string& directory);
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  DirectoryLock() = default;

  // -1: not held.
  int directory_ = -1;
  int database_ = -1;
};

// What is said where somebody else has `directory`.
absl::Status Locked(const std::string& directory);

// Whether RocksDB did not get the lock of a file because somebody has it, this process included:
// any other failure (no right to write, no such locks) is the system's to explain.
bool IsHeld(const rocksdb::Status& lock);

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_DIRECTORY_LOCK_H_
