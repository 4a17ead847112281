// A sum of gradients in the smallest form that holds it: factors while they are few, entries while
// they are sparse, else a matrix.
//
// Shapes   matrix [d_v, d_k]; factors: errors [rank, d_v] and keys [rank, d_k], their product is
//          errors^T keys.
// Errors   numbers may overflow: ask Finite() before use.
// Threads  not thread-safe.
#ifndef MNEME_CORE_FEDERATION_GRADIENT_SUM_H_
#define MNEME_CORE_FEDERATION_GRADIENT_SUM_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/federation/compress.h"
#include "core/federation/frame.h"

namespace mneme::federation {

class GradientSum {
 public:
  GradientSum(size_t d_v, size_t d_k) : d_v_(d_v), d_k_(d_k) {}

  GradientForm form() const { return form_; }
  // Of kLowRank; 0 of the others.
  size_t rank() const { return errors_.size() / d_v_; }
  std::span<const float> errors() const { return errors_; }
  std::span<const float> keys() const { return keys_; }
  bool empty() const { return form_ == GradientForm::kNone; }
  void Clear();

  void AddDense(std::span<const float> matrix);
  // `keep_factors`: they may travel as they are.
  void AddFactors(std::span<const float> errors, std::span<const float> keys, bool keep_factors);
  void AddSparse(const Sparse<float>& sparse);
  void Add(const GradientSum& more, bool keep_factors);
  // this += factor * more, for a sum that stays here.
  void AddScaled(float factor, const GradientSum& more);

  // sum += factor * this.
  void AddTo(float factor, std::span<float> sum) const;
  // Cost  of factors rank^2 (d_v + d_k), without multiplying them out.
  double Norm() const;
  bool Finite() const;
  void Scale(float factor);

  // The form and the numbers of a frame; Read is of one that Check accepted.
  void Write(WireType type, GradUp& frame) const;
  void Read(const GradUp& frame);

 private:
  size_t numbers() const { return d_v_ * d_k_; }
  // Whether so many factors more leave it smaller than a matrix.
  bool Joins(size_t more) const;
  void MakeDense();
  void JoinPlaces(std::span<const uint32_t> places);

  size_t d_v_;
  size_t d_k_;
  GradientForm form_ = GradientForm::kNone;
  std::vector<float> matrix_;     // dense and sparse; zero elsewhere
  std::vector<uint32_t> places_;  // sparse; ascending
  std::vector<float> errors_;     // low rank
  std::vector<float> keys_;
};

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_GRADIENT_SUM_H_
