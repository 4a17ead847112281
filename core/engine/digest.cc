#include "core/engine/digest.h"

#include <array>
#include <utility>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "core/base/ids.h"
#include "core/base/status.h"

namespace mneme::engine {
namespace {

constexpr size_t kRowsAtOnce = 1'024;

enum class Part : uint8_t { kRow, kPayload, kRecord, kState };

std::string_view BytesOf(std::span<const float> numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size_bytes()};
}

// Spread over 64 bits, so that sums of many tell them apart.
uint64_t Checksum(Part part, uint64_t number, uint32_t crc) {
  ByteWriter bytes;
  bytes.Put(part);
  bytes.Put(number);
  bytes.Put(crc);
  return StableHash(bytes.Take());
}

uint32_t CrcOf(const storage::RowView& row) {
  ByteWriter header;
  header.Put(row.flags);
  header.Put(row.weight);
  header.Put(row.expire_unix_nanos);
  header.PutBytes(row.id.Encode());
  header.Put(static_cast<uint64_t>(row.key.size()));
  return Crc32c(BytesOf(row.response), Crc32c(BytesOf(row.key), Crc32c(header.Take())));
}

uint32_t CrcOf(const storage::LogRecord& record) {
  ByteWriter out;
  out.Put(record.kind);
  out.Put(record.first_row);
  out.Put(record.row_count);
  for (const uint64_t row : record.removed_rows) out.Put(row);
  return Crc32c(out.Take());
}

class Digester {
 public:
  Digester(const storage::Storage& storage, storage::MemoryUid uid, bool keeps_ids,
           const std::function<void(const storage::RowView&)>& visit,
           const storage::ProgressFn& progress)
      : storage_(storage), uid_(uid), keeps_ids_(keeps_ids), visit_(visit), progress_(progress) {}

  absl::StatusOr<MemoryDigest> Run() {
    MNEME_ASSIGN_OR_RETURN(digest_.next_row, storage_.NextRow(uid_));
    MNEME_ASSIGN_OR_RETURN(digest_.position, storage_.LastPosition(uid_));
    MNEME_RETURN_IF_ERROR(storage_.ScanRows(
        uid_, 0, digest_.next_row, [this](const storage::RowView& row) { return TakeRow(row); }));
    MNEME_RETURN_IF_ERROR(CheckLiveRows());
    MNEME_RETURN_IF_ERROR(storage_.ReadLog(uid_, 0, [this](const storage::LogRecord& record) {
      ++digest_.log_records;
      digest_.sum += Checksum(Part::kRecord, record.position, CrcOf(record));
      return absl::OkStatus();
    }));
    MNEME_ASSIGN_OR_RETURN(const std::optional<storage::StateBlob> state, storage_.ReadState(uid_));
    if (state.has_value()) {
      digest_.state_bytes = state->blob.size();
      digest_.sum += Checksum(Part::kState, state->position, Crc32c(state->blob));
    }
    return digest_;
  }

 private:
  absl::Status TakeRow(const storage::RowView& row) {
    ++digest_.rows;
    digest_.sum += Checksum(Part::kRow, row.row, CrcOf(row));
    if (row.flags & storage::kRowRemoved) return absl::OkStatus();
    if (visit_ != nullptr) visit_(row);
    live_.push_back(row.row);
    if (keeps_ids_) ids_.push_back(row.id);
    return live_.size() < kRowsAtOnce ? absl::OkStatus() : CheckLiveRows();
  }

  // Of the live rows gathered: ids lead to them, payloads are counted.
  absl::Status CheckLiveRows() {
    if (live_.empty()) return absl::OkStatus();
    if (keeps_ids_) {
      MNEME_ASSIGN_OR_RETURN(const auto found, storage_.FindIds(uid_, ids_));
      for (size_t i = 0; i < found.size(); ++i) {
        if (found[i] != live_[i]) return LostId(ids_[i], live_[i]);
      }
      digest_.ids += found.size();
    }
    MNEME_ASSIGN_OR_RETURN(const std::vector<storage::OwnedPayload> payloads,
                           storage_.ReadPayloads(uid_, live_));
    for (size_t i = 0; i < payloads.size(); ++i) {
      if (payloads[i].payload.empty() && payloads[i].attributes.empty()) continue;
      ++digest_.payloads;
      digest_.sum += Checksum(Part::kPayload, live_[i],
                              Crc32c(payloads[i].attributes, Crc32c(payloads[i].payload)));
    }
    const uint64_t last = live_.back();
    live_.clear();
    ids_.clear();
    if (progress_ == nullptr || progress_(last + 1, digest_.next_row)) return absl::OkStatus();
    return absl::CancelledError("stopped while reading");
  }

  static absl::Status LostId(const ItemId& id, uint64_t row) {
    return DataLoss(
        absl::StrFormat("the id '%s' of row %d does not lead to it", id.ToString(), row),
        {.reason = "CORRUPT", .next_step = "Restore the memory from a backup."});
  }

  const storage::Storage& storage_;
  const storage::MemoryUid uid_;
  const bool keeps_ids_;
  const std::function<void(const storage::RowView&)>& visit_;
  const storage::ProgressFn& progress_;
  MemoryDigest digest_;
  std::vector<uint64_t> live_;
  std::vector<ItemId> ids_;
};

}  // namespace

absl::StatusOr<MemoryDigest> DigestMemory(const storage::Storage& storage, storage::MemoryUid uid,
                                          bool keeps_ids,
                                          const std::function<void(const storage::RowView&)>& visit,
                                          const storage::ProgressFn& progress) {
  return Digester(storage, uid, keeps_ids, visit, progress).Run();
}

std::string Difference(const MemoryDigest& given, const MemoryDigest& expected) {
  struct Field {
    const char* name;
    uint64_t MemoryDigest::*value;
  };
  static constexpr std::array<Field, 8> kFields = {{{"next row", &MemoryDigest::next_row},
                                                    {"position", &MemoryDigest::position},
                                                    {"rows", &MemoryDigest::rows},
                                                    {"ids", &MemoryDigest::ids},
                                                    {"payloads", &MemoryDigest::payloads},
                                                    {"log records", &MemoryDigest::log_records},
                                                    {"bytes of state", &MemoryDigest::state_bytes},
                                                    {"sum of checksums", &MemoryDigest::sum}}};
  for (const Field& field : kFields) {
    if (given.*field.value == expected.*field.value) continue;
    return absl::StrFormat("%s: %d, expected %d", field.name, given.*field.value,
                           expected.*field.value);
  }
  return "";
}

}  // namespace mneme::engine
