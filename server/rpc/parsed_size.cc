#include "server/rpc/parsed_size.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/message.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/status.h"
#include "server/rpc/rpc_table.h"

namespace mneme::server {
namespace {

namespace pb = google::protobuf;
using pb::internal::WireFormatLite;

// Of the allocator, of each thing on the heap.
constexpr uint64_t kHeapBytes = 16;
// A pointer to it, in an array that grows by doubling.
constexpr uint64_t kPointerBytes = 2 * sizeof(void*);
constexpr uint64_t kStringBytes = sizeof(std::string) + kHeapBytes + kPointerBytes;
// A key, a pointer to a value, and their places in a table.
constexpr uint64_t kEntryBytes = 128;
// One of a pb::UnknownFieldSet, whose array grows by doubling; what it points to comes on top.
constexpr uint64_t kUnknownBytes = 2 * sizeof(pb::UnknownField);
// Numbers of arrays that grow by doubling, the old one beside the new.
constexpr uint64_t kGrowth = 3;
// Deeper ones are not parsed: pb::io::CodedInputStream's own limit.
constexpr int kDepthMax = 100;
// Beyond it a table by number would be no table. Ours are small.
constexpr int kFieldNumberMax = 1'000;

struct Shape;

struct Field {
  WireFormatLite::WireType wire = WireFormatLite::WIRETYPE_END_GROUP;  // of none that is known
  bool is_number = false;
  uint64_t number_bytes = 0;     // of one more in an array; of what stands alone: 0
  const Shape* shape = nullptr;  // of a message
};

// A message type: what an empty one takes, and its fields by number.
struct Shape {
  uint64_t bytes = 0;
  std::vector<Field> fields;
};

uint64_t NumberBytes(const pb::FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      return sizeof(bool);
    case pb::FieldDescriptor::CPPTYPE_INT64:
    case pb::FieldDescriptor::CPPTYPE_UINT64:
    case pb::FieldDescriptor::CPPTYPE_DOUBLE:
      return sizeof(uint64_t);
    default:
      return sizeof(uint32_t);
  }
}

using Shapes = std::unordered_map<const pb::Descriptor*, Shape>;

const Shape* AddShape(const pb::Descriptor& type, Shapes* shapes) {
  const auto [at, is_new] = shapes->try_emplace(&type);
  Shape* const shape = &at->second;  // stays where it is
  if (!is_new) return shape;
  // What stands for an entry of a map is not what a map holds.
  shape->bytes =
      type.options().map_entry()
          ? kEntryBytes
          : pb::MessageFactory::generated_factory()->GetPrototype(&type)->SpaceUsedLong();
  for (int i = 0; i < type.field_count(); ++i) {
    const pb::FieldDescriptor& field = *type.field(i);
    MNEME_CHECK(field.number() <= kFieldNumberMax);
    const auto number = static_cast<size_t>(field.number());
    shape->fields.resize(std::max(shape->fields.size(), number + 1));
    Field out{.wire = WireFormatLite::WireTypeForFieldType(
                  static_cast<WireFormatLite::FieldType>(field.type())),
              .is_number = field.is_packable() ||
                           (field.cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE &&
                            field.cpp_type() != pb::FieldDescriptor::CPPTYPE_STRING),
              .number_bytes = field.is_repeated() ? NumberBytes(field) : 0};
    if (field.message_type() != nullptr) out.shape = AddShape(*field.message_type(), shapes);
    // A value that is not sent is there all the same.
    if (type.options().map_entry() && out.shape != nullptr) shape->bytes += out.shape->bytes;
    shape->fields[number] = out;
  }
  return shape;
}

const Shapes& AllShapes() {
  static const Shapes* const shapes = [] {
    auto* out = new Shapes;
    for (const Rpc& rpc : AllRpcs()) AddShape(*rpc.descriptor->input_type(), out);
    return out;
  }();
  return *shapes;
}

class Reader {
 public:
  Reader(pb::io::ZeroCopyInputStream& bytes, uint64_t most) : in_(&bytes), most_(most) {}

