// Values of the database, byte by byte: docs/formats/storage.md.
//
// Pure functions, thread-safe. Every Encode takes the key as well, because the checksum in a value
// covers its key; every Decode checks version, checksum and lengths and gives DataLoss, reason
// CORRUPT, saying how the value is damaged (the caller says of which row of which memory). None
// crashes on any bytes.
#ifndef MNEME_CORE_STORAGE_VALUES_H_
#define MNEME_CORE_STORAGE_VALUES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/storage/backup.h"
#include "core/storage/storage.h"

namespace mneme::storage {

inline constexpr uint32_t kFormatVersion = 1;
inline constexpr size_t kStateChunkBytes = 4u << 20;

// How many chunks a blob is cut into; at least one.
inline uint32_t StateChunkCount(uint64_t blob_bytes) {
  return blob_bytes == 0
             ? 1
             : static_cast<uint32_t>((blob_bytes + kStateChunkBytes - 1) / kStateChunkBytes);
}

// What outlives a memory's rows and records: docs/formats/storage.md, "counters".
struct MemoryCounters {
  uint64_t next_row = 0;
  uint64_t last_position = 0;
  uint64_t trimmed_position = 0;
  uint64_t state_position = 0;  // meaningless without a state
  bool has_state = false;
  friend bool operator==(const MemoryCounters&, const MemoryCounters&) = default;
};

// One piece of a checkpoint. `total_bytes` and `chunk_count` are of the whole blob.
struct StateChunk {
  uint64_t total_bytes = 0;
  uint32_t chunk_count = 0;
  std::string_view bytes;
};

std::string EncodeFormat(std::string_view key, uint32_t format);
std::string EncodeDescription(std::string_view key, std::string_view description);
std::string EncodeCounters(std::string_view key, const MemoryCounters& counters);
std::string EncodeAlias(std::string_view key, const AliasEntry& alias);
std::string EncodeRow(std::string_view key, const RowView& row);
std::string EncodeIdRow(std::string_view key, uint64_t row);
std::string EncodePayload(std::string_view key, const Payload& payload);
std::string EncodeLogRecord(std::string_view key, const LogRecord& record);
std::string EncodeStateChunk(std::string_view key, const StateChunk& chunk);
std::string EncodeOutcome(std::string_view key, const RequestOutcome& outcome);
std::string EncodeOutcomeTime(std::string_view key);  // says nothing; never read

absl::StatusOr<uint32_t> DecodeFormat(std::string_view key, std::string_view value);
absl::StatusOr<std::string_view> DecodeDescription(std::string_view key, std::string_view value);
absl::StatusOr<MemoryCounters> DecodeCounters(std::string_view key, std::string_view value);
// The alias itself is in the key.
absl::StatusOr<AliasEntry> DecodeAlias(std::string_view key, std::string_view value);
absl::StatusOr<uint64_t> DecodeIdRow(std::string_view key, std::string_view value);
absl::StatusOr<Payload> DecodePayload(std::string_view key, std::string_view value);
absl::StatusOr<LogRecord> DecodeLogRecord(std::string_view key, std::string_view value);
absl::StatusOr<StateChunk> DecodeStateChunk(std::string_view key, std::string_view value);
absl::StatusOr<RequestOutcome> DecodeOutcome(std::string_view key, std::string_view value);

// What stands in a manifest's file; its key is the backup's id in decimal, which is not in it.
std::string EncodeBackup(std::string_view key, const BackupEntry& backup);
absl::StatusOr<BackupEntry> DecodeBackup(std::string_view key, std::string_view value);

// Any value, as it is under another key: a copy.
absl::StatusOr<std::string> Rekey(std::string_view key, std::string_view value,
                                  std::string_view new_key);

// Decodes rows, one after another. The vectors of the view lie in `value` where they are aligned
// there, else in a buffer of the decoder: valid until the next Decode. Not thread-safe; one for
// each scan.
class RowDecoder {
 public:
  absl::StatusOr<RowView> Decode(std::string_view key, std::string_view value);

 private:
  std::vector<float> aligned_;
};

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_VALUES_H_
