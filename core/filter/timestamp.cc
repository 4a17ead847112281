#include "core/filter/timestamp.h"

#include <chrono>

#include "absl/strings/str_format.h"

namespace mneme::filter {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr int kFractionDigitsMax = 9;

// Takes fixed-width fields off the front; after the first that does not fit, nothing fits.
class Fields {
 public:
  explicit Fields(std::string_view rest) : rest_(rest) {}

  bool ok() const { return ok_; }
  bool empty() const { return rest_.empty(); }
  bool Peek(char c) const { return !rest_.empty() && rest_.front() == c; }
  bool PeekDigit() const { return !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9'; }

  bool Take(char c) {
    const bool there = Peek(c);
    if (there) rest_.remove_prefix(1);
    return there;
  }
  void Expect(char c) { ok_ = Take(c) && ok_; }
  int Digits(int count) {
    int number = 0;
    for (; count > 0 && PeekDigit(); --count) {
      number = number * 10 + (rest_.front() - '0');
      rest_.remove_prefix(1);
    }
    ok_ = ok_ && count == 0;
    return number;
  }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

int32_t TakeFraction(Fields& fields) {
  if (!fields.Take('.')) return 0;
  int nanos = fields.Digits(1);
  for (int i = 1; i < kFractionDigitsMax; ++i) {
    nanos = nanos * 10 + (fields.PeekDigit() ? fields.Digits(1) : 0);
  }
  return nanos;
}

// Seconds that the written time is ahead of UTC.
int TakeOffset(Fields& fields) {
  if (fields.Take('Z')) return 0;
  const int sign = fields.Peek('-') ? -1 : 1;
  fields.Expect(sign < 0 ? '-' : '+');
  const int hours = fields.Digits(2);
  fields.Expect(':');
  const int minutes = fields.Digits(2);
  if (hours > 23 || minutes > 59) fields.Expect('\0');
  return sign * (hours * 60 + minutes) * 60;
}

std::chrono::year_month_day TakeDate(Fields& fields) {
  const int year = fields.Digits(4);
  fields.Expect('-');
  const int month = fields.Digits(2);
  fields.Expect('-');
  const int day = fields.Digits(2);
  return {std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
          std::chrono::day(static_cast<unsigned>(day))};
}

int64_t SecondsOf(const std::chrono::sys_days& days) {
  return std::chrono::duration_cast<std::chrono::seconds>(days.time_since_epoch()).count();
}

bool InCalendar(int64_t seconds) {
  using std::chrono::January, std::chrono::year, std::chrono::sys_days;
  return seconds >= SecondsOf(sys_days(year(1) / January / 1)) &&
         seconds < SecondsOf(sys_days(year(10000) / January / 1));
}

}  // namespace

std::optional<Timestamp> ParseTimestamp(std::string_view text) {
  Fields fields(text);
  const std::chrono::year_month_day date = TakeDate(fields);
  fields.Expect('T');
  const int hour = fields.Digits(2);
  fields.Expect(':');
  const int minute = fields.Digits(2);
  fields.Expect(':');
  const int second = fields.Digits(2);
  const int32_t nanos = TakeFraction(fields);
  const int offset = TakeOffset(fields);
  if (!fields.ok() || !fields.empty() || !date.ok() || hour > 23 || minute > 59 || second > 59) {
    return std::nullopt;
  }
  const int64_t seconds = SecondsOf(date) + (hour * 60 + minute) * 60 + second - offset;
  if (!InCalendar(seconds)) return std::nullopt;
  return Timestamp{.seconds = seconds, .nanos = nanos};
}

std::string FormatTimestamp(const Timestamp& moment) {
  const std::chrono::sys_seconds time{std::chrono::seconds(moment.seconds)};
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(days);
  const std::chrono::hh_mm_ss clock(time - days);
  std::string out =
      absl::StrFormat("%04d-%02d-%02dT%02d:%02d:%02d", static_cast<int>(date.year()),
                      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                      clock.hours().count(), clock.minutes().count(), clock.seconds().count());
  if (moment.nanos != 0) {
    absl::StrAppendFormat(&out, ".%09d", moment.nanos % kNanosPerSecond);
    while (out.back() == '0') out.pop_back();
  }
  out += 'Z';
  return out;
}

}  // namespace mneme::filter
