#include "tests/lab/parameters.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/base/status.h"

namespace mneme::lab {
namespace {

bool ParseFinite(absl::string_view text, double* number) {
  return absl::SimpleAtod(text, number) && std::isfinite(*number);
}

bool InRange(const Flag& flag, double number) {
  return number <= flag.most && (flag.above_least ? number > flag.least : number >= flag.least);
}

std::string RangeText(const Flag& flag) {
  const auto text = [](double bound) { return absl::StrFormat("%.15g", bound); };
  const bool low = std::isfinite(flag.least), high = std::isfinite(flag.most);
  std::string out;
  if (low) {
    absl::StrAppend(&out,
                    flag.above_least ? " above "
                    : high           ? " from "
                                     : " of at least ",
                    text(flag.least));
  }
  if (high) absl::StrAppend(&out, low && !flag.above_least ? " to " : " up to ", text(flag.most));
  return out;
}

}  // namespace

std::string Expected(const Flag& flag) {
  std::string out;
  switch (flag.kind) {
    case FlagKind::kInteger:
      out = "an integer" + RangeText(flag);
      break;
    case FlagKind::kReal:
      out = "a number" + RangeText(flag);
      break;
    case FlagKind::kChoice:
      out = absl::StrCat("one of ",
                         absl::StrJoin(flag.choices, ", ", [](std::string* s, std::string_view c) {
                           absl::StrAppend(s, AbslView(c));
                         }));
      break;
    case FlagKind::kNumbers:
      out = "numbers" + RangeText(flag) + ", separated by commas (rows by semicolons)";
      break;
    case FlagKind::kText:
      out = "a text";
      break;
  }
  if (flag.may_be_auto) absl::StrAppend(&out, ", or ", AbslView(flag.automatic));
  return out;
}

absl::Status BadFlag(std::string_view flag, std::string_view given, std::string_view expected) {
  return InvalidArgument(
      absl::StrCat("--", AbslView(flag), "=", AbslView(given), ": expected ", AbslView(expected)),
      {.reason = "FLAG",
       .given = std::string(given),
       .expected = std::string(expected),
       .next_step = absl::StrCat("Give --", AbslView(flag), " another value.")});
}

absl::StatusOr<MatrixD> ParseNumbers(std::string_view flag, std::string_view text) {
  const std::vector<absl::string_view> rows = absl::StrSplit(AbslView(text), ';');
  std::vector<double> numbers;
  size_t cols = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::vector<absl::string_view> cells = absl::StrSplit(rows[i], ',');
    if (i == 0) cols = cells.size();
    if (cells.size() != cols) return BadFlag(flag, text, "rows of one length");
    for (const absl::string_view cell : cells) {
      double number = 0;
      if (!ParseFinite(absl::StripAsciiWhitespace(cell), &number)) {
        return BadFlag(flag, text, "finite numbers, separated by commas (rows by semicolons)");
      }
      numbers.push_back(number);
    }
  }
  MatrixD out(rows.size(), cols);
  std::copy(numbers.begin(), numbers.end(), out.flat().begin());
  return out;
}

absl::StatusOr<Value> ParseValue(const Flag& flag, std::string_view text) {
  Value value{.text = std::string(text)};
  if (flag.may_be_auto && text == flag.automatic) {
    value.automatic = true;
    return value;
  }
  switch (flag.kind) {
    case FlagKind::kInteger:
    case FlagKind::kReal: {
      const bool whole = flag.kind == FlagKind::kInteger;
      if (!ParseFinite(AbslView(text), &value.number) || !InRange(flag, value.number) ||
          (whole && value.number != std::floor(value.number))) {
        return BadFlag(flag.name, text, Expected(flag));
      }
      return value;
    }
    case FlagKind::kChoice:
      if (std::find(flag.choices.begin(), flag.choices.end(), text) == flag.choices.end()) {
        return BadFlag(flag.name, text, Expected(flag));
      }
      return value;
    case FlagKind::kNumbers: {
      MNEME_ASSIGN_OR_RETURN(const MatrixD numbers, ParseNumbers(flag.name, text));
      for (const double number : numbers.flat()) {
        if (!InRange(flag, number)) return BadFlag(flag.name, text, Expected(flag));
      }
      return value;
    }
    case FlagKind::kText:
      return value;
  }
  return Internal("a flag of unknown kind");
}

const Value& Parameters::Get(std::string_view flag) const {
  const auto found = values_.find(flag);
  MNEME_CHECK(found != values_.end());
  return found->second;
}

MatrixD Parameters::Numbers(std::string_view flag) const {
  absl::StatusOr<MatrixD> numbers = ParseNumbers(flag, Text(flag));
  MNEME_CHECK(numbers.ok());
  return std::move(numbers).value();
}

}  // namespace mneme::lab
