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

// As OpenRocksDbStorage(options), with every access to files going through `env`: a test can give
// one whose file system forgets what was not synced, or fails. `env` must outlive the storage.
absl::StatusOr<std::unique_ptr<Storage>> OpenRocksDbStorage(const StorageOptions& options,
                                                            rocksdb::Env* env);

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_ROCKSDB_STORAGE_H_
