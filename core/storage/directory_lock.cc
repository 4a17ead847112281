#include "core/storage/directory_lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "core/base/status.h"
#include "core/storage/data_directory.h"

namespace mneme::storage {

absl::StatusOr<std::unique_ptr<DirectoryLock>> DirectoryLock::Take(const std::string& directory) {
  // RocksDB's own, held by whoever has the database open.
  const std::string path = DatabasePath(directory) + "/LOCK";
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  std::unique_ptr<DirectoryLock> lock(new DirectoryLock(file));
  if (file < 0) return lock;
  struct flock whole = {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (::fcntl(file, F_SETLK, &whole) == 0) return lock;
  if (errno != EAGAIN && errno != EACCES) {
    return Unavailable(
        absl::StrCat("cannot lock ", path, ": ", std::generic_category().message(errno)),
        {.reason = "IO", .next_step = "Look at the file system, or copy the directory elsewhere."});
  }
  return FailedPrecondition(
      absl::StrFormat("the data directory %s is in use by another process", directory),
      {.reason = "LOCKED",
       .given = directory,
       .expected = "a data directory that no one else has open",
       .next_step = "Stop the other mnemed, or name another data directory."});
}

DirectoryLock::~DirectoryLock() {
  if (file_ >= 0) ::close(file_);
}

}  // namespace mneme::storage
