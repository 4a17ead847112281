#include "core/theory/ridge.h"

#include <algorithm>
#include <cmath>

#include "core/theory/normal.h"

namespace mneme::theory {
namespace {

struct Moments {
  double h = 1;
  double h2 = 1;
};

// The fixed point is lambda tau^2 + b tau - 1 = 0 with b = lambda + n/d_k - 1; of the two forms of
// its positive root the one that does not cancel is taken. dh/dlambda = -h / sqrt(b^2 + 4 lambda).
Moments Solve(const RidgeShape& shape) {
  const double b = shape.lambda + shape.n / shape.d_k - 1;
  const double root = std::sqrt(b * b + 4 * shape.lambda);
  if (shape.lambda == 0 && b <= 0) return {};  // every stored key is answered exactly
  // h = tau / (1 + tau), written in 1/tau so that tau may grow without bound.
  const double inverse_tau = b > 0 ? (b + root) / 2 : 2 * shape.lambda / (root - b);
  const double h = 1 / (1 + inverse_tau);
  return {.h = h, .h2 = h * (1 - shape.lambda / root)};
}

}  // namespace

RidgeLaw PredictRidge(const RidgeShape& shape) {
  const auto [h, h2] = Solve(shape);
  const double noise = std::max(0.0, h2 - h * h);
  const double mean = h * std::sqrt(shape.d_v / h2);
  const double spread = std::sqrt(noise / h2);
  RidgeLaw law{.gain = h, .power = h2, .mse = 1 - 2 * h + h2, .inverse_snr = noise / (h * h)};
  law.top1 = NormalExpectation([&](double g) {
    return std::exp((shape.n - 1) * std::log1p(-NormalUpperTail(mean + spread * g)));
  });
  return law;
}

}  // namespace mneme::theory
