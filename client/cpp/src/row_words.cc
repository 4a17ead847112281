// Rows that an error names, counted from elsewhere: the server can count those of its request
// alone.
#include <cctype>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "mneme/error.h"

namespace mneme::client {
namespace {

// How errors name a row of a request, before its number.
constexpr std::string_view kWords[] = {"row ", "rows ",  "cue ",         "key ",
                                       "ids[", "etags[", "expire_times["};
// Between two of them.
constexpr std::string_view kJoints[] = {" and ", " to "};
// What stands before the rows of a column that every request carries whole.
constexpr std::string_view kShared = "candidate responses ";

constexpr size_t kDigitsMax = 18;

bool IsDigit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool IsOfWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

class Counter {
 public:
  Counter(std::string_view text, uint64_t first) : rest_(text), first_(first) {}

  // The text with its rows counted from `first`.
  std::string Run() {
    while (!rest_.empty()) {
      if (rest_.front() == '\'' && IsBetweenWords()) {
        TakeQuoted();
      } else if (!IsBetweenWords() || !TakeRows()) {
        Take(1);
      }
    }
    return std::move(out_);
  }
  bool found() const { return found_; }

 private:
  bool IsBetweenWords() const { return out_.empty() || !IsOfWord(out_.back()); }

  void Take(size_t count) {
    out_.append(rest_.substr(0, count));
    rest_.remove_prefix(count);
  }

  // Names that users gave are theirs.
  void TakeQuoted() {
    const size_t end = rest_.find('\'', 1);
    Take(end == rest_.npos ? rest_.size() : end + 1);
  }

  bool TakeRows() {
    if (out_.ends_with(kShared)) return false;
    for (const std::string_view word : kWords) {
      if (!rest_.starts_with(word) || rest_.size() == word.size() || !IsDigit(rest_[word.size()]))
        continue;
      Take(word.size());
      TakeNumber();
      for (const std::string_view joint : kJoints) {
        if (!rest_.starts_with(joint) || rest_.size() == joint.size()) continue;
        if (!IsDigit(rest_[joint.size()])) continue;
        Take(joint.size());
        TakeNumber();
      }
      found_ = true;
      return true;
    }
    return false;
  }

  void TakeNumber() {
    size_t digits = 0;
    while (digits < rest_.size() && IsDigit(rest_[digits])) ++digits;
    uint64_t number = 0;
    const std::string text(rest_.substr(0, digits));
    if (digits > kDigitsMax || !absl::SimpleAtoi(text, &number)) return Take(digits);
    absl::StrAppend(&out_, number + first_);
    rest_.remove_prefix(digits);
  }

  std::string_view rest_;
  const uint64_t first_;
  std::string out_;
  bool found_ = false;
};

}  // namespace

std::optional<Error> CountRowsFrom(uint64_t first, const Error& error) {
  Counter message(error.message, first);
  Error counted = error;
  counted.message = message.Run();
  if (!message.found()) return std::nullopt;
  counted.given = Counter(error.given, first).Run();
  return counted;
}

}  // namespace mneme::client
