// The lock of a data directory, for those who read it without opening it for writing: while it is
// held no daemon starts on the directory, and it is not given while one runs.
#ifndef MNEME_CORE_STORAGE_DIRECTORY_LOCK_H_
#define MNEME_CORE_STORAGE_DIRECTORY_LOCK_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace mneme::storage {

class DirectoryLock {
 public:
  // FailedPrecondition (LOCKED): another process has it. Where there is no lock file, or it cannot
  // be written (a copy on a read-only medium), nobody can write there, and there is nothing to
  // hold.
  static absl::StatusOr<std::unique_ptr<DirectoryLock>> Take(const std::string& directory);
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  explicit DirectoryLock(int file) : file_(file) {}
  const int file_;  // -1: nothing is held
};

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_DIRECTORY_LOCK_H_
