// The database of a data directory: opening it, its column families, and how each is tuned.
#ifndef MNEME_CORE_STORAGE_ROCKSDB_DATABASE_H_
#define MNEME_CORE_STORAGE_ROCKSDB_DATABASE_H_

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/storage/directory_lock.h"
#include "core/storage/storage.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"

namespace mneme::storage {

class DamageListener;
class DiskRoom;
class LogGuard;
class SpaceListener;

// In the order of their handles. docs/formats/storage.md says what each holds.
enum class Family { kCatalogue, kRows, kIds, kPayload, kLog, kState, kRequests, kExpiry };
inline constexpr size_t kFamilyCount = 8;
// Those whose keys begin with a memory's uid.
inline constexpr std::array kMemoryFamilies = {Family::kRows, Family::kIds,   Family::kPayload,
                                               Family::kLog,  Family::kState, Family::kExpiry};

const char* FamilyName(Family family);

// Owns the open database and its handles. Thread-safe, as RocksDB is.
class Database {
 public:
  // Opens or makes the data directory: the errors of OpenRocksDbStorage. All file access goes
  // through `env`, which must outlive the database.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const StorageOptions& options,
                                                        rocksdb::Env* env);
  // The database at `path`, which is no data directory (a backup), for reading. `env` is kept for
  // as long as the database is open.
  static absl::StatusOr<std::unique_ptr<Database>> OpenBackup(
      const std::string& path, const std::shared_ptr<rocksdb::Env>& env);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Deletes the table files that hold nothing but this memory, which was dropped durably: room is
  // free at once, and damaged files are gone with it. Snapshots no longer see it.
  absl::Status DeleteMemoryFiles(MemoryUid uid);

  rocksdb::DB& db() const { return *db_; }
  // RocksDB waits for room and writes nothing meanwhile.
  bool waits_for_space() const;
  // Has it flush what it could not, now that there is room; FULL when it still cannot.
  absl::Status GoOn();
  // Has write buffers flushed, for the room that they owe and that the log takes; soon.
  void StartFlush();
  // Writes what the log was synced for into table files, family by family: until the last one is
  // done the log holds all.
  absl::Status FlushTables();
  // On the disk of one that is written to.
  DiskRoom& room() const { return *room_; }
  // How a sync of the log failed, on whatever thread: nothing since then is on the disk. OK while
  // none did.
  absl::Status log_failure() const;
  bool read_only() const { return read_only_; }
  rocksdb::ColumnFamilyHandle* operator[](Family family) const {
    return handles_[static_cast<size_t>(family)];
  }

 private:
  Database() = default;
  absl::Status OpenForWriting(const StorageOptions& options, rocksdb::Env* env, bool create);
  absl::Status OpenForReading(const StorageOptions& options, rocksdb::Env* env,
                              const std::string& path);

  std::unique_ptr<DirectoryLock> lock_;     // of one that is written to
  std::shared_ptr<DamageListener> damage_;  // of one that is written to
  std::shared_ptr<SpaceListener> space_;    // likewise
  std::unique_ptr<DiskRoom> room_;          // likewise
  std::shared_ptr<LogGuard> log_guard_;     // likewise
  std::shared_ptr<rocksdb::Env> env_;       // where no one else keeps it
  bool read_only_ = false;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
};

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_ROCKSDB_DATABASE_H_
