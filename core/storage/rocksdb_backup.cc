#include "core/storage/rocksdb_backup.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "core/base/mutex.h"
#include "core/base/status.h"
#include "core/storage/backup_directory.h"
#include "core/storage/directory_lock.h"
#include "core/storage/files.h"
#include "core/storage/keys.h"
#include "core/storage/metered_file_system.h"
#include "core/storage/rocksdb_database.h"
#include "core/storage/rocksdb_disk.h"
#include "core/storage/rocksdb_status.h"
#include "core/storage/rocksdb_storage.h"
#include "rocksdb/utilities/backup_engine.h"

namespace mneme::storage {
namespace {

using rocksdb::IOOptions;

// Lock order: `work_mutex_`, then `entries_mutex_`. List and Get wait for no work.
class RocksDbBackupStore final : public BackupStore {
 public:
  RocksDbBackupStore(std::string directory, const Clock& clock, uint64_t disk_bytes_reserve,
                     rocksdb::Env* env)
      : directory_(std::move(directory)),
        clock_(clock),
        disk_bytes_reserve_(disk_bytes_reserve),
        env_(env),
        meter_(std::make_shared<MeteredFileSystem>(env->GetFileSystem())),
        metered_env_(rocksdb::NewCompositeEnv(meter_)) {}
  ~RocksDbBackupStore() override;

  // Before anything else.
  absl::Status Open();

  absl::StatusOr<uint32_t> Create(Storage& storage, const ProgressFn& progress) override;
  absl::Status PutManifest(uint32_t id, std::string_view manifest) override;
  absl::StatusOr<std::vector<BackupEntry>> List() const override;
  absl::StatusOr<BackupEntry> Get(uint32_t id) const override;
  absl::Status Delete(uint32_t id) override;
  absl::Status VerifyFiles(uint32_t id, const ProgressFn& progress) const override;
  absl::StatusOr<std::unique_ptr<Storage>> Open(uint32_t id) const override;

 private:
  rocksdb::FileSystem& files() const { return *env_->GetFileSystem(); }
  absl::Status Lock();
  absl::Status OpenEngine() ABSL_EXCLUSIVE_LOCKS_REQUIRED(work_mutex_);
  // So that the engine goes on above every number that was given here, to backups that are gone
  // too.
  absl::Status KeepNumbersTaken() ABSL_EXCLUSIVE_LOCKS_REQUIRED(work_mutex_, entries_mutex_);
  // Brings manifests and backups together; clears away what was not finished.
  absl::Status LoadEntries() ABSL_EXCLUSIVE_LOCKS_REQUIRED(work_mutex_, entries_mutex_);
  // FULL unless so many bytes more leave the reserve of the folder's disk free.
  absl::Status AskForRoom(uint64_t bytes) const;
  absl::Status Full(const std::string& given) const;
  absl::Status NotThere(uint32_t id) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(entries_mutex_);

  const std::string directory_;
  const Clock& clock_;
  const uint64_t disk_bytes_reserve_;
  rocksdb::Env* const env_;
  const std::shared_ptr<MeteredFileSystem> meter_;
  const std::shared_ptr<rocksdb::Env> metered_env_;
  rocksdb::FileLock* lock_ = nullptr;

  mutable Mutex work_mutex_;  // held over long work
  std::unique_ptr<rocksdb::BackupEngine> engine_ ABSL_GUARDED_BY(work_mutex_);
  uint32_t last_id_ ABSL_GUARDED_BY(work_mutex_) = 0;  // the next backup's number is one above

