// Numbers as they travel between nodes: packed bytes and their type, so that a message holds them
// without a copy.
//
// Shapes   n float32 numbers <-> 2 n bytes of bfloat16 or 4 n bytes of float32, little-endian.
// Errors   Unpack: false where the size differs from the expected one, or a number is not finite.
// Cost     one pass.
// Threads  plain values and pure functions.
#ifndef MNEME_CORE_FEDERATION_NUMBERS_H_
#define MNEME_CORE_FEDERATION_NUMBERS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/federation/spec.h"

namespace mneme::federation {

struct Numbers {
  WireType type = WireType::kBfloat16;
  std::string bytes;

  friend bool operator==(const Numbers&, const Numbers&) = default;
};

constexpr size_t WidthOf(WireType type) { return type == WireType::kFloat32 ? 4 : 2; }

// bfloat16 rounds to the nearest, even in a tie. A finite number that is beyond bfloat16 becomes
// the largest one that it has, so that what was finite stays so.
Numbers Pack(std::span<const float> values, WireType type);
bool Unpack(const Numbers& numbers, std::span<float> out);
// Whether it holds `count` finite numbers; the same question without the numbers.
bool Holds(const Numbers& numbers, size_t count);

// Places of numbers in a matrix: 4 bytes each, ascending, none twice, all below `end`.
std::string PackPlaces(std::span<const uint32_t> places);
bool UnpackPlaces(std::string_view bytes, size_t end, std::vector<uint32_t>& out);

bool AllFinite(std::span<const float> values);

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_NUMBERS_H_
