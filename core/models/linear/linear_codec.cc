#include "core/models/linear/linear_codec.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <variant>

#include "core/base/status.h"

namespace mneme::models {
namespace {

constexpr std::string_view kMagic = "MNLINEAR";
constexpr uint32_t kVersion = 1;

template <typename T>
void PutAll(std::span<const T> numbers, ByteWriter& out) {
  out.PutRaw({reinterpret_cast<const char*>(numbers.data()), numbers.size_bytes()});
}

template <typename T>
absl::Status TakeAll(ByteReader& in, std::span<T> numbers) {
  const std::string_view raw = in.GetRaw(numbers.size_bytes());
  if (!in.ok()) return LinearStateDamaged("is cut", "fewer bytes", "all its numbers");
  if (!raw.empty()) std::memcpy(numbers.data(), raw.data(), raw.size());
  if (std::all_of(numbers.begin(), numbers.end(), [](T x) { return std::isfinite(x); })) {
    return absl::OkStatus();
  }
  return LinearStateDamaged("has numbers that are not finite", "infinity or no number", "numbers");
}

}  // namespace

absl::Status LinearStateDamaged(std::string_view what, std::string_view given,
                                std::string_view expected) {
  return DataLoss(
      absl::StrFormat("the saved state of a linear memory %s: found %s, expected %s", what, given,
                      expected),
      {.reason = "STATE",
       .given = std::string(given),
       .expected = std::string(expected),
       .next_step = "Restore the memory from a backup: its checkpoint cannot be read."});
}

std::string EncodeLinearHeader(const MemorySpec& spec) {
  const LinearSpec& linear = std::get<LinearSpec>(spec.model);
  ByteWriter out;
  out.PutRaw(kMagic);
  out.Put(kVersion);
  out.Put(static_cast<uint8_t>(linear.rule == LinearRule::kCmm ? 1 : 2));
  out.Put(static_cast<uint8_t>(linear.normalize_keys));
  out.Put(static_cast<uint8_t>(linear.normalize_responses));
  out.Put(static_cast<uint8_t>(linear.lambda.has_value()));
  out.Put(static_cast<uint64_t>(spec.key_dim));
  out.Put(static_cast<uint64_t>(spec.response_dim));
  out.Put(static_cast<uint64_t>(linear.partitions));
  out.Put(linear.lambda.value_or(0));
  return out.Take();
}

absl::Status TakeLinearHeader(const MemorySpec& spec, ByteReader& in) {
  if (!in.rest().starts_with(kMagic)) {
    return LinearStateDamaged("has another kind", "other bytes", kMagic);
  }
  const std::string header = EncodeLinearHeader(spec);
  if (in.GetRaw(header.size()) == header) return absl::OkStatus();
  return LinearStateDamaged("is of another version or spec, or cut", "another header",
                            absl::StrCat("version ", kVersion, " of the spec of this memory"));
}

void PutNumbers(std::span<const double> numbers, ByteWriter& out) { PutAll(numbers, out); }
void PutNumbers(std::span<const float> numbers, ByteWriter& out) { PutAll(numbers, out); }
absl::Status TakeNumbers(ByteReader& in, std::span<double> numbers) { return TakeAll(in, numbers); }
absl::Status TakeNumbers(ByteReader& in, std::span<float> numbers) { return TakeAll(in, numbers); }

void PutLowerTriangle(const MatrixD& m, ByteWriter& out) {
  for (size_t i = 0; i < m.rows(); ++i) PutNumbers(m.row(i).first(i + 1), out);
}

absl::Status TakeLowerTriangle(ByteReader& in, MatrixD& m) {
  for (size_t i = 0; i < m.rows(); ++i) {
    MNEME_RETURN_IF_ERROR(TakeNumbers(in, m.row(i).first(i + 1)));
    for (size_t j = 0; j < i; ++j) m.at(j, i) = m.at(i, j);
  }
  return absl::OkStatus();
}

}  // namespace mneme::models
