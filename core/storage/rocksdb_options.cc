#include "core/storage/rocksdb_options.h"

#include <algorithm>
#include <cstdarg>

#include "core/storage/rocksdb_database.h"
#include "core/storage/rocksdb_partitioner.h"
#include "rocksdb/convenience.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/table.h"
#include "rocksdb/write_buffer_manager.h"

namespace mneme::storage {
namespace {

constexpr uint64_t kWriteBufferBytesMin = 64u << 10;
constexpr uint64_t kWriteBufferBytesMax = 64u << 20;
constexpr double kBloomBitsPerKey = 10;
// RocksDB takes no less: it then loads two table files while opening, those of the catalogue
// (Database::Open sees to it that there are two), and no other can keep the database from opening.
constexpr int kOpenFilesAtFirst = 20;

// RocksDB's own log of what it does, where nothing may be written.
class NoLog final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

rocksdb::CompressionType LightCompression() {
  const std::vector<rocksdb::CompressionType> supported = rocksdb::GetSupportedCompressions();
  const bool has_lz4 =
      std::find(supported.begin(), supported.end(), rocksdb::kLZ4Compression) != supported.end();
  return has_lz4 ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
}

rocksdb::ColumnFamilyOptions FamilyOptions(Family family, const StorageOptions& options,
                                           const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.format_version = 5;

  rocksdb::ColumnFamilyOptions out;
  out.write_buffer_size =
      std::clamp(options.memory_bytes_max / 8, kWriteBufferBytesMin, kWriteBufferBytesMax);
  out.compression = LightCompression();
  out.sst_partitioner_factory = MemoryPartitioner();
  switch (family) {
    case Family::kRows:
    case Family::kState:
      out.compression = rocksdb::kNoCompression;  // floats do not compress
      table.block_size = 16u << 10;
      break;
    case Family::kIds:
      table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kBloomBitsPerKey));
      break;
    case Family::kRequests:  // mostly asked for what is not there
      table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kBloomBitsPerKey));
      out.sst_partitioner_factory = nullptr;
      break;
    case Family::kCatalogue:
      out.sst_partitioner_factory = CataloguePartitioner();
      break;
    case Family::kPayload:
    case Family::kLog:
    case Family::kExpiry:
      break;
  }
  out.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return out;
}

}  // namespace

rocksdb::DBOptions DatabaseOptions(const StorageOptions& options,
                                   const std::shared_ptr<rocksdb::Cache>& cache,
                                   rocksdb::Env* env) {
  rocksdb::DBOptions db;
  db.env = env;
  db.paranoid_checks = true;
  // Up to the first record that is not whole: CheckWriteAheadLog saw before that nothing durable
  // stands at or behind it.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  db.max_total_wal_size = options.log_bytes_max / 2;  // flushing starts here and takes a moment
  db.write_buffer_manager =
      std::make_shared<rocksdb::WriteBufferManager>(options.memory_bytes_max / 4, cache);
  db.max_bgerror_resume_count = 0;  // after a failed write or sync nothing is tried again
  db.max_background_jobs = 2;
  db.max_open_files = kOpenFilesAtFirst;
  db.skip_stats_update_on_db_open = true;  // it would open more
  db.bytes_per_sync = 1u << 20;
  db.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  db.max_log_file_size = 4u << 20;
  db.keep_log_file_num = 4;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  if (options.read_only) db.info_log = std::make_shared<NoLog>();
  return db;
}

std::vector<rocksdb::ColumnFamilyDescriptor> FamilyDescriptors(
    const StorageOptions& options, const std::shared_ptr<rocksdb::Cache>& cache) {
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (size_t i = 0; i < kFamilyCount; ++i) {
    const auto family = static_cast<Family>(i);
    families.emplace_back(FamilyName(family), FamilyOptions(family, options, cache));
  }
  return families;
}

}  // namespace mneme::storage
