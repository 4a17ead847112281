#include "core/base/ids.h"

#include <algorithm>

#include "core/base/status.h"

namespace mneme {
namespace {

constexpr char kNumberTag = '\x01';
constexpr char kTextTag = '\x02';

bool IsUtf8(std::string_view s) {
  for (size_t i = 0; i < s.size();) {
    const auto byte = static_cast<uint8_t>(s[i]);
    size_t more = 0;
    uint32_t point = 0;
    if (byte < 0x80) {
      ++i;
      continue;
    } else if (byte >= 0xc2 && byte <= 0xdf) {
      more = 1;
      point = byte & 0x1f;
    } else if (byte >= 0xe0 && byte <= 0xef) {
      more = 2;
      point = byte & 0x0f;
    } else if (byte >= 0xf0 && byte <= 0xf4) {
      more = 3;
      point = byte & 0x07;
    } else {
      return false;
    }
    if (i + more >= s.size()) return false;
    for (size_t j = 1; j <= more; ++j) {
      const auto next = static_cast<uint8_t>(s[i + j]);
      if ((next & 0xc0) != 0x80) return false;
      point = (point << 6) | (next & 0x3f);
    }
    const bool overlong = (more == 2 && point < 0x800) || (more == 3 && point < 0x10000);
    if (overlong || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return false;
    i += more + 1;
  }
  return true;
}

}  // namespace

absl::StatusOr<ItemId> ItemId::FromText(std::string_view text) {
  if (text.empty() || text.size() > kTextBytesMax) {
    return InvalidArgument(
        absl::StrFormat("an item id of %d bytes; 1 to %d are allowed", text.size(), kTextBytesMax),
        {.reason = "ITEM_ID",
         .given = absl::StrCat(text.size(), " bytes"),
         .expected = absl::StrCat("1 to ", kTextBytesMax, " bytes"),
         .next_step = text.empty()
                          ? "Give each row an id, or leave ids out to let the server make them."
                          : "Shorten the id, or leave ids out to let the server make them."});
  }
  if (!IsUtf8(text)) {
    return InvalidArgument(
        "an item id is not UTF-8",
        {.reason = "ITEM_ID",
         .given = "bytes that are not UTF-8",
         .expected = "UTF-8",
         .next_step = "Encode the id, in hexadecimal for instance, or use numbers."});
  }
  return ItemId(text);
}

std::string ItemId::Encode() const {
  std::string out;
  if (is_text()) {
    out.reserve(1 + text_.size());
    out += kTextTag;
    out += text_;
    return out;
  }
  out.resize(9);
  out[0] = kNumberTag;
  for (int i = 0; i < 8; ++i) out[1 + i] = static_cast<char>(number_ >> (56 - 8 * i));
  return out;
}

absl::StatusOr<ItemId> ItemId::Decode(std::string_view encoded) {
  if (encoded.size() == 9 && encoded[0] == kNumberTag) {
    uint64_t number = 0;
    for (int i = 1; i <= 8; ++i) number = (number << 8) | static_cast<uint8_t>(encoded[i]);
    return ItemId(number);
  }
  if (encoded.size() >= 2 && encoded[0] == kTextTag) return ItemId(encoded.substr(1));
  return DataLoss("an encoded item id is malformed",
                  {.reason = "CORRUPT", .next_step = "Restore the memory from a backup."});
}

std::string ItemId::ToString() const { return is_text() ? text_ : std::to_string(number_); }

uint64_t StableHash(std::string_view bytes) {
  // FNV-1a, then a finaliser that spreads it over all 64 bits.
  uint64_t h = 0xcbf29ce484222325;
  for (char c : bytes) h = (h ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  h ^= h >> 32;
  h *= 0xd6e8feb86659fd93;
  h ^= h >> 32;
  return h;
}

uint64_t StableHash(const ItemId& id) { return StableHash(id.Encode()); }

uint64_t ItemIdGenerator::Take(uint64_t count) {
  const auto now = static_cast<uint64_t>(std::max<int64_t>(clock_.NowUnixNanos(), 0) / 1'000'000)
                   << 20;
  MutexLock lock(&mutex_);
  next_ = std::max(next_, now);
  const uint64_t first = next_;
  next_ += count;
  return first;
}

void ItemIdGenerator::Observe(uint64_t id) {
  // Users may choose any number: one from beyond tomorrow is not ours, and no reason to leave our
  // order.
  constexpr uint64_t kDayMillis = 24ull * 3600 * 1000;
  const auto tomorrow =
      (static_cast<uint64_t>(std::max<int64_t>(clock_.NowUnixNanos(), 0) / 1'000'000) + kDayMillis)
      << 20;
  if (id >= tomorrow) return;
  MutexLock lock(&mutex_);
  next_ = std::max(next_, id + 1);
}

}  // namespace mneme
