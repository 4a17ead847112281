// Identities: of items (chosen by the user, or made here) and of memories.
#ifndef MNEME_CORE_BASE_IDS_H_
#define MNEME_CORE_BASE_IDS_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"

namespace mneme {

// The id of an item: a uint64, or UTF-8 of 1 to 128 bytes. Order (used for every tie): numbers
// before texts, numbers by value, texts bytewise.
class ItemId {
 public:
  static constexpr size_t kTextBytesMax = 128;

  ItemId() = default;  // the number 0
  explicit ItemId(uint64_t number) : number_(number) {}
  explicit ItemId(std::string_view text) : text_(text) {}

  bool is_text() const { return !text_.empty(); }
  uint64_t number() const { return number_; }
  const std::string& text() const { return text_; }

  // InvalidArgument when a text is too long or not UTF-8.
  static absl::StatusOr<ItemId> FromText(std::string_view text);

  // Bytes whose bytewise order is the order of ids: 0x01 and 8 bytes big-endian, or 0x02 and the
  // text.
  std::string Encode() const;
  static absl::StatusOr<ItemId> Decode(std::string_view encoded);

  // As shown to people: the number in decimal, or the text.
  std::string ToString() const;

  friend bool operator==(const ItemId& a, const ItemId& b) = default;
  friend std::strong_ordering operator<=>(const ItemId& a, const ItemId& b) {
    if (a.is_text() != b.is_text())
      return a.is_text() ? std::strong_ordering::greater : std::strong_ordering::less;
    if (!a.is_text()) return a.number_ <=> b.number_;
    return a.text_.compare(b.text_) <=> 0;
  }
  template <typename H>
  friend H AbslHashValue(H h, const ItemId& id) {
    return H::combine(std::move(h), id.number_, id.text_);
  }

 private:
  uint64_t number_ = 0;
  std::string text_;
};

// 64-bit hash of an id, the same on every machine and in every version: placement (slots,
// partitions) stands on it.
uint64_t StableHash(const ItemId& id);
uint64_t StableHash(std::string_view bytes);

// Makes item ids that grow with time: milliseconds since 1970 in the upper 44 bits, a counter
// below. Never gives the same one twice, and none at or below `Observe`d ones. Thread-safe.
class ItemIdGenerator {
 public:
  explicit ItemIdGenerator(const Clock& clock) : clock_(clock) {}
  // The first of `count` successive ids.
  uint64_t Take(uint64_t count);
  // This id is in use (recovery). One of a time more than a day ahead is not taken for ours.
  void Observe(uint64_t id);

 private:
  const Clock& clock_;
  Mutex mutex_;
  uint64_t next_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace mneme

#endif  // MNEME_CORE_BASE_IDS_H_
