// Flags of an experiment: how they are declared, and the values of one point of a sweep.
#ifndef MNEME_TESTS_LAB_PARAMETERS_H_
#define MNEME_TESTS_LAB_PARAMETERS_H_

#include <cstddef>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/math/matrix.h"

namespace mneme::lab {

enum class FlagKind {
  kInteger,  // a comma list sweeps it
  kReal,     // a comma list sweeps it
  kChoice,   // one of `choices`; a comma list sweeps it
  kNumbers,  // numbers by commas, rows by semicolons; one value, never swept
  kText,     // any text
};

struct Flag {
  std::string_view name;
  FlagKind kind = FlagKind::kReal;
  std::string_view default_value;
  std::string_view unit = "";
  std::string_view help = "";
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  bool above_least = false;  // `least` itself is not allowed
  bool may_be_auto = false;
  std::vector<std::string_view> choices = {};
  std::string_view automatic = "auto";  // the word for it
};

// What a value must be, in words: "an integer from 1 to 100".
std::string Expected(const Flag& flag);

// The value of one flag at one point.
struct Value {
  std::string text;  // as typed
  bool automatic = false;
  double number = 0;
};

// InvalidArgument naming the flag, what was given and what is allowed.
absl::StatusOr<Value> ParseValue(const Flag& flag, std::string_view text);

// Rows of numbers: "1,0;0,1" is 2 x 2. InvalidArgument naming the flag, for ragged rows too.
absl::StatusOr<MatrixD> ParseNumbers(std::string_view flag, std::string_view text);

// Values at one point. Asking for a flag that the experiment did not declare ends the process: our
// mistake.
class Parameters {
 public:
  void Set(std::string_view flag, Value value) {
    values_.insert_or_assign(std::string(flag), std::move(value));
  }
  bool Has(std::string_view flag) const { return values_.contains(flag); }
  const Value& Get(std::string_view flag) const;

  double Real(std::string_view flag) const { return Get(flag).number; }
  size_t Count(std::string_view flag) const { return static_cast<size_t>(Get(flag).number); }
  bool IsAuto(std::string_view flag) const { return Get(flag).automatic; }
  const std::string& Text(std::string_view flag) const { return Get(flag).text; }
  // Of a kNumbers flag, whose form was checked when it was read.
  MatrixD Numbers(std::string_view flag) const;

 private:
  std::map<std::string, Value, std::less<>> values_;
};

// InvalidArgument about a flag, in the house's form.
absl::Status BadFlag(std::string_view flag, std::string_view given, std::string_view expected);

}  // namespace mneme::lab

#endif  // MNEME_TESTS_LAB_PARAMETERS_H_
