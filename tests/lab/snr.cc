// Kernel recall: how much of y = sum_j K(<k_j, q>) v_j at a stored key is signal, how much noise?
#include <algorithm>
#include <cmath>

#include "core/math/blas.h"
#include "core/theory/snr.h"
#include "tests/lab/experiments.h"

namespace mneme::lab {
namespace {

constexpr size_t kCueBatch = 256;

// K(x) / K(1).
class Kernel {
 public:
  explicit Kernel(const Parameters& parameters)
      : name_(parameters.Text("kernel")), b_(parameters.Real("b")), power_(PowerOf(parameters)) {}

  static int PowerOf(const Parameters& parameters) {
    if (parameters.Text("kernel") == "linear") return 1;
    if (!parameters.IsAuto("power")) return static_cast<int>(parameters.Real("power"));
    return parameters.Text("kernel") == "poly" ? 2 : 1;
  }

  void Apply(std::span<double> dots) const {
    for (double& x : dots) {
      if (name_ == "exp") {
        x = std::exp(b_ * (x - 1));
      } else {
        x = std::pow(name_ == "relu" ? std::max(0.0, x) : x, power_);
      }
    }
  }

 private:
  const std::string& name_;
  double b_;
  int power_;
};

MatrixD UnitRows(size_t n, size_t d, Random random) {
  MatrixD rows(n, d);
  for (size_t i = 0; i < n; ++i) random.FillUnit(rows.row(i));
  return rows;
}

absl::Status RunSnr(const Parameters& parameters, Run& run) {
  const size_t n = parameters.Count("n");
  const MatrixD keys = UnitRows(n, parameters.Count("d_k"), run.Stream(1));
  const MatrixD values = UnitRows(n, parameters.Count("d_v"), run.Stream(2));
  const Kernel kernel(parameters);
  if (parameters.IsAuto("power")) run.Used("power", Kernel::PowerOf(parameters));

  // c = mean <y, v>; |y - c v|^2 needs c, and is summed as |y - v|^2 first, which does not cancel.
  double gain = 0, along = 0, errors = 0;
  MatrixD weights(kCueBatch, n), recalls(kCueBatch, values.cols());
  for (size_t first = 0; first < n; first += kCueBatch) {
    const size_t count = std::min(kCueBatch, n - first);
    math::Gemm(math::Transpose::kNo, math::Transpose::kYes, count, n, keys.cols(), 1.0,
               keys.row(first).data(), keys.cols(), keys.data(), keys.cols(), 0.0, weights.data(),
               n);
    kernel.Apply(weights.flat().first(count * n));
    math::Gemm(math::Transpose::kNo, math::Transpose::kNo, count, values.cols(), n, 1.0,
               weights.data(), n, values.data(), values.cols(), 0.0, recalls.data(), values.cols());
    for (size_t i = 0; i < count; ++i) {
      const auto y = recalls.row(i);
      const auto v = std::span<const double>(values.row(first + i));
      for (size_t j = 0; j < y.size(); ++j) {
        const double error = y[j] - v[j];
        along += error * v[j];
        errors += error * error;
      }
    }
    run.Progress(static_cast<double>(first + count) / static_cast<double>(n));
  }
  along /= static_cast<double>(n), errors /= static_cast<double>(n);
  gain = 1 + along;  // |v| = 1
  run.Measure("inverse_snr", std::max(0.0, errors - along * along) / (gain * gain));
  run.Measure("gain", gain);
  return absl::OkStatus();
}

void PredictSnr(const Parameters& parameters, const Quantities&, Quantities& predicted) {
  const double d_k = parameters.Real("d_k"), n = parameters.Real("n");
  const int power = Kernel::PowerOf(parameters);
  const std::string& kernel = parameters.Text("kernel");
  predicted.Set("inverse_snr",
                kernel == "exp" ? theory::ExponentialKernelInverseSnr(d_k, n, parameters.Real("b"))
                : kernel == "relu" ? theory::ReluKernelInverseSnr(d_k, n, power)
                                   : theory::PolynomialKernelInverseSnr(d_k, n, power));
  predicted.Set("gain", 1);
}

}  // namespace

Experiment SnrExperiment() {
  return {
      .name = "snr",
      .summary = "kernel recall: noise and gain at stored keys, by kernel",
      .source = "retrieval signal-to-noise ratio of linear and kernel associative memories",
      .slope_of = "inverse_snr",
      .flags = {{.name = "kernel",
                 .kind = FlagKind::kChoice,
                 .default_value = "linear",
                 .help =
                     "K(x) = x, x^power, max(0, x)^power, exp(b x); over K(1), so that the gain "
                     "is 1",
                 .choices = {"linear", "poly", "relu", "exp"}},
                {.name = "power",
                 .kind = FlagKind::kInteger,
                 .default_value = "auto",
                 .help = "of poly and relu; auto: 2 of poly, 1 of relu",
                 .least = 1,
                 .most = 64,
                 .may_be_auto = true},
                {.name = "b",
                 .kind = FlagKind::kReal,
                 .default_value = "4",
                 .help = "inverse temperature of exp",
                 .least = 0,
                 .most = 1e4},
                KeyDimension(),
                ResponseDimension(),
                {.name = "n",
                 .kind = FlagKind::kInteger,
                 .default_value = "1024",
                 .unit = "items",
                 .help = "associations stored; the time goes with n^2",
                 .least = 2,
                 .most = 1e6}},
      .run = RunSnr,
      .predict = PredictSnr,
  };
}

}  // namespace mneme::lab
