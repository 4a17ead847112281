#include "core/storage/rocksdb_options.h"

#include <algorithm>
#include <cstdarg>

#include "core/storage/rocksdb_database.h"
#include "core/storage/rocksdb_partitioner.h"
#include "rocksdb/convenience.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/slice_transform.h"
#include "rocksdb/table.h"
#include "rocksdb/write_buffer_manager.h"

namespace mneme::storage {
namespace {

constexpr uint64_t kWriteBufferBytesMin = 64u << 10;
constexpr uint64_t kWriteBufferBytesMax = 64u << 20;
constexpr double kBloomBitsPerKey = 10;
constexpr double kWriteBufferBloomShare = 0.03;  // of the write buffer's bytes: about 10 bits a key
// RocksDB takes no less: it then loads two table files while opening, those of the catalogue
// (Database::Open sees to it that there are two), and no other can keep the database from opening.
constexpr int kOpenFilesAtFirst = 20;

// RocksDB's own log of what it does, where nothing may be written.
class NoLog final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

// What keys that mostly come in their order begin with: rows, ids and log records of a memory with
// its uid, outcomes and their times with a tag. The place of the next one in the write buffer is
// then found beside the last one's.
//
// The keys that deleted ranges begin with, a uid and nothing behind it, are in no series: RocksDB
// before 9.2 mixes up the places of keys and of ranges (its pull request 12558).
class KeySeries final : public rocksdb::SliceTransform {
 public:
  explicit KeySeries(Family family)
      : prefix_bytes_(
            family == Family::kRequests || family == Family::kCatalogue ? 1 : sizeof(MemoryUid)) {}

  const char* Name() const override { return "mneme.KeySeries"; }
  rocksdb::Slice Transform(const rocksdb::Slice& key) const override {
    return {key.data(), prefix_bytes_};
  }
  bool InDomain(const rocksdb::Slice& key) const override { return key.size() > prefix_bytes_; }

 private:
  const size_t prefix_bytes_;
};

rocksdb::CompressionType LightCompression() {
  const std::vector<rocksdb::CompressionType> supported = rocksdb::GetSupportedCompressions();
  const bool has_lz4 =
      std::find(supported.begin(), supported.end(), rocksdb::kLZ4Compression) != supported.end();
  return has_lz4 ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
}

// For families that are mostly asked for what is not there.
void FilterKeys(rocksdb::BlockBasedTableOptions& table, rocksdb::ColumnFamilyOptions& out) {
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kBloomBitsPerKey));
  out.memtable_whole_key_filtering = true;
  out.memtable_prefix_bloom_size_ratio = kWriteBufferBloomShare;
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
  out.memtable_insert_with_hint_prefix_extractor = std::make_shared<KeySeries>(family);
  switch (family) {
    case Family::kRows:
    case Family::kState:
      out.compression = rocksdb::kNoCompression;  // floats do not compress
      table.block_size = 16u << 10;
      break;
    case Family::kIds:
      FilterKeys(table, out);
      break;
    case Family::kRequests:
      FilterKeys(table, out);
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
  db.allow_concurrent_memtable_write = false;  // there is one writer
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
