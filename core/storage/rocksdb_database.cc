#include "core/storage/rocksdb_database.h"

#include <algorithm>
#include <cstdarg>
#include <string>

#include "core/base/status.h"
#include "core/storage/data_directory.h"
#include "core/storage/keys.h"
#include "core/storage/rocksdb_status.h"
#include "core/storage/values.h"
#include "rocksdb/cache.h"
#include "rocksdb/convenience.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/table.h"
#include "rocksdb/write_buffer_manager.h"

namespace mneme::storage {
namespace {

constexpr uint64_t kWriteBufferBytesMin = 64u << 10;
constexpr uint64_t kWriteBufferBytesMax = 64u << 20;
constexpr double kBloomBitsPerKey = 10;

rocksdb::CompressionType LightCompression() {
  const std::vector<rocksdb::CompressionType> supported = rocksdb::GetSupportedCompressions();
  const bool has_lz4 =
      std::find(supported.begin(), supported.end(), rocksdb::kLZ4Compression) != supported.end();
  return has_lz4 ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
}

rocksdb::DBOptions DatabaseOptions(const StorageOptions& options,
                                   const std::shared_ptr<rocksdb::Cache>& cache, rocksdb::Env* env,
                                   bool create) {
  rocksdb::DBOptions db;
  db.env = env;
  db.create_if_missing = create;
  db.create_missing_column_families = create;
  db.paranoid_checks = true;
  // A log cut off inside its last record is a crash while writing; damage anywhere else must not
  // silently take acknowledged commits with it, as point-in-time recovery (RocksDB's default) would
  // let it.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  db.max_total_wal_size = options.log_bytes_max / 2;  // flushing starts here and takes a moment
  db.write_buffer_manager =
      std::make_shared<rocksdb::WriteBufferManager>(options.memory_bytes_max / 4, cache);
  db.max_bgerror_resume_count = 0;  // after a failed write or sync nothing is tried again
  db.max_background_jobs = 2;
  db.max_open_files = 1024;
  db.bytes_per_sync = 1u << 20;
  db.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  db.max_log_file_size = 4u << 20;
  db.keep_log_file_num = 4;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  return db;
}

rocksdb::ColumnFamilyOptions FamilyOptions(Family family, const StorageOptions& options,
                                           const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.format_version = 5;

  rocksdb::ColumnFamilyOptions out;
  out.write_buffer_size =
      std::clamp(options.memory_bytes_max / 8, kWriteBufferBytesMin, kWriteBufferBytesMax);
  out.compression = LightCompression();
  switch (family) {
    case Family::kRows:
    case Family::kState:
      out.compression = rocksdb::kNoCompression;  // floats do not compress
      table.block_size = 16u << 10;
      break;
    case Family::kIds:
    case Family::kRequests:  // mostly asked for what is not there
      table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kBloomBitsPerKey));
      break;
    case Family::kCatalogue:
    case Family::kPayload:
    case Family::kLog:
    case Family::kExpiry:
      break;
  }
  out.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return out;
}

std::vector<rocksdb::ColumnFamilyDescriptor> Families(
    const StorageOptions& options, const std::shared_ptr<rocksdb::Cache>& cache) {
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (size_t i = 0; i < kFamilyCount; ++i) {
    const auto family = static_cast<Family>(i);
    families.emplace_back(FamilyName(family), FamilyOptions(family, options, cache));
  }
  return families;
}

// RocksDB's own log of what it does, of a database that nothing may be written beside.
class NoLog final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

absl::Status Locked(const std::string& directory) {
  return FailedPrecondition(
      absl::StrCat("data directory '", directory, "' is in use by another process"),
      {.reason = "LOCKED",
       .given = directory,
       .expected = "a data directory that no one else has open",
       .next_step = "Stop the other mnemed, or name another data directory."});
}

absl::Status FromOpen(const rocksdb::Status& status, const std::string& directory) {
  // RocksDB has no code for this; these are its two messages, for another process and for this one.
  const std::string text = status.ToString();
  const bool locked = text.find("While lock file") != std::string::npos ||
                      text.find("lock hold by current process") != std::string::npos;
  if (status.IsIOError() && locked) return Locked(directory);
  const std::string doing =
      absl::StrCat("opening the database of data directory '", directory, "'");
  // With `create_if_missing` off: the database, or one of its families, is not there.
  if (status.IsInvalidArgument()) return Corrupt(doing, text);
  return FromRocksDb(status, doing);
}

absl::Status WriteFormat(rocksdb::DB& db) {
  const std::string key = FormatKey();
  rocksdb::WriteOptions durable;
  durable.sync = true;
  return FromRocksDb(db.Put(durable, key, EncodeFormat(key, kFormatVersion)),
                     "writing the format version");
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
    MNEME_RETURN_IF_ERROR(out->OpenForReading(options, env, DatabasePath(directory)));
    return out;
  }
  MNEME_ASSIGN_OR_RETURN(const DirectoryState state, ClaimDirectory(files, directory));
  const bool create = state == DirectoryState::kCreating;

  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(options.memory_bytes_max);
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened =
      rocksdb::DB::Open(DatabaseOptions(options, cache, env, create), DatabasePath(directory),
                        Families(options, cache), &out->handles_, &db);
  out->db_.reset(db);
  MNEME_RETURN_IF_ERROR(FromOpen(opened, directory));
  if (create) {
    MNEME_RETURN_IF_ERROR(WriteFormat(*db));
    MNEME_RETURN_IF_ERROR(MarkDirectoryReady(files, directory));
  } else {
    MNEME_RETURN_IF_ERROR(ReadFormat(*db, directory));
  }
  return out;
}

absl::StatusOr<std::unique_ptr<Database>> Database::OpenBackup(
    const std::string& path, const std::shared_ptr<rocksdb::Env>& env) {
  std::unique_ptr<Database> out(new Database);
  out->env_ = env;
  MNEME_RETURN_IF_ERROR(out->OpenForReading({.directory = path}, env.get(), path));
  return out;
}

absl::Status Database::OpenForReading(const StorageOptions& options, rocksdb::Env* env,
                                      const std::string& path) {
  read_only_ = true;
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(options.memory_bytes_max);
  rocksdb::DBOptions db_options = DatabaseOptions(options, cache, env, /*create=*/false);
  db_options.info_log = std::make_shared<NoLog>();
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened =
      rocksdb::DB::OpenForReadOnly(db_options, path, Families(options, cache), &handles_, &db);
  db_.reset(db);
  MNEME_RETURN_IF_ERROR(FromOpen(opened, options.directory));
  return ReadFormat(*db, options.directory);
}

Database::~Database() {
  if (db_ == nullptr) return;
  for (rocksdb::ColumnFamilyHandle* handle : handles_)
    db_->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
  db_->Close().PermitUncheckedError();
}

}  // namespace mneme::storage
