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
constexpr uint32_t kVersion = 2;

uint8_t RuleByte(LinearRule rule) {
  switch (rule) {
    case LinearRule::kCmm:
      return 1;
    case LinearRule::kRidge:
      return 2;
    case LinearRule::kDecayed:
      return 3;
    case LinearRule::kDelta:
      return 4;
    case LinearRule::kGatedDelta:
      return 5;
    case LinearRule::kRls:
      return 6;
    case LinearRule::kTam:
      return 7;
    case LinearRule::kFederated:
      return 8;
  }
  return 0;
}

// Everything before the generations; a state belongs to a spec when these bytes are equal.
std::string EncodeHeader(const MemorySpec& spec) {
  const LinearSpec& linear = std::get<LinearSpec>(spec.model);
  ByteWriter out;
  out.PutRaw(kMagic);
  out.Put(kVersion);
  out.Put(RuleByte(linear.rule));
  out.Put(static_cast<uint8_t>(linear.normalize_keys));
  out.Put(static_cast<uint8_t>(linear.normalize_responses));
  out.Put(static_cast<uint8_t>(linear.fast_statistics));
  out.Put(static_cast<uint8_t>(linear.lambda.has_value()));
  out.Put(static_cast<uint64_t>(spec.key_dim));
  out.Put(static_cast<uint64_t>(spec.response_dim));
  out.Put(static_cast<uint64_t>(linear.partitions));
  out.Put(linear.lambda.value_or(0));
  out.Put(linear.beta);
  out.Put(linear.gamma);
  out.Put(static_cast<uint64_t>(linear.key_mean.size()));
  for (float x : linear.key_mean) out.Put(x);
  return out.Take();
}

// Of version 1; empty where it had no such spec.
std::string EncodeHeader1(const MemorySpec& spec) {
  const LinearSpec& linear = std::get<LinearSpec>(spec.model);
  const bool known = linear.rule == LinearRule::kCmm || linear.rule == LinearRule::kRidge;
  if (!known || !linear.key_mean.empty()) return "";
  ByteWriter out;
  out.PutRaw(kMagic);
  out.Put(uint32_t{1});
  out.Put(RuleByte(linear.rule));
  out.Put(static_cast<uint8_t>(linear.normalize_keys));
  out.Put(static_cast<uint8_t>(linear.normalize_responses));
  out.Put(static_cast<uint8_t>(linear.lambda.has_value()));
  out.Put(static_cast<uint64_t>(spec.key_dim));
  out.Put(static_cast<uint64_t>(spec.response_dim));
  out.Put(static_cast<uint64_t>(linear.partitions));
  out.Put(linear.lambda.value_or(0));
  return out.Take();
}

absl::Status Cut() { return LinearStateDamaged("is cut", "fewer bytes", "all its bytes"); }

absl::Status TakeGenerations(ByteReader& in, std::vector<uint64_t>& starts) {
  const auto count = in.Get<uint64_t>();
  if (!in.ok() || count > in.rest().size() / sizeof(uint64_t)) return Cut();
  for (uint64_t g = 0; g < count; ++g) {
    const auto start = in.Get<uint64_t>();
    if (g == 0 ? start != 0 : start <= starts.back()) {
      return LinearStateDamaged("has generations out of order", absl::StrCat(start),
                                "row numbers that ascend from 0");
    }
    starts.push_back(start);
  }
  if (starts.empty()) return LinearStateDamaged("has no generation", "0", "at least 1");
  return absl::OkStatus();
}

absl::StatusOr<LinearState> DecodeVersion2(const LinearSpec& linear, ByteReader in) {
  LinearState state;
  MNEME_RETURN_IF_ERROR(TakeGenerations(in, state.generation_starts));
  const size_t partitions = state.generation_starts.size() * linear.partitions;
  for (size_t p = 0; p < partitions; ++p) {
    state.partitions.push_back(in.GetRaw(in.Get<uint64_t>()));
    if (!in.ok()) return Cut();
  }
  if (!in.done()) return LinearStateDamaged("goes on", "more bytes", "its end");
  return state;
}

template <typename T>
void PutAll(std::span<const T> numbers, ByteWriter& out) {
  out.PutRaw({reinterpret_cast<const char*>(numbers.data()), numbers.size_bytes()});
}

// Sums of 2^48 products of three numbers of float32 stay below; its square is finite.
constexpr double kMagnitudeMax = 1e150;
constexpr int64_t kRowCountMax = int64_t{1} << 48;

template <typename T>
absl::Status TakeAll(ByteReader& in, std::span<T> numbers) {
  const std::string_view raw = in.GetRaw(numbers.size_bytes());
  if (!in.ok()) return Cut();
  if (!raw.empty()) std::memcpy(numbers.data(), raw.data(), raw.size());
  const auto usable = [](T x) { return std::abs(static_cast<double>(x)) <= kMagnitudeMax; };
  if (std::all_of(numbers.begin(), numbers.end(), usable)) return absl::OkStatus();
  return LinearStateDamaged("has numbers that are none, or too large", "a number that is no sum",
                            absl::StrCat("numbers of magnitude at most ", kMagnitudeMax));
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

std::string EncodeLinearState(const MemorySpec& spec, std::span<const uint64_t> generation_starts,
                              const std::vector<std::string>& partitions) {
  ByteWriter out;
  out.PutRaw(EncodeHeader(spec));
  out.Put(static_cast<uint64_t>(generation_starts.size()));
  for (const uint64_t start : generation_starts) out.Put(start);
  for (const std::string& partition : partitions) {
    out.Put(static_cast<uint64_t>(partition.size()));
    out.PutRaw(partition);
  }
  return out.Take();
}

absl::StatusOr<LinearState> DecodeLinearState(const MemorySpec& spec, std::string_view blob) {
  if (!blob.starts_with(kMagic))
    return LinearStateDamaged("has another kind", "other bytes", kMagic);
  ByteReader in(blob);
  const std::string header = EncodeHeader(spec);
  if (blob.starts_with(header)) {
    in.GetRaw(header.size());
    return DecodeVersion2(std::get<LinearSpec>(spec.model), in);
  }
  const std::string header1 = EncodeHeader1(spec);
  if (!header1.empty() && blob.starts_with(header1)) {
    in.GetRaw(header1.size());
    return LinearState{.generation_starts = {0}, .partitions = {in.rest()}, .one_entry = true};
  }
  in.GetRaw(kMagic.size());
  return LinearStateDamaged("is of another version or spec, or cut",
                            absl::StrCat("version ", in.Get<uint32_t>(), " of another header"),
                            absl::StrCat("version 1 or ", kVersion, " of the spec of this memory"));
}

absl::StatusOr<int64_t> TakeRowCount(ByteReader& in) {
  const auto count = in.Get<int64_t>();
  if (!in.ok()) return Cut();
  if (count >= -kRowCountMax && count <= kRowCountMax) return count;
  return LinearStateDamaged("has a number of rows that no memory has", absl::StrCat(count),
                            absl::StrCat("at most ", kRowCountMax));
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
