// Protobuf's wire format written straight into a string, for messages that are made by the
// thousand: as objects they cost an allocation or two a field.
//
//   const size_t span = out.Open(ScopeSpans::kSpansFieldNumber);
//   out.Bytes(Span::kNameFieldNumber, "scan");
//   out.Close(span);
//
// All that is given is written, zeros and empty texts too.
//
// Threads: plain values.
#ifndef MNEME_SERVER_TRACING_PROTO_WRITER_H_
#define MNEME_SERVER_TRACING_PROTO_WRITER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace mneme::server {

class ProtoWriter {
 public:
  // `bytes_typical`: of all that will be written.
  explicit ProtoWriter(size_t bytes_typical = 0) : out_(bytes_typical, '\0') {}

  // uint64, int64, bool, an enum.
  void Number(int field, uint64_t value) {
    char* at = Varint(Tag(field, kVarint), Room(2 * kVarintBytesMax));
    Wrote(Varint(value, at));
  }
  void Fixed32(int field, uint32_t value) { Fixed(field, kFixed32, value); }
  void Fixed64(int field, uint64_t value) { Fixed(field, kFixed64, value); }
  // bytes, string (which must be UTF-8).
  void Bytes(int field, std::string_view value) {
    char* at = Varint(Tag(field, kLengthDelimited), Room(2 * kVarintBytesMax + value.size()));
    at = Varint(value.size(), at);
    Wrote(std::copy(value.begin(), value.end(), at));
  }
  // Fields until Close are those of a message; what Open returns is for its Close. Messages nest.
  size_t Open(int field) {
    char* at = Varint(Tag(field, kLengthDelimited), Room(2 * kVarintBytesMax));
    Wrote(at + 1);  // room for the length of a short one
    return size_;
  }
  void Close(size_t begin) {
    char length[kVarintBytesMax];
    const size_t more = static_cast<size_t>(Varint(size_ - begin, length) - length) - 1;
    if (more > 0) {
      char* const end = Room(more);
      std::copy_backward(out_.data() + begin, end, end + more);
      size_ += more;
    }
    std::copy_n(length, more + 1, out_.data() + begin - 1);
  }

  std::string Take() {
    out_.resize(size_);
    size_ = 0;
    return std::move(out_);
  }

 private:
  enum WireType : uint64_t { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5 };
  static constexpr size_t kVarintBytesMax = 10;

  static uint64_t Tag(int field, WireType type) { return static_cast<uint64_t>(field) << 3 | type; }
  // Where it ends.
  static char* Varint(uint64_t value, char* at) {
    for (; value >= 0x80; value >>= 7) *at++ = static_cast<char>(value | 0x80);
    *at++ = static_cast<char>(value);
    return at;
  }
  template <typename T>
  void Fixed(int field, WireType type, T value) {
    char* at = Varint(Tag(field, type), Room(kVarintBytesMax + sizeof(value)));
    for (size_t i = 0; i < sizeof(value); ++i) *at++ = static_cast<char>(value >> (8 * i));
    Wrote(at);
  }
  // The end of what is written, with so many bytes behind it.
  char* Room(size_t bytes) {
    if (out_.size() - size_ < bytes) out_.resize(2 * out_.size() + bytes);
    return out_.data() + size_;
  }
  void Wrote(const char* end) { size_ = static_cast<size_t>(end - out_.data()); }

  std::string out_;  // its first size_ bytes are written
  size_t size_ = 0;
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_TRACING_PROTO_WRITER_H_
