// Keys and values of the database as they may lie on a disk: any bytes. Log records, rows,
// payloads, checkpoints in chunks, request outcomes, the catalogue.
#include "core/storage/values.h"

#include <span>

#include "core/base/crc32c.h"
#include "core/base/status.h"
#include "core/storage/keys.h"
#include "tests/fuzz/fuzz.h"

namespace mneme::storage {
namespace {

bool SameFloats(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}
bool Same(const RowView& a, const RowView& b) {
  return a.row == b.row && a.flags == b.flags && a.id == b.id &&
         std::memcmp(&a.weight, &b.weight, sizeof(float)) == 0 &&
         a.expire_unix_nanos == b.expire_unix_nanos && SameFloats(a.key, b.key) &&
         SameFloats(a.response, b.response);
}
bool Same(const Payload& a, const Payload& b) {
  return a.payload == b.payload && a.attributes == b.attributes;
}
bool Same(const LogRecord& a, const LogRecord& b) {
  return a.position == b.position && a.kind == b.kind && a.first_row == b.first_row &&
         a.row_count == b.row_count && a.removed_rows == b.removed_rows;
}
bool Same(const StateChunk& a, const StateChunk& b) {
  return a.total_bytes == b.total_bytes && a.chunk_count == b.chunk_count && a.bytes == b.bytes;
}
bool Same(const RequestOutcome& a, const RequestOutcome& b) {
  return a.body_hash == b.body_hash && a.time_unix_nanos == b.time_unix_nanos && a.reply == b.reply;
}
bool Same(const AliasEntry& a, const AliasEntry& b) {
  return a.memory == b.memory && a.update_unix_nanos == b.update_unix_nanos && a.alias == b.alias;
}
bool Same(const BackupEntry& a, const BackupEntry& b) {
  return a.create_unix_nanos == b.create_unix_nanos && a.bytes == b.bytes &&
         a.new_bytes == b.new_bytes && a.manifest == b.manifest;
}
bool Same(const OutcomeTime& a, const OutcomeTime& b) {
  return a.time_unix_nanos == b.time_unix_nanos && a.outcome_key == b.outcome_key;
}
bool Same(const RequestKey& a, const RequestKey& b) {
  return a.principal == b.principal && a.scope == b.scope && a.request_id == b.request_id;
}
template <typename T>
bool Same(const T& a, const T& b) {
  return a == b;
}

// A key and a value; some of them with the right checksum, so that what stands behind it is read.
struct Stored {
  std::string key;
  std::string value;
  uint32_t bit = 0;  // one to turn over
};

void Seal(Stored& stored) {
  if (stored.value.size() < 8) return;
  const std::string_view value = stored.value;
  const uint32_t crc = Crc32c(value.substr(8), Crc32c(value.substr(0, 4), Crc32c(stored.key)));
  std::memcpy(stored.value.data() + 4, &crc, sizeof(crc));
}

// As long as a NumberKey.
constexpr std::string_view kOtherKey = "another key, 16b";

void Flip(std::string& bytes, size_t bit) {
  bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
}

// What can be read says the same when it is written and read again; a bit that is turned over, in
// key or value, is found out.
template <typename Encode, typename Decode>
void Check(const Stored& stored, Encode encode, Decode decode) {
  const auto decoded = decode(stored.key, stored.value);
  if (!decoded.ok()) return fuzz::CheckError(decoded.status(), {absl::StatusCode::kDataLoss});
  const std::string written = encode(stored.key, *decoded);
  const auto again = decode(stored.key, written);
  MNEME_CHECK(again.ok() && Same(*again, *decoded));
  const auto copy = Rekey(stored.key, stored.value, kOtherKey);
  MNEME_CHECK(copy.ok() && Rekey(kOtherKey, *copy, stored.key).value() == stored.value);

  Stored flipped = stored;
  const size_t bits = 8 * (stored.key.size() + stored.value.size());
  const size_t bit = stored.bit % bits;
  if (bit < 8 * stored.key.size()) {
    Flip(flipped.key, bit);
  } else {
    Flip(flipped.value, bit - 8 * stored.key.size());
  }
  const auto wrong = decode(flipped.key, flipped.value);
  MNEME_CHECK(!wrong.ok());
  fuzz::CheckError(wrong.status(), {absl::StatusCode::kDataLoss});
}

// A row that does not lie in its decoder.
struct OwnedRow {
  RowView fields;  // without its vectors
  std::vector<float> key;
  std::vector<float> response;

