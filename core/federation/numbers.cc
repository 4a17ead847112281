#include "core/federation/numbers.h"

#include <cstring>

#include "core/math/convert.h"

namespace mneme::federation {
namespace {

constexpr uint16_t kExponent16 = 0x7f80;
constexpr uint16_t kLargest16 = 0x7f7f;
constexpr uint32_t kExponent32 = 0x7f800000;

template <typename Word>
Word WordAt(std::string_view bytes, size_t i) {
  Word word;
  std::memcpy(&word, bytes.data() + i * sizeof(Word), sizeof(Word));
  return word;
}

// Whether none has all bits of the exponent. By blocks of one length, so that compilers use
// vectors.
template <typename Word>
bool FiniteWords(std::string_view bytes, Word exponent) {
  constexpr size_t kBlock = 64;
  const size_t count = bytes.size() / sizeof(Word);
  size_t first = 0;
  for (; first + kBlock <= count; first += kBlock) {
    Word words[kBlock];
    std::memcpy(words, bytes.data() + first * sizeof(Word), sizeof(words));
    Word bad = 0;
    for (size_t i = 0; i < kBlock; ++i) bad |= static_cast<Word>((words[i] & exponent) == exponent);
    if (bad != 0) return false;
  }
  for (; first < count; ++first) {
    if ((WordAt<Word>(bytes, first) & exponent) == exponent) return false;
  }
  return true;
}

// Rounding up may leave the range.
void KeepFinite(std::string& bytes) {
  for (size_t i = 0; i < bytes.size() / 2; ++i) {
    const auto word = WordAt<uint16_t>(bytes, i);
    if ((word & kExponent16) != kExponent16) continue;
    const auto largest = static_cast<uint16_t>((word & 0x8000) | kLargest16);
    std::memcpy(bytes.data() + i * 2, &largest, 2);
  }
}

}  // namespace

Numbers Pack(std::span<const float> values, WireType type) {
  Numbers out{.type = type, .bytes = std::string(values.size() * WidthOf(type), '\0')};
  if (values.empty()) return out;
  if (type == WireType::kFloat32) {
    std::memcpy(out.bytes.data(), values.data(), out.bytes.size());
  } else {
    math::ToBfloat16(values.data(), values.size(), out.bytes.data());
    if (!FiniteWords(out.bytes, kExponent16) && AllFinite(values)) KeepFinite(out.bytes);
  }
  return out;
}

bool Holds(const Numbers& numbers, size_t count) {
  if (numbers.type != WireType::kBfloat16 && numbers.type != WireType::kFloat32) return false;
  const size_t width = WidthOf(numbers.type);
  if (numbers.bytes.size() % width != 0 || numbers.bytes.size() / width != count) return false;
  return numbers.type == WireType::kFloat32 ? FiniteWords(numbers.bytes, kExponent32)
                                            : FiniteWords(numbers.bytes, kExponent16);
}

bool Unpack(const Numbers& numbers, std::span<float> out) {
  if (!Holds(numbers, out.size())) return false;
  if (out.empty()) return true;
  if (numbers.type == WireType::kFloat32) {
    std::memcpy(out.data(), numbers.bytes.data(), numbers.bytes.size());
  } else {
    math::FromBfloat16(numbers.bytes.data(), out.size(), out.data());
  }
  return true;
}

std::string PackPlaces(std::span<const uint32_t> places) {
  return {reinterpret_cast<const char*>(places.data()), places.size_bytes()};
}

bool UnpackPlaces(std::string_view bytes, size_t end, std::vector<uint32_t>& out) {
  if (bytes.size() % sizeof(uint32_t) != 0 || bytes.size() / sizeof(uint32_t) > end) return false;
  out.resize(bytes.size() / sizeof(uint32_t));
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = WordAt<uint32_t>(bytes, i);
    if (out[i] >= end || (i > 0 && out[i] <= out[i - 1])) return false;
  }
  return true;
}

bool AllFinite(std::span<const float> values) {
  return FiniteWords({reinterpret_cast<const char*>(values.data()), values.size_bytes()},
                     kExponent32);
}

}  // namespace mneme::federation
