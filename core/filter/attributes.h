// The attributes of an item, read from the bytes that storage keeps (docs/formats/attributes.md).
//
// Two ways to read: ReadAttributes copies everything out; AttributeReader walks the bytes without
// copying, for filters. Both check everything they read, so the bytes may be anything: damage is an
// error, never a crash. All of it is thread-safe for reading.
#ifndef MNEME_CORE_FILTER_ATTRIBUTES_H_
#define MNEME_CORE_FILTER_ATTRIBUTES_H_

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/filter/timestamp.h"
#include "core/filter/wire_reader.h"

namespace mneme::filter {

// In the order of AttributeValue and AttributeRef::Value.
enum class AttributeType {
  kString,
  kInt64,
  kDouble,
  kBool,
  kTimestamp,
  kStringList,
  kInt64List,
  kDoubleList,
};

// "string", "list of int64": as errors and documents call the types.
std::string_view TypeName(AttributeType type);

using AttributeValue =
    std::variant<std::string, int64_t, double, bool, Timestamp, std::vector<std::string>,
                 std::vector<int64_t>, std::vector<double>>;

// The attributes in ascending order of their names (bytewise), each name once.
// DataLoss CORRUPT when the bytes are not such a list.
absl::StatusOr<std::vector<std::pair<std::string, AttributeValue>>> ReadAttributes(
    std::string_view bytes);

// Lists inside attribute bytes. Made by AttributeReader alone, which has checked the bytes.
class StringListRef {
 public:
  explicit StringListRef(std::string_view message) : message_(message) {}
  // visit(std::string_view) for each text in order, until one returns true; whether one did.
  template <typename Visit>
  bool Any(Visit visit) const {
    for (WireReader wire(message_); wire.Next();) {
      if (wire.tag() == kElementTag && visit(wire.bytes())) return true;
    }
    return false;
  }
  static constexpr uint32_t kElementTag = WireTag(1, WireType::kBytes);

 private:
  std::string_view message_;
};

class Int64ListRef {
 public:
  explicit Int64ListRef(std::string_view packed) : packed_(packed) {}
  template <typename Visit>
  bool Any(Visit visit) const {
    uint64_t number = 0;
    for (std::string_view rest = packed_; !rest.empty() && WireReader::TakeVarint(rest, number);) {
      if (visit(static_cast<int64_t>(number))) return true;
    }
    return false;
  }

 private:
  std::string_view packed_;
};

class DoubleListRef {
 public:
  explicit DoubleListRef(std::string_view packed) : packed_(packed) {}
  template <typename Visit>
  bool Any(Visit visit) const {
    for (size_t at = 0; at + sizeof(double) <= packed_.size(); at += sizeof(double)) {
      double number = 0;
      std::memcpy(&number, packed_.data() + at, sizeof(double));
      if (visit(number)) return true;
    }
    return false;
  }

 private:
  std::string_view packed_;
};

// One attribute, pointing into the bytes.
struct AttributeRef {
  using Value = std::variant<std::string_view, int64_t, double, bool, Timestamp, StringListRef,
                             Int64ListRef, DoubleListRef>;

  std::string_view name;
  Value value;

  AttributeType type() const { return static_cast<AttributeType>(value.index()); }
};

// Walks attributes in ascending order of their names:
//   AttributeReader reader(bytes);
//   while (reader.Next()) Use(reader.attribute());
//   MNEME_RETURN_IF_ERROR(reader.status());
// What was visited before damage was found is no answer: look at status() before using it.
class AttributeReader {
 public:
  explicit AttributeReader(std::string_view bytes) : wire_(bytes), bytes_(bytes.size()) {}

  bool Next();
  const AttributeRef& attribute() const { return attribute_; }
  // DataLoss CORRUPT once Next() has met bytes that it cannot read.
  absl::Status status() const;

 private:
  bool ReadEntry(std::string_view entry);

  WireReader wire_;
  size_t bytes_;
  size_t entries_ = 0;
  bool damaged_ = false;
  AttributeRef attribute_;
};

}  // namespace mneme::filter

#endif  // MNEME_CORE_FILTER_ATTRIBUTES_H_
