#include "core/storage/log_guard.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/storage/disk_room.h"
#include "core/storage/files.h"
#include "core/storage/write_ahead_log.h"

namespace mneme::storage {

using rocksdb::IOStatus;
using rocksdb::Slice;

namespace {
constexpr std::string_view kTableSuffix = ".sst";
}  // namespace

// Appends to the log are let through or fail as they do: RocksDB writes no more to a log that took
// an append badly.
class LogGuard::Writer : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  Writer(LogGuard& guard, bool of_the_log, std::unique_ptr<rocksdb::FSWritableFile> file)
      : FSWritableFileOwnerWrapper(std::move(file)), guard_(guard), of_the_log_(of_the_log) {}

  IOStatus Append(const Slice& data, const IOOptions& options, Debug* debug) override {
    if (IOStatus status = guard_.Writable(); !status.ok()) return status;
    return FSWritableFileOwnerWrapper::Append(data, options, debug);
  }
  IOStatus Append(const Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& checksum, Debug* debug) override {
    if (IOStatus status = guard_.Writable(); !status.ok()) return status;
    return FSWritableFileOwnerWrapper::Append(data, options, checksum, debug);
  }
  IOStatus Sync(const IOOptions& options, Debug* debug) override {
    return Guarded([&] { return FSWritableFileOwnerWrapper::Sync(options, debug); });
  }
  IOStatus Fsync(const IOOptions& options, Debug* debug) override {
    return Guarded([&] { return FSWritableFileOwnerWrapper::Fsync(options, debug); });
  }

 private:
  template <typename SyncFn>
  IOStatus Guarded(SyncFn sync) {
    if (guard_.failed_.load()) return of_the_log_ ? IOStatus::OK() : guard_.Writable();
    IOStatus status = sync();
    if (status.ok() || !of_the_log_) return status;
    guard_.Fail(status);
    return IOStatus::OK();
  }

  LogGuard& guard_;
  const bool of_the_log_;
};

class LogGuard::TableWriter final : public Writer {
 public:
  TableWriter(LogGuard& guard, std::string path, std::unique_ptr<rocksdb::FSWritableFile> file)
      : Writer(guard, /*of_the_log=*/false, std::move(file)),
        guard_(guard),
        path_(std::move(path)) {}

  IOStatus Append(const Slice& data, const IOOptions& options, Debug* debug) override {
    if (IOStatus status = guard_.LeaveLogRoom(path_, data.size()); !status.ok()) return status;
    return Writer::Append(data, options, debug);
  }
  IOStatus Append(const Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& checksum, Debug* debug) override {
    if (IOStatus status = guard_.LeaveLogRoom(path_, data.size()); !status.ok()) return status;
    return Writer::Append(data, options, checksum, debug);
  }

 private:
  LogGuard& guard_;
  const std::string path_;
};

std::unique_ptr<rocksdb::FSWritableFile> LogGuard::Guard(
    const std::string& path, std::unique_ptr<rocksdb::FSWritableFile> file) {
  if (path.ends_with(kTableSuffix)) {
    return std::make_unique<TableWriter>(*this, path, std::move(file));
  }
  return std::make_unique<Writer>(*this, LogFileNumber(path).has_value(), std::move(file));
}

IOStatus LogGuard::LeaveLogRoom(const std::string& path, size_t bytes) const {
  uint64_t free = 0;
  // Where the disk does not tell, the write itself will show.
  if (!target()->GetFreeSpace(path, IOOptions(), &free, nullptr).ok()) return IOStatus::OK();
  if (free >= bytes + kLogRoomBytes) return IOStatus::OK();
  return IOStatus::NoSpace("the last of the disk is for the log");
}

IOStatus LogGuard::failure() const {
  if (!failed_.load()) return IOStatus::OK();
  MutexLock lock(&mutex_);
  return failure_;
}

void LogGuard::Fail(const IOStatus& status) {
  MutexLock lock(&mutex_);
  if (failure_.ok()) failure_ = status;
  failed_.store(true);
}

IOStatus LogGuard::Writable() const {
  if (!failed_.load()) return IOStatus::OK();
  return IOStatus::IOError("nothing is written after a failed sync of the write-ahead log");
}

IOStatus LogGuard::NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                   std::unique_ptr<rocksdb::FSWritableFile>* result, Debug* debug) {
  if (IOStatus status = Writable(); !status.ok()) return status;
  IOStatus status = target()->NewWritableFile(path, options, result, debug);
  if (status.ok()) {
    *result = Guard(path, std::move(*result));
  }
  return status;
}

IOStatus LogGuard::ReopenWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* result,
                                      Debug* debug) {
  if (IOStatus status = Writable(); !status.ok()) return status;
  IOStatus status = target()->ReopenWritableFile(path, options, result, debug);
  if (status.ok()) {
    *result = Guard(path, std::move(*result));
  }
  return status;
}

IOStatus LogGuard::RenameFile(const std::string& from, const std::string& to,
                              const IOOptions& options, Debug* debug) {
  if (IOStatus status = Writable(); !status.ok()) return status;
  return target()->RenameFile(from, to, options, debug);
}

IOStatus LogGuard::DeleteFile(const std::string& path, const IOOptions& options, Debug* debug) {
  if (IOStatus status = Writable(); !status.ok()) return status;
  const std::optional<uint64_t> number = LogFileNumber(path);
  if (!number.has_value()) return target()->DeleteFile(path, options, debug);
  if (IOStatus status = DeleteOlderLogFiles(path, *number, options, debug); !status.ok()) {
    return status;
  }
  IOStatus status = target()->DeleteFile(path, options, debug);
  // It went with a newer one.
  return status.IsNotFound() || status.IsPathNotFound() ? IOStatus::OK() : status;
}

// What is older than a file that is not needed is not needed either.
IOStatus LogGuard::DeleteOlderLogFiles(const std::string& path, uint64_t number,
                                       const IOOptions& options, Debug* debug) {
  const std::string directory = path.substr(0, path.rfind('/'));
  std::vector<std::string> names;
  if (IOStatus status = target()->GetChildren(directory, options, &names, debug); !status.ok()) {
    return status;
  }
  std::map<uint64_t, std::string> older;
  for (const std::string& name : names) {
    const std::optional<uint64_t> other = LogFileNumber(name);
    if (other.has_value() && *other < number) older[*other] = JoinPath(directory, name);
  }
  for (const auto& [other, other_path] : older) {
    IOStatus status = target()->DeleteFile(other_path, options, debug);
    if (!status.ok() && !status.IsNotFound() && !status.IsPathNotFound()) return status;
  }
  return IOStatus::OK();
}

}  // namespace mneme::storage
