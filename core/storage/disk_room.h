// Room on the disk for what is about to be written: asked for before the log is touched, so that a
// disk without room refuses a commit whole.
//
// Of the last of the room, kLogRoomBytes are the log's: table files (LogGuard) and commits that
// make the storage hold more leave them. So what takes away can be written, too, where the storage
// itself has filled the disk. Where others have, a file ("room") that holds blocks and nothing else
// is given up for it, and made again once there is plenty.
//
// Ask is for one thread at a time; the rest is thread-safe.
#ifndef MNEME_CORE_STORAGE_DISK_ROOM_H_
#define MNEME_CORE_STORAGE_DISK_ROOM_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "rocksdb/file_system.h"

namespace mneme::storage {

inline constexpr uint64_t kLogRoomBytes = 4u << 20;

// ResourceExhausted (FULL): nothing was written, because `given`.
absl::Status DiskFull(const std::string& given);

class DiskRoom {
 public:
  // Looks after the disk of `directory`, where it lets up to `kept_bytes` (0: none) lie in its
  // file. One that an earlier process left is given up: opening the database may need it.
  DiskRoom(std::shared_ptr<rocksdb::FileSystem> files, std::string directory, uint64_t kept_bytes);

  // OK if so many bytes are free, else FULL. `last`: for what takes away, so that the file may be
  // given up for it. Where the disk does not tell, OK: the write itself will show.
  // Cost: one or two questions to the file system.
  absl::Status Ask(uint64_t bytes, bool last);

  // What its file holds at the moment.
  uint64_t kept() const { return kept_.load(); }

 private:
  void Keep();
  void GiveUp();

  const std::shared_ptr<rocksdb::FileSystem> files_;
  const std::string directory_;
  const std::string path_;
  uint64_t kept_bytes_;  // of Ask's thread
  std::atomic<uint64_t> kept_{0};
};

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_DISK_ROOM_H_
