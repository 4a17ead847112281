// The protobuf wire format, field by field, over bytes that may be anything.
//
// Here because core knows no protobuf and attributes are kept in its format
// (docs/formats/attributes.md). Knows no field numbers: the caller compares tags and passes over
// those it does not know. Never reads outside the bytes given.
#ifndef MNEME_CORE_FILTER_WIRE_READER_H_
#define MNEME_CORE_FILTER_WIRE_READER_H_

#include <cstdint>
#include <cstring>
#include <string_view>

namespace mneme::filter {

enum class WireType : uint8_t {
  kVarint = 0,
  kFixed64 = 1,
  kBytes = 2,
  kGroup = 3,
  kGroupEnd = 4,
  kFixed32 = 5,
};

// A field number and how its value is written, as on the wire.
constexpr uint32_t WireTag(uint32_t field, WireType type) {
  return field << 3 | static_cast<uint32_t>(type);
}

class WireReader {
 public:
  WireReader() = default;
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}

  // To the next field; false at the end, and at the first byte that cannot be read: see ok().
  // A group, and all that is in it, is one field without a value.
  bool Next() {
    if (rest_.empty() || !ok_) return false;
    ok_ = ReadTag() && ReadValue();
    return ok_;
  }

  bool ok() const { return ok_; }
  uint32_t tag() const { return tag_; }
  uint64_t number() const { return number_; }        // of kVarint, kFixed64, kFixed32
  std::string_view bytes() const { return bytes_; }  // of kBytes

  // Takes a varint off the front; false when there is none: more than ten bytes, or no end.
  static bool TakeVarint(std::string_view& from, uint64_t& value) {
    if (!from.empty() && static_cast<uint8_t>(from.front()) < 0x80) {  // most are one byte
      value = static_cast<uint8_t>(from.front());
      from.remove_prefix(1);
      return true;
    }
    value = 0;
    for (size_t i = 0; i < from.size() && i < kVarintBytesMax; ++i) {
      const auto byte = static_cast<uint8_t>(from[i]);
      value |= uint64_t{byte & 0x7fu} << (7 * i);
      if (byte < 0x80) {
        from.remove_prefix(i + 1);
        return i + 1 < kVarintBytesMax || byte <= 1;
      }
    }
    return false;
  }

 private:
  static constexpr size_t kVarintBytesMax = 10;

  WireType type() const { return static_cast<WireType>(tag_ & 7); }

  bool ReadTag() {
    uint64_t tag = 0;
    if (!TakeVarint(rest_, tag) || tag > UINT32_MAX || tag >> 3 == 0) return false;
    tag_ = static_cast<uint32_t>(tag);
    return true;
  }

  bool ReadValue() {
    switch (type()) {
      case WireType::kVarint:
        return TakeVarint(rest_, number_);
      case WireType::kFixed64:
        return TakeFixed(sizeof(uint64_t));
      case WireType::kFixed32:
        return TakeFixed(sizeof(uint32_t));
      case WireType::kBytes: {
        uint64_t size = 0;
        if (!TakeVarint(rest_, size) || size > rest_.size()) return false;
        bytes_ = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return true;
      }
      case WireType::kGroup:
        return PassGroup();
      case WireType::kGroupEnd:
        return false;  // of no group that was begun
    }
    return false;
  }

  bool TakeFixed(size_t size) {
    if (rest_.size() < size) return false;
    number_ = 0;
    std::memcpy(&number_, rest_.data(), size);
    rest_.remove_prefix(size);
    return true;
  }

  // Counts how deep it is instead of recursing: the bytes decide the depth.
  bool PassGroup() {
    const uint32_t outermost = tag_;
    for (size_t depth = 1; depth > 0;) {
      if (!ReadTag()) return false;
      if (type() == WireType::kGroup) {
        ++depth;
      } else if (type() == WireType::kGroupEnd) {
        --depth;
      } else if (!ReadValue()) {
        return false;
      }
    }
    tag_ = outermost;
    return true;
  }

  std::string_view rest_;
  std::string_view bytes_;
  uint64_t number_ = 0;
  uint32_t tag_ = 0;
  bool ok_ = true;
};

}  // namespace mneme::filter

#endif  // MNEME_CORE_FILTER_WIRE_READER_H_
