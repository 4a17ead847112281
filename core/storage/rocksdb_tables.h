// The table files of a database: which memories each holds keys of, and whether it is whole.
#ifndef MNEME_CORE_STORAGE_ROCKSDB_TABLES_H_
#define MNEME_CORE_STORAGE_ROCKSDB_TABLES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/storage/storage.h"
#include "rocksdb/db.h"

namespace mneme::storage {

struct Table {
  std::string name;    // within the database's folder: "000012.sst"
  std::string family;  // by name
  uint64_t bytes = 0;
  // Of families whose keys begin with a uid: the first and the last memory in it (one, when they
  // are the same); memories between them may have keys in it too.
  std::vector<MemoryUid> uids;
};

std::vector<Table> LiveTables(rocksdb::DB& db);

// DataLoss CORRUPT when its size, its footer, its index or any of its blocks is damaged. Reads it
// whole.
absl::Status VerifyTable(rocksdb::DB& db, const Table& table);

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_ROCKSDB_TABLES_H_
