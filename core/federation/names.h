// Names of the values of an enum: one table each, read in both directions.
//
//   template <>
//   inline constexpr std::array<std::string_view, 2> kNames<Combine> = {"pipelined", "barrier"};
//
// Threads  pure functions.
#ifndef MNEME_CORE_FEDERATION_NAMES_H_
#define MNEME_CORE_FEDERATION_NAMES_H_

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace mneme::federation {

// In the order of the enum, whose values count from 0.
template <typename Enum>
inline constexpr std::array<std::string_view, 0> kNames{};

// "?" of a value that has none: a damaged record, or one of a newer version.
template <typename Enum>
constexpr std::string_view Name(Enum value) {
  const auto index = static_cast<size_t>(value);
  return index < kNames<Enum>.size() ? kNames<Enum>[index] : "?";
}

template <typename Enum>
constexpr std::optional<Enum> FromName(std::string_view name) {
  for (size_t i = 0; i < kNames<Enum>.size(); ++i) {
    if (kNames<Enum>[i] == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_NAMES_H_
