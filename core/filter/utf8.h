// Where UTF-8 ends and something else begins.
#ifndef MNEME_CORE_FILTER_UTF8_H_
#define MNEME_CORE_FILTER_UTF8_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mneme::filter {

// Bytes of the character that `text` begins with; 0 when it begins with none: empty, cut short,
// longer than need be, a surrogate, above U+10FFFF.
// Source   RFC 3629, section 4.
inline size_t Utf8CharacterBytes(std::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<uint8_t>(text[i]); };
  if (text.empty()) return 0;
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  const size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return 0;
  const uint8_t lowest = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const uint8_t highest = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (byte(1) < lowest || byte(1) > highest) return 0;
  for (size_t i = 2; i < size; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xbf) return 0;
  }
  return size;
}

}  // namespace mneme::filter

#endif  // MNEME_CORE_FILTER_UTF8_H_
