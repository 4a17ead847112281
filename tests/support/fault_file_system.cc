#include "tests/support/fault_file_system.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/base/status.h"
#include "rocksdb/env.h"

namespace mneme::test {
namespace {

using rocksdb::IOStatus;

std::string Normal(const std::string& path) {
  std::string out;
  for (char c : path) {
    if (c != '/' || out.empty() || out.back() != '/') out.push_back(c);
  }
  if (out.size() > 1 && out.back() == '/') out.pop_back();
  return out;
}

std::string ParentOf(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

std::string NameOf(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

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

const char* CallName(Call call) {
  switch (call) {
    case Call::kOpen:
      return "open";
    case Call::kRead:
      return "read";
    case Call::kCreate:
      return "create";
    case Call::kAppend:
      return "append";
    case Call::kSync:
      return "sync";
    case Call::kClose:
      return "close";
    case Call::kRename:
      return "rename";
    case Call::kLink:
      return "link";
    case Call::kDelete:
      return "delete";
    case Call::kList:
      return "list";
    case Call::kLook:
      return "look";
    case Call::kMakeDirectory:
      return "make directory";
    case Call::kOpenDirectory:
      return "open directory";
    case Call::kSyncDirectory:
      return "sync directory";
    case Call::kLock:
      return "lock";
  }
  return "";
}

// Guarded by the file system's mutex.
struct FaultFileSystem::Node {
  struct Extent {
    uint64_t first = 0;
    uint64_t end = 0;
  };
  DiskImage::Bytes image;        // the bytes, as long as nothing was written
  std::string written;           // else
  uint64_t synced_bytes = 0;     // durable, but for `doubtful`
  std::vector<Extent> doubtful;  // what a failed sync left behind

  const std::string& bytes() const { return image != nullptr ? *image : written; }
  // What is left of it after a power cut.
  std::string Survive(Random& random) const;
};

std::string FaultFileSystem::Node::Survive(Random& random) const {
  // How much of what was not synced had reached the disk: nothing, some, most, all.
  constexpr std::array kShares = {0.0, 0.5, 0.9, 1.0};
  const double share = kShares[random.Below(kShares.size())];
  const bool length_survives = random.Below(4) == 0;
  const std::string& all = bytes();
  std::string out = all;
  uint64_t end = doubtful.empty() ? synced_bytes : doubtful.front().first;
  const auto lose = [&](uint64_t first, uint64_t last) {
    for (uint64_t at = first; at < last;) {
      const uint64_t next = std::min(last, (at / kPageBytes + 1) * kPageBytes);
      if (random.Uniform() < share) {
        end = std::max(end, next);
      } else {
        std::fill(out.begin() + static_cast<ptrdiff_t>(at),
                  out.begin() + static_cast<ptrdiff_t>(next), '\0');
      }
      at = next;
    }
  };
  for (const Extent& extent : doubtful) lose(extent.first, extent.end);
  if (!doubtful.empty() && synced_bytes > doubtful.back().end) end = std::max(end, synced_bytes);
  lose(synced_bytes, all.size());
  if (!length_survives) out.resize(end);
  return out;
}

class FaultFileSystem::Reader final : public rocksdb::FSRandomAccessFile {
 public:
  Reader(FaultFileSystem* files, std::string path, NodePtr node)
      : files_(files), path_(std::move(path)), node_(std::move(node)) {}
  IOStatus Read(uint64_t offset, size_t bytes, const IOOptions&, rocksdb::Slice* result,
                char* scratch, Debug*) const override {
    return files_->Read(*node_, path_, offset, bytes, result, scratch);
  }

 private:
  FaultFileSystem* const files_;
  const std::string path_;
  const NodePtr node_;
};

class FaultFileSystem::SequentialReader final : public rocksdb::FSSequentialFile {
 public:
  SequentialReader(FaultFileSystem* files, std::string path, NodePtr node)
      : files_(files), path_(std::move(path)), node_(std::move(node)) {}
  IOStatus Read(size_t bytes, const IOOptions&, rocksdb::Slice* result, char* scratch,
                Debug*) override {
    IOStatus status = files_->Read(*node_, path_, offset_, bytes, result, scratch);
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
  const NodePtr node_;
  uint64_t offset_ = 0;
};

class FaultFileSystem::Writer final : public rocksdb::FSWritableFile {
 public:
  using FSWritableFile::Append;
  Writer(FaultFileSystem* files, std::string path, NodePtr node)
      : files_(files), path_(std::move(path)), node_(std::move(node)) {}
  IOStatus Append(const rocksdb::Slice& data, const IOOptions&, Debug*) override {
    return files_->Append(*node_, path_, data);
  }
  IOStatus Flush(const IOOptions&, Debug*) override { return IOStatus::OK(); }
  IOStatus Sync(const IOOptions&, Debug*) override { return files_->Sync(*node_, path_); }
  IOStatus Close(const IOOptions&, Debug*) override {
    MutexLock lock(&files_->mutex_);
    return files_->Enter(Call::kClose, path_).status;
  }
  bool IsSyncThreadSafe() const override { return true; }
  uint64_t GetFileSize(const IOOptions&, Debug*) override {
    MutexLock lock(&files_->mutex_);
    return node_->bytes().size();
  }

 private:
  FaultFileSystem* const files_;
  const std::string path_;
  const NodePtr node_;
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

FaultFileSystem::FaultFileSystem(const DiskImage& image) {
  MutexLock lock(&mutex_);
  for (const auto& [path, bytes] : image.files()) {
    auto node = std::make_shared<Node>();
    node->image = bytes;
    node->synced_bytes = bytes->size();
    names_[path] = node;
  }
  durable_names_ = names_;
  directories_.insert(image.directories().begin(), image.directories().end());
}

void FaultFileSystem::Inject(const Fault& fault) {
  MutexLock lock(&mutex_);
  plans_.push_back({.fault = fault});
}

void FaultFileSystem::ClearFaults() {
  MutexLock lock(&mutex_);
  plans_.clear();
  fired_ = false;
}

bool FaultFileSystem::fired() const {
  MutexLock lock(&mutex_);
  return fired_;
}

void FaultFileSystem::WaitStalled() {
  MutexLock lock(&mutex_);
  while (stalled_ == 0) changed_.Wait(&mutex_);
}

void FaultFileSystem::Release() {
  MutexLock lock(&mutex_);
  std::erase_if(plans_, [](const Plan& plan) { return plan.fault.kind == Fault::Kind::kStall; });
  ++releases_;
  changed_.NotifyAll();
}

void FaultFileSystem::SetFreeBytes(uint64_t bytes) {
  MutexLock lock(&mutex_);
  free_bytes_ = bytes;
}

uint64_t FaultFileSystem::calls() const {
  uint64_t sum = 0;
  for (int call = 0; call < kCalls; ++call) sum += calls(static_cast<Call>(call));
  return sum;
}

uint64_t FaultFileSystem::calls(Call call) const {
  uint64_t sum = 0;
  for (int file = 0; file < kFileKinds; ++file) sum += calls(call, static_cast<FileKind>(file));
  return sum;
}

uint64_t FaultFileSystem::calls(Call call, FileKind file) const {
  MutexLock lock(&mutex_);
  return counts_[static_cast<size_t>(call)][static_cast<size_t>(file)];
}

uint64_t FaultFileSystem::syncs_after_failed_sync() const {
  MutexLock lock(&mutex_);
  return syncs_after_failed_sync_;
}

DiskImage FaultFileSystem::Image() const {
  MutexLock lock(&mutex_);
  DiskImage out;
  for (const std::string& path : directories_) out.PutDirectory(path);
  for (const auto& [path, node] : names_) {
    out.PutFile(path, node->image != nullptr ? node->image
                                             : std::make_shared<const std::string>(node->written));
  }
  return out;
}

DiskImage FaultFileSystem::CutPower(Random& random) {
  MutexLock lock(&mutex_);
  dead_ = true;
  changed_.NotifyAll();
  DiskImage out;
  // Directories are few, and all made before anything in them is promised.
  for (const std::string& path : directories_) out.PutDirectory(path);
  for (const auto& [path, node] : SurvivingNames(random)) {
    const bool whole = node->image != nullptr;
    out.PutFile(path,
                whole ? node->image : std::make_shared<const std::string>(node->Survive(random)));
  }
  return out;
}

FaultFileSystem::Names FaultFileSystem::SurvivingNames(Random& random) const {
  Names out = durable_names_;
  const bool deletions_alone = random.Below(2) == 0;
  const size_t prefix = random.Below(unsynced_.size() + 1);
  for (size_t i = 0; i < unsynced_.size(); ++i) {
    const NameChange& change = unsynced_[i];
    const bool pure_deletion = change.node == nullptr && !change.with_next;
    const bool survives = deletions_alone    ? pure_deletion
                          : change.with_next ? i + 1 < prefix
                                             : i < prefix;
    if (!survives) continue;
    if (change.node != nullptr) {
      out[change.path] = change.node;
    } else {
      out.erase(change.path);
    }
  }
  return out;
}

void FaultFileSystem::Change(NameChange change) {
  if (change.node != nullptr) {
    names_[change.path] = change.node;
  } else {
    names_.erase(change.path);
  }
  unsynced_.push_back(std::move(change));
}

FaultFileSystem::Outcome FaultFileSystem::Enter(Call call, const std::string& path) {
  Outcome outcome;
  if (dead_) {
    outcome.status = IOStatus::IOError("the power is gone", path);
    return outcome;
  }
  const FileKind file = KindOfFile(path);
  ++counts_[static_cast<size_t>(call)][static_cast<size_t>(file)];
  std::optional<Fault> met;
  for (Plan& plan : plans_) {
    const Fault& fault = plan.fault;
    if (fault.call.has_value() && *fault.call != call) continue;
    if (fault.file.has_value() && *fault.file != file) continue;
    ++plan.met;
    if (plan.met == fault.nth || (fault.from_then_on && plan.met > fault.nth)) met = fault;
  }
  if (met.has_value()) outcome.status = Meet(*met, outcome);
  return outcome;
}

IOStatus FaultFileSystem::Meet(const Fault& fault, Outcome& outcome) {
  fired_ = true;
  switch (fault.kind) {
    case Fault::Kind::kNoSpace:
      return IOStatus::NoSpace("no space left on device");
    case Fault::Kind::kIoError:
      return IOStatus::IOError("input/output error");
    case Fault::Kind::kTear:
      outcome.torn_bytes = fault.torn_bytes;
      return IOStatus::IOError("input/output error after a part");
    case Fault::Kind::kPowerCut:
      dead_ = true;
      return IOStatus::IOError("the power is gone");
    case Fault::Kind::kStall: {
      const uint64_t before = releases_;
      ++stalled_;
      changed_.NotifyAll();
      while (releases_ == before && !dead_) changed_.Wait(&mutex_);
      --stalled_;
      return dead_ ? IOStatus::IOError("the power is gone") : IOStatus::OK();
    }
  }
  return IOStatus::OK();
}

IOStatus FaultFileSystem::Read(const Node& node, const std::string& path, uint64_t offset,
                               size_t bytes, rocksdb::Slice* result, char* scratch) {
  MutexLock lock(&mutex_);
  if (Outcome outcome = Enter(Call::kRead, path); !outcome.status.ok()) return outcome.status;
  const std::string& all = node.bytes();
  const size_t first = std::min<uint64_t>(offset, all.size());
  const size_t count = std::min(bytes, all.size() - first);
  std::memcpy(scratch, all.data() + first, count);
  *result = rocksdb::Slice(scratch, count);
  return IOStatus::OK();
}

IOStatus FaultFileSystem::Append(Node& node, const std::string& path, const rocksdb::Slice& data) {
  MutexLock lock(&mutex_);
  const Outcome outcome = Enter(Call::kAppend, path);
  if (outcome.status.ok()) {
    node.written.append(data.data(), data.size());
  } else if (outcome.torn_bytes.has_value()) {
    node.written.append(data.data(), std::min<uint64_t>(*outcome.torn_bytes, data.size()));
  }
  return outcome.status;
}

IOStatus FaultFileSystem::Sync(Node& node, const std::string& path) {
  MutexLock lock(&mutex_);
  if (!node.doubtful.empty() && !dead_) ++syncs_after_failed_sync_;
  const Outcome outcome = Enter(Call::kSync, path);
  const uint64_t end = node.written.size();
  if (!outcome.status.ok()) {
    if (!dead_) node.doubtful.push_back({.first = node.synced_bytes, .end = end});
    if (dead_) return outcome.status;
  }
  node.synced_bytes = end;  // what is doubtful of it is remembered
  return outcome.status;
}

IOStatus FaultFileSystem::SyncDirectory(const std::string& path) {
  MutexLock lock(&mutex_);
  if (Outcome outcome = Enter(Call::kSyncDirectory, path); !outcome.status.ok()) {
    return outcome.status;
  }
  std::vector<NameChange> left;
  for (NameChange& change : unsynced_) {
    if (ParentOf(change.path) != path) {
      left.push_back(std::move(change));
    } else if (change.node != nullptr) {
      durable_names_[change.path] = change.node;
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
  const std::string name = Normal(path);
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
  const std::string name = Normal(path);
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
  const std::string name = Normal(path);
  MutexLock lock(&mutex_);
  if (Outcome outcome = Enter(Call::kCreate, name); !outcome.status.ok()) return outcome.status;
  if (!directories_.contains(ParentOf(name))) return NoSuchFile(name);
  auto node = std::make_shared<Node>();
  Change({.path = name, .node = node});
  *result = std::make_unique<Writer>(this, name, node);
  return IOStatus::OK();
}

IOStatus FaultFileSystem::NewDirectory(const std::string& path, const IOOptions&,
                                       std::unique_ptr<rocksdb::FSDirectory>* result, Debug*) {
  const std::string name = Normal(path);
  MutexLock lock(&mutex_);
  if (Outcome outcome = Enter(Call::kOpenDirectory, name); !outcome.status.ok()) {
    return outcome.status;
  }
  if (!directories_.contains(name)) return NoSuchFile(name);
  *result = std::make_unique<Directory>(this, name);
  return IOStatus::OK();
}

IOStatus FaultFileSystem::FileExists(const std::string& path, const IOOptions&, Debug*) {
  const std::string name = Normal(path);
  MutexLock lock(&mutex_);
  if (Outcome outcome = Enter(Call::kLook, name); !outcome.status.ok()) return outcome.status;
  const bool there = names_.contains(name) || directories_.contains(name);
  return there ? IOStatus::OK() : IOStatus::NotFound(name);
}

IOStatus FaultFileSystem::GetChildren(const std::string& path, const IOOptions&,
                                      std::vector<std::string>* result, Debug*) {
  const std::string name = Normal(path);
  MutexLock lock(&mutex_);
  if (Outcome outcome = Enter(Call::kList, name); !outcome.status.ok()) return outcome.status;
  result->clear();
  if (!directories_.contains(name)) return NoSuchFile(name);
  for (const auto& [file, node] : names_) {
    if (ParentOf(file) == name) result->push_back(NameOf(file));
  }
  for (const std::string& directory : directories_) {
    if (directory != "/" && ParentOf(directory) == name) result->push_back(NameOf(directory));
  }
  return IOStatus::OK();
}

IOStatus FaultFileSystem::DeleteFile(const std::string& path, const IOOptions&, Debug*) {
  const std::string name = Normal(path);
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
  const std::string name = Normal(path);
  MutexLock lock(&mutex_);
  if (Outcome outcome = Enter(Call::kMakeDirectory, name); !outcome.status.ok()) {
    return outcome.status;
  }
  if (!directories_.contains(ParentOf(name))) return NoSuchFile(name);
  directories_.insert(name);
  return IOStatus::OK();
}

IOStatus FaultFileSystem::DeleteDir(const std::string& path, const IOOptions&, Debug*) {
  const std::string name = Normal(path);
  MutexLock lock(&mutex_);
  if (Outcome outcome = Enter(Call::kDelete, name); !outcome.status.ok()) return outcome.status;
  return directories_.erase(name) == 1 ? IOStatus::OK() : NoSuchFile(name);
}

IOStatus FaultFileSystem::GetFileSize(const std::string& path, const IOOptions&, uint64_t* bytes,
                                      Debug*) {
  const std::string name = Normal(path);
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
  const std::string source = Normal(from), target = Normal(to);
  MutexLock lock(&mutex_);
  if (Outcome outcome = Enter(Call::kRename, target); !outcome.status.ok()) return outcome.status;
  const auto it = names_.find(source);
  if (it == names_.end()) return NoSuchFile(source);
  const NodePtr node = it->second;
  Change({.path = source, .with_next = true});
  Change({.path = target, .node = node});
  return IOStatus::OK();
}

IOStatus FaultFileSystem::LinkFile(const std::string& from, const std::string& to, const IOOptions&,
                                   Debug*) {
  const std::string source = Normal(from), target = Normal(to);
  MutexLock lock(&mutex_);
  if (Outcome outcome = Enter(Call::kLink, target); !outcome.status.ok()) return outcome.status;
  const auto it = names_.find(source);
  if (it == names_.end()) return NoSuchFile(source);
  Change({.path = target, .node = it->second});
  return IOStatus::OK();
}

IOStatus FaultFileSystem::LockFile(const std::string& path, const IOOptions&,
                                   rocksdb::FileLock** lock_out, Debug*) {
  const std::string name = Normal(path);
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
  *result = Normal(path);
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
  const std::string name = Normal(path);
  MutexLock lock(&mutex_);
  *result = directories_.contains(name);
  return *result || names_.contains(name) ? IOStatus::OK() : NoSuchFile(name);
}

}  // namespace mneme::test
