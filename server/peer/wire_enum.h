// Enums of a federation on the wire: the same order, from 1, for 0 is "not said".
#ifndef MNEME_SERVER_PEER_WIRE_ENUM_H_
#define MNEME_SERVER_PEER_WIRE_ENUM_H_

#include <cstddef>
#include <optional>

#include "core/federation/names.h"

namespace mneme::server {

template <typename Wire, typename Enum>
Wire ToWire(Enum value) {
  return static_cast<Wire>(static_cast<int>(value) + 1);
}

// Nullopt for what this version does not know.
template <typename Enum, typename Wire>
std::optional<Enum> FromWire(Wire value) {
  const int number = static_cast<int>(value) - 1;
  if (number < 0 || static_cast<size_t>(number) >= federation::kNames<Enum>.size())
    return std::nullopt;
  return static_cast<Enum>(number);
}

}  // namespace mneme::server

#endif  // MNEME_SERVER_PEER_WIRE_ENUM_H_