  uint64_t total() const { return total_; }

  // Reads to the end of the message, or of the group. False: there is no need to go on.
  bool Read(const Shape& shape, int depth) {
    total_ += shape.bytes + kHeapBytes;
    while (total_ <= most_) {
      const uint32_t tag = in_.ReadTag();
      if (tag == 0) return in_.BytesUntilLimit() == 0;
      const auto wire = WireFormatLite::GetTagWireType(tag);
      if (wire == WireFormatLite::WIRETYPE_END_GROUP) return true;
      const auto number = static_cast<size_t>(WireFormatLite::GetTagFieldNumber(tag));
      const Field field = number < shape.fields.size() ? shape.fields[number] : Field();
      const bool read = wire == WireFormatLite::WIRETYPE_LENGTH_DELIMITED ? ReadBytes(field, depth)
                        : wire == WireFormatLite::WIRETYPE_START_GROUP    ? ReadGroup(depth)
                                                                          : ReadNumber(field, wire);
      if (!read) return false;
    }
    return false;
  }

 private:
  bool ReadNumber(const Field& field, WireFormatLite::WireType wire) {
    total_ += field.wire == wire ? kGrowth * field.number_bytes : kUnknownBytes;
    uint64_t ignored = 0;
    if (wire == WireFormatLite::WIRETYPE_VARINT) return in_.ReadVarint64(&ignored);
    if (wire == WireFormatLite::WIRETYPE_FIXED32) return in_.Skip(sizeof(uint32_t));
    return wire == WireFormatLite::WIRETYPE_FIXED64 && in_.Skip(sizeof(uint64_t));
  }

  bool ReadGroup(int depth) {
    static const Shape unknown{.bytes = sizeof(pb::UnknownFieldSet)};
    total_ += kUnknownBytes;
    return depth < kDepthMax && Read(unknown, depth + 1);
  }

  bool ReadBytes(const Field& field, int depth) {
    int size = 0;
    if (!in_.ReadVarintSizeAsInt(&size)) return false;
    if (field.shape != nullptr) {
      total_ += kPointerBytes;
      if (depth >= kDepthMax) return false;
      const auto outer = in_.PushLimit(size);
      const bool read = Read(*field.shape, depth + 1);
      in_.PopLimit(outer);
      return read;
    }
    if (field.is_number && field.number_bytes > 0) return ReadPacked(field, size);
    if (!in_.Skip(size)) return false;
    const bool is_text = field.wire == WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
    total_ += kStringBytes + static_cast<uint64_t>(size) + (is_text ? 0 : kUnknownBytes);
    return true;
  }

  bool ReadPacked(const Field& field, int size) {
    if (field.wire != WireFormatLite::WIRETYPE_VARINT) {
      if (!in_.Skip(size)) return false;
      total_ += static_cast<uint64_t>(size);
      return true;
    }
    // A number ends with each byte that has no high bit.
    while (size > 0) {
      const void* data = nullptr;
      int there = 0;
      if (!in_.GetDirectBufferPointer(&data, &there)) return false;
      there = std::min(there, size);
      const auto* const first = static_cast<const uint8_t*>(data);
      const auto numbers =
          std::count_if(first, first + there, [](uint8_t byte) { return byte < 0x80; });
      total_ += kGrowth * field.number_bytes * static_cast<uint64_t>(numbers);
      if (!in_.Skip(there)) return false;
      size -= there;
    }
    return true;
  }

  pb::io::CodedInputStream in_;
  const uint64_t most_;
  uint64_t total_ = 0;
};

}  // namespace

uint64_t ParsedSize(const pb::Descriptor& type, pb::io::ZeroCopyInputStream& bytes, uint64_t most) {
  const auto shape = AllShapes().find(&type);
  MNEME_CHECK(shape != AllShapes().end());
  Reader reader(bytes, most);
  reader.Read(shape->second, 0);
  return reader.total();
}

}  // namespace mneme::server
