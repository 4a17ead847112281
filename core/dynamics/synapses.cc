#include "core/dynamics/synapses.h"

#include <algorithm>
#include <vector>

#include "core/base/status.h"
#include "core/math/blas.h"
#include "core/math/kernels.h"
#include "core/models/dense/dense_driver.h"

namespace mneme::dynamics {

absl::StatusOr<double> BilinearSynapse::Evaluate(const LayerVectors& g,
                                                 LayerVectors& gradient) const {
  const size_t rows = weights_.rows(), cols = weights_.cols();
  std::vector<double> pull(rows);  // W g_b
  math::Gemv(math::Transpose::kNo, rows, cols, 1.0, weights_.data(), cols, g[b_].data(), 0.0,
             pull.data());
  math::Gemv(math::Transpose::kYes, rows, cols, -1.0, weights_.data(), cols, g[a_].data(), 1.0,
             gradient[b_].data());
  math::AddScaled(-1.0, pull.data(), gradient[a_].data(), rows);
  return -math::Dot(g[a_].data(), pull.data(), rows);
}

absl::StatusOr<double> ThirdOrderSynapse::Evaluate(const LayerVectors& g,
                                                   LayerVectors& gradient) const {
  const size_t size_a = g[a_].size(), size_b = g[b_].size(), size_c = g[c_].size();
  std::vector<double> pull(size_a * size_b);   // over c: T g_c
  std::vector<double> outer(size_a * size_b);  // g_a g_bᵀ
  math::Gemv(math::Transpose::kNo, size_a * size_b, size_c, 1.0, weights_.data(), size_c,
             g[c_].data(), 0.0, pull.data());
  double energy = 0;
  for (size_t i = 0; i < size_a; ++i) {
    const double* row = pull.data() + i * size_b;
    const double along = math::Dot(row, g[b_].data(), size_b);
    gradient[a_][i] -= along;
    energy -= g[a_][i] * along;
    math::AddScaled(-g[a_][i], row, gradient[b_].data(), size_b);
    for (size_t j = 0; j < size_b; ++j) outer[i * size_b + j] = g[a_][i] * g[b_][j];
  }
  math::Gemv(math::Transpose::kYes, size_a * size_b, size_c, -1.0, weights_.data(), size_c,
             outer.data(), 1.0, gradient[c_].data());
  return energy;
}

absl::StatusOr<double> MemorySynapse::Evaluate(const LayerVectors& g,
                                               LayerVectors& gradient) const {
  const std::vector<double>& at = g[layer_];
  MNEME_ASSIGN_OR_RETURN(
      const auto result,
      models::RunDense<double>(kernel_,
                               {.keys = patterns_, .cues = MatrixViewD{at.data(), 1, at.size()}},
                               {.steps_max = 1}));
  MNEME_RETURN_IF_ERROR(result.cues[0].error);
  math::AddScaled(1.0, result.gradients.row(0).data(), gradient[layer_].data(), at.size());
  return result.cues[0].energy;
}

}  // namespace mneme::dynamics
