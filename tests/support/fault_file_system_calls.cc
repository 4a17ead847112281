// RocksDB's side of the file system: each call is counted, may meet a fault, else is done.
#include <algorithm>
#include <cstring>
#include <utility>

#include "rocksdb/env.h"
#include "tests/support/fault_file_system.h"

namespace mneme::test {
namespace {

using rocksdb::IOStatus;

IOStatus NoSuchFile(const std::string& path) {
  return IOStatus::PathNotFound("no such file or directory", path);
}

class SilentLogger final : public rocksdb::Logger {
 public:
  using Logger::Logv;
  void Logv(const char*, va_list) override {}
  size_t GetLogFileSize() const override { return 0; }
};

class Lock final : public rocksdb::FileLock {
 public:
  explicit Lock(std::string path) : path_(std::move(path)) {}
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

}  // namespace

class FaultFileSystem::Reader final : public rocksdb::FSRandomAccessFile {
 public:
  Reader(FaultFileSystem* files, std::string path, FilePtr file)
      : files_(files), path_(std::move(path)), file_(std::move(file)) {}
  IOStatus Read(uint64_t offset, size_t bytes, const IOOptions&, rocksdb::Slice* result,
                char* scratch, Debug*) const override {
    return files_->Read(*file_, path_, offset, bytes, result, scratch);
  }

 private:
  FaultFileSystem* const files_;
  const std::string path_;
  const FilePtr file_;
};

class FaultFileSystem::SequentialReader final : public rocksdb::FSSequentialFile {
 public:
  SequentialReader(FaultFileSystem* files, std::string path, FilePtr file)
      : files_(files), path_(std::move(path)), file_(std::move(file)) {}
  IOStatus Read(size_t bytes, const IOOptions&, rocksdb::Slice* result, char* scratch,
                Debug*) override {
    IOStatus status = files_->Read(*file_, path_, offset_, bytes, result, scratch);
    if (status.ok()) offset_ += result->size();
    return status;
  }
  IOStatus Skip(uint64_t bytes) override {
    offset_ += bytes;
    return IOStatus::OK();
  }

 private:
  FaultFileSystem* const files_;
  const std::string path_;
  const FilePtr file_;
  uint64_t offset_ = 0;
};

class FaultFileSystem::Writer final : public rocksdb::FSWritableFile {
 public:
  using FSWritableFile::Append;
  Writer(FaultFileSystem* files, std::string path, FilePtr file)
      : files_(files), path_(std::move(path)), file_(std::move(file)) {}
  IOStatus Append(const rocksdb::Slice& data, const IOOptions&, Debug*) override {
    return files_->Append(*file_, path_, data);
  }
  IOStatus Flush(const IOOptions&, Debug*) override { return IOStatus::OK(); }
  IOStatus Sync(const IOOptions&, Debug*) override { return files_->Sync(*file_, path_); }
  IOStatus Close(const IOOptions&, Debug*) override {
    MutexLock lock(&files_->mutex_);
    return files_->Enter(Call::kClose, path_).status;
  }
  bool IsSyncThreadSafe() const override { return true; }
  uint64_t GetFileSize(const IOOptions&, Debug*) override {
    MutexLock lock(&files_->mutex_);
    return file_->bytes().size();
  }

 private:
  FaultFileSystem* const files_;
  const std::string path_;
  const FilePtr file_;
};

class FaultFileSystem::Directory final : public rocksdb::FSDirectory {
 public:
  Directory(FaultFileSystem* files, std::string path) : files_(files), path_(std::move(path)) {}
  IOStatus Fsync(const IOOptions&, Debug*) override { return files_->SyncDirectory(path_); }
  IOStatus Close(const IOOptions&, Debug*) override { return IOStatus::OK(); }

