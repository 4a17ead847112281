// Storage over RocksDB. Programs use OpenRocksDbStorage of storage.h; this header adds the seam
// that tests use.
#ifndef MNEME_CORE_STORAGE_ROCKSDB_STORAGE_H_
#define MNEME_CORE_STORAGE_ROCKSDB_STORAGE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "core/storage/storage.h"

namespace rocksdb {
class Env;
}

namespace mneme::storage {

class Database;

// As OpenRocksDbStorage(options), with every access to files going through `env`: a test can give
// one whose file system forgets what was not synced, or fails. `env` must outlive the storage.
absl::StatusOr<std::unique_ptr<Storage>> OpenRocksDbStorage(const StorageOptions& options,
                                                            rocksdb::Env* env);

// A database opened by someone else, as a storage.
std::unique_ptr<Storage> MakeStorage(std::unique_ptr<Database> database);

// The database under a storage made by this library; null for others.
const Database* DatabaseOf(const Storage& storage);

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_ROCKSDB_STORAGE_H_
