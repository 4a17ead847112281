// How a spec that cannot be is refused: the field, what was given, what is allowed.
//
// Threads  pure functions.
#ifndef MNEME_CORE_MODELS_SPEC_ERROR_H_
#define MNEME_CORE_MODELS_SPEC_ERROR_H_

#include <cmath>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace mneme::models {

// InvalidArgument, reason SPEC.
inline absl::Status BadField(std::string_view field, std::string_view given,
                             std::string_view expected, std::string_view next_step) {
  return InvalidArgument(absl::StrCat("spec: ", AbslView(field), " is ", AbslView(given),
                                      ", expected ", AbslView(expected)),
                         {.reason = "SPEC",
                          .given = absl::StrCat(AbslView(field), "=", AbslView(given)),
                          .expected = std::string(expected),
                          .next_step = std::string(next_step)});
}

// A value of no name is none of the enum: a damaged spec, or one of a newer version.
template <typename Enum>
absl::Status CheckEnum(std::string_view field, Enum value) {
  if (Name(value) != "?") return absl::OkStatus();
  return BadField(field, absl::StrCat(static_cast<int>(value)), "a value that this version knows",
                  "Use the version that made the memory, or a newer one.");
}

inline bool PositiveAndFinite(double x) { return std::isfinite(x) && x > 0; }

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_SPEC_ERROR_H_
