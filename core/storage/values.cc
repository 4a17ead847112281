#include "core/storage/values.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "core/base/crc32c.h"
#include "core/base/status.h"
#include "core/storage/bytes.h"
#include "core/storage/keys.h"

namespace mneme::storage {
namespace {

constexpr uint8_t kValueVersion = 1;
constexpr size_t kHeaderBytes = 8;
constexpr size_t kChecksumOffset = 4;
constexpr size_t kRowVectorsOffset = 32;

// Starts a value: version, tag, room for the checksum.
std::string Begin(uint8_t tag, size_t body_bytes) {
  std::string value;
  value.reserve(kHeaderBytes + body_bytes);
  value += static_cast<char>(kValueVersion);
  value += static_cast<char>(tag);
  value.resize(kHeaderBytes);
  return value;
}

uint32_t Checksum(std::string_view key, std::string_view value) {
  const uint32_t before = Crc32c(value.substr(0, kChecksumOffset), Crc32c(key));
  return Crc32c(value.substr(kHeaderBytes), before);
}

std::string Finish(std::string_view key, std::string value) {
  const uint32_t crc = Checksum(key, value);
  std::memcpy(value.data() + kChecksumOffset, &crc, sizeof(crc));
  return value;
}

// What stands behind the header, once version and checksum are right.
struct Opened {
  uint8_t tag = 0;
  Reader body;
};

absl::StatusOr<Opened> Open(std::string_view key, std::string_view value) {
  if (value.size() < kHeaderBytes) {
    return Corrupt("value", absl::StrFormat("%d bytes, shorter than its header", value.size()));
  }
  uint32_t stored = 0;
  std::memcpy(&stored, value.data() + kChecksumOffset, sizeof(stored));
  if (const uint32_t computed = Checksum(key, value); computed != stored) {
    return Corrupt("value",
                   absl::StrFormat("checksum %08x where its bytes give %08x", stored, computed));
  }
  if (const auto version = static_cast<uint8_t>(value[0]); version != kValueVersion) {
    return Corrupt("value",
                   absl::StrFormat("version %d, this mneme knows %d", version, kValueVersion));
  }
  return Opened{.tag = static_cast<uint8_t>(value[1]), .body = Reader(value.substr(kHeaderBytes))};
}

absl::Status WrongLength(std::string_view value) {
  return Corrupt("value", absl::StrFormat("%d bytes, which its fields contradict", value.size()));
}

void AppendFloats(std::string& out, std::span<const float> floats) {
  out.append(reinterpret_cast<const char*>(floats.data()), floats.size_bytes());
}

bool IsAligned(const char* p) { return reinterpret_cast<uintptr_t>(p) % alignof(float) == 0; }

}  // namespace

std::string EncodeFormat(std::string_view key, uint32_t format) {
  std::string value = Begin(0, sizeof(format));
  AppendLittleEndian(value, format);
  return Finish(key, std::move(value));
}

absl::StatusOr<uint32_t> DecodeFormat(std::string_view key, std::string_view value) {
  MNEME_ASSIGN_OR_RETURN(Opened opened, Open(key, value));
  const auto format = opened.body.LittleEndian<uint32_t>();
  if (!opened.body.Finished()) return WrongLength(value);
  return format;
}

std::string EncodeDescription(std::string_view key, std::string_view description) {
  return Finish(key, Begin(0, description.size()).append(description));
}

absl::StatusOr<std::string_view> DecodeDescription(std::string_view key, std::string_view value) {
  MNEME_ASSIGN_OR_RETURN(Opened opened, Open(key, value));
  return opened.body.Rest();
}

std::string EncodeCounters(std::string_view key, const MemoryCounters& counters) {
  std::string value = Begin(0, 4 * sizeof(uint64_t) + 1);
  AppendLittleEndian(value, counters.next_row);
  AppendLittleEndian(value, counters.last_position);
  AppendLittleEndian(value, counters.trimmed_position);
  AppendLittleEndian(value, counters.state_position);
  AppendLittleEndian(value, static_cast<uint8_t>(counters.has_state));
  return Finish(key, std::move(value));
}

absl::StatusOr<MemoryCounters> DecodeCounters(std::string_view key, std::string_view value) {
  MNEME_ASSIGN_OR_RETURN(Opened opened, Open(key, value));
  MemoryCounters counters;
  counters.next_row = opened.body.LittleEndian<uint64_t>();
  counters.last_position = opened.body.LittleEndian<uint64_t>();
  counters.trimmed_position = opened.body.LittleEndian<uint64_t>();
  counters.state_position = opened.body.LittleEndian<uint64_t>();
  counters.has_state = opened.body.LittleEndian<uint8_t>() != 0;
  if (!opened.body.Finished()) return WrongLength(value);
  return counters;
}

std::string EncodeAlias(std::string_view key, const AliasEntry& alias) {
  std::string value = Begin(0, sizeof(int64_t) + alias.memory.size());
  AppendLittleEndian(value, alias.update_unix_nanos);
  value += alias.memory;
  return Finish(key, std::move(value));
}

absl::StatusOr<AliasEntry> DecodeAlias(std::string_view key, std::string_view value) {
  MNEME_ASSIGN_OR_RETURN(Opened opened, Open(key, value));
  AliasEntry alias{.alias = std::string(key.substr(std::min(key.size(), AliasPrefix().size())))};
  alias.update_unix_nanos = opened.body.LittleEndian<int64_t>();
  if (!opened.body.ok()) return WrongLength(value);
  alias.memory = std::string(opened.body.Rest());
  return alias;
}

std::string EncodeRow(std::string_view key, const RowView& row) {
  const std::string id = row.id.Encode();
  std::string value = Begin(row.flags, kRowVectorsOffset - kHeaderBytes + row.key.size_bytes() +
                                           row.response.size_bytes() + id.size());
  AppendLittleEndian(value, row.expire_unix_nanos);
  AppendLittleEndian(value, row.weight);
  AppendLittleEndian(value, static_cast<uint32_t>(row.key.size()));
  AppendLittleEndian(value, static_cast<uint32_t>(row.response.size()));
  AppendLittleEndian(value, static_cast<uint32_t>(id.size()));
  AppendFloats(value, row.key);
  AppendFloats(value, row.response);
  value += id;
  return Finish(key, std::move(value));
}

absl::StatusOr<RowView> RowDecoder::Decode(std::string_view key, std::string_view value) {
  MNEME_ASSIGN_OR_RETURN(Opened opened, Open(key, value));
  RowView row{.flags = opened.tag};
  MNEME_ASSIGN_OR_RETURN(row.row, NumberFromKey(key));
  Reader& body = opened.body;
  row.expire_unix_nanos = body.LittleEndian<int64_t>();
  row.weight = body.LittleEndian<float>();
  const uint64_t key_columns = body.LittleEndian<uint32_t>();
  const uint64_t response_columns = body.LittleEndian<uint32_t>();
  const uint64_t id_bytes = body.LittleEndian<uint32_t>();
  const uint64_t columns = key_columns + response_columns;
  const std::string_view vectors = body.Take(columns * sizeof(float));
  const std::string_view id = body.Take(id_bytes);
  if (!body.Finished()) return WrongLength(value);
  MNEME_ASSIGN_OR_RETURN(row.id, ItemId::Decode(id));
  const float* floats = reinterpret_cast<const float*>(vectors.data());
  if (!IsAligned(vectors.data())) {
    aligned_.resize(columns);
    if (columns > 0) std::memcpy(aligned_.data(), vectors.data(), vectors.size());
    floats = aligned_.data();
  }
  row.key = {floats, key_columns};
  row.response = {floats + key_columns, response_columns};
  return row;
}

std::string EncodeIdRow(std::string_view key, uint64_t row) {
  std::string value = Begin(0, sizeof(row));
  AppendLittleEndian(value, row);
  return Finish(key, std::move(value));
}

absl::StatusOr<uint64_t> DecodeIdRow(std::string_view key, std::string_view value) {
  MNEME_ASSIGN_OR_RETURN(Opened opened, Open(key, value));
  const auto row = opened.body.LittleEndian<uint64_t>();
  if (!opened.body.Finished()) return WrongLength(value);
  return row;
}

std::string EncodePayload(std::string_view key, const Payload& payload) {
  std::string value =
      Begin(0, sizeof(uint32_t) + payload.payload.size() + payload.attributes.size());
  AppendLittleEndian(value, static_cast<uint32_t>(payload.payload.size()));
  value += payload.payload;
  value += payload.attributes;
  return Finish(key, std::move(value));
}

absl::StatusOr<Payload> DecodePayload(std::string_view key, std::string_view value) {
  MNEME_ASSIGN_OR_RETURN(Opened opened, Open(key, value));
  Payload payload;
  payload.payload = opened.body.Take(opened.body.LittleEndian<uint32_t>());
  if (!opened.body.ok()) return WrongLength(value);
  payload.attributes = opened.body.Rest();
  return payload;
}

std::string EncodeLogRecord(std::string_view key, const LogRecord& record) {
  std::string value =
      Begin(static_cast<uint8_t>(record.kind), 24 + record.removed_rows.size() * sizeof(uint64_t));
  AppendLittleEndian(value, record.first_row);
  AppendLittleEndian(value, record.row_count);
  AppendLittleEndian(value, static_cast<uint32_t>(record.removed_rows.size()));
  AppendLittleEndian(value, uint32_t{0});
  for (uint64_t row : record.removed_rows) AppendLittleEndian(value, row);
  return Finish(key, std::move(value));
}

absl::StatusOr<LogRecord> DecodeLogRecord(std::string_view key, std::string_view value) {
  MNEME_ASSIGN_OR_RETURN(Opened opened, Open(key, value));
  LogRecord record;
  MNEME_ASSIGN_OR_RETURN(record.position, NumberFromKey(key));
  record.kind = static_cast<RecordKind>(opened.tag);
  if (record.kind < RecordKind::kStore || record.kind > RecordKind::kExpire) {
    return Corrupt("value", absl::StrFormat("a record of unknown kind %d", opened.tag));
  }
  record.first_row = opened.body.LittleEndian<uint64_t>();
  record.row_count = opened.body.LittleEndian<uint64_t>();
  const uint64_t removed = opened.body.LittleEndian<uint32_t>();
  opened.body.LittleEndian<uint32_t>();
  if (!opened.body.ok() || opened.body.Rest().size() != removed * sizeof(uint64_t)) {
    return WrongLength(value);
  }
  record.removed_rows.reserve(removed);
  for (uint64_t i = 0; i < removed; ++i) {
    record.removed_rows.push_back(opened.body.LittleEndian<uint64_t>());
  }
  return record;
}

std::string EncodeStateChunk(std::string_view key, const StateChunk& chunk) {
  std::string value = Begin(0, 16 + chunk.bytes.size());
  AppendLittleEndian(value, chunk.total_bytes);
  AppendLittleEndian(value, chunk.chunk_count);
  AppendLittleEndian(value, uint32_t{0});
  value += chunk.bytes;
  return Finish(key, std::move(value));
}

absl::StatusOr<StateChunk> DecodeStateChunk(std::string_view key, std::string_view value) {
  MNEME_ASSIGN_OR_RETURN(Opened opened, Open(key, value));
  StateChunk chunk;
  chunk.total_bytes = opened.body.LittleEndian<uint64_t>();
  chunk.chunk_count = opened.body.LittleEndian<uint32_t>();
  opened.body.LittleEndian<uint32_t>();
  if (!opened.body.ok()) return WrongLength(value);
  chunk.bytes = opened.body.Rest();
  return chunk;
}

std::string EncodeOutcome(std::string_view key, const RequestOutcome& outcome) {
  std::string value = Begin(0, 16 + outcome.reply.size());
  AppendLittleEndian(value, outcome.body_hash);
  AppendLittleEndian(value, outcome.time_unix_nanos);
  value += outcome.reply;
  return Finish(key, std::move(value));
}

absl::StatusOr<RequestOutcome> DecodeOutcome(std::string_view key, std::string_view value) {
  MNEME_ASSIGN_OR_RETURN(Opened opened, Open(key, value));
  RequestOutcome outcome;
  outcome.body_hash = opened.body.LittleEndian<uint64_t>();
  outcome.time_unix_nanos = opened.body.LittleEndian<int64_t>();
  if (!opened.body.ok()) return WrongLength(value);
  outcome.reply = std::string(opened.body.Rest());
  return outcome;
}

std::string EncodeOutcomeTime(std::string_view key) { return Finish(key, Begin(0, 0)); }

std::string EncodeBackup(std::string_view key, const BackupEntry& backup) {
  std::string value = Begin(0, 24 + backup.manifest.size());
  AppendLittleEndian(value, backup.create_unix_nanos);
  AppendLittleEndian(value, backup.bytes);
  AppendLittleEndian(value, backup.new_bytes);
  value += backup.manifest;
  return Finish(key, std::move(value));
}

absl::StatusOr<BackupEntry> DecodeBackup(std::string_view key, std::string_view value) {
  MNEME_ASSIGN_OR_RETURN(Opened opened, Open(key, value));
  BackupEntry backup;
  backup.create_unix_nanos = opened.body.LittleEndian<int64_t>();
  backup.bytes = opened.body.LittleEndian<uint64_t>();
  backup.new_bytes = opened.body.LittleEndian<uint64_t>();
  if (!opened.body.ok()) return WrongLength(value);
  backup.manifest = std::string(opened.body.Rest());
  return backup;
}

absl::StatusOr<std::string> Rekey(std::string_view key, std::string_view value,
                                  std::string_view new_key) {
  MNEME_RETURN_IF_ERROR(Open(key, value).status());
  return Finish(new_key, std::string(value));
}

}  // namespace mneme::storage
