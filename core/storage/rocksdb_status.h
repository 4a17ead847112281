// RocksDB's answers as ours: the one mapping.
#ifndef MNEME_CORE_STORAGE_ROCKSDB_STATUS_H_
#define MNEME_CORE_STORAGE_ROCKSDB_STATUS_H_

#include <string_view>

#include "absl/status/status.h"
#include "rocksdb/slice.h"
#include "rocksdb/status.h"

namespace mneme::storage {

// What was being done goes into the message. Corruption: DataLoss CORRUPT; no space:
// ResourceExhausted FULL; other errors of the disk: Unavailable STORAGE_IO; the rest is our fault:
// Internal.
absl::Status FromRocksDb(const rocksdb::Status& status, std::string_view doing);

inline rocksdb::Slice ToSlice(std::string_view s) { return {s.data(), s.size()}; }
inline std::string_view ToView(const rocksdb::Slice& s) { return {s.data(), s.size()}; }

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_ROCKSDB_STATUS_H_
