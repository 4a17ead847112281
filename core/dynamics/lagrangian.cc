#include "core/dynamics/lagrangian.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "core/base/status.h"

namespace mneme::dynamics {
namespace {

constexpr double kNormGuard = 1e-5;

double Largest(std::span<const double> x) { return *std::max_element(x.begin(), x.end()); }

struct Spread {
  double mean = 0;
  double root = 0;  // of the variance and the guard
};

Spread SpreadOf(std::span<const double> x) {
  const double n = static_cast<double>(x.size());
  Spread out{.mean = std::accumulate(x.begin(), x.end(), 0.0) / n};
  double square = 0;
  for (const double value : x) square += (value - out.mean) * (value - out.mean) / n;
  out.root = std::sqrt(square + kNormGuard);
  return out;
}

double Norm(std::span<const double> x) {
  double norm = 0;
  for (const double value : x) norm = std::hypot(norm, value);
  return norm;
}

double SumOfExp(double beta, std::span<const double> x, double largest) {
  double sum = 0;
  for (const double value : x) sum += std::exp(beta * (value - largest));
  return sum;
}

}  // namespace

std::string_view Name(Lagrangian lagrangian) {
  switch (lagrangian) {
    case Lagrangian::kIdentity:
      return "identity";
    case Lagrangian::kRelu:
      return "relu";
    case Lagrangian::kTanh:
      return "tanh";
    case Lagrangian::kSoftmax:
      return "softmax";
    case Lagrangian::kLayerNorm:
      return "layer-norm";
    case Lagrangian::kSpherical:
      return "spherical";
  }
  CheckFailed(__FILE__, __LINE__, "lagrangian");
}

std::optional<Lagrangian> ParseLagrangian(std::string_view name) {
  for (const Lagrangian lagrangian : kLagrangians) {
    if (Name(lagrangian) == name) return lagrangian;
  }
  return std::nullopt;
}

double LagrangianValue(Lagrangian lagrangian, double beta, std::span<const double> x) {
  double sum = 0;
  switch (lagrangian) {
    case Lagrangian::kIdentity:
      for (const double value : x) sum += value * value / 2;
      return sum;
    case Lagrangian::kRelu:
      for (const double value : x) sum += value > 0 ? value * value / 2 : 0;
      return sum;
    case Lagrangian::kTanh:
      for (const double value : x) {
        sum += std::abs(value) + std::log1p(std::exp(-2 * std::abs(value))) - std::numbers::ln2;
      }
      return sum;
    case Lagrangian::kSoftmax: {
      const double largest = Largest(x);
      return largest + std::log(SumOfExp(beta, x, largest)) / beta;
    }
    case Lagrangian::kLayerNorm:
      return static_cast<double>(x.size()) * SpreadOf(x).root;
    case Lagrangian::kSpherical:
      return Norm(x);
  }
  CheckFailed(__FILE__, __LINE__, "lagrangian");
}

void Activate(Lagrangian lagrangian, double beta, std::span<const double> x, std::span<double> g) {
  const auto each = [&](auto&& f) { std::transform(x.begin(), x.end(), g.begin(), f); };
  switch (lagrangian) {
    case Lagrangian::kIdentity:
      return each([](double value) { return value; });
    case Lagrangian::kRelu:
      return each([](double value) { return std::max(value, 0.0); });
    case Lagrangian::kTanh:
      return each([](double value) { return std::tanh(value); });
    case Lagrangian::kSoftmax: {
      const double largest = Largest(x), sum = SumOfExp(beta, x, largest);
      return each([&](double value) { return std::exp(beta * (value - largest)) / sum; });
    }
    case Lagrangian::kLayerNorm: {
      const Spread spread = SpreadOf(x);
      return each([&](double value) { return (value - spread.mean) / spread.root; });
    }
    case Lagrangian::kSpherical: {
      const double norm = Norm(x);
      return each([&](double value) { return norm > 0 ? value / norm : 0; });
    }
  }
  CheckFailed(__FILE__, __LINE__, "lagrangian");
}

}  // namespace mneme::dynamics
