#include "tests/fuzz/fuzz.h"

#include <cstdio>
#include <optional>

#include "core/base/status.h"

namespace mneme::fuzz {

std::string MakeChunk(std::string_view bytes) {
  const auto length = static_cast<uint16_t>(bytes.size());
  MNEME_CHECK(length == bytes.size());
  std::string chunk(reinterpret_cast<const char*>(&length), sizeof(length));
  return chunk.append(bytes);
}

void CheckError(const absl::Status& status, std::initializer_list<absl::StatusCode> codes) {
  const std::optional<ErrorDetail> detail = GetErrorDetail(status);
  const bool expected = std::find(codes.begin(), codes.end(), status.code()) != codes.end();
  if (!expected || !detail.has_value() || detail->reason.empty() || detail->next_step.empty()) {
    std::fprintf(stderr, "not an error of the kind that is promised: %s\n",
                 status.ToString().c_str());
  }
  MNEME_CHECK(expected);
  MNEME_CHECK(!status.message().empty());
  MNEME_CHECK(detail.has_value() && !detail->reason.empty() && !detail->next_step.empty());
}

bool IsUtf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<uint8_t>(text[i]);
    const size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if ((lead >= 0x80 && lead < 0xc2) || lead > 0xf4 || text.size() - i < length) return false;
    uint32_t point = length == 1 ? lead : lead & (0x7fu >> length);
    for (size_t j = 1; j < length; ++j) {
      const auto next = static_cast<uint8_t>(text[i + j]);
      if ((next & 0xc0) != 0x80) return false;
      point = point << 6 | (next & 0x3f);
    }
    const bool overlong = (length == 3 && point < 0x800) || (length == 4 && point < 0x10000);
    const bool surrogate = point >= 0xd800 && point < 0xe000;
    if (overlong || surrogate || point > 0x10ffff) return false;
    i += length;
  }
  return true;
}

}  // namespace mneme::fuzz
