#include "core/dynamics/checks.h"

#include <cmath>
#include <string>

#include "core/base/status.h"

namespace mneme::dynamics {
namespace {

// The first entry for which `bad` holds, as a refusal; OK without one.
template <typename Bad>
absl::Status CheckEntries(std::string_view name, MatrixViewD numbers, std::string_view reason,
                          std::string_view expected, Bad&& bad) {
  for (size_t i = 0; i < numbers.rows * numbers.cols; ++i) {
    if (!bad(numbers.data[i])) continue;
    const std::string given = absl::StrFormat("%.9g", numbers.data[i]);
    return InvalidArgument(
        absl::StrCat("row ", i / numbers.cols, " of the ", AbslView(name), " holds ", given,
                     " in column ", i % numbers.cols, ", expected ", AbslView(expected)),
        {.reason = std::string(reason),
         .given = given,
         .expected = std::string(expected),
         .next_step = absl::StrCat("Give ", AbslView(name), " whose entries are ",
                                   AbslView(expected), ".")});
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckRange(std::string_view name, double value, double least, double most) {
  if (value >= least && value <= most) return absl::OkStatus();
  const std::string given = absl::StrFormat("%.9g", value);
  const std::string expected = std::isfinite(most)
                                   ? absl::StrFormat("a number from %.9g to %.9g", least, most)
                                   : absl::StrFormat("a number of at least %.9g", least);
  return InvalidArgument(absl::StrCat(AbslView(name), " is ", given, ", expected ", expected),
                         {.reason = "RANGE",
                          .given = given,
                          .expected = expected,
                          .next_step = absl::StrCat("Give another ", AbslView(name), ".")});
}

absl::Status CheckBinary(std::string_view name, MatrixViewD patterns) {
  if (patterns.empty()) {
    return InvalidArgument(
        absl::StrCat("there are no ", AbslView(name)),
        {.reason = "SHAPE",
         .given = absl::StrCat(patterns.rows, " rows of ", patterns.cols),
         .expected = "at least one row of one number",
         .next_step = absl::StrCat("Give ", AbslView(name), " of at least one row.")});
  }
  return CheckEntries(name, patterns, "NOT_BINARY", "1 or -1",
                      [](double x) { return x != 1 && x != -1; });
}

absl::Status CheckFinite(std::string_view name, MatrixViewD numbers) {
  return CheckEntries(name, numbers, "NOT_FINITE", "finite numbers",
                      [](double x) { return !std::isfinite(x); });
}

absl::Status CheckCount(std::string_view name, size_t given, size_t expected) {
  if (given == expected) return absl::OkStatus();
  return InvalidArgument(
      absl::StrCat("given ", given, " ", AbslView(name), ", expected ", expected),
      {.reason = "SHAPE",
       .given = absl::StrCat(given),
       .expected = absl::StrCat(expected),
       .next_step = absl::StrCat("Give ", expected, " ", AbslView(name), ".")});
}

}  // namespace mneme::dynamics
