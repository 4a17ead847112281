#include "core/storage/rocksdb_status.h"

#include <string>

#include "core/base/status.h"
#include "core/storage/keys.h"

namespace mneme::storage {

absl::Status FromRocksDb(const rocksdb::Status& status, std::string_view doing) {
  if (status.ok()) return absl::OkStatus();
  const std::string cause = status.ToString();
  if (status.IsCorruption()) return Corrupt(doing, cause);
  const std::string message = absl::StrCat(AbslView(doing), ": ", cause);
  if (status.IsNoSpace()) {
    return ResourceExhausted(message,
                             {.reason = "FULL",
                              .given = cause,
                              .expected = "free space in the data directory",
                              .next_step = "Make room on the disk, then start the server again."});
  }
  if (status.IsIOError()) {
    return Unavailable(message,
                       {.reason = "STORAGE_IO",
                        .given = cause,
                        .expected = "a disk that reads and writes",
                        .next_step = "Check the disk and the rights on the data directory."});
  }
  return Internal(message);
}

}  // namespace mneme::storage
