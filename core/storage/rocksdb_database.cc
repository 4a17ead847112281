#include "core/storage/rocksdb_database.h"

#include <string>

#include "core/base/status.h"
#include "core/storage/data_directory.h"
#include "core/storage/disk_room.h"
#include "core/storage/files.h"
#include "core/storage/keys.h"
#include "core/storage/log_guard.h"
#include "core/storage/rocksdb_damage.h"
#include "core/storage/rocksdb_options.h"
#include "core/storage/rocksdb_space.h"
#include "core/storage/rocksdb_status.h"
#include "core/storage/values.h"
#include "core/storage/write_ahead_log.h"
#include "rocksdb/cache.h"
#include "rocksdb/convenience.h"
#include "rocksdb/file_system.h"
#include "rocksdb/sst_file_manager.h"

namespace mneme::storage {
namespace {

// Before RocksDB reads the log, which it takes as it finds it. Under the lock that RocksDB will
// hold.
absl::Status PrepareLog(rocksdb::FileSystem& files, const std::string& directory) {
  const std::string path = DatabasePath(directory);
  if (!files.FileExists(path, rocksdb::IOOptions(), nullptr).ok()) return absl::OkStatus();
  rocksdb::FileLock* lock = nullptr;
  const rocksdb::IOStatus locked =
      files.LockFile(JoinPath(path, "LOCK"), rocksdb::IOOptions(), &lock, nullptr);
  if (IsHeld(locked)) return Locked(directory);
  MNEME_RETURN_IF_ERROR(FromRocksDb(locked, "locking the data directory"));
  const absl::Status checked = CheckWriteAheadLog(files, path, /*repair=*/true);
  const absl::Status unlocked = FromRocksDb(files.UnlockFile(lock, rocksdb::IOOptions(), nullptr),
                                            "unlocking the data directory");
  return checked.ok() ? unlocked : checked;
}

absl::Status FromOpen(const rocksdb::Status& status, const std::string& directory) {
  if (IsHeld(status)) return Locked(directory);
  const std::string text = status.ToString();
  const std::string doing =
      absl::StrCat("opening the database of data directory '", directory, "'");
  // With `create_if_missing` off: the database, a family or a file of it is not there.
  const bool missing = status.IsInvalidArgument() || status.IsPathNotFound();
  if (!missing && !status.IsCorruption()) return FromRocksDb(status, doing);
  return DataLoss(absl::StrCat(doing, ": ", text),
                  {.reason = "CORRUPT",
                   .given = text,
                   .expected = "a database as mneme wrote it",
                   .next_step = "Check the disk, then restore the data directory from a backup; "
                                "what cannot be opened holds the catalogue or the log of all "
                                "memories."});
}

// In two table files of the catalogue: opening loads two, and shall find no others
// (rocksdb_options.cc).
absl::Status WriteFormat(rocksdb::DB& db) {
  const std::string key = FormatKey();
  rocksdb::WriteOptions durable;
  durable.sync = true;
  for (int i = 0; i < 2; ++i) {
    const std::string doing = "writing the format version";
    MNEME_RETURN_IF_ERROR(
        FromRocksDb(db.Put(durable, key, EncodeFormat(key, kFormatVersion)), doing));
    MNEME_RETURN_IF_ERROR(FromRocksDb(db.Flush(rocksdb::FlushOptions()), doing));
  }
  return absl::OkStatus();
}

absl::Status ReadFormat(rocksdb::DB& db, const std::string& directory) {
  const std::string key = FormatKey();
  std::string value;
  const rocksdb::Status read = db.Get(rocksdb::ReadOptions(), key, &value);
  if (read.IsNotFound()) {
    return Corrupt(absl::StrCat("the database of data directory '", directory, "'"),
                   "no format version in it");
  }
  MNEME_RETURN_IF_ERROR(FromRocksDb(read, "reading the format version"));
  absl::StatusOr<uint32_t> format = DecodeFormat(key, value);
  if (!format.ok()) return Annotate(format.status(), "the format version in the database");
  return CheckFormat(*format, directory);
}

}  // namespace

const char* FamilyName(Family family) {
  switch (family) {
    case Family::kCatalogue:
      return "default";
    case Family::kRows:
      return "rows";
    case Family::kIds:
      return "ids";
    case Family::kPayload:
      return "payload";
    case Family::kLog:
      return "log";
    case Family::kState:
      return "state";
    case Family::kRequests:
      return "requests";
    case Family::kExpiry:
      return "expiry";
  }
  return "";
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const StorageOptions& options,
                                                         rocksdb::Env* env) {
  const std::string& directory = options.directory;
  rocksdb::FileSystem& files = *env->GetFileSystem();
  std::unique_ptr<Database> out(new Database);
  if (options.read_only) {
    MNEME_RETURN_IF_ERROR(CheckDirectory(files, directory));
    MNEME_RETURN_IF_ERROR(CheckWriteAheadLog(files, DatabasePath(directory), /*repair=*/false));
    MNEME_RETURN_IF_ERROR(out->OpenForReading(options, env, DatabasePath(directory)));
    return out;
  }
  MNEME_ASSIGN_OR_RETURN(const DirectoryState state, ClaimDirectory(files, directory));
  const bool create = state == DirectoryState::kCreating;

  MNEME_ASSIGN_OR_RETURN(out->lock_, DirectoryLock::Take(directory));
  out->room_ = std::make_unique<DiskRoom>(env->GetFileSystem(), directory, options.disk_bytes_kept);
  MNEME_RETURN_IF_ERROR(PrepareLog(files, directory));
  MNEME_RETURN_IF_ERROR(out->OpenForWriting(options, env, create));
  if (create) {
    MNEME_RETURN_IF_ERROR(WriteFormat(*out->db_));
    MNEME_RETURN_IF_ERROR(MarkDirectoryReady(files, directory));
  } else {
    MNEME_RETURN_IF_ERROR(ReadFormat(*out->db_, directory));
  }
  return out;
}

absl::Status Database::OpenForWriting(const StorageOptions& options, rocksdb::Env* env,
                                      bool create) {
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(options.memory_bytes_max);
  log_guard_ = std::make_shared<LogGuard>(env->GetFileSystem());
  env_ = rocksdb::NewCompositeEnv(log_guard_);
  rocksdb::DBOptions db_options = DatabaseOptions(options, cache, env_.get());
  db_options.create_if_missing = create;
  db_options.create_missing_column_families = create;
  damage_ = std::make_shared<DamageListener>(options.on_damage);
  space_ = std::make_shared<SpaceListener>();
  // The damage listener comes first: what it forgives is no failure.
  db_options.listeners = {damage_, space_};
  // Compactions that found the disk full wait for room with it.
  db_options.sst_file_manager.reset(rocksdb::NewSstFileManager(env_.get(), log_guard_));
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened =
      rocksdb::DB::Open(db_options, DatabasePath(options.directory),
                        FamilyDescriptors(options, cache), &handles_, &db);
  db_.reset(db);
  MNEME_RETURN_IF_ERROR(FromOpen(opened, options.directory));
  damage_->Attach(handles_);
  return FromRocksDb(db->SetDBOptions({{"max_open_files", std::to_string(kOpenFilesMax)}}),
                     "opening more files");
}

absl::StatusOr<std::unique_ptr<Database>> Database::OpenBackup(
    const std::string& path, const std::shared_ptr<rocksdb::Env>& env) {
  std::unique_ptr<Database> out(new Database);
  out->env_ = env;
  MNEME_RETURN_IF_ERROR(
      out->OpenForReading({.directory = path, .read_only = true}, env.get(), path));
  return out;
}

absl::Status Database::OpenForReading(const StorageOptions& options, rocksdb::Env* env,
                                      const std::string& path) {
  read_only_ = true;
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(options.memory_bytes_max);
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened =
      rocksdb::DB::OpenForReadOnly(DatabaseOptions(options, cache, env), path,
                                   FamilyDescriptors(options, cache), &handles_, &db);
  db_.reset(db);
  MNEME_RETURN_IF_ERROR(FromOpen(opened, options.directory));
  return ReadFormat(*db, options.directory);
}

absl::Status Database::DeleteMemoryFiles(MemoryUid uid) {
  const std::string first = MemoryPrefix(uid);
  const std::string end = PrefixEnd(first);
  const rocksdb::Slice first_slice(first);
  const rocksdb::Slice end_slice(end);
  const rocksdb::RangePtr range(&first_slice, &end_slice);
  for (Family family : kMemoryFamilies) {
    MNEME_RETURN_IF_ERROR(FromRocksDb(
        rocksdb::DeleteFilesInRanges(db_.get(), (*this)[family], &range, 1, /*include_end=*/false),
        absl::StrCat("deleting the files of ", MemoryName(uid))));
  }
  damage_->Resume(*db_);
  return absl::OkStatus();
}

bool Database::waits_for_space() const {
  return space_ != nullptr && space_->full() && !space_->failed() && log_failure().ok();
}

absl::Status Database::GoOn() {
  const rocksdb::Status resumed = db_->Resume();
  if (resumed.ok() && !waits_for_space()) return absl::OkStatus();
  return DiskFull(absl::StrCat("what was written before is not flushed: ", resumed.ToString()));
}

void Database::StartFlush() {
  rocksdb::FlushOptions soon;
  soon.wait = false;
  soon.allow_write_stall = true;                      // else it would wait for other flushes
  db_->Flush(soon, handles_).PermitUncheckedError();  // what it lacks shows at the next commit
}

absl::Status Database::FlushTables() {
  rocksdb::FlushOptions options;
  options.allow_write_stall = true;  // else it may wait for compactions, which may rest
  return FromRocksDb(db_->Flush(options, handles_),
                     "writing tables of commits that are durable in the log");
}

absl::Status Database::log_failure() const {
  return log_guard_ == nullptr ? absl::OkStatus()
                               : FromRocksDb(log_guard_->failure(), "a sync of the log");
}

Database::~Database() {
  if (damage_ != nullptr) damage_->Detach();
  if (db_ == nullptr) return;
  for (rocksdb::ColumnFamilyHandle* handle : handles_)
    db_->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
  db_->Close().PermitUncheckedError();
}

}  // namespace mneme::storage
