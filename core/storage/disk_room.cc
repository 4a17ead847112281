#include "core/storage/disk_room.h"

#include <utility>

#include "core/base/status.h"
#include "core/storage/files.h"
#include "core/storage/rocksdb_disk.h"

namespace mneme::storage {
namespace {

using rocksdb::IOOptions;

// The file is made where there is this many times its room.
constexpr uint64_t kPlenty = 4;

}  // namespace

absl::Status DiskFull(const std::string& given) {
  constexpr int64_t kRetryAfterMs = 1'000;
  return ResourceExhausted(
      absl::StrCat("the disk is full, nothing of this was written: ", given),
      {.reason = "FULL",
       .given = given,
       .expected = "free space in the data directory",
       .next_step = "Make room on the disk, or delete items or memories: reads go on, and writes "
                    "come back by themselves.",
       .retry_after_ms = kRetryAfterMs});
}

DiskRoom::DiskRoom(std::shared_ptr<rocksdb::FileSystem> files, std::string directory,
                   uint64_t kept_bytes)
    : files_(std::move(files)),
      directory_(std::move(directory)),
      path_(JoinPath(directory_, "room")),
      kept_bytes_(kept_bytes) {
  GiveUp();
}

absl::Status DiskRoom::Ask(uint64_t bytes, bool last) {
  absl::StatusOr<uint64_t> free = FreeBytesAt(*files_, directory_);
  if (!free.ok()) return absl::OkStatus();
  if (!last && kept() < kept_bytes_ && *free >= bytes + kPlenty * kept_bytes_) Keep();
  if (last && kept() > 0 && *free < bytes) {
    GiveUp();
    free = FreeBytesAt(*files_, directory_);
  }
  if (!free.ok() || *free >= bytes) return absl::OkStatus();
  return DiskFull(absl::StrFormat("%d bytes are free, %d are needed", *free, bytes));
}

// Where the file system gives no blocks ahead there is no such file, and it is not tried again.
void DiskRoom::Keep() {
  std::unique_ptr<rocksdb::FSWritableFile> file;
  if (!files_->NewWritableFile(path_, rocksdb::FileOptions(), &file, nullptr).ok()) return;
  const bool allocated = file->Allocate(0, kept_bytes_, IOOptions(), nullptr).ok();
  if (file->Close(IOOptions(), nullptr).ok() && allocated) {
    kept_.store(kept_bytes_);
  } else {
    kept_bytes_ = 0;
    GiveUp();
  }
}

void DiskRoom::GiveUp() {
  files_->DeleteFile(path_, IOOptions(), nullptr).PermitUncheckedError();  // or there is none
  kept_.store(0);
}

}  // namespace mneme::storage
