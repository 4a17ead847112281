#include "core/storage/keys.h"

#include "absl/strings/str_format.h"
#include "core/base/status.h"
#include "core/storage/bytes.h"

namespace mneme::storage {
namespace {

constexpr char kFormatTag = '\x00';
constexpr char kDescriptionTag = '\x01';
constexpr char kCountersTag = '\x02';
constexpr char kAliasTag = '\x03';
constexpr char kUsedTag = '\x04';
constexpr char kOutcomeTag = '\x01';
constexpr char kOutcomeTimeTag = '\x02';
constexpr uint64_t kSignBit = uint64_t{1} << 63;
constexpr size_t kMemoryKeyBytesMax =
    8 + 1 + ItemId::kTextBytesMax;  // the longest that begins with a uid

std::string TaggedUid(char tag, MemoryUid uid) {
  std::string key(1, tag);
  AppendBigEndian(key, uid);
  return key;
}

void AppendText(std::string& key, std::string_view text) {
  AppendBigEndian(key, static_cast<uint32_t>(text.size()));
  key += text;
}

}  // namespace

std::string MemoryName(MemoryUid uid) { return absl::StrFormat("memory %016x", uid); }

absl::Status Corrupt(std::string_view what, std::string_view how) {
  return DataLoss(absl::StrCat(AbslView(what), ": ", AbslView(how)),
                  {.reason = "CORRUPT",
                   .given = std::string(how),
                   .expected = "bytes as mneme wrote them",
                   .next_step = "Check the disk, then restore the data directory from a backup."});
}

std::string MemoryPrefix(MemoryUid uid) {
  std::string key;
  AppendBigEndian(key, uid);
  return key;
}

std::string NumberKey(MemoryUid uid, uint64_t number) {
  std::string key = MemoryPrefix(uid);
  AppendBigEndian(key, number);
  return key;
}

std::string IdKey(MemoryUid uid, const ItemId& id) { return MemoryPrefix(uid) + id.Encode(); }

std::string StateChunkKey(MemoryUid uid, uint64_t position, uint32_t chunk) {
  std::string key = NumberKey(uid, position);
  AppendBigEndian(key, chunk);
  return key;
}

std::string FormatKey() { return std::string(1, kFormatTag); }
std::string DescriptionPrefix() { return std::string(1, kDescriptionTag); }
std::string DescriptionKey(MemoryUid uid) { return TaggedUid(kDescriptionTag, uid); }
std::string CountersPrefix() { return std::string(1, kCountersTag); }
std::string CountersKey(MemoryUid uid) { return TaggedUid(kCountersTag, uid); }

std::string UsedPrefix() { return std::string(1, kUsedTag); }
std::string UsedKey(MemoryUid uid) { return TaggedUid(kUsedTag, uid); }

std::string AliasPrefix() { return std::string(1, kAliasTag); }
std::string AliasKey(std::string_view alias) { return AliasPrefix().append(alias); }

std::string OutcomePrefix() { return std::string(1, kOutcomeTag); }
std::string OutcomeKey(const RequestKey& key) {
  std::string out = OutcomePrefix();
  AppendText(out, key.principal);
  AppendText(out, key.scope);
  out += key.request_id;
  return out;
}

std::string OutcomeTimePrefix() { return std::string(1, kOutcomeTimeTag); }

std::string OutcomeTimeBound(int64_t time_unix_nanos) {
  std::string out = OutcomeTimePrefix();
  AppendBigEndian(out, static_cast<uint64_t>(time_unix_nanos) ^ kSignBit);
  return out;
}

std::string OutcomeTimeKey(int64_t time_unix_nanos, std::string_view outcome_key) {
  return OutcomeTimeBound(time_unix_nanos).append(outcome_key.substr(1));
}

std::string PrefixEnd(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && end.back() == '\xff') end.pop_back();
  if (end.empty()) return std::string(kMemoryKeyBytesMax + 1, '\xff');
  ++end.back();
  return end;
}

absl::StatusOr<uint64_t> NumberFromKey(std::string_view key) {
  Reader reader(key);
  reader.BigEndian<uint64_t>();
  const uint64_t number = reader.BigEndian<uint64_t>();
  if (!reader.Finished()) return Corrupt("a key", absl::StrFormat("%d bytes for 16", key.size()));
  return number;
}

absl::StatusOr<MemoryUid> UidFromMemoryKey(std::string_view key) {
  Reader reader(key);
  const MemoryUid uid = reader.BigEndian<uint64_t>();
  if (!reader.ok()) return Corrupt("a key", absl::StrFormat("%d bytes", key.size()));
  return uid;
}

absl::StatusOr<RequestKey> RequestFromKey(std::string_view key) {
  Reader reader(key);
  reader.Take(1);
  RequestKey out;
  out.principal = std::string(reader.Take(reader.BigEndian<uint32_t>()));
  out.scope = std::string(reader.Take(reader.BigEndian<uint32_t>()));
  if (!reader.ok()) return Corrupt("a key of requests", absl::StrFormat("%d bytes", key.size()));
  out.request_id = std::string(reader.Rest());
  return out;
}

absl::StatusOr<MemoryUid> UidFromCatalogueKey(std::string_view key) {
  Reader reader(key);
  reader.Take(1);
  const MemoryUid uid = reader.BigEndian<uint64_t>();
  if (!reader.Finished()) {
    return Corrupt("a key of the catalogue", absl::StrFormat("%d bytes for 9", key.size()));
  }
  return uid;
}

absl::StatusOr<OutcomeTime> OutcomeTimeFromKey(std::string_view key) {
  Reader reader(key);
  reader.Take(1);
  OutcomeTime out;
  out.time_unix_nanos = static_cast<int64_t>(reader.BigEndian<uint64_t>() ^ kSignBit);
  if (!reader.ok()) {
    return Corrupt("a key of the request times", absl::StrFormat("%d bytes", key.size()));
  }
  out.outcome_key = OutcomePrefix();
  out.outcome_key += reader.Rest();
  return out;
}

}  // namespace mneme::storage
