// What a gradient gives away to who knows the memory it was taken at: of one item, the item.
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/status.h"
#include "core/federation/ball.h"
#include "core/federation/losses.h"
#include "core/math/blas.h"
#include "tests/lab/experiments.h"

namespace mneme::lab {
namespace {

constexpr int kPowerSteps = 200;

struct Leak {
  MatrixD memory, keys, responses, gradient;
};

Leak MakeLeak(const Parameters& parameters, Run& run) {
  const size_t d_k = parameters.Count("d_k"), d_v = parameters.Count("d_v");
  const size_t b = parameters.Count("b");
  Leak leak{.memory = MatrixD(d_v, d_k),
            .keys = MatrixD(b, d_k),
            .responses = MatrixD(b, d_v),
            .gradient = MatrixD(d_v, d_k)};
  run.Stream(1).FillGaussian(leak.memory.flat());
  for (double& x : leak.memory.flat()) x /= std::sqrt(static_cast<double>(d_k));
  Random random = run.Stream(2);
  for (size_t i = 0; i < b; ++i) {
    random.FillUnit(leak.keys.row(i));
    random.FillUnit(leak.responses.row(i));
  }
  const federation::Spec spec{.d_k = static_cast<uint32_t>(d_k), .d_v = static_cast<uint32_t>(d_v)};
  const std::vector<double> weights(b, 1 / static_cast<double>(b));
  MatrixD errors(b, d_v);
  federation::WeightedErrors<double>(spec, leak.memory.data(), leak.keys.data(),
                                     leak.responses.data(), weights, b, errors.data());
  federation::AddOuterProducts(errors.data(), leak.keys.data(), b, d_v, d_k, leak.gradient.data());
  return leak;
}

void Normalise(std::span<double> x) {
  const double norm = federation::Norm(std::span<const double>(x));
  for (double& value : x) value /= norm;
}

// y = alpha op(A) x.
std::vector<double> Times(math::Transpose op, const MatrixD& a, std::span<const double> x) {
  std::vector<double> y(op == math::Transpose::kNo ? a.rows() : a.cols());
  math::Gemv(op, a.rows(), a.cols(), 1.0, a.data(), a.cols(), x.data(), 0.0, y.data());
  return y;
}

// The key of the largest singular value.
std::vector<double> TopKey(const MatrixD& gradient) {
  size_t longest = 0;
  const auto norm_of = [&](size_t i) { return federation::Norm(gradient.row(i)); };
  for (size_t i = 1; i < gradient.rows(); ++i) {
    if (norm_of(i) > norm_of(longest)) longest = i;
  }
  std::vector<double> key(gradient.row(longest).begin(), gradient.row(longest).end());
  Normalise(key);
  for (int step = 0; step < kPowerSteps; ++step) {
    key = Times(math::Transpose::kYes, gradient, Times(math::Transpose::kNo, gradient, key));
    Normalise(key);
  }
  return key;
}

double Distance(std::span<const double> a, std::span<const double> b, double sign) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - sign * b[i]) * (a[i] - sign * b[i]);
  return std::sqrt(sum);
}

// Largest distance of a key from the span of the gradient's rows.
double SpanError(const Leak& leak) {
  MatrixD rows = leak.gradient.Clone(), left = leak.keys.Clone();
  const auto take_out = [](std::span<const double> axis, std::span<double> x) {
    double along = 0;
    for (size_t i = 0; i < x.size(); ++i) along += axis[i] * x[i];
    for (size_t i = 0; i < x.size(); ++i) x[i] -= along * axis[i];
  };
  for (size_t i = 0; i < leak.keys.rows(); ++i) {
    size_t longest = 0;
    for (size_t r = 1; r < rows.rows(); ++r) {
      if (federation::Norm(std::span<const double>(rows.row(r))) >
          federation::Norm(std::span<const double>(rows.row(longest)))) {
        longest = r;
      }
    }
    std::vector<double> axis(rows.row(longest).begin(), rows.row(longest).end());
    Normalise(axis);
    for (size_t r = 0; r < rows.rows(); ++r) take_out(axis, rows.row(r));
    for (size_t k = 0; k < left.rows(); ++k) take_out(axis, left.row(k));
  }
  double most = 0;
  for (size_t k = 0; k < left.rows(); ++k) {
    most = std::max(most, federation::Norm(std::span<const double>(left.row(k))));
  }
  return most;
}

absl::Status Check(const Parameters& parameters) {
  const size_t most = std::min(parameters.Count("d_k"), parameters.Count("d_v"));
  if (parameters.Count("b") <= most) return absl::OkStatus();
  return BadFlag("b", parameters.Text("b"), absl::StrCat("at most ", most, ", as d_k and d_v"));
}

absl::Status RunPrivacy(const Parameters& parameters, Run& run) {
  const Leak leak = MakeLeak(parameters, run);
  // e = G k and v = M k - e, for keys of length 1; both up to one sign.
  const std::vector<double> key = TopKey(leak.gradient);
  std::vector<double> response = Times(math::Transpose::kNo, leak.memory, key);
  const std::vector<double> error = Times(math::Transpose::kNo, leak.gradient, key);
  const double scale = parameters.Real("b");
  for (size_t i = 0; i < response.size(); ++i) response[i] -= scale * error[i];
  double least = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < leak.keys.rows(); ++i) {
    for (const double sign : {1.0, -1.0}) {
      least = std::min(least, std::max(Distance(leak.keys.row(i), key, sign),
                                       Distance(leak.responses.row(i), response, sign)));
    }
  }
  run.Measure("recovery_error", least);
  run.Measure("span_error", SpanError(leak));
  return absl::OkStatus();
}

}  // namespace

Experiment FederationPrivacyExperiment() {
  return {.name = "federation-privacy",
          .summary = "a gradient of one item is the item: recovered from its rank-1 factors",
          .source = "leakage of a rank-1 gradient to who knows the memory",
          .slope_of = "recovery_error",
          .flags = {KeyDimension(kSquaresMax),
                    ResponseDimension(),
                    {.name = "b",
                     .kind = FlagKind::kInteger,
                     .default_value = "1",
                     .unit = "items",
                     .help = "summed in the gradient; above 1 only the span of the keys shows",
                     .least = 1,
                     .most = 256}},
          .check = Check,
          .run = RunPrivacy};
}

}  // namespace mneme::lab