  RowView view() const {
    RowView row = fields;
    row.key = key;
    row.response = response;
    return row;
  }
};
bool Same(const OwnedRow& a, const OwnedRow& b) { return Same(a.view(), b.view()); }

std::string WriteRow(std::string_view key, const OwnedRow& row) {
  return EncodeRow(key, row.view());
}

absl::StatusOr<OwnedRow> ReadRow(std::string_view key, std::string_view value) {
  RowDecoder decoder;
  MNEME_ASSIGN_OR_RETURN(RowView row, decoder.Decode(key, value));
  OwnedRow owned{.key = {row.key.begin(), row.key.end()},
                 .response = {row.response.begin(), row.response.end()}};
  row.key = row.response = {};
  owned.fields = row;
  return owned;
}

void CheckValue(uint8_t kind, const Stored& stored) {
  switch (kind) {
    case 0:
      return Check(stored, EncodeFormat, DecodeFormat);
    case 1:
      return Check(stored, EncodeDescription, DecodeDescription);
    case 2:
      return Check(stored, EncodeCounters, DecodeCounters);
    case 3:
      return Check(stored, EncodeIdRow, DecodeIdRow);
    case 4:
      return Check(stored, EncodePayload, DecodePayload);
    case 5:
      return Check(stored, EncodeLogRecord, DecodeLogRecord);
    case 6:
      return Check(stored, EncodeStateChunk, DecodeStateChunk);
    case 7:
      return Check(stored, EncodeOutcome, DecodeOutcome);
    case 8:
      return Check(stored, WriteRow, ReadRow);
    case 9:
      return Check(stored, EncodeAlias, DecodeAlias);
    case 10:
      return Check(stored, EncodeBackup, DecodeBackup);
  }
}

// A key that can be read is the key of what was read.
template <typename Decode, typename Encode>
void CheckKey(std::string_view key, Decode decode, Encode encode) {
  const auto decoded = decode(key);
  if (!decoded.ok()) return fuzz::CheckError(decoded.status(), {absl::StatusCode::kDataLoss});
  const auto again = decode(encode(*decoded));
  MNEME_CHECK(again.ok() && Same(*again, *decoded));
}

void CheckKeys(const std::string& key) {
  CheckKey(key, NumberFromKey, [](uint64_t number) { return NumberKey(1, number); });
  CheckKey(key, UidFromCatalogueKey, DescriptionKey);
  CheckKey(key, UidFromMemoryKey, MemoryPrefix);
  CheckKey(key, RequestFromKey, OutcomeKey);
  CheckKey(key, OutcomeTimeFromKey, [](const OutcomeTime& time) {
    return OutcomeTimeKey(time.time_unix_nanos, time.outcome_key);
  });
  // The end of a prefix is above all keys that begin with it.
  const std::string prefix = key.substr(0, sizeof(MemoryUid));
  constexpr size_t kKeyBytes = 64;
  MNEME_CHECK(key.substr(0, kKeyBytes) < PrefixEnd(prefix));
}

constexpr uint8_t kKinds = 11;
constexpr uint8_t kSealed = 0x80;

}  // namespace
}  // namespace mneme::storage

namespace mneme::fuzz {
namespace {

using storage::kSealed;

std::string Pack(uint8_t kind, std::string_view key, std::string_view value) {
  std::string out(1, static_cast<char>(kind | kSealed));
  out += std::string("\x05\x01\x00\x00", 4);  // the bit to turn over
  return out + MakeChunk(key) + std::string(value);
}

}  // namespace

// The kind of value (top bit: give it the right checksum), the bit to turn over, the key, the
// value.
void TestOne(std::string_view bytes) {
  Input in(bytes);
  const uint8_t kind = in.Byte();
  storage::Stored stored{.bit = in.Number<uint32_t>()};
  stored.key = in.Chunk();
  stored.value = in.rest();
  if (kind & kSealed) storage::Seal(stored);
  storage::CheckKeys(stored.key);
  storage::CheckValue((kind & ~kSealed) % storage::kKinds, stored);
}

std::vector<Seed> Seeds() {
  using namespace storage;  // every encoder there is
  constexpr MemoryUid kUid = 0x0123456789abcdef;
  const std::string number = NumberKey(kUid, 7);
  const std::string request = OutcomeKey({.scope = "faces", .request_id = "a-request"});
  const std::vector<float> key = {0.5f, -1, 2, 3}, response = {1, 0};
  const RowView by_number{.row = 7, .id = ItemId(uint64_t{9}), .key = key, .response = response};
  const RowView by_text{
      .row = 7, .flags = kRowRemoved, .id = ItemId("anna"), .weight = 2, .key = key};
  const LogRecord store{.position = 7, .first_row = 3, .row_count = 4, .removed_rows = {1, 2}};
  const MemoryCounters counters{.next_row = 8,
                                .last_position = 7,
                                .trimmed_position = 2,
                                .state_position = 5,
                                .has_state = true};
  return {
      {"format", Pack(0, FormatKey(), EncodeFormat(FormatKey(), 1))},
      {"description", Pack(1, DescriptionKey(kUid), EncodeDescription(DescriptionKey(kUid), "{}"))},
      {"counters", Pack(2, CountersKey(kUid), EncodeCounters(CountersKey(kUid), counters))},
      {"id_row", Pack(3, IdKey(kUid, ItemId("anna")), EncodeIdRow(IdKey(kUid, ItemId("anna")), 7))},
      {"payload", Pack(4, number, EncodePayload(number, {.payload = "p", .attributes = "at"}))},
      {"log_record", Pack(5, number, EncodeLogRecord(number, store))},
      {"state_chunk", Pack(6, StateChunkKey(kUid, 5, 0),
                           EncodeStateChunk(StateChunkKey(kUid, 5, 0),
                                            {.total_bytes = 3, .chunk_count = 1, .bytes = "abc"}))},
      {"outcome", Pack(7, request, EncodeOutcome(request, {.body_hash = 3, .reply = "done"}))},
      {"row", Pack(8, number, EncodeRow(number, by_number))},
      {"row_removed", Pack(8, number, EncodeRow(number, by_text))},
      {"alias", Pack(9, AliasKey("x"), EncodeAlias(AliasKey("x"), {.memory = "x-v2"}))},
      {"backup", Pack(10, "3", EncodeBackup("3", {.bytes = 10, .manifest = "{}"}))},
      {"outcome_key", Pack(1, request, "")},
      {"outcome_time_key", Pack(1, OutcomeTimeKey(-5, request), "")}};
}

}  // namespace mneme::fuzz
