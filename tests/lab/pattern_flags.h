// Flags that the experiments on binary patterns share.
#ifndef MNEME_TESTS_LAB_PATTERN_FLAGS_H_
#define MNEME_TESTS_LAB_PATTERN_FLAGS_H_

#include <string_view>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "tests/lab/experiment.h"

namespace mneme::lab {

inline Flag NeuronsFlag(std::string_view default_value, std::string_view help) {
  return {.name = "d",
          .kind = FlagKind::kInteger,
          .default_value = default_value,
          .unit = "numbers",
          .help = help,
          .least = 1,
          .most = 65536};
}

inline Flag FlipFlag(std::string_view default_value, std::string_view help) {
  return {.name = "flip", .default_value = default_value, .help = help, .least = 0, .most = 0.5};
}

inline Flag PatternsFlag(std::string_view default_value) {
  return {.name = "patterns",
          .kind = FlagKind::kInteger,
          .default_value = default_value,
          .unit = "patterns",
          .help = "stored",
          .least = 1,
          .most = 1e6};
}

inline Flag CouplingFlag(std::string_view name, std::string_view default_value,
                         std::string_view help) {
  return {.name = name,
          .default_value = default_value,
          .unit = "energy",
          .help = help,
          .least = 0,
          .most = 1e6};
}

// What is stored must fit: BadFlag of `flag` where patterns x d is more than 2^25 numbers.
inline absl::Status CheckStored(const Parameters& parameters, std::string_view flag,
                                double patterns) {
  constexpr double kNumbersMax = 1 << 25;
  if (patterns * parameters.Real("d") <= kNumbersMax) return absl::OkStatus();
  return BadFlag(flag, parameters.Text(flag),
                 absl::StrCat("at most ", kNumbersMax / parameters.Real("d"), " at this d"));
}

}  // namespace mneme::lab

#endif  // MNEME_TESTS_LAB_PATTERN_FLAGS_H_
