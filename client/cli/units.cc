#include "client/cli/units.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/cli/context.h"

namespace mneme::cli {
namespace {

constexpr absl::Duration kDay = absl::Hours(24);

}  // namespace

absl::StatusOr<std::chrono::nanoseconds> ParseLifetime(const std::string& text) {
  // absl knows no days.
  absl::Duration lifetime;
  double days = 0;
  const size_t d = text.find('d');
  const bool has_days = d != std::string::npos && absl::SimpleAtod(text.substr(0, d), &days);
  const std::string rest = has_days ? text.substr(d + 1) : text;
  const bool good = (has_days && rest.empty()) || absl::ParseDuration(rest, &lifetime);
  if (good && has_days) lifetime += days * kDay;
  if (!good || lifetime <= absl::ZeroDuration() || lifetime > 36'525 * kDay) {
    return UsageError("not a time to live", text, "a positive time like 30d, 12h, 1h30m or 90s",
                      "Give a time with its unit.");
  }
  return absl::ToChronoNanoseconds(lifetime);
}

std::string FormatLifetime(std::chrono::nanoseconds lifetime) {
  const absl::Duration duration = absl::FromChrono(lifetime);
  const int64_t days = duration / kDay;
  if (days > 0 && duration == days * kDay) return absl::StrCat(days, "d");
  return absl::FormatDuration(duration);
}

absl::StatusOr<uint64_t> ParseBytes(const std::string& text) {
  constexpr std::string_view kUnits = "kMG";
  const size_t unit = text.empty() ? std::string_view::npos : kUnits.find(text.back());
  const bool has_unit = unit != std::string_view::npos;
  const int shift = has_unit ? 10 * (static_cast<int>(unit) + 1) : 0;
  uint64_t number = 0;
  if (!absl::SimpleAtoi(text.substr(0, text.size() - (has_unit ? 1 : 0)), &number) ||
      number > (~uint64_t{0} >> shift)) {
    return UsageError("not an amount of bytes", text, "a whole number, with k, M or G if you like",
                      "Write it like 64M.");
  }
  return number << shift;
}

absl::StatusOr<client::Timestamp> ParseTime(const std::string& text) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, &error)) {
    return UsageError("not a moment in time", text, "RFC 3339, like 2026-05-01T12:00:00Z",
                      "Write date, T, time and zone.");
  }
  return client::Timestamp(std::chrono::nanoseconds(absl::ToUnixNanos(time)));
}

}  // namespace mneme::cli
