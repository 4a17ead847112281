// Class imbalance: after one step that teaches the best class, what does the worst one know?
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/learning/newton_schulz.h"
#include "core/math/blas.h"
#include "tests/lab/experiments.h"

namespace mneme::lab {
namespace {

using math::Transpose;

constexpr int kBisections = 100;
constexpr double kScaleStep = 1.25;  // between the scales that are tried before the bisection
constexpr double kScaleMin = 1e-6, kScaleMax = 1e12;

size_t HeadClasses(const Parameters& parameters) {
  return static_cast<size_t>(parameters.Real("b") * parameters.Real("classes"));
}

absl::Status Check(const Parameters& parameters) {
  const size_t head = HeadClasses(parameters);
  if (head < 1 || head >= parameters.Count("classes")) {
    return BadFlag("b", parameters.Text("b"),
                   "a share that leaves at least one class in the head and one in the tail");
  }
  return absl::OkStatus();
}

// The head shares mass a, the tail the rest.
std::vector<double> ClassMasses(const Parameters& parameters) {
  const size_t classes = parameters.Count("classes"), head = HeadClasses(parameters);
  const double a = parameters.Real("a");
  std::vector<double> out(classes, (1 - a) / static_cast<double>(classes - head));
  std::fill_n(out.begin(), head, a / static_cast<double>(head));
  return out;
}

MatrixD Product(Transpose a_op, const MatrixD& a, Transpose b_op, const MatrixD& b) {
  const size_t n = a.rows();
  MatrixD out(n, n);
  math::Gemm(a_op, b_op, n, n, n, 1.0, a.data(), n, b.data(), n, 0.0, out.data(), n);
  return out;
}

// Rows are the embeddings of the classes.
MatrixD Embeddings(bool orthogonal, size_t classes, Random random) {
  MatrixD out(classes, classes);
  if (!orthogonal) {
    for (size_t i = 0; i < classes; ++i) out.at(i, i) = 1;
    return out;
  }
  random.FillGaussian(out.flat());
  return learning::PolarFactor(out);  // of a Gaussian matrix: uniform over rotations
}

// The cross-entropy gradient at W = 0, one cue a class: sum_i p_i (mean of u - u_i) k_i^T.
MatrixD GradientAtZero(const MatrixD& keys, const MatrixD& values,
                       const std::vector<double>& mass) {
  const size_t n = mass.size();
  MatrixD error(n, n);  // row i: p_i (softmax - target)
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) {
      error.at(i, j) = mass[i] * (1 / static_cast<double>(n) - (i == j ? 1 : 0));
    }
  }
  const MatrixD by_class = Product(Transpose::kYes, error, Transpose::kNo, keys);
  return Product(Transpose::kYes, values, Transpose::kNo, by_class);
}

// What each class gets from softmax(scale * row of scores): least and most.
std::pair<double, double> Probabilities(const MatrixD& scores, double scale) {
  std::pair<double, double> range{1, 0};
  for (size_t i = 0; i < scores.rows(); ++i) {
    double sum = 0;
    for (const double score : scores.row(i)) {
      sum += std::exp(scale * (score - scores.at(i, i)));
    }
    range.first = std::min(range.first, 1 / sum);
    range.second = std::max(range.second, 1 / sum);
  }
  return range;
}

// The worst class' probability where a step along -direction gives the best one 1 - eps; not a
// number where no step does.
double WorstClass(const MatrixD& direction, const MatrixD& keys, const MatrixD& values,
                  double eps) {
  // S[i, j] = -<u_j, D k_i>
  const MatrixD reads = Product(Transpose::kNo, keys, Transpose::kYes, direction);
  MatrixD scores = Product(Transpose::kNo, reads, Transpose::kYes, values);
  for (double& score : scores.flat()) score = -score;
  const auto reached = [&](double scale) { return Probabilities(scores, scale).second >= 1 - eps; };
  double high = kScaleMin;
  while (high < kScaleMax && !reached(high)) high *= kScaleStep;
  if (!reached(high)) return std::numeric_limits<double>::quiet_NaN();
  double low = high / kScaleStep;
  for (int i = 0; i < kBisections; ++i) {
    const double middle = (low + high) / 2;
    (reached(middle) ? high : low) = middle;
  }
  return Probabilities(scores, high).first;
}