 private:
  FaultFileSystem* const files_;
  const std::string path_;
};

IOStatus FaultFileSystem::Read(const DiskFile& file, const std::string& path, uint64_t offset,
                               size_t bytes, rocksdb::Slice* result, char* scratch) {
  MutexLock lock(&mutex_);
  if (Outcome outcome = Enter(Call::kRead, path); !outcome.status.ok()) return outcome.status;
  const std::string& all = file.bytes();
  const size_t first = std::min<uint64_t>(offset, all.size());
  const size_t count = std::min(bytes, all.size() - first);
  std::memcpy(scratch, all.data() + first, count);
  *result = rocksdb::Slice(scratch, count);
  return IOStatus::OK();
}

IOStatus FaultFileSystem::Append(DiskFile& file, const std::string& path,
                                 const rocksdb::Slice& data) {
  MutexLock lock(&mutex_);
  const Outcome outcome = Enter(Call::kAppend, path);
  const uint64_t reaches = outcome.status.ok() ? data.size() : outcome.torn_bytes.value_or(0);
  file.Append({data.data(), std::min<uint64_t>(reaches, data.size())});
  return outcome.status;
}

IOStatus FaultFileSystem::Sync(DiskFile& file, const std::string& path) {
  MutexLock lock(&mutex_);
  if (file.sync_failed() && !dead_) ++syncs_after_failed_sync_;
  const Outcome outcome = Enter(Call::kSync, path);
  if (outcome.status.ok()) {
    file.Sync();
  } else if (!dead_) {
    file.FailSync();
  }
  return outcome.status;
}

IOStatus FaultFileSystem::SyncDirectory(const std::string& path) {
  MutexLock lock(&mutex_);
  if (Outcome outcome = Enter(Call::kSyncDirectory, path); !outcome.status.ok()) {
    return outcome.status;
  }
  std::vector<NameChange> left;
  for (NameChange& change : unsynced_) {
    if (ParentPath(change.path) != path) {
      left.push_back(std::move(change));
    } else if (change.file != nullptr) {
      durable_names_[change.path] = change.file;
    } else {
      durable_names_.erase(change.path);
    }
  }
  unsynced_ = std::move(left);
  return IOStatus::OK();
}

IOStatus FaultFileSystem::NewSequentialFile(const std::string& path, const FileOptions&,
                                            std::unique_ptr<rocksdb::FSSequentialFile>* result,
                                            Debug*) {
  const std::string name = NormalPath(path);
  MutexLock lock(&mutex_);
  if (Outcome outcome = Enter(Call::kOpen, name); !outcome.status.ok()) return outcome.status;
  const auto it = names_.find(name);
  if (it == names_.end()) return NoSuchFile(name);
  *result = std::make_unique<SequentialReader>(this, name, it->second);
  return IOStatus::OK();
}

IOStatus FaultFileSystem::NewRandomAccessFile(const std::string& path, const FileOptions&,
                                              std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                                              Debug*) {
  const std::string name = NormalPath(path);
  MutexLock lock(&mutex_);
  if (Outcome outcome = Enter(Call::kOpen, name); !outcome.status.ok()) return outcome.status;
  const auto it = names_.find(name);
  if (it == names_.end()) return NoSuchFile(name);
  *result = std::make_unique<Reader>(this, name, it->second);
  return IOStatus::OK();
}

IOStatus FaultFileSystem::NewWritableFile(const std::string& path, const FileOptions&,
                                          std::unique_ptr<rocksdb::FSWritableFile>* result,
                                          Debug*) {
  const std::string name = NormalPath(path);
  MutexLock lock(&mutex_);
  if (Outcome outcome = Enter(Call::kCreate, name); !outcome.status.ok()) return outcome.status;
  if (!directories_.contains(ParentPath(name))) return NoSuchFile(name);
  auto file = std::make_shared<DiskFile>();
  Change({.path = name, .file = file});
  *result = std::make_unique<Writer>(this, name, file);
  return IOStatus::OK();
}

IOStatus FaultFileSystem::NewDirectory(const std::string& path, const IOOptions&,
                                       std::unique_ptr<rocksdb::FSDirectory>* result, Debug*) {
  const std::string name = NormalPath(path);
  MutexLock lock(&mutex_);
  if (Outcome outcome = Enter(Call::kOpenDirectory, name); !outcome.status.ok()) {
    return outcome.status;
  }
  if (!directories_.contains(name)) return NoSuchFile(name);
  *result = std::make_unique<Directory>(this, name);
  return IOStatus::OK();
}

IOStatus FaultFileSystem::FileExists(const std::string& path, const IOOptions&, Debug*) {
  const std::string name = NormalPath(path);
  MutexLock lock(&mutex_);
  if (Outcome outcome = Enter(Call::kLook, name); !outcome.status.ok()) return outcome.status;
  const bool there = names_.contains(name) || directories_.contains(name);
  return there ? IOStatus::OK() : IOStatus::NotFound(name);
}

IOStatus FaultFileSystem::GetChildren(const std::string& path, const IOOptions&,
                                      std::vector<std::string>* result, Debug*) {
  const std::string name = NormalPath(path);
  MutexLock lock(&mutex_);
  if (Outcome outcome = Enter(Call::kList, name); !outcome.status.ok()) return outcome.status;
  result->clear();
  if (!directories_.contains(name)) return NoSuchFile(name);
  for (const auto& entry : names_) {
    if (ParentPath(entry.first) == name) result->push_back(FileName(entry.first));
  }
  for (const std::string& directory : directories_) {
    if (directory != "/" && ParentPath(directory) == name) result->push_back(FileName(directory));
  }
  return IOStatus::OK();
}

IOStatus FaultFileSystem::DeleteFile(const std::string& path, const IOOptions&, Debug*) {
  const std::string name = NormalPath(path);
  MutexLock lock(&mutex_);
  if (Outcome outcome = Enter(Call::kDelete, name); !outcome.status.ok()) return outcome.status;
  if (!names_.contains(name)) return NoSuchFile(name);
  Change({.path = name});
  return IOStatus::OK();
}

IOStatus FaultFileSystem::CreateDir(const std::string& path, const IOOptions& options,
                                    Debug* debug) {
  return CreateDirIfMissing(path, options, debug);
}

IOStatus FaultFileSystem::CreateDirIfMissing(const std::string& path, const IOOptions&, Debug*) {
  const std::string name = NormalPath(path);
  MutexLock lock(&mutex_);
  if (Outcome outcome = Enter(Call::kMakeDirectory, name); !outcome.status.ok()) {
    return outcome.status;
  }
  if (!directories_.contains(ParentPath(name))) return NoSuchFile(name);
  directories_.insert(name);
  return IOStatus::OK();
}

IOStatus FaultFileSystem::DeleteDir(const std::string& path, const IOOptions&, Debug*) {
  const std::string name = NormalPath(path);
  MutexLock lock(&mutex_);
  if (Outcome outcome = Enter(Call::kDelete, name); !outcome.status.ok()) return outcome.status;
  return directories_.erase(name) == 1 ? IOStatus::OK() : NoSuchFile(name);
}

IOStatus FaultFileSystem::GetFileSize(const std::string& path, const IOOptions&, uint64_t* bytes,
                                      Debug*) {
  const std::string name = NormalPath(path);
  MutexLock lock(&mutex_);
  if (Outcome outcome = Enter(Call::kLook, name); !outcome.status.ok()) return outcome.status;
  const auto it = names_.find(name);
  if (it == names_.end()) return NoSuchFile(name);
  *bytes = it->second->bytes().size();
  return IOStatus::OK();
}

IOStatus FaultFileSystem::GetFileModificationTime(const std::string&, const IOOptions&,
                                                  uint64_t* time, Debug*) {
  *time = 0;
  return IOStatus::OK();
}

IOStatus FaultFileSystem::RenameFile(const std::string& from, const std::string& to,
                                     const IOOptions&, Debug*) {
  const std::string source = NormalPath(from), target = NormalPath(to);
  MutexLock lock(&mutex_);
  if (Outcome outcome = Enter(Call::kRename, target); !outcome.status.ok()) return outcome.status;
  const auto it = names_.find(source);
  if (it == names_.end()) return NoSuchFile(source);
  const FilePtr file = it->second;
  Change({.path = source, .with_next = true});
  Change({.path = target, .file = file});
  return IOStatus::OK();
}

IOStatus FaultFileSystem::LinkFile(const std::string& from, const std::string& to, const IOOptions&,
                                   Debug*) {
  const std::string source = NormalPath(from), target = NormalPath(to);
  MutexLock lock(&mutex_);
  if (Outcome outcome = Enter(Call::kLink, target); !outcome.status.ok()) return outcome.status;
  const auto it = names_.find(source);
  if (it == names_.end()) return NoSuchFile(source);
  Change({.path = target, .file = it->second});
  return IOStatus::OK();
}

IOStatus FaultFileSystem::LockFile(const std::string& path, const IOOptions&,
                                   rocksdb::FileLock** lock_out, Debug*) {
  const std::string name = NormalPath(path);
  MutexLock lock(&mutex_);
  if (Outcome outcome = Enter(Call::kLock, name); !outcome.status.ok()) return outcome.status;
  if (!locked_.insert(name).second) return IOStatus::IOError("While lock file: held", name);
  *lock_out = new Lock(name);
  return IOStatus::OK();
}

IOStatus FaultFileSystem::UnlockFile(rocksdb::FileLock* lock_in, const IOOptions&, Debug*) {
  const std::unique_ptr<Lock> held(static_cast<Lock*>(lock_in));
  MutexLock lock(&mutex_);
  locked_.erase(held->path());
  return IOStatus::OK();
}

IOStatus FaultFileSystem::GetTestDirectory(const IOOptions&, std::string* path, Debug*) {
  *path = "/test";
  return IOStatus::OK();
}

IOStatus FaultFileSystem::NewLogger(const std::string&, const IOOptions&,
                                    std::shared_ptr<rocksdb::Logger>* result, Debug*) {
  *result = std::make_shared<SilentLogger>();
  return IOStatus::OK();
}

IOStatus FaultFileSystem::GetAbsolutePath(const std::string& path, const IOOptions&,
                                          std::string* result, Debug*) {
  *result = NormalPath(path);
  return IOStatus::OK();
}

IOStatus FaultFileSystem::GetFreeSpace(const std::string&, const IOOptions&, uint64_t* bytes,
                                       Debug*) {
  MutexLock lock(&mutex_);
  *bytes = free_bytes_;
  return IOStatus::OK();
}

IOStatus FaultFileSystem::IsDirectory(const std::string& path, const IOOptions&, bool* result,
                                      Debug*) {
  const std::string name = NormalPath(path);
  MutexLock lock(&mutex_);
  *result = directories_.contains(name);
  return *result || names_.contains(name) ? IOStatus::OK() : NoSuchFile(name);
}

}  // namespace mneme::test
