// Keys and values: order, round trips, and that no flipped bit or cut goes unseen.
#include "core/storage/values.h"

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/storage/keys.h"
#include "gtest/gtest.h"
#include "tests/unit/core/storage/storage_test_util.h"

namespace mneme::storage {
namespace {

TEST(Keys, SortAsTheNumbersTheyHold) {
  EXPECT_LT(NumberKey(1, 255), NumberKey(1, 256));
  EXPECT_LT(NumberKey(1, UINT64_MAX), NumberKey(2, 0));
  EXPECT_LT(StateChunkKey(1, 5, 255), StateChunkKey(1, 5, 256));
  EXPECT_LT(IdKey(1, ItemId(uint64_t{300})), IdKey(1, ItemId(std::string_view("a"))));
  EXPECT_LT(OutcomeTimeKey(-1, OutcomeKey({})), OutcomeTimeKey(1, OutcomeKey({})));
}

TEST(Keys, PrefixEndIsAboveEveryKeyOfTheMemoryAndNotAboveTheNext) {
  for (MemoryUid uid : {MemoryUid{0}, MemoryUid{255}, MemoryUid{0xffff}, UINT64_MAX - 1}) {
    EXPECT_LT(NumberKey(uid, UINT64_MAX), PrefixEnd(MemoryPrefix(uid)));
    EXPECT_LE(PrefixEnd(MemoryPrefix(uid)), MemoryPrefix(uid + 1));
  }
  const std::string longest_id(ItemId::kTextBytesMax, '\xff');
  EXPECT_LT(IdKey(UINT64_MAX, ItemId(longest_id)), PrefixEnd(MemoryPrefix(UINT64_MAX)));
  EXPECT_LT(StateChunkKey(UINT64_MAX, UINT64_MAX, UINT32_MAX), PrefixEnd(MemoryPrefix(UINT64_MAX)));
}

TEST(Keys, OfRequestsDoNotRunTogether) {
  EXPECT_NE(OutcomeKey({.principal = "ab", .scope = "c", .request_id = "d"}),
            OutcomeKey({.principal = "a", .scope = "bc", .request_id = "d"}));
  EXPECT_NE(OutcomeKey({.principal = "", .scope = "c", .request_id = "d"}),
            OutcomeKey({.principal = "", .scope = "", .request_id = "cd"}));
}

TEST(Keys, TimeOfARequestLeadsBackToIt) {
  const std::string key = OutcomeKey({.principal = "p", .scope = "faces", .request_id = "r-1"});
  absl::StatusOr<OutcomeTime> due = OutcomeTimeFromKey(OutcomeTimeKey(-123456789, key));
  ASSERT_TRUE(due.ok());
  EXPECT_EQ(due->time_unix_nanos, -123456789);
  EXPECT_EQ(due->outcome_key, key);
  EXPECT_FALSE(OutcomeTimeFromKey("\x02short").ok());
}

TEST(Values, RowComesBackWholeAtAnyAlignment) {
  TestRow row{
      .row = 7, .flags = kRowRemoved, .id = ItemId(std::string_view("cat")), .weight = 0.5f};
  row.key = {1, 2, 3};
  row.response = {-4, 5.5f};
  const std::string key = NumberKey(3, 7);
  RowView view = row.view();
  view.expire_unix_nanos = 99;
  const std::string value = EncodeRow(key, view);
  std::vector<float> storage(value.size() / sizeof(float) + 2);
  for (size_t shift = 0; shift < sizeof(float); ++shift) {
    char* const bytes = reinterpret_cast<char*>(storage.data()) + shift;
    std::memcpy(bytes, value.data(), value.size());
    RowDecoder decoder;
    absl::StatusOr<RowView> decoded = decoder.Decode(key, {bytes, value.size()});
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(TestRow::Of(*decoded), row);
    EXPECT_EQ(decoded->expire_unix_nanos, 99);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(decoded->key.data()) % alignof(float), 0u);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(decoded->response.data()) % alignof(float), 0u);
  }
}

TEST(Values, RowWithoutVectorsComesBack) {
  const std::string key = NumberKey(3, 7);
  RowDecoder decoder;
  absl::StatusOr<RowView> decoded =
      decoder.Decode(key, EncodeRow(key, {.row = 7, .id = ItemId(uint64_t{1})}));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_TRUE(decoded->key.empty());
  EXPECT_TRUE(decoded->response.empty());
}

// One value of each kind, with the function that reads it.
struct Kind {
  std::string name;
  std::string key;
  std::string value;
  std::function<absl::Status(std::string_view key, std::string_view value)> decode;
};