  mutable Mutex entries_mutex_;
  std::map<uint32_t, absl::StatusOr<BackupEntry>> entries_ ABSL_GUARDED_BY(entries_mutex_);
  std::map<uint32_t, BackupEntry> unfinished_ ABSL_GUARDED_BY(entries_mutex_);
};

// Of the table files that no earlier backup holds: those are named by a table's number, something
// that tells databases apart, and its size.
uint64_t NewTableBytes(rocksdb::FileSystem& files, const std::string& directory,
                       const Database& database) {
  std::vector<std::string> held;  // an earlier backup's; where they cannot be listed there are none
  files.GetChildren(JoinPath(directory, "shared_checksum"), IOOptions(), &held, nullptr)
      .PermitUncheckedError();
  std::set<std::pair<std::string, std::string>> known;
  for (const std::string& name : held) {
    known.emplace(name.substr(0, name.find('_')), name.substr(name.rfind('_') + 1));
  }
  std::vector<rocksdb::LiveFileMetaData> tables;
  database.db().GetLiveFilesMetaData(&tables);
  uint64_t bytes = 0;
  for (const rocksdb::LiveFileMetaData& table : tables) {
    const std::string& name = table.relative_filename;
    if (!known.contains({name.substr(0, name.rfind('.')), absl::StrCat(table.size, ".sst")})) {
      bytes += table.size;
    }
  }
  return bytes;
}

absl::Status Stopped(std::string_view what) {
  return Cancelled(absl::StrCat(AbslView(what), " was stopped"),
                   {.reason = "CANCELLED", .next_step = "Start it again when it is wanted."});
}

RocksDbBackupStore::~RocksDbBackupStore() {
  engine_.reset();
  if (lock_ != nullptr) files().UnlockFile(lock_, IOOptions(), nullptr).PermitUncheckedError();
}

absl::Status RocksDbBackupStore::Open() {
  MutexLock lock(&work_mutex_);
  MutexLock entries_lock(&entries_mutex_);
  MNEME_RETURN_IF_ERROR(ClaimBackupDirectory(files(), directory_));
  MNEME_RETURN_IF_ERROR(Lock());
  MNEME_ASSIGN_OR_RETURN(entries_, ReadManifests(files(), directory_));
  MNEME_RETURN_IF_ERROR(KeepNumbersTaken());
  MNEME_RETURN_IF_ERROR(OpenEngine());
  return LoadEntries();
}

absl::Status RocksDbBackupStore::KeepNumbersTaken() {
  MNEME_ASSIGN_OR_RETURN(last_id_, ReadLastNumber(files(), directory_));
  if (!entries_.empty()) last_id_ = std::max(last_id_, entries_.rbegin()->first);
  return KeepNumberTaken(files(), directory_, last_id_);
}

absl::Status RocksDbBackupStore::Lock() {
  const rocksdb::IOStatus locked =
      files().LockFile(JoinPath(directory_, "LOCK"), IOOptions(), &lock_, nullptr);
  if (locked.ok()) return absl::OkStatus();
  lock_ = nullptr;
  if (!IsHeld(locked)) {
    return FromRocksDb(locked, absl::StrCat("locking backup directory '", directory_, "'"));
  }
  return FailedPrecondition(
      absl::StrCat("backup directory '", directory_, "' is in use: ", locked.ToString()),
      {.reason = "LOCKED",
       .given = directory_,
       .expected = "a backup directory that no one else has open",
       .next_step = "Stop the other mnemed, or name another backup directory."});
}

absl::Status RocksDbBackupStore::OpenEngine() {
  rocksdb::BackupEngineOptions options(directory_, metered_env_.get());
  options.share_table_files = true;
  options.share_files_with_checksum = true;
  options.sync = true;
  rocksdb::BackupEngine* engine = nullptr;
  const rocksdb::IOStatus opened = rocksdb::BackupEngine::Open(options, env_, &engine);
  engine_.reset(engine);
  return FromRocksDb(opened, absl::StrCat("opening backup directory '", directory_, "'"));
}

absl::Status RocksDbBackupStore::LoadEntries() {
  std::vector<rocksdb::BackupInfo> infos;
  std::vector<rocksdb::BackupID> damaged;
  engine_->GetBackupInfo(&infos);
  engine_->GetCorruptedBackups(&damaged);
  std::set<uint32_t> whole;
  std::set<uint32_t> held(damaged.begin(), damaged.end());
  for (const rocksdb::BackupInfo& info : infos) whole.insert(info.backup_id);
  held.insert(whole.begin(), whole.end());
  if (!held.empty()) last_id_ = std::max(last_id_, *held.rbegin());
  for (uint32_t id : held) {
    if (entries_.contains(id)) continue;
    MNEME_RETURN_IF_ERROR(FromRocksDb(engine_->DeleteBackup(id),
                                      absl::StrCat("clearing unfinished backup ", id, " away")));
  }
  for (auto& [id, entry] : entries_) {
    if (entry.ok() && !whole.contains(id)) {
      entry = Corrupt(absl::StrCat("backup ", id, " in '", directory_, "'"),
                      "its list of files is missing or damaged");
    }
  }
  return absl::OkStatus();
}

absl::Status RocksDbBackupStore::AskForRoom(uint64_t bytes) const {
  const absl::StatusOr<uint64_t> free = FreeBytesAt(files(), directory_);
  // Where the disk does not tell, the copy itself will show.
  if (!free.ok() || *free >= bytes + disk_bytes_reserve_) return absl::OkStatus();
  return Full(
      absl::StrFormat("%d bytes are free there, and %d more are to be copied", *free, bytes));
}

absl::Status RocksDbBackupStore::Full(const std::string& given) const {
  return ResourceExhausted(
      absl::StrCat("no room for a backup in '", directory_, "', nothing is left of it: ", given),
      {.reason = "FULL",
       .given = given,
       .expected = absl::StrFormat(
           "room for it, and the %d bytes of data.disk_bytes_reserve beside", disk_bytes_reserve_),
       .next_step = "Make room on that disk, delete older backups, or name a folder on another "
                    "disk (data.backup_dir)."});
}

absl::StatusOr<uint32_t> RocksDbBackupStore::Create(Storage& storage, const ProgressFn& progress) {
  const Database* const database = DatabaseOf(storage);
  if (database == nullptr) return Internal("only a storage over RocksDB can be backed up");
  MutexLock lock(&work_mutex_);
  const uint64_t total = storage.disk_bytes();
  const auto go_on = [&](uint64_t done) {
    return progress == nullptr || progress(std::min(done, total), total);
  };
  const std::string doing = absl::StrCat("a backup into '", directory_, "'");
  if (!go_on(0)) return Stopped(doing);
  MNEME_RETURN_IF_ERROR(AskForRoom(NewTableBytes(files(), directory_, *database)));
  // Before anyone can hear of it.
  MNEME_RETURN_IF_ERROR(WriteLastNumber(files(), directory_, last_id_ + 1));
  rocksdb::BackupID id = 0;
  bool stopped = false;
  absl::Status room;  // others fill the disk meanwhile
  meter_->Start([&](const MeteredFileSystem::Bytes& bytes) {
    if (room.ok()) room = AskForRoom(0);
    stopped = stopped || !go_on(bytes.written);
    return !stopped && room.ok();
  });
  const rocksdb::IOStatus created =
      engine_->CreateNewBackup(rocksdb::CreateBackupOptions(), &database->db(), &id);
  const uint64_t new_bytes = meter_->Stop().written;
  if (!created.ok()) {
    engine_->GarbageCollect().PermitUncheckedError();  // else the next Create does it
    if (stopped) return Stopped(doing);
    if (!room.ok()) return room;
    return created.IsNoSpace() ? Full(created.ToString()) : FromRocksDb(created, doing);
  }
  last_id_ = id;
  rocksdb::BackupInfo info;
  MNEME_RETURN_IF_ERROR(FromRocksDb(engine_->GetBackupInfo(id, &info), doing));
  MutexLock entries_lock(&entries_mutex_);
  unfinished_[id] = {.id = id,
                     .create_unix_nanos = clock_.NowUnixNanos(),
                     .bytes = info.size,
                     .new_bytes = new_bytes};
  return id;
}

absl::Status RocksDbBackupStore::PutManifest(uint32_t id, std::string_view manifest) {
  MutexLock lock(&entries_mutex_);
  const auto found = unfinished_.find(id);
  if (found == unfinished_.end()) return NotThere(id);
  BackupEntry entry = found->second;
  entry.manifest = std::string(manifest);
  MNEME_RETURN_IF_ERROR(AskForRoom(entry.manifest.size()));
  const absl::Status written = WriteManifest(files(), directory_, entry);
  if (absl::IsResourceExhausted(written)) return Full(std::string(StdView(written.message())));
  MNEME_RETURN_IF_ERROR(written);
  unfinished_.erase(found);
  entries_.insert_or_assign(id, std::move(entry));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<BackupEntry>> RocksDbBackupStore::List() const {
  MutexLock lock(&entries_mutex_);
  std::vector<BackupEntry> out;
  for (auto it = entries_.rbegin(); it != entries_.rend(); ++it) {
    if (it->second.ok()) out.push_back(*it->second);
  }
  return out;
}

absl::StatusOr<BackupEntry> RocksDbBackupStore::Get(uint32_t id) const {
  MutexLock lock(&entries_mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return NotThere(id);
  return found->second;
}

absl::Status RocksDbBackupStore::NotThere(uint32_t id) const {
  std::string ids;
  for (const auto& [each, entry] : entries_) absl::StrAppend(&ids, ids.empty() ? "" : ", ", each);
  return NotFound(absl::StrCat("no backup ", id, " in '", directory_, "'"),
                  {.reason = "BACKUP_NOT_FOUND",
                   .given = absl::StrCat(id),
                   .expected = ids.empty() ? "there are none" : absl::StrCat("one of ", ids),
                   .next_step = "Name one of those that are listed."});
}

absl::Status RocksDbBackupStore::Delete(uint32_t id) {
  MutexLock lock(&work_mutex_);
  bool finished = false;
  {
    MutexLock entries_lock(&entries_mutex_);
    finished = entries_.contains(id);
    if (!finished && !unfinished_.contains(id)) return NotThere(id);
  }
  // First the manifest: what is left when this is cut short is cleared away at the next open.
  if (finished) MNEME_RETURN_IF_ERROR(DeleteManifest(files(), directory_, id));
  {
    MutexLock entries_lock(&entries_mutex_);
    entries_.erase(id);
    unfinished_.erase(id);
  }
  return FromRocksDb(engine_->DeleteBackup(id), absl::StrCat("deleting backup ", id));
}

absl::Status RocksDbBackupStore::VerifyFiles(uint32_t id, const ProgressFn& progress) const {
  MNEME_ASSIGN_OR_RETURN(const BackupEntry entry, Get(id));
  const auto go_on = [&](uint64_t done) {
    return progress == nullptr || progress(std::min(done, entry.bytes), entry.bytes);
  };
  const std::string doing = absl::StrCat("the check of backup ", id, " in '", directory_, "'");
  MutexLock lock(&work_mutex_);
  bool stopped = false;
  meter_->Start([&](const MeteredFileSystem::Bytes& bytes) {
    stopped = stopped || !go_on(bytes.read);
    return !stopped;
  });
  const rocksdb::IOStatus verified = engine_->VerifyBackup(id, /*verify_with_checksum=*/true);
  meter_->Stop();
  return stopped ? Stopped(doing) : FromRocksDb(verified, doing);
}

absl::StatusOr<std::unique_ptr<Storage>> RocksDbBackupStore::Open(uint32_t id) const {
  // One without a manifest may be read too: that is how its manifest is made.
  {
    MutexLock lock(&entries_mutex_);
    const auto found = entries_.find(id);
    if (found != entries_.end()) MNEME_RETURN_IF_ERROR(found->second.status());
    if (found == entries_.end() && !unfinished_.contains(id)) return NotThere(id);
  }
  rocksdb::BackupInfo info;
  {
    MutexLock lock(&work_mutex_);
    MNEME_RETURN_IF_ERROR(FromRocksDb(engine_->GetBackupInfo(id, &info, true),
                                      absl::StrCat("backup ", id, " in '", directory_, "'")));
  }
  MNEME_ASSIGN_OR_RETURN(std::unique_ptr<Database> database,
                         Database::OpenBackup(info.name_for_open, info.env_for_open));
  return MakeStorage(std::move(database));
}

}  // namespace

absl::StatusOr<std::unique_ptr<BackupStore>> OpenBackupStore(const std::string& directory,
                                                             const Clock& clock,
                                                             uint64_t disk_bytes_reserve,
                                                             rocksdb::Env* env) {
  // RocksDB opens a backup's files by absolute paths only.
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(directory, error);
  auto store = std::make_unique<RocksDbBackupStore>(error ? directory : absolute.string(), clock,
                                                    disk_bytes_reserve, env);
  MNEME_RETURN_IF_ERROR(store->Open());
  return store;
}

absl::StatusOr<std::unique_ptr<BackupStore>> OpenBackupStore(const std::string& directory,
                                                             const Clock& clock,
                                                             uint64_t disk_bytes_reserve) {
  return OpenBackupStore(directory, clock, disk_bytes_reserve, rocksdb::Env::Default());
}

}  // namespace mneme::storage
