#include "core/models/linear/linear_codec.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <variant>

#include "core/base/status.h"

namespace mneme::models {
namespace {

static_assert(std::endian::native == std::endian::little,
              "numbers are written as they lie in memory");

constexpr std::string_view kMagic = "MNLINEAR";
constexpr uint32_t kVersion = 1;

absl::Status Damaged(std::string_view what, std::string_view given, std::string_view expected) {
  return DataLoss(
      absl::StrFormat("the saved state of a linear memory %s: found %s, expected %s", what, given,
                      expected),
      {.reason = "STATE",
       .given = std::string(given),
       .expected = std::string(expected),
       .next_step = "Restore the memory from a backup: its checkpoint cannot be read."});
}

template <typename T>
void Put(T number, std::string& out) {
  out.append(reinterpret_cast<const char*>(&number), sizeof(number));
}

// Everything before the first partition; a state belongs to a spec when these bytes are equal.
std::string EncodeHeader(const MemorySpec& spec) {
  const LinearSpec& linear = std::get<LinearSpec>(spec.model);
  std::string out;
  out.append(kMagic);
  Put(kVersion, out);
  Put(static_cast<uint8_t>(linear.rule == LinearRule::kCmm ? 1 : 2), out);
  Put(static_cast<uint8_t>(linear.normalize_keys), out);
  Put(static_cast<uint8_t>(linear.normalize_responses), out);
  Put(static_cast<uint8_t>(linear.lambda.has_value()), out);
  Put(static_cast<uint64_t>(spec.key_dim), out);
  Put(static_cast<uint64_t>(spec.response_dim), out);
  Put(static_cast<uint64_t>(linear.partitions), out);
  Put(linear.lambda.value_or(0), out);
  return out;
}

void PutNumbers(std::span<const double> numbers, std::string& out) {
  out.append(reinterpret_cast<const char*>(numbers.data()), numbers.size_bytes());
}

// Takes bytes from the front of `in`, which CheckFrame found long enough.
void Take(std::string_view& in, void* to, size_t bytes) {
  if (bytes > 0) std::memcpy(to, in.data(), bytes);
  in.remove_prefix(bytes);
}

// False when a number is not finite.
bool TakeNumbers(std::string_view& in, std::span<double> numbers) {
  Take(in, numbers.data(), numbers.size_bytes());
  return std::all_of(numbers.begin(), numbers.end(), [](double x) { return std::isfinite(x); });
}

bool TakeSums(std::string_view& in, LinearSums& sums) {
  Take(in, &sums.n, sizeof(sums.n));
  if (!TakeNumbers(in, sums.a.flat())) return false;
  for (size_t i = 0; i < sums.c.rows(); ++i) {
    if (!TakeNumbers(in, sums.c.row(i).first(i + 1))) return false;
    for (size_t j = 0; j < i; ++j) sums.c.at(j, i) = sums.c.at(i, j);
  }
  return true;
}

size_t PartitionBytes(const MemorySpec& spec) {
  const bool ridge = std::get<LinearSpec>(spec.model).rule == LinearRule::kRidge;
  const size_t gram = ridge ? spec.key_dim * (spec.key_dim + 1) / 2 : 0;
  return sizeof(int64_t) + sizeof(double) * (spec.key_dim * spec.response_dim + gram);
}

absl::Status CheckFrame(const MemorySpec& spec, std::string_view blob) {
  if (!blob.starts_with(kMagic)) return Damaged("has another kind", "other bytes", kMagic);
  const std::string header = EncodeHeader(spec);
  if (blob.size() >= header.size() && !blob.starts_with(header)) {
    uint32_t version = 0;
    std::string_view rest = blob.substr(kMagic.size());
    Take(rest, &version, sizeof(version));
    return Damaged("is of another version or spec",
                   absl::StrCat("version ", version, version == kVersion ? " of another spec" : ""),
                   absl::StrCat("version ", kVersion, " of the spec of this memory"));
  }
  const size_t expected =
      header.size() + std::get<LinearSpec>(spec.model).partitions * PartitionBytes(spec);
  if (blob.size() != expected) {
    return Damaged("has another size", absl::StrCat(blob.size(), " bytes"),
                   absl::StrCat(expected, " bytes"));
  }
  return absl::OkStatus();
}

}  // namespace

std::string EncodeLinearState(const MemorySpec& spec, const SumsList& partitions) {
  std::string out;
  out.append(EncodeHeader(spec));
  for (const LinearSums& sums : partitions) {
    Put(sums.n, out);
    PutNumbers(sums.a.flat(), out);
    for (size_t i = 0; i < sums.c.rows(); ++i) PutNumbers(sums.c.row(i).first(i + 1), out);
  }
  return out;
}

absl::StatusOr<std::vector<LinearSums>> DecodeLinearState(const MemorySpec& spec,
                                                          std::string_view blob) {
  MNEME_RETURN_IF_ERROR(CheckFrame(spec, blob));
  const LinearSpec& linear = std::get<LinearSpec>(spec.model);
  std::string_view in = blob.substr(EncodeHeader(spec).size());
  std::vector<LinearSums> partitions;
  partitions.reserve(linear.partitions);
  for (size_t p = 0; p < linear.partitions; ++p) {
    LinearSums& sums =
        partitions.emplace_back(spec.key_dim, spec.response_dim, linear.rule == LinearRule::kRidge);
    if (!TakeSums(in, sums)) {
      return Damaged("has numbers that are not finite", absl::StrCat("partition ", p), "numbers");
    }
  }
  return partitions;
}

}  // namespace mneme::models
