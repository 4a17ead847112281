#include "core/learning/optimizer.h"

#include <algorithm>
#include <cmath>

#include "core/base/status.h"
#include "core/learning/newton_schulz.h"
#include "core/math/kernels.h"

namespace mneme::learning {
namespace {

constexpr double kAdamBeta1 = 0.9, kAdamBeta2 = 0.999, kAdamEpsilon = 1e-8;

void EnsureShape(const Matrix& like, Matrix& buffer) {
  if (buffer.empty()) buffer = Matrix(like.rows(), like.cols());
  MNEME_CHECK(buffer.rows() == like.rows() && buffer.cols() == like.cols());
}

// m = momentum m + G
void Accumulate(double momentum, const Matrix& gradient, Matrix& mean) {
  EnsureShape(gradient, mean);
  math::Scale(static_cast<float>(momentum), mean.data(), mean.flat().size());
  math::AddScaled(1.0f, gradient.data(), mean.data(), mean.flat().size());
}

}  // namespace

void Ogd::Step(double learning_rate, const Matrix& gradient, Matrix& w) {
  Accumulate(momentum_, gradient, mean_);
  math::AddScaled(static_cast<float>(-learning_rate), mean_.data(), w.data(), w.flat().size());
}

void Adam::Step(double learning_rate, const Matrix& gradient, Matrix& w) {
  EnsureShape(gradient, mean_);
  EnsureShape(gradient, square_);
  ++steps_;
  const double mean_bias = 1 - std::pow(kAdamBeta1, static_cast<double>(steps_));
  const double square_bias = 1 - std::pow(kAdamBeta2, static_cast<double>(steps_));
  for (size_t i = 0; i < gradient.flat().size(); ++i) {
    const double g = gradient.flat()[i];
    const double mean = kAdamBeta1 * mean_.flat()[i] + (1 - kAdamBeta1) * g;
    const double square = kAdamBeta2 * square_.flat()[i] + (1 - kAdamBeta2) * g * g;
    mean_.flat()[i] = static_cast<float>(mean);
    square_.flat()[i] = static_cast<float>(square);
    w.flat()[i] -= static_cast<float>(learning_rate * (mean / mean_bias) /
                                      (std::sqrt(square / square_bias) + kAdamEpsilon));
  }
}

void Muon::Step(double learning_rate, const Matrix& gradient, Matrix& w) {
  Accumulate(options_.momentum, gradient, mean_);
  Matrix ahead = gradient.Clone();
  math::AddScaled(static_cast<float>(options_.momentum), mean_.data(), ahead.data(),
                  ahead.flat().size());
  const Matrix direction = Orthogonalise(ahead, options_.polish);
  const double ratio = static_cast<double>(w.rows()) / static_cast<double>(w.cols());
  const double length = learning_rate * std::sqrt(std::max(1.0, ratio));
  math::Scale(static_cast<float>(1 - learning_rate * options_.weight_decay), w.data(),
              w.flat().size());
  math::AddScaled(static_cast<float>(-length), direction.data(), w.data(), w.flat().size());
}

}  // namespace mneme::learning
