#include "core/filter/scanner.h"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "core/base/status.h"
#include "core/filter/utf8.h"

namespace mneme::filter {
namespace {

constexpr size_t kFoundBytesMax = 24;  // of the text that an error quotes

// Escape after a backslash, character it stands for.
constexpr std::pair<char, char> kEscapes[] = {
    {'"', '"'}, {'\\', '\\'}, {'n', '\n'}, {'r', '\r'}, {'t', '\t'}};

bool StartsName(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)) || c == '_'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool ContinuesName(char c) { return StartsName(c) || IsDigit(c) || c == '.' || c == '-'; }

bool IsReserved(std::string_view word) { return word == "AND" || word == "OR" || word == "NOT"; }

// The name that `text` begins with, reserved or not.
std::string_view LeadingWord(std::string_view text) {
  if (text.empty() || !StartsName(text[0])) return {};
  size_t size = 1;
  while (size < text.size() && ContinuesName(text[size])) ++size;
  return text.substr(0, size);
}

size_t DigitsAt(std::string_view text, size_t at) {
  size_t end = at;
  while (end < text.size() && IsDigit(text[end])) ++end;
  return end - at;
}

struct NumberShape {
  size_t size = 0;  // 0: no number
  bool real = false;
};

// [-] digits [. digits] [e [+-] digits]; digits may be missing on one side of the dot.
NumberShape LeadingNumber(std::string_view text) {
  size_t at = text.empty() || text[0] != '-' ? 0 : 1;
  size_t digits = DigitsAt(text, at);
  at += digits;
  bool real = false;
  if (at < text.size() && text[at] == '.') {
    const size_t fraction = DigitsAt(text, at + 1);
    real = true;
    digits += fraction;
    at += 1 + fraction;
  }
  if (digits == 0) return {};
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    const size_t sign = at + 1 < text.size() && (text[at + 1] == '+' || text[at + 1] == '-');
    const size_t exponent = DigitsAt(text, at + 1 + sign);
    if (exponent == 0) return {};
    real = true;
    at += 1 + sign + exponent;
  }
  if (at < text.size() && ContinuesName(text[at])) return {};
  return {.size = at, .real = real};
}

// True when all of the text is this number.
template <typename T>
bool ReadNumber(std::string_view text, T& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

bool IsBareName(std::string_view name) {
  return !name.empty() && LeadingWord(name) == name && !IsReserved(name);
}

std::string Quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto* escape = std::find_if(std::begin(kEscapes), std::end(kEscapes),
                                      [c](const auto& pair) { return pair.second == c; });
    if (escape != std::end(kEscapes)) {
      out += {'\\', escape->first};
    } else {
      out += c;
    }
  }
  return out += '"';
}

std::string FormatReal(double number) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), number);
  std::string out(buffer, end);
  if (out.find_first_of(".e") == std::string::npos) out += ".0";
  return out;
}

absl::StatusOr<Scanner> Scanner::Make(std::string_view text) {
  const Scanner scanner(text);
  if (text.size() > kFilterBytesMax) {
    return InvalidArgument(
        absl::StrFormat("the filter has %d bytes", text.size()),
        {.reason = "FILTER",
         .given = absl::StrCat(text.size(), " bytes"),
         .expected = absl::StrCat("at most ", kFilterBytesMax),
         .next_step = "Filter by fewer values, or store an attribute that stands for them all."});
  }
  for (size_t at = 0; at < text.size();) {
    const size_t size = Utf8CharacterBytes(text.substr(at));
    if (size == 0) return scanner.Refused(at, "a byte that is no text", "UTF-8");
    at += size;
  }
  return scanner;
}

void Scanner::SkipBlanks() {
  while (at_ < text_.size() && absl::ascii_isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
}

size_t Scanner::position() {
  SkipBlanks();
  return at_;
}

bool Scanner::AtEnd() { return position() == text_.size(); }

bool Scanner::PeekQuote() { return !AtEnd() && text_[at_] == '"'; }

bool Scanner::PeekNumber() {
  return !AtEnd() && (IsDigit(text_[at_]) || text_[at_] == '-' || text_[at_] == '.');
}

bool Scanner::Take(std::string_view symbol) {
  SkipBlanks();
  if (!rest().starts_with(symbol)) return false;
  at_ += symbol.size();
  return true;
}

bool Scanner::TakeWord(std::string_view word) {
  SkipBlanks();
  if (LeadingWord(rest()) != word) return false;
  at_ += word.size();
  return true;
}

std::string_view Scanner::TakeName() {
  SkipBlanks();
  const std::string_view name = LeadingWord(rest());
  if (IsReserved(name)) return {};
  at_ += name.size();
  return name;
}

absl::StatusOr<char> Scanner::TakeEscape() {
  for (const auto& [escape, character] : kEscapes) {
    if (rest().starts_with(escape)) {
      ++at_;
      return character;
    }
  }
  return Expected(at_, R"(an escape: \" \\ \n \r \t)");
}

absl::StatusOr<std::string> Scanner::TakeText() {
  const size_t start = position();
  if (!Take("\"")) return Expected(start, "a text in double quotes");
  std::string out;
  while (at_ < text_.size()) {
    const char c = text_[at_++];
    if (c == '"') return out;
    if (c == '\\') {
      MNEME_ASSIGN_OR_RETURN(const char escaped, TakeEscape());
      out += escaped;
    } else {
      out += c;
    }
  }
  return Expected(at_, "the \" that ends the text");
}

absl::StatusOr<Literal> Scanner::TakeNumber() {
  const size_t start = position();
  const NumberShape shape = LeadingNumber(rest());
  if (shape.size == 0) return Expected(start, "a number such as 3, -3, 0.5 or 1e9");
  const std::string_view digits = rest().substr(0, shape.size);
  at_ += shape.size;
  int64_t whole = 0;
  double real = 0;
  if (shape.real && ReadNumber(digits, real)) return Literal(real);
  if (!shape.real && ReadNumber(digits, whole)) return Literal(whole);
  return Expected(start, shape.real ? "a number within a double's range"
                                    : "a number within int64; with .0 at its end it is a double");
}

std::string Scanner::Found(size_t position) const {
  const std::string_view rest = text_.substr(position);
  if (rest.empty()) return "the end";
  size_t size = std::max(LeadingWord(rest).size(), LeadingNumber(rest).size);
  if (size == 0) size = Utf8CharacterBytes(rest);
  if (size <= kFoundBytesMax) return absl::StrCat("'", AbslView(rest.substr(0, size)), "'");
  return absl::StrCat("'", AbslView(rest.substr(0, kFoundBytesMax)), "...'");
}

absl::Status Scanner::Expected(size_t position, std::string_view expected) const {
  return Refused(position, Found(position), expected);
}

absl::Status Scanner::Refused(size_t position, std::string_view found,
                              std::string_view expected) const {
  const std::string_view before = text_.substr(0, position);
  const auto column = 1 + std::count_if(before.begin(), before.end(), [](char c) {
                        return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
                      });
  return InvalidArgument(
      absl::StrFormat("filter, column %d: found %s, expected %s", column, AbslView(found),
                      AbslView(expected)),
      {.reason = "FILTER",
       .given = absl::StrFormat("%s at column %d", AbslView(found), column),
       .expected = std::string(expected),
       .next_step = "Write comparisons such as year >= 1999 or tags:\"red\", joined by AND, OR and "
                    "NOT. OR binds tighter than AND (AIP-160); parentheses say otherwise."});
}

}  // namespace mneme::filter
