#include "core/filter/attributes.h"

#include <type_traits>

#include "core/base/status.h"

namespace mneme::filter {
namespace {

constexpr uint32_t kEntryTag = WireTag(1, WireType::kBytes);
constexpr uint32_t kNameTag = WireTag(1, WireType::kBytes);
constexpr uint32_t kValueTag = WireTag(2, WireType::kBytes);

constexpr uint32_t kStringTag = WireTag(1, WireType::kBytes);
constexpr uint32_t kInt64Tag = WireTag(2, WireType::kVarint);
constexpr uint32_t kDoubleTag = WireTag(3, WireType::kFixed64);
constexpr uint32_t kBoolTag = WireTag(4, WireType::kVarint);
constexpr uint32_t kTimestampTag = WireTag(5, WireType::kBytes);
constexpr uint32_t kStringListTag = WireTag(6, WireType::kBytes);
constexpr uint32_t kInt64ListTag = WireTag(7, WireType::kBytes);
constexpr uint32_t kDoubleListTag = WireTag(8, WireType::kBytes);

constexpr uint32_t kSecondsTag = WireTag(1, WireType::kVarint);
constexpr uint32_t kNanosTag = WireTag(2, WireType::kVarint);
constexpr uint32_t kPackedTag = WireTag(1, WireType::kBytes);

// The functions below say whether the bytes are what they should be; `value` is undefined if not.
using Value = AttributeRef::Value;

bool ReadTimestamp(std::string_view message, Value& value) {
  Timestamp moment;
  WireReader wire(message);
  while (wire.Next()) {
    const auto number = static_cast<int64_t>(wire.number());
    if (wire.tag() == kSecondsTag) {
      moment.seconds = number;
    } else if (wire.tag() == kNanosTag) {
      moment.nanos = static_cast<int32_t>(number);
      if (moment.nanos != number) return false;
    }
  }
  value = moment;
  return wire.ok();
}

bool ReadStringList(std::string_view message, Value& value) {
  WireReader wire(message);
  while (wire.Next()) continue;
  value = StringListRef(message);
  return wire.ok();
}

// The one packed field of a list of numbers; an empty list has none.
bool ReadPacked(std::string_view message, std::string_view& packed) {
  bool found = false;
  WireReader wire(message);
  while (wire.Next()) {
    if (wire.tag() != kPackedTag) continue;
    if (found) return false;
    found = true;
    packed = wire.bytes();
  }
  return wire.ok();
}

bool ReadInt64List(std::string_view message, Value& value) {
  std::string_view packed;
  if (!ReadPacked(message, packed)) return false;
  uint64_t number = 0;
  for (std::string_view rest = packed; !rest.empty();) {
    if (!WireReader::TakeVarint(rest, number)) return false;
  }
  value = Int64ListRef(packed);
  return true;
}

bool ReadDoubleList(std::string_view message, Value& value) {
  std::string_view packed;
  if (!ReadPacked(message, packed) || packed.size() % sizeof(double) != 0) return false;
  value = DoubleListRef(packed);
  return true;
}

// The field that `wire` is at, when it is one of the eight kinds: then `kinds` is one more.
bool ReadKind(const WireReader& wire, Value& value, size_t& kinds) {
  ++kinds;
  switch (wire.tag()) {
    case kStringTag:
      value = wire.bytes();
      return true;
    case kInt64Tag:
      value = static_cast<int64_t>(wire.number());
      return true;
    case kDoubleTag:
      value = std::bit_cast<double>(wire.number());
      return true;
    case kBoolTag:
      value = wire.number() == 1;
      return wire.number() <= 1;
    case kTimestampTag:
      return ReadTimestamp(wire.bytes(), value);
    case kStringListTag:
      return ReadStringList(wire.bytes(), value);
    case kInt64ListTag:
      return ReadInt64List(wire.bytes(), value);
    case kDoubleListTag:
      return ReadDoubleList(wire.bytes(), value);
    default:
      --kinds;
      return true;
  }
}

bool ReadValue(std::string_view message, Value& value) {
  size_t kinds = 0;
  WireReader wire(message);
  while (wire.Next()) {
    if (!ReadKind(wire, value, kinds)) return false;
  }
  return wire.ok() && kinds == 1;
}

template <typename T, typename Ref>
std::vector<T> CopyList(const Ref& list) {
  std::vector<T> out;
  list.Any([&out](const auto& element) {
    out.emplace_back(element);
    return false;
  });
  return out;
}

struct Copy {
  AttributeValue operator()(std::string_view text) const { return std::string(text); }
  AttributeValue operator()(const StringListRef& list) const { return CopyList<std::string>(list); }
  AttributeValue operator()(const Int64ListRef& list) const { return CopyList<int64_t>(list); }
  AttributeValue operator()(const DoubleListRef& list) const { return CopyList<double>(list); }
  template <typename T>
  AttributeValue operator()(const T& scalar) const {
    return scalar;
  }
};

}  // namespace

std::string_view TypeName(AttributeType type) {
  switch (type) {
    case AttributeType::kString:
      return "string";
    case AttributeType::kInt64:
      return "int64";
    case AttributeType::kDouble:
      return "double";
    case AttributeType::kBool:
      return "bool";
    case AttributeType::kTimestamp:
      return "timestamp";
    case AttributeType::kStringList:
      return "list of string";
    case AttributeType::kInt64List:
      return "list of int64";
    case AttributeType::kDoubleList:
      return "list of double";
  }
  return "";
}

bool AttributeReader::ReadEntry(std::string_view entry) {
  std::string_view name;
  size_t names = 0, values = 0;
  WireReader wire(entry);
  while (wire.Next()) {
    if (wire.tag() == kNameTag) {
      ++names;
      name = wire.bytes();
    } else if (wire.tag() == kValueTag) {
      ++values;
      if (!ReadValue(wire.bytes(), attribute_.value)) return false;
    }
  }
  if (!wire.ok() || names != 1 || values != 1) return false;
  if (entries_ > 0 && name <= attribute_.name) return false;
  attribute_.name = name;
  ++entries_;
  return true;
}

bool AttributeReader::Next() {
  if (damaged_) return false;
  while (wire_.Next()) {
    if (wire_.tag() != kEntryTag) continue;
    damaged_ = !ReadEntry(wire_.bytes());
    return !damaged_;
  }
  damaged_ = !wire_.ok();
  return false;
}

absl::Status AttributeReader::status() const {
  if (!damaged_) return absl::OkStatus();
  return DataLoss(absl::StrFormat("the attributes of an item (%d bytes) cannot be read: damage in "
                                  "or after attribute %d",
                                  bytes_, entries_ + 1),
                  {.reason = "CORRUPT",
                   .given = absl::StrCat(bytes_, " bytes"),
                   .expected = "attributes as mneme wrote them",
                   .next_step = "Store the item again, or restore the memory from a backup."});
}

absl::StatusOr<std::vector<std::pair<std::string, AttributeValue>>> ReadAttributes(
    std::string_view bytes) {
  std::vector<std::pair<std::string, AttributeValue>> out;
  AttributeReader reader(bytes);
  while (reader.Next()) {
    const AttributeRef& attribute = reader.attribute();
    out.emplace_back(attribute.name, std::visit(Copy(), attribute.value));
  }
  MNEME_RETURN_IF_ERROR(reader.status());
  return out;
}

}  // namespace mneme::filter
