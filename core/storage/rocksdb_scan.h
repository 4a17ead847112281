// One walk over a range of keys: what all readers of the database share.
#ifndef MNEME_CORE_STORAGE_ROCKSDB_SCAN_H_
#define MNEME_CORE_STORAGE_ROCKSDB_SCAN_H_

#include <cstddef>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "core/base/status.h"
#include "core/storage/rocksdb_database.h"
#include "core/storage/rocksdb_status.h"

namespace mneme::storage {

inline constexpr size_t kScanReadaheadBytes = 2u << 20;

// How a walk over much data reads: it must not push out of the cache what point reads need.
inline rocksdb::ReadOptions ScanOptions(const rocksdb::Snapshot* snapshot = nullptr) {
  rocksdb::ReadOptions read;
  read.snapshot = snapshot;
  read.fill_cache = false;
  read.readahead_size = kScanReadaheadBytes;
  return read;
}

// For a walk over what was never deleted as a range: behind what was trimmed of a log, the newest
// state, the rows of a uid that lives (a uid is not used again before what it had is gone:
// rocksdb_copy.cc). Where a table with deleted ranges is damaged, RocksDB 7.8 frees memory twice on
// a walk that heeds them, which ends the process.
inline rocksdb::ReadOptions BehindDeletions(rocksdb::ReadOptions read) {
  read.ignore_range_deletions = true;
  return read;
}

// Calls `visit(key, value)`, which gives a status, for each key in [first, end) until it gives an
// error, which is handed on. `doing` names the walk in an error of the database.
template <typename Visit>
absl::Status ScanRange(const Database& database, Family family, std::string_view first,
                       std::string_view end, rocksdb::ReadOptions read, std::string_view doing,
                       const Visit& visit) {
  const rocksdb::Slice bound = ToSlice(end);
  read.iterate_upper_bound = &bound;
  const std::unique_ptr<rocksdb::Iterator> it(database.db().NewIterator(read, database[family]));
  for (it->Seek(ToSlice(first)); it->Valid(); it->Next()) {
    MNEME_RETURN_IF_ERROR(visit(ToView(it->key()), ToView(it->value())));
  }
  return FromRocksDb(it->status(), doing);
}

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_ROCKSDB_SCAN_H_
