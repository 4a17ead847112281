#include "core/storage/metered_file_system.h"

#include <utility>

namespace mneme::storage {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

class MeteredFileSystem::Reading final : public rocksdb::FSSequentialFileOwnerWrapper {
 public:
  Reading(MeteredFileSystem& meter, std::unique_ptr<rocksdb::FSSequentialFile> file)
      : FSSequentialFileOwnerWrapper(std::move(file)), meter_(meter) {}
  IOStatus Read(size_t n, const IOOptions& options, Slice* result, char* scratch,
                IODebugContext* debug) override {
    IOStatus status = FSSequentialFileOwnerWrapper::Read(n, options, result, scratch, debug);
    return status.ok() ? meter_.Count(result->size(), 0) : status;
  }

 private:
  MeteredFileSystem& meter_;
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
  if (status.ok()) *result = std::make_unique<Reading>(*this, std::move(*result));
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
