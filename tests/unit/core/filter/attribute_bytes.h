// What the tests of filters share: attributes written by hand as docs/formats/attributes.md says,
// a second opinion; and the reason of an error.
#ifndef MNEME_TESTS_UNIT_CORE_FILTER_ATTRIBUTE_BYTES_H_
#define MNEME_TESTS_UNIT_CORE_FILTER_ATTRIBUTE_BYTES_H_

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "core/base/status.h"
#include "core/filter/attributes.h"

namespace mneme::filter {

// "" when the status is OK or has no detail.
inline std::string ErrorReason(const absl::Status& status) {
  return GetErrorDetail(status).value_or(ErrorDetail{}).reason;
}

inline std::string Varint(uint64_t number) {
  std::string out;
  for (; number >= 0x80; number >>= 7) out += static_cast<char>(number | 0x80);
  return out += static_cast<char>(number);
}

inline std::string Framed(char tag, const std::string& content) {
  return tag + Varint(content.size()) + content;
}

inline std::string DoubleBytes(double number) {
  std::string out(sizeof(number), '\0');
  std::memcpy(out.data(), &number, sizeof(number));
  return out;
}

struct WriteValue {
  std::string operator()(const std::string& text) const { return Framed(0x0a, text); }
  std::string operator()(int64_t n) const { return '\x10' + Varint(static_cast<uint64_t>(n)); }
  std::string operator()(double number) const { return '\x19' + DoubleBytes(number); }
  std::string operator()(bool truth) const { return truth ? "\x20\x01" : std::string("\x20\0", 2); }
  std::string operator()(const Timestamp& moment) const {
    std::string out;
    if (moment.seconds != 0) out += '\x08' + Varint(static_cast<uint64_t>(moment.seconds));
    if (moment.nanos != 0) {
      out += '\x10' + Varint(static_cast<uint64_t>(int64_t{moment.nanos}));
    }
    return Framed(0x2a, out);
  }
  std::string operator()(const std::vector<std::string>& texts) const {
    std::string out;
    for (const std::string& text : texts) out += Framed(0x0a, text);
    return Framed(0x32, out);
  }
  std::string operator()(const std::vector<int64_t>& numbers) const {
    std::string packed;
    for (const int64_t n : numbers) packed += Varint(static_cast<uint64_t>(n));
    return Framed(0x3a, packed.empty() ? "" : Framed(0x0a, packed));
  }
  std::string operator()(const std::vector<double>& numbers) const {
    std::string packed;
    for (const double n : numbers) packed += DoubleBytes(n);
    return Framed(0x42, packed.empty() ? "" : Framed(0x0a, packed));
  }
};

inline std::string EntryBytes(const std::string& name, const std::string& value) {
  return Framed(0x0a, Framed(0x0a, name) + Framed(0x12, value));
}

inline std::string AttributeBytes(const std::map<std::string, AttributeValue>& attributes) {
  std::string out;
  for (const auto& [name, value] : attributes) {
    out += EntryBytes(name, std::visit(WriteValue(), value));
  }
  return out;
}

}  // namespace mneme::filter

#endif  // MNEME_TESTS_UNIT_CORE_FILTER_ATTRIBUTE_BYTES_H_
