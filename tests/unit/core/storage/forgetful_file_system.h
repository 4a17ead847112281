// A file system that forgets what was not synced, on request, and fails on request: the disk of a
// machine that loses power.
//
// It writes through to the real one (a sync is only remembered, as this machine keeps its power)
// and remembers, per file, how many bytes were synced and, per directory, which files were made or
// renamed since the directory was synced. After Die nothing reaches the disk any more; Forget,
// called once everything is closed, then cuts each file to its synced bytes (and a random part of
// the rest) and undoes what happened to names. Deletions are durable at once: the harsh choice.
// Thread-safe.
#ifndef MNEME_TESTS_UNIT_CORE_STORAGE_FORGETFUL_FILE_SYSTEM_H_
#define MNEME_TESTS_UNIT_CORE_STORAGE_FORGETFUL_FILE_SYSTEM_H_

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/random.h"
#include "rocksdb/file_system.h"

namespace mneme::storage {

class ForgetfulFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  using IOStatus = rocksdb::IOStatus;
  using IOOptions = rocksdb::IOOptions;
  using Debug = rocksdb::IODebugContext;

  ForgetfulFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "ForgetfulFileSystem"; }

  // The power goes: from now on nothing is written, synced, renamed or deleted.
  void Die() { DieAfter(0); }
  // As Die, after this many more changes.
  void DieAfter(uint64_t changes) {
    MutexLock lock(&mutex_);
    changes_left_ = changes;
  }
  // Every sync of a file fails, and syncs nothing.
  void FailSyncs(bool fail) {
    MutexLock lock(&mutex_);
    fail_syncs_ = fail;
  }
  uint64_t changes() const {
    MutexLock lock(&mutex_);
    return changes_;
  }
  uint64_t syncs_tried() const {
    MutexLock lock(&mutex_);
    return syncs_tried_;
  }

  void Forget(Random& random) {
    MutexLock lock(&mutex_);
    for (const auto& [path, extent] : extents_) {
      std::error_code gone;
      const uint64_t size = std::filesystem::file_size(path, gone);
      if (gone || size <= extent.synced) continue;
      std::filesystem::resize_file(path, extent.synced + random.Below(size - extent.synced + 1));
    }
    for (auto& [directory, names] : unsynced_names_) {
      for (auto it = names.rbegin(); it != names.rend(); ++it) Undo(*it);
    }
    extents_.clear();
    unsynced_names_.clear();
  }

  IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* result,
                           Debug* debug) override {
    if (IOStatus s = Change(); !s.ok()) return s;
    const std::optional<std::string> before = Contents(path);
    if (IOStatus s = target()->NewWritableFile(path, options, result, debug); !s.ok()) return s;
    MutexLock lock(&mutex_);
    extents_[path] = {};
    unsynced_names_[Parent(path)].push_back({.path = path, .before = before});
    *result = std::make_unique<File>(this, path, std::move(*result));
    return IOStatus::OK();
  }
  IOStatus ReopenWritableFile(const std::string&, const rocksdb::FileOptions&,
                              std::unique_ptr<rocksdb::FSWritableFile>*, Debug*) override {
    return IOStatus::NotSupported("not used by storage");
  }
  IOStatus ReuseWritableFile(const std::string&, const std::string&, const rocksdb::FileOptions&,
                             std::unique_ptr<rocksdb::FSWritableFile>*, Debug*) override {
    return IOStatus::NotSupported("not used by storage");
  }
  IOStatus NewDirectory(const std::string& path, const IOOptions& options,
                        std::unique_ptr<rocksdb::FSDirectory>* result, Debug* debug) override {
    if (IOStatus s = target()->NewDirectory(path, options, result, debug); !s.ok()) return s;
    *result = std::make_unique<Directory>(this, path, std::move(*result));
    return IOStatus::OK();
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      Debug* debug) override {
    if (IOStatus s = Change(); !s.ok()) return s;
    const std::optional<std::string> before = Contents(to);
    if (IOStatus s = target()->RenameFile(from, to, options, debug); !s.ok()) return s;
    MutexLock lock(&mutex_);
    if (auto node = extents_.extract(from); !node.empty()) extents_[to] = node.mapped();
    unsynced_names_[Parent(to)].push_back({.path = to, .before = before, .renamed_from = from});
    return IOStatus::OK();
  }
  IOStatus DeleteFile(const std::string& path, const IOOptions& options, Debug* debug) override {
    if (IOStatus s = Change(); !s.ok()) return s;
    return target()->DeleteFile(path, options, debug);
  }

 private:
  struct Extent {
    uint64_t written = 0;
    uint64_t synced = 0;
  };
  struct NameChange {
    std::string path;
    std::optional<std::string> before;  // what was under this name, if anything
    std::string renamed_from;
  };

  class File final : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    File(ForgetfulFileSystem* files, std::string path,
         std::unique_ptr<rocksdb::FSWritableFile> target)
        : FSWritableFileOwnerWrapper(std::move(target)), files_(files), path_(std::move(path)) {}
    IOStatus Append(const rocksdb::Slice& data, const IOOptions& options, Debug* debug) override {
      if (IOStatus s = files_->Change(); !s.ok()) return s;
      if (IOStatus s = FSWritableFileOwnerWrapper::Append(data, options, debug); !s.ok()) return s;
      files_->Written(path_, data.size());
      return IOStatus::OK();
    }
    IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                    const rocksdb::DataVerificationInfo&, Debug* debug) override {
      return Append(data, options, debug);
    }
    IOStatus Sync(const IOOptions&, Debug*) override { return files_->SyncFile(path_); }
    IOStatus Fsync(const IOOptions&, Debug*) override { return files_->SyncFile(path_); }

   private:
    ForgetfulFileSystem* const files_;
    const std::string path_;
  };

  class Directory final : public rocksdb::FSDirectoryWrapper {
   public:
    Directory(ForgetfulFileSystem* files, std::string path,
              std::unique_ptr<rocksdb::FSDirectory> target)
        : FSDirectoryWrapper(std::move(target)), files_(files), path_(std::move(path)) {}
    IOStatus Fsync(const IOOptions&, Debug*) override { return files_->SyncNames(path_); }
    IOStatus FsyncWithDirOptions(const IOOptions&, Debug*,
                                 const rocksdb::DirFsyncOptions&) override {
      return files_->SyncNames(path_);
    }

   private:
    ForgetfulFileSystem* const files_;
    const std::string path_;
  };

  static std::string Parent(const std::string& path) {
    return Normal(std::filesystem::path(path).parent_path());
  }
  static std::string Normal(const std::filesystem::path& path) {
    const std::string text = path.lexically_normal().string();
    return text.size() > 1 && text.back() == '/' ? text.substr(0, text.size() - 1) : text;
  }
  static std::optional<std::string> Contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file.is_open()) return std::nullopt;
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
  static void Undo(const NameChange& change) {
    std::error_code ignored;
    if (!change.renamed_from.empty()) {
      std::filesystem::rename(change.path, change.renamed_from, ignored);
    } else {
      std::filesystem::remove(change.path, ignored);
    }
    if (change.before.has_value()) std::ofstream(change.path, std::ios::binary) << *change.before;
  }

  // Counts a change; an error once the power is gone.
  IOStatus Change() {
    MutexLock lock(&mutex_);
    if (changes_left_ == 0) return IOStatus::IOError("the power is gone");
    --changes_left_;
    ++changes_;
    return IOStatus::OK();
  }
  void Written(const std::string& path, uint64_t bytes) {
    MutexLock lock(&mutex_);
    extents_[path].written += bytes;
  }
  IOStatus SyncFile(const std::string& path) {
    if (IOStatus s = Change(); !s.ok()) return s;
    MutexLock lock(&mutex_);
    ++syncs_tried_;
    if (fail_syncs_) return IOStatus::IOError("the disk failed to sync");
    extents_[path].synced = extents_[path].written;
    return IOStatus::OK();
  }
  IOStatus SyncNames(const std::string& directory) {
    if (IOStatus s = Change(); !s.ok()) return s;
    MutexLock lock(&mutex_);
    unsynced_names_.erase(Normal(directory));
    return IOStatus::OK();
  }

  mutable Mutex mutex_;
  std::map<std::string, Extent> extents_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::vector<NameChange>> unsynced_names_ ABSL_GUARDED_BY(mutex_);
  uint64_t changes_left_ ABSL_GUARDED_BY(mutex_) = std::numeric_limits<uint64_t>::max();
  uint64_t changes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t syncs_tried_ ABSL_GUARDED_BY(mutex_) = 0;
  bool fail_syncs_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace mneme::storage

#endif  // MNEME_TESTS_UNIT_CORE_STORAGE_FORGETFUL_FILE_SYSTEM_H_
