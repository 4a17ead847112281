#include "core/storage/directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "core/base/status.h"
#include "core/storage/data_directory.h"
#include "rocksdb/status.h"

namespace mneme::storage {
namespace {

absl::Status CannotLock(const std::string& path, int error) {
  return Unavailable(
      absl::StrCat("cannot lock ", path, ": ", std::generic_category().message(error)),
      {.reason = "IO", .next_step = "Look at the file system, or copy the directory elsewhere."});
}

}  // namespace

absl::Status Locked(const std::string& directory) {
  return FailedPrecondition(
      absl::StrFormat("the data directory %s is in use by another process", directory),
      {.reason = "LOCKED",
       .given = directory,
       .expected = "a data directory that no one else has open",
       .next_step = "Stop the other mnemed, or name another data directory."});
}

// RocksDB has no code for this; these are its two messages, for another process and for this one.
bool IsHeld(const rocksdb::Status& lock) {
  if (!lock.IsIOError()) return false;
  const std::string text = lock.ToString();
  return text.find("lock hold by current process") != std::string::npos ||
         (text.find("While lock file") != std::string::npos &&
          text.ends_with(std::generic_category().message(EAGAIN)));
}

absl::StatusOr<std::unique_ptr<DirectoryLock>> DirectoryLock::Take(const std::string& directory) {
  std::unique_ptr<DirectoryLock> lock(new DirectoryLock);
  lock->directory_ = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock->directory_ < 0 || ::flock(lock->directory_, LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK) return Locked(directory);
  return lock;
}

absl::StatusOr<std::unique_ptr<DirectoryLock>> DirectoryLock::TakeWithDatabase(
    const std::string& directory) {
  MNEME_ASSIGN_OR_RETURN(std::unique_ptr<DirectoryLock> lock, Take(directory));
  const std::string path = DatabasePath(directory) + "/LOCK";
  lock->database_ = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (lock->database_ < 0) return lock;
  struct flock whole = {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (::fcntl(lock->database_, F_SETLK, &whole) == 0) return lock;
  if (errno != EAGAIN && errno != EACCES) return CannotLock(path, errno);
  return Locked(directory);
}

DirectoryLock::~DirectoryLock() {
  if (database_ >= 0) ::close(database_);
  if (directory_ >= 0) ::close(directory_);
}

}  // namespace mneme::storage
