// How the database is tuned: as a whole, and each of its families.
#ifndef MNEME_CORE_STORAGE_ROCKSDB_OPTIONS_H_
#define MNEME_CORE_STORAGE_ROCKSDB_OPTIONS_H_

#include <memory>
#include <vector>

#include "core/storage/limits.h"
#include "core/storage/storage.h"
#include "rocksdb/cache.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"

namespace mneme::storage {

// Of a database that is opened for reading and, unless `options.read_only`, for writing.
rocksdb::DBOptions DatabaseOptions(const StorageOptions& options,
                                   const std::shared_ptr<rocksdb::Cache>& cache, rocksdb::Env* env);

// All families, in the order of Family.
std::vector<rocksdb::ColumnFamilyDescriptor> FamilyDescriptors(
    const StorageOptions& options, const std::shared_ptr<rocksdb::Cache>& cache);

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_ROCKSDB_OPTIONS_H_
