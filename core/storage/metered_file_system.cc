#include "core/storage/metered_file_system.h"

#include <limits>
#include <string_view>
#include <utility>

namespace mneme::storage {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

namespace {

uint64_t BytesMax(std::string_view path) {
  const std::string_view folder = path.substr(0, path.rfind('/'));
  return folder.ends_with("/meta") ? kListBytesMax : std::numeric_limits<uint64_t>::max();
}

}  // namespace

class MeteredFileSystem::Reading final : public rocksdb::FSSequentialFileOwnerWrapper {
 public:
  Reading(MeteredFileSystem& meter, std::unique_ptr<rocksdb::FSSequentialFile> file,
          uint64_t bytes_max)
      : FSSequentialFileOwnerWrapper(std::move(file)), meter_(meter), bytes_left_(bytes_max) {}
  IOStatus Read(size_t n, const IOOptions& options, Slice* result, char* scratch,
                IODebugContext* debug) override {
    IOStatus status = FSSequentialFileOwnerWrapper::Read(n, options, result, scratch, debug);
    if (!status.ok()) return status;
    if (result->size() > bytes_left_) return IOStatus::Corruption("longer than such a file may be");
    bytes_left_ -= result->size();
    return meter_.Count(result->size(), 0);
  }

 private:
  MeteredFileSystem& meter_;
  uint64_t bytes_left_;
};

class MeteredFileSystem::Writing final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  Writing(MeteredFileSystem& meter, std::unique_ptr<rocksdb::FSWritableFile> file)
      : FSWritableFileOwnerWrapper(std::move(file)), meter_(meter) {}
  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    IOStatus status = FSWritableFileOwnerWrapper::Append(data, options, debug);
    return status.ok() ? meter_.Count(0, data.size()) : status;
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo&,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }

 private:
  MeteredFileSystem& meter_;
};

void MeteredFileSystem::Start(OnBytes on_bytes) {
  MutexLock lock(&mutex_);
  bytes_ = {};
  on_bytes_ = std::move(on_bytes);
}

MeteredFileSystem::Bytes MeteredFileSystem::Stop() {
  MutexLock lock(&mutex_);
  on_bytes_ = nullptr;
  return bytes_;
}

IOStatus MeteredFileSystem::Count(uint64_t read, uint64_t written) {
  MutexLock lock(&mutex_);
  bytes_.read += read;
  bytes_.written += written;
  if (on_bytes_ == nullptr || on_bytes_(bytes_)) return IOStatus::OK();
  return IOStatus::Aborted("stopped by the caller");
}

IOStatus MeteredFileSystem::NewSequentialFile(const std::string& path,
                                              const rocksdb::FileOptions& options,
                                              std::unique_ptr<rocksdb::FSSequentialFile>* result,
                                              IODebugContext* debug) {
  IOStatus status = target()->NewSequentialFile(path, options, result, debug);
  if (status.ok()) *result = std::make_unique<Reading>(*this, std::move(*result), BytesMax(path));
  return status;
}

IOStatus MeteredFileSystem::NewWritableFile(const std::string& path,
                                            const rocksdb::FileOptions& options,
                                            std::unique_ptr<rocksdb::FSWritableFile>* result,
                                            IODebugContext* debug) {
  IOStatus status = target()->NewWritableFile(path, options, result, debug);
  if (status.ok()) *result = std::make_unique<Writing>(*this, std::move(*result));
  return status;
}

}  // namespace mneme::storage
