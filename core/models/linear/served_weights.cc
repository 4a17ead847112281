#include "core/models/linear/served_weights.h"

#include <algorithm>

#include "core/math/blas.h"
#include "core/math/kernels.h"

namespace mneme::models {
namespace {

using math::Transpose;

constexpr size_t kCueBlock = 64;

void RecallOne(const ServedWeights& weights, const float* cue, size_t d_k, size_t d_v, float* y) {
  if (weights.base != nullptr) {
    math::DotRows(weights.base->data(), d_k, d_v, cue, d_k, y);
  } else {
    std::fill_n(y, d_v, 0.0f);
  }
  if (weights.factors == 0) return;
  float along[kFactorsMax];
  math::DotRows(weights.block->right.data(), d_k, weights.factors, cue, d_k, along);
  for (size_t j = 0; j < weights.factors; ++j) {
    math::AddScaled(along[j], weights.block->left.row(j).data(), y, d_v);
  }
}

void RecallBlock(const ServedWeights& weights, MatrixView cues, size_t d_v, float* y) {
  const size_t d_k = cues.cols;
  if (weights.base != nullptr) {
    math::Gemm(Transpose::kNo, Transpose::kYes, cues.rows, d_v, d_k, 1.0f, cues.data, d_k,
               weights.base->data(), d_k, 0.0f, y, d_v);
  } else {
    std::fill_n(y, cues.rows * d_v, 0.0f);
  }
  if (weights.factors == 0) return;
  float along[kCueBlock * kFactorsMax];
  math::Gemm(Transpose::kNo, Transpose::kYes, cues.rows, weights.factors, d_k, 1.0f, cues.data, d_k,
             weights.block->right.data(), d_k, 0.0f, along, kFactorsMax);
  math::Gemm(Transpose::kNo, Transpose::kNo, cues.rows, d_v, weights.factors, 1.0f, along,
             kFactorsMax, weights.block->left.data(), d_v, 1.0f, y, d_v);
}

}  // namespace

void ServedWeights::Recall(MatrixView cues, size_t d_v, float* recalls) const {
  if (cues.rows == 1) {
    RecallOne(*this, cues.data, cues.cols, d_v, recalls);
  } else {
    for (size_t first = 0; first < cues.rows; first += kCueBlock) {
      const size_t count = std::min(kCueBlock, cues.rows - first);
      RecallBlock(*this, cues.slice(first, count), d_v, recalls + first * d_v);
    }
  }
  if (scale != 1) math::Scale(scale, recalls, cues.rows * d_v);
}

}  // namespace mneme::models
