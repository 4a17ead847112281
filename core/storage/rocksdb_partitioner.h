// Where compaction ends one table file and begins the next: so that damage to a file, or dropping a
// memory, concerns few other things.
#ifndef MNEME_CORE_STORAGE_ROCKSDB_PARTITIONER_H_
#define MNEME_CORE_STORAGE_ROCKSDB_PARTITIONER_H_

#include <memory>

#include "rocksdb/sst_partitioner.h"

namespace mneme::storage {

// A new file at each new memory once the file before has 256 KiB: large memories have files of
// their own, small ones share.
std::shared_ptr<rocksdb::SstPartitionerFactory> MemoryPartitioner();

// A file for each kind of entry of the catalogue: never one alone.
std::shared_ptr<rocksdb::SstPartitionerFactory> CataloguePartitioner();

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_ROCKSDB_PARTITIONER_H_
