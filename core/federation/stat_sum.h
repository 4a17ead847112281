// Sums over items from which any least-squares loss and gradient follows:
//   S = sum of w k k^T,  P = sum of w v k^T,  vv = sum of w |v|^2,
//   loss(M) = (tr(M S M^T) - 2 tr(M P^T) + vv) / 2,  gradient(M) = M S - P.
//
// Shapes   S: the lower triangle, row by row; P [d_v, d_k], row-major.
// Errors   numbers may overflow: ask Finite() before use.
// Threads  not thread-safe.
// Source   distributed online gradient descent notes, sections 2.2 and 8.
#ifndef MNEME_CORE_FEDERATION_STAT_SUM_H_
#define MNEME_CORE_FEDERATION_STAT_SUM_H_

#include <cstddef>
#include <span>
#include <vector>

#include "core/federation/frame.h"
#include "core/federation/item_log.h"

namespace mneme::federation {

class StatSum {
 public:
  StatSum(size_t d_v, size_t d_k) : d_v_(d_v), d_k_(d_k) {}

  bool empty() const { return squares_.empty(); }
  void Clear();

  // weight / count times the sum over the batch, gates in it.
  void AddBatch(const Batch& batch, double weight);
  void Add(const StatSum& more);
  void Scale(float factor);
  // S = 0 and vv = 0: then loss and gradient are those of the inner-product loss.
  void ForgetSquares();

  // gradient += M S - P. Cost: d_v d_k^2 multiply-adds.
  void AddGradient(std::span<const float> memory, std::span<float> gradient) const;
  double LossAt(std::span<const float> memory) const;
  bool Finite() const;

  void Write(WireType type, StatUp& frame) const;
  // Of a frame that Check accepted.
  void Read(const StatUp& frame);

  std::span<const float> squares() const { return squares_; }
  std::span<const float> products() const { return products_; }
  double energy() const { return energy_; }

 private:
  void MakeRoom();
  // M S, of the whole symmetric S.
  std::vector<float> TimesSquares(std::span<const float> memory) const;

  size_t d_v_;
  size_t d_k_;
  std::vector<float> squares_;
  std::vector<float> products_;
  double energy_ = 0;
};

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_STAT_SUM_H_
