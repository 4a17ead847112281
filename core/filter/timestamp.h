// A moment in time as google.protobuf.Timestamp holds it, and its RFC 3339 text.
//
// Not nanoseconds since 1970 in 64 bits: those end in 2262, and 9999-12-31 is a common "never".
#ifndef MNEME_CORE_FILTER_TIMESTAMP_H_
#define MNEME_CORE_FILTER_TIMESTAMP_H_

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/numeric/int128.h"

namespace mneme::filter {

// seconds + nanos / 10⁹ after 1970-01-01T00:00:00Z. Any pair of numbers is a moment, and two pairs
// for the same moment are equal: a client may have stored nanos beyond a second.
struct Timestamp {
  int64_t seconds = 0;
  int32_t nanos = 0;

  friend bool operator==(const Timestamp& a, const Timestamp& b) { return a.Nanos() == b.Nanos(); }
  friend std::strong_ordering operator<=>(const Timestamp& a, const Timestamp& b) {
    if (a.Nanos() == b.Nanos()) return std::strong_ordering::equal;
    return a.Nanos() < b.Nanos() ? std::strong_ordering::less : std::strong_ordering::greater;
  }

 private:
  absl::int128 Nanos() const { return absl::int128(seconds) * 1'000'000'000 + nanos; }
};

// 2026-01-02T03:04:05Z, with up to nine digits of a fraction, and Z or an offset such as +09:00.
// nullopt for anything else, for days that no calendar has, for leap seconds (:60), and outside the
// years 1 to 9999 of UTC.
std::optional<Timestamp> ParseTimestamp(std::string_view text);

// The shortest text that ParseTimestamp reads as the same moment. Of what it returned.
std::string FormatTimestamp(const Timestamp& moment);

}  // namespace mneme::filter

#endif  // MNEME_CORE_FILTER_TIMESTAMP_H_
