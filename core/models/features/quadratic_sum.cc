#include "core/models/features/quadratic_sum.h"

#include <numeric>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/math/blas.h"
#include "core/math/kernels.h"
#include "core/models/dense/binary_state.h"

namespace mneme::models {
namespace {

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
  if (other.neurons() != neurons()) {
    return FailedPrecondition(absl::StrCat("cannot merge quadratic memories of ", neurons(),
                                           " and ", other.neurons(), " neurons"),
                              {.reason = "FEATURES_DIFFER",
                               .given = absl::StrCat(other.neurons()),
                               .expected = absl::StrCat(neurons()),
                               .next_step = "Merge memories of one dimension."});
  }
  math::AddScaled(1.0, other.sum_.data(), sum_.data(), sum_.flat().size());
  count_ += other.count_;
  return absl::OkStatus();
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
