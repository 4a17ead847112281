#include "client/cli/text.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"

namespace mneme::cli {
namespace {

bool BeginsCharacter(char byte) { return (byte & 0xc0) != 0x80; }

}  // namespace

size_t Width(const std::string& text) {
  return static_cast<size_t>(std::ranges::count_if(text, BeginsCharacter));
}

std::string Cut(const std::string& text, size_t width) {
  const auto end =
      std::ranges::find_if(text, [&width](char c) { return BeginsCharacter(c) && width-- == 0; });
  return {text.begin(), end};
}

std::string FormatCount(uint64_t count) {
  std::string text = std::to_string(count);
  for (int i = static_cast<int>(text.size()) - 3; i > 0; i -= 3) text.insert(i, ",");
  return text;
}

std::string FormatBytes(uint64_t bytes) {
  static constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  if (unit == 0) return absl::StrCat(bytes, " B");
  return absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

std::string FormatNumber(double number) {
  return absl::StrFormat("%.4g", number + 0.0);  // no "-0"
}

std::string FormatPercent(double share) {
  const double percent = 100 * share;
  const double nearest_end = std::min(std::abs(percent), std::abs(100 - percent));
  // Near the ends a rounded whole number would say "none" or "all" of what is neither.
  if (nearest_end > 0 && nearest_end < 1) {
    const int digits = nearest_end >= 0.095 ? 1 : 3;
    return absl::StrFormat("%.*f %%", digits, percent);
  }
  return absl::StrFormat("%.0f %%", percent);
}

std::string FormatBar(double share, size_t width) {
  const double full = std::clamp(share, 0.0, 1.0) * static_cast<double>(width);
  std::string bar;
  for (size_t i = 0; i < width; ++i) bar += static_cast<double>(i) < std::floor(full) ? "█" : "░";
  return bar;
}

std::string FormatRate(double per_second) {
  if (per_second >= 1e6) return absl::StrFormat("%.1fM", per_second / 1e6);
  if (per_second >= 1e3) return absl::StrFormat("%.1fk", per_second / 1e3);
  return absl::StrFormat("%.0f", per_second);
}

std::string FormatTimeLeft(std::chrono::seconds seconds) {
  const int64_t s = seconds.count();
  if (s >= 3600) return absl::StrFormat("%d:%02d:%02d", s / 3600, s / 60 % 60, s % 60);
  return absl::StrFormat("%d:%02d", s / 60, s % 60);
}

std::string FormatTime(client::Timestamp time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ",
                          absl::FromUnixNanos(time.time_since_epoch().count()),
                          absl::UTCTimeZone());
}

std::string FormatSeconds(client::Timestamp time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC",
                          absl::FromUnixNanos(time.time_since_epoch().count()),
                          absl::UTCTimeZone());
}

std::string FormatVector(std::span<const float> numbers) {
  constexpr size_t kShown = 4;
  std::string text = "[";
  for (size_t i = 0; i < std::min(numbers.size(), kShown); ++i) {
    absl::StrAppend(&text, i == 0 ? "" : ", ", absl::StrFormat("%.3g", numbers[i]));
  }
  if (numbers.size() > kShown) absl::StrAppend(&text, ", ... ", numbers.size(), " numbers");
  return text + "]";
}

std::vector<size_t> Table::Shown() const {
  std::vector<size_t> shown;
  for (size_t i = 0; i < columns_.size(); ++i) {
    const bool filled =
        std::ranges::any_of(rows_, [i](const auto& row) { return !row[i].empty(); });
    if (filled || !columns_[i].only_if_filled) shown.push_back(i);
  }
  return shown;
}

void Table::Print(std::ostream& out) const {
  const std::vector<size_t> shown = Shown();
  std::vector<size_t> widths;
  for (const Column& column : columns_) widths.push_back(Width(column.title));
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  const auto print_row = [&](const auto& cell_of) {
    std::string line;
    for (const size_t i : shown) {
      const std::string& cell = cell_of(i);
      const std::string fill(widths[i] - Width(cell), ' ');
      if (i != shown.front()) line += "  ";
      line += columns_[i].align == Align::kRight ? fill + cell : cell + fill;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << "\n";
  };
  print_row([&](size_t i) -> const std::string& { return columns_[i].title; });
  for (const auto& row : rows_) {
    print_row([&](size_t i) -> const std::string& { return row[i]; });
  }
}

}  // namespace mneme::cli