std::vector<Kind> EveryKind() {
  const std::string row_key = NumberKey(3, 7);
  const std::string chunk_key = StateChunkKey(3, 7, 0);
  const std::string request_key = OutcomeKey({.scope = "faces", .request_id = "r"});
  return {
      {"format", FormatKey(), EncodeFormat(FormatKey(), 1),
       [](auto k, auto v) { return DecodeFormat(k, v).status(); }},
      {"description", DescriptionKey(3), EncodeDescription(DescriptionKey(3), "spec"),
       [](auto k, auto v) { return DecodeDescription(k, v).status(); }},
      {"counters", CountersKey(3),
       EncodeCounters(CountersKey(3), {.next_row = 9, .last_position = 8}),
       [](auto k, auto v) { return DecodeCounters(k, v).status(); }},
      {"row", row_key, EncodeRow(row_key, NumberedRow(7).view()),
       [](auto k, auto v) { return RowDecoder().Decode(k, v).status(); }},
      {"id", row_key, EncodeIdRow(row_key, 7),
       [](auto k, auto v) { return DecodeIdRow(k, v).status(); }},
      {"payload", row_key, EncodePayload(row_key, {.payload = "bytes", .attributes = "more"}),
       [](auto k, auto v) { return DecodePayload(k, v).status(); }},
      {"log record", row_key, EncodeLogRecord(row_key, {.row_count = 5, .removed_rows = {1, 2, 3}}),
       [](auto k, auto v) { return DecodeLogRecord(k, v).status(); }},
      {"state chunk", chunk_key,
       EncodeStateChunk(chunk_key, {.total_bytes = 4, .chunk_count = 1, .bytes = "blob"}),
       [](auto k, auto v) { return DecodeStateChunk(k, v).status(); }},
      {"outcome", request_key,
       EncodeOutcome(request_key, {.body_hash = 1, .time_unix_nanos = 2, .reply = "ok"}),
       [](auto k, auto v) { return DecodeOutcome(k, v).status(); }},
  };
}

TEST(Values, EveryFlippedBitIsSeen) {
  for (const Kind& kind : EveryKind()) {
    SCOPED_TRACE(kind.name);
    ASSERT_TRUE(kind.decode(kind.key, kind.value).ok());
    for (size_t bit = 0; bit < 8 * kind.value.size(); ++bit) {
      // Two bytes of the header are reserved; they are under the checksum like all others.
      std::string flipped = kind.value;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      const absl::Status status = kind.decode(kind.key, flipped);
      EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << "bit " << bit;
      EXPECT_EQ(Reason(status), "CORRUPT");
    }
  }
}

TEST(Values, EveryCutAndEveryWrongKeyIsSeen) {
  for (const Kind& kind : EveryKind()) {
    SCOPED_TRACE(kind.name);
    for (size_t length = 0; length < kind.value.size(); ++length) {
      EXPECT_FALSE(kind.decode(kind.key, kind.value.substr(0, length)).ok()) << length;
    }
    EXPECT_FALSE(kind.decode(kind.key, kind.value + "x").ok());
    std::string other_key = kind.key;
    other_key.back() ^= 1;
    EXPECT_FALSE(kind.decode(other_key, kind.value).ok());
  }
}

// A right checksum over wrong lengths: what only the length checks can see.
TEST(Values, LengthsThatContradictTheValueAreSeen) {
  const std::string key = NumberKey(3, 7);
  const auto sealed = [&](std::string_view body) { return EncodeDescription(key, body); };
  Random random(20260718);
  RecordProperty("seed", "20260718");
  for (int trial = 0; trial < 2000; ++trial) {
    std::string body(random.Below(64), '\0');
    for (char& c : body) c = static_cast<char>(random.Below(4) == 0 ? random.Below(256) : 0);
    for (const Kind& kind : EveryKind())
      kind.decode(key, sealed(body)).IgnoreError();  // must not crash
  }
  // A row that claims 2^32 - 1 columns twice: more bytes than 32 bits count.
  EXPECT_FALSE(RowDecoder()
                   .Decode(key, sealed(std::string(12, '\0') + std::string(8, '\xff') +
                                       std::string(4, '\0')))
                   .ok());
  // A record that claims more removed rows than it has.
  std::string record = EncodeLogRecord(key, {.removed_rows = {1}});
  EXPECT_FALSE(DecodeLogRecord(key, sealed(record.substr(8))).ok());  // its kind is 0 here
}

TEST(Values, UnknownRecordKindIsRefused) {
  const std::string key = NumberKey(3, 7);
  const std::string value = EncodeLogRecord(key, {.kind = static_cast<RecordKind>(9)});
  EXPECT_EQ(DecodeLogRecord(key, value).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace mneme::storage
