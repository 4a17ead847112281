// Copying a memory from one database to another (or the same), as it is at one moment.
#ifndef MNEME_CORE_STORAGE_ROCKSDB_COPY_H_
#define MNEME_CORE_STORAGE_ROCKSDB_COPY_H_

#include <functional>
#include <string_view>

#include "absl/status/status.h"
#include "core/storage/rocksdb_database.h"
#include "core/storage/storage.h"
#include "rocksdb/write_batch.h"

namespace mneme::storage {

struct MemoryCopy {
  const Database& source;
  MemoryUid source_uid = 0;
  const Database& target;
  MemoryUid uid = 0;
  std::string_view scope;  // whose outcomes of requests go along when the uid stays; "" for none
};

// Writes the records of the memory, counters first (so that a copy cut short is an orphan), each
// under its new key with a new checksum once the old one was found right, in batches of a few MiB
// that go to `write`. Batches are not made durable.
//   FailedPrecondition IN_USE  the target has something under this uid
//   NotFound                   the source has no such memory
//   DataLoss                   a record of the source is damaged: nothing wrong is copied
//   Cancelled                  `progress` said so
// Thread-safe; beside commits to both.
absl::Status CopyMemoryRecords(const MemoryCopy& copy,
                               const std::function<absl::Status(rocksdb::WriteBatch&)>& write,
                               const ProgressFn& progress);

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_ROCKSDB_COPY_H_