MatrixD NewtonSchulz(const MatrixD& gradient, int polish) {
  Matrix narrow(gradient.rows(), gradient.cols());
  std::copy(gradient.flat().begin(), gradient.flat().end(), narrow.data());
  const Matrix direction = learning::Orthogonalise(narrow, polish);
  MatrixD out(gradient.rows(), gradient.cols());
  std::copy(direction.flat().begin(), direction.flat().end(), out.data());
  return out;
}

MatrixD Signs(const MatrixD& gradient) {
  MatrixD out = gradient.Clone();
  for (double& x : out.flat()) x = x > 0 ? 1 : x < 0 ? -1 : 0;
  return out;
}

absl::Status RunImbalance(const Parameters& parameters, Run& run) {
  const size_t classes = parameters.Count("classes");
  const bool orthogonal = parameters.Text("embedding") == "orthogonal";
  const MatrixD keys = Embeddings(orthogonal, classes, run.Stream(1));
  const MatrixD values = Embeddings(orthogonal, classes, run.Stream(2));
  const MatrixD gradient = GradientAtZero(keys, values, ClassMasses(parameters));
  const auto worst = [&](const MatrixD& direction) {
    return WorstClass(direction, keys, values, parameters.Real("eps"));
  };
  run.Measure("rho_gd", worst(gradient));
  run.Measure("rho_sign", worst(Signs(gradient)));
  run.Measure("rho_polar", worst(learning::PolarFactor(gradient)));
  run.Measure("rho_ns5", worst(NewtonSchulz(gradient, 0)));
  run.Measure("rho_ns5_polished", worst(NewtonSchulz(gradient, 2)));
  return absl::OkStatus();
}

// Gradient descent alone has a law: rho = 1 / (1 + (K-1)^(1-R) (eps / (1-eps))^R), R the ratio of
// the least mass to the largest.
void PredictImbalance(const Parameters& parameters, const Quantities&, Quantities& predicted) {
  const std::vector<double> mass = ClassMasses(parameters);
  const auto [least, most] = std::minmax_element(mass.begin(), mass.end());
  const double ratio = *least / *most, eps = parameters.Real("eps");
  const double others = parameters.Real("classes") - 1;
  predicted.Set("rho_gd", 1 / (1 + std::pow(others, 1 - ratio) * std::pow(eps / (1 - eps), ratio)));
}

}  // namespace

Experiment ImbalanceExperiment() {
  return {
      .name = "imbalance",
      .summary = "one step on classes of unequal mass: the worst class when the best one is learnt",
      .source = "Muon on heavy-tailed associative memories (arXiv 2509.26030)",
      .slope_of = "rho_gd",
      .flags = {{.name = "classes",
                 .kind = FlagKind::kInteger,
                 .default_value = "64",
                 .unit = "classes",
                 .help = "as many as dimensions",
                 .least = 2,
                 .most = 1024},
                {.name = "a",
                 .kind = FlagKind::kReal,
                 .default_value = "0.8",
                 .help = "mass of the head",
                 .least = 0.001,
                 .most = 0.999},
                {.name = "b",
                 .kind = FlagKind::kReal,
                 .default_value = "0.2",
                 .help = "share of the classes that are its head",
                 .least = 0,
                 .most = 1},
                {.name = "eps",
                 .kind = FlagKind::kReal,
                 .default_value = "0.05",
                 .help = "the best class reaches probability 1 - eps",
                 .least = 1e-6,
                 .most = 0.5},
                {.name = "embedding",
                 .kind = FlagKind::kChoice,
                 .default_value = "orthogonal",
                 .help = "columns of random rotations, or of the identity",
                 .choices = {"orthogonal", "onehot"}}},
      .check = Check,
      .run = RunImbalance,
      .predict = PredictImbalance,
  };
}

}  // namespace mneme::lab
