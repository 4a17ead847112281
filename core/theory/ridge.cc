#include "core/theory/ridge.h"

#include <algorithm>
#include <cmath>

#include "core/theory/score_law.h"

namespace mneme::theory {
namespace {

struct Moments {
  double h = 1;
  double h2 = 1;
  double fresh = 0;
};

// The fixed point is lambda tau^2 + b tau - 1 = 0 with b = lambda + n/d_k - 1; of the two forms of
// its positive root the one that does not cancel is taken. dh/dlambda = -h / sqrt(b^2 + 4 lambda).
Moments Solve(const RidgeShape& shape) {
  const double b = shape.lambda + shape.n / shape.d_k - 1;
  const double root = std::sqrt(b * b + 4 * shape.lambda);
  constexpr double kRootLeast = 1e-9;  // fresh diverges as 1 / root
  const double fresh_of_gain = shape.n / shape.d_k / std::max(root, kRootLeast);
  if (shape.lambda == 0 && b <= 0) {  // every stored key is answered exactly
    return {.h = 1, .h2 = 1, .fresh = fresh_of_gain};
  }
  // h = tau / (1 + tau), written in 1/tau so that tau may grow without bound.
  const double inverse_tau = b > 0 ? (b + root) / 2 : 2 * shape.lambda / (root - b);
  const double h = 1 / (1 + inverse_tau);
  return {.h = h, .h2 = h * (1 - shape.lambda / root), .fresh = h * fresh_of_gain};
}

}  // namespace

RidgeLaw PredictRidge(const RidgeShape& shape) {
  const auto [h, h2, fresh] = Solve(shape);
  const double noise = std::max(0.0, h2 - h * h);
  RidgeLaw law{.gain = h,
               .power = h2,
               .mse = 1 - 2 * h + h2,
               .inverse_snr = noise / (h * h),
               .fresh = fresh};
  law.top1 = GaussianScoreHit(law.inverse_snr, shape.d_v, shape.n, 1);
  return law;
}

}  // namespace mneme::theory
