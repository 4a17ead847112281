#include "core/models/features/quadratic_sum.h"

#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/bytes.h"
#include "core/base/status.h"
#include "core/math/blas.h"
#include "core/math/kernels.h"
#include "core/models/dense/binary_state.h"

namespace mneme::models {
namespace {

constexpr std::string_view kMagic = "MNHEBBIA";
constexpr uint32_t kVersion = 1;
constexpr double kCountMax = 0x1p50;  // sums of two such are whole numbers still

absl::Status Unreadable(std::string_view given) {
  return DataLoss(absl::StrCat("state of a quadratic memory: ", AbslView(given)),
                  {.reason = "MODEL_STATE",
                   .given = std::string(given),
                   .expected = "a state that this version wrote",
                   .next_step = "Restore the memory from a backup, or open it with the version of "
                                "mneme that wrote it."});
}

absl::Status Differs(size_t given, size_t expected) {
  return FailedPrecondition(
      absl::StrCat("quadratic memories of ", given, " and ", expected, " neurons do not add"),
      {.reason = "FEATURES_DIFFER",
       .given = absl::StrCat(given, " neurons"),
       .expected = absl::StrCat(expected, " neurons"),
       .next_step = "Merge memories of one dimension."});
}

absl::Status Bad(std::string_view reason, std::string_view given, std::string_view expected) {
  return InvalidArgument(
      absl::StrCat("quadratic memory: ", AbslView(given), ", expected ", AbslView(expected)),
      {.reason = std::string(reason),
       .given = std::string(given),
       .expected = std::string(expected),
       .next_step = absl::StrCat("Give ", AbslView(expected), ".")});
}

}  // namespace

absl::Status QuadraticSum::Change(MatrixViewD patterns, double sign) {
  if (patterns.cols != neurons()) {
    return Bad("SHAPE", absl::StrCat("patterns of ", patterns.cols, " numbers"),
               absl::StrCat(neurons()));
  }
  if (!IsBinary(patterns.flat())) {
    return Bad("NOT_BINARY", "a number that is neither 1 nor -1", "patterns of 1 and -1");
  }
  if (patterns.empty()) return absl::OkStatus();
  math::GramUpdate(patterns.rows, neurons(), sign, patterns.data, 1.0, sum_.data());
  count_ += sign > 0 ? static_cast<int64_t>(patterns.rows) : -static_cast<int64_t>(patterns.rows);
  return absl::OkStatus();
}

absl::Status QuadraticSum::Merge(const QuadraticSum& other) {
  if (other.neurons() != neurons()) return Differs(other.neurons(), neurons());
  MatrixD sum = sum_.Clone();
  math::AddScaled(1.0, other.sum_.data(), sum.data(), sum.flat().size());
  for (const double x : sum.flat()) {
    if (std::abs(x) <= kCountMax) continue;
    return FailedPrecondition("the sums are too large to be added",
                              {.reason = "FEATURE_RANGE",
                               .given = absl::StrCat(x),
                               .expected = absl::StrCat("at most ", kCountMax),
                               .next_step = "Make the sketch anew from its memory."});
  }
  sum_ = std::move(sum);
  count_ += other.count_;
  return absl::OkStatus();
}

QuadraticSum QuadraticSum::Clone() const {
  QuadraticSum out(0);
  out.sum_ = sum_.Clone();
  out.count_ = count_;
  return out;
}

std::string QuadraticSum::Save() const {
  ByteWriter out;
  out.PutRaw(kMagic);
  out.Put(kVersion);
  out.Put<uint64_t>(neurons());
  out.Put(count_);
  for (size_t i = 0; i < neurons(); ++i) {
    for (size_t j = 0; j <= i; ++j) out.Put(sum_.at(i, j));
  }
  return out.Take();
}

bool QuadraticSum::IsSaved(std::string_view bytes) { return bytes.starts_with(kMagic); }

absl::StatusOr<QuadraticSum> QuadraticSum::Read(std::string_view bytes) const {
  ByteReader in(bytes);
  if (in.GetRaw(kMagic.size()) != kMagic) return Unreadable("other bytes");
  if (const auto version = in.Get<uint32_t>(); version != kVersion) {
    return Unreadable(absl::StrCat("version ", version));
  }
  const auto neurons = in.Get<uint64_t>();
  const auto count = in.Get<int64_t>();
  if (!in.ok() || std::abs(static_cast<double>(count)) > kCountMax) {
    return Unreadable(absl::StrCat(bytes.size(), " bytes"));
  }
  if (neurons != this->neurons()) return Differs(neurons, this->neurons());
  if (in.rest().size() != neurons * (neurons + 1) / 2 * sizeof(double)) {
    return Unreadable(absl::StrCat(bytes.size(), " bytes"));
  }
  QuadraticSum out(neurons);
  out.count_ = count;
  for (size_t i = 0; i < neurons; ++i) {
    for (size_t j = 0; j <= i; ++j) {
      const auto x = in.Get<double>();
      if (!(std::abs(x) <= kCountMax) || x != std::trunc(x)) {
        return Unreadable("numbers that are no sums of +1 and -1");
      }
      out.sum_.at(i, j) = out.sum_.at(j, i) = x;
    }
  }
  return out;
}

SweepOutcome QuadraticSum::Sweep(int sweeps_max, Random& order, std::span<int8_t> state) const {
  const size_t d = neurons();
  MNEME_CHECK(state.size() == d && IsBinary(std::span<const int8_t>(state)));
  std::vector<double> s(state.begin(), state.end()), field(d);
  math::Gemv(math::Transpose::kNo, d, d, 1.0, sum_.data(), d, s.data(), 0.0, field.data());
  const auto energy = [&] { return -math::Dot(s.data(), field.data(), d); };
  SweepOutcome outcome;
  outcome.energies.push_back(energy());
  std::vector<size_t> neurons_in_turn(d);
  std::iota(neurons_in_turn.begin(), neurons_in_turn.end(), size_t{0});
  while (outcome.sweeps < sweeps_max && !outcome.settled) {
    order.Shuffle(std::span<size_t>(neurons_in_turn));
    size_t flips = 0;
    for (const size_t i : neurons_in_turn) {
      const double value = field[i] - sum_.at(i, i) * s[i] >= 0 ? 1 : -1;
      if (value == s[i]) continue;
      s[i] = value;
      math::AddScaled(2 * value, sum_.row(i).data(), field.data(), d);
      ++flips;
    }
    ++outcome.sweeps;
    outcome.flips += flips;
    outcome.settled = flips == 0;
    outcome.energies.push_back(energy());
  }
  for (size_t i = 0; i < d; ++i) state[i] = s[i] > 0 ? int8_t{1} : int8_t{-1};
  return outcome;
}

}  // namespace mneme::models
