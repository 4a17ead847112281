// Reading logs, items, states and outcomes of requests over RocksDB (rocksdb_catalogue.h reads the
// rest): storage.h says what each function promises.
//
// Thread-safe, takes no lock; where two reads must agree (counters and log, counters and state)
// both are made on one RocksDB snapshot. What is damaged or missing is DataLoss, reason CORRUPT,
// naming the memory and the row or record.
#ifndef MNEME_CORE_STORAGE_ROCKSDB_READER_H_
#define MNEME_CORE_STORAGE_ROCKSDB_READER_H_

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/storage/rocksdb_database.h"
#include "core/storage/storage.h"

namespace mneme::storage {

class RocksDbReader {
 public:
  explicit RocksDbReader(const Database& database) : database_(database) {}

  absl::Status ReadLog(MemoryUid uid, uint64_t after_position,
                       const std::function<absl::Status(const LogRecord&)>& visit) const;
  absl::Status ScanRows(MemoryUid uid, uint64_t first, uint64_t last,
                        const std::function<absl::Status(const RowView&)>& visit) const;
  absl::Status ReadRow(MemoryUid uid, uint64_t row,
                       const std::function<absl::Status(const RowView&)>& visit) const;
  absl::StatusOr<std::vector<std::optional<uint64_t>>> FindIds(MemoryUid uid,
                                                               std::span<const ItemId> ids) const;
  absl::StatusOr<std::vector<OwnedPayload>> ReadPayloads(MemoryUid uid,
                                                         std::span<const uint64_t> rows) const;
  absl::Status ScanAttributes(
      MemoryUid uid,
      const std::function<absl::Status(uint64_t row, std::string_view attributes)>& visit) const;
  absl::StatusOr<std::optional<StateBlob>> ReadState(MemoryUid uid) const;

  absl::StatusOr<std::optional<RequestOutcome>> FindRequest(const RequestKey& key) const;
  absl::StatusOr<std::optional<RequestOutcome>> FindOutcome(std::string_view outcome_key) const;
  // Keys of the time index before `before_unix_nanos`, oldest first, at most `most`.
  absl::StatusOr<std::vector<std::string>> FindExpiredRequests(int64_t before_unix_nanos,
                                                               uint64_t most) const;

 private:
  // Is there anything under this uid that was not dropped?
  absl::StatusOr<bool> Lives(MemoryUid uid) const;
  // Gets the keys, some at a time; `take(i, status, value)` for each.
  template <typename Take>
  absl::Status MultiGet(Family family, const std::vector<std::string>& keys,
                        const Take& take) const;

  const Database& database_;
};

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_ROCKSDB_READER_H_
