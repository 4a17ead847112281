// The words of a filter, taken off its text one by one, and the errors that name a column.
//
// Every Take skips blanks first and moves on only when it finds what it looks for.
#ifndef MNEME_CORE_FILTER_SCANNER_H_
#define MNEME_CORE_FILTER_SCANNER_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/filter/filter.h"

namespace mneme::filter {

// Whether a name may stand without quotes.
bool IsBareName(std::string_view name);

// "text" with the escapes that Scanner::TakeText reads.
std::string Quote(std::string_view text);

// A double as the shortest text that Scanner::TakeNumber reads as the same double.
std::string FormatReal(double number);

class Scanner {
 public:
  // FILTER when the text is longer than kFilterBytesMax or no UTF-8.
  static absl::StatusOr<Scanner> Make(std::string_view text);

  bool AtEnd();
  bool PeekQuote();
  bool PeekNumber();
  bool Take(std::string_view symbol);
  bool TakeWord(std::string_view word);  // not the beginning of a longer word
  // A name without quotes; empty when there is none, or a reserved word.
  std::string_view TakeName();
  absl::StatusOr<std::string> TakeText();  // in quotes
  absl::StatusOr<Literal> TakeNumber();    // int64 or double

  size_t position();  // of the next word, in bytes
  // FILTER: at this position stands something else than `expected`.
  absl::Status Expected(size_t position, std::string_view expected) const;

 private:
  explicit Scanner(std::string_view text) : text_(text) {}

  void SkipBlanks();
  std::string_view rest() const { return text_.substr(at_); }
  std::string Found(size_t position) const;
  absl::Status Refused(size_t position, std::string_view found, std::string_view expected) const;
  absl::StatusOr<char> TakeEscape();

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace mneme::filter

#endif  // MNEME_CORE_FILTER_SCANNER_H_
