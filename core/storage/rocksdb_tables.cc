#include "core/storage/rocksdb_tables.h"

#include <algorithm>

#include "core/base/status.h"
#include "core/storage/keys.h"
#include "core/storage/rocksdb_database.h"
#include "core/storage/rocksdb_status.h"
#include "rocksdb/metadata.h"
#include "rocksdb/sst_file_reader.h"

namespace mneme::storage {
namespace {

bool IsOfMemories(std::string_view family) {
  return std::any_of(kMemoryFamilies.begin(), kMemoryFamilies.end(),
                     [&](Family each) { return FamilyName(each) == family; });
}

Table FromMetadata(const rocksdb::LiveFileMetaData& file) {
  Table table{.name = file.name.substr(file.name.find_first_not_of('/')),
              .family = file.column_family_name,
              .bytes = file.size};
  if (!IsOfMemories(table.family)) return table;
  for (const std::string* key : {&file.smallestkey, &file.largestkey}) {
    const absl::StatusOr<MemoryUid> uid = UidFromMemoryKey(*key);
    if (uid.ok() && (table.uids.empty() || table.uids.back() != *uid)) table.uids.push_back(*uid);
  }
  return table;
}

}  // namespace

std::vector<Table> LiveTables(rocksdb::DB& db) {
  std::vector<rocksdb::LiveFileMetaData> files;
  db.GetLiveFilesMetaData(&files);
  std::vector<Table> tables;
  for (const rocksdb::LiveFileMetaData& file : files) tables.push_back(FromMetadata(file));
  return tables;
}

absl::Status VerifyTable(rocksdb::DB& db, const Table& table) {
  rocksdb::Options options;
  options.env = db.GetEnv();
  rocksdb::SstFileReader reader(options);
  const std::string doing = absl::StrCat("table file '", table.name, "'");
  const std::string path = absl::StrCat(db.GetName(), "/", table.name);
  MNEME_RETURN_IF_ERROR(FromRocksDb(reader.Open(path), doing));
  return FromRocksDb(reader.VerifyChecksum(), doing);
}

}  // namespace mneme::storage
