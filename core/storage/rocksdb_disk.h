// How much room things take on disk.
#ifndef MNEME_CORE_STORAGE_ROCKSDB_DISK_H_
#define MNEME_CORE_STORAGE_ROCKSDB_DISK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/storage/rocksdb_database.h"
#include "core/storage/storage.h"

namespace mneme::storage {

// What each family holds of a memory, in files and in memory not yet written to files. An estimate:
// blocks that two memories share count for either.
std::vector<DiskBytes> ApproximateMemoryBytes(const Database& database, MemoryUid uid);

// Bytes of disk that write buffers will take: what was written and is in the log alone. No more
// than the log, which is looked at (a question to the file system a file of it); as a rule that is
// less than BufferBytes, as buffers are allocated ahead.
uint64_t OwedBytes(const Database& database);
uint64_t BufferBytes(const Database& database);

// Bytes of all files below `path`; what vanishes meanwhile counts nothing.
uint64_t FileBytesBelow(rocksdb::FileSystem& files, const std::string& path);

// Of the file system that holds `path`.
absl::StatusOr<uint64_t> FreeBytesAt(rocksdb::FileSystem& files, const std::string& path);

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_ROCKSDB_DISK_H_
