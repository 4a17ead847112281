#include "core/storage/rocksdb_partitioner.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/storage/rocksdb_status.h"

namespace mneme::storage {
namespace {

constexpr size_t kUidBytes = 8;
constexpr size_t kTagBytes = 1;
constexpr uint64_t kOwnFileBytes = 256u << 10;

// Ends a file of at least `bytes_min` where the first `prefix` bytes of the keys change. Files may
// move down a level as they are.
class PrefixPartitioner final : public rocksdb::SstPartitioner {
 public:
  PrefixPartitioner(size_t prefix, uint64_t bytes_min) : prefix_(prefix), bytes_min_(bytes_min) {}
  const char* Name() const override { return "mneme.PrefixPartitioner"; }
  rocksdb::PartitionerResult ShouldPartition(const rocksdb::PartitionerRequest& request) override {
    const std::string_view before = ToView(*request.prev_user_key).substr(0, prefix_);
    const std::string_view next = ToView(*request.current_user_key).substr(0, prefix_);
    return before != next && request.current_output_file_size >= bytes_min_ ? rocksdb::kRequired
                                                                            : rocksdb::kNotRequired;
  }
  bool CanDoTrivialMove(const rocksdb::Slice&, const rocksdb::Slice&) override { return true; }

 private:
  const size_t prefix_;
  const uint64_t bytes_min_;
};

class PrefixPartitionerFactory final : public rocksdb::SstPartitionerFactory {
 public:
  PrefixPartitionerFactory(size_t prefix, uint64_t bytes_min)
      : prefix_(prefix), bytes_min_(bytes_min) {}
  const char* Name() const override { return "mneme.PrefixPartitionerFactory"; }
  std::unique_ptr<rocksdb::SstPartitioner> CreatePartitioner(
      const rocksdb::SstPartitioner::Context&) const override {
    return std::make_unique<PrefixPartitioner>(prefix_, bytes_min_);
  }

 private:
  const size_t prefix_;
  const uint64_t bytes_min_;
};

}  // namespace

std::shared_ptr<rocksdb::SstPartitionerFactory> MemoryPartitioner() {
  return std::make_shared<PrefixPartitionerFactory>(kUidBytes, kOwnFileBytes);
}

std::shared_ptr<rocksdb::SstPartitionerFactory> CataloguePartitioner() {
  return std::make_shared<PrefixPartitionerFactory>(kTagBytes, 0);
}

}  // namespace mneme::storage
