#include "core/theory/cmm.h"

#include <algorithm>
#include <cmath>

#include "core/theory/list_law.h"
#include "core/theory/normal.h"
#include "core/theory/sphere.h"

namespace mneme::theory {
namespace {

// The scores of the target and of its competitors.
class ScoreLaw {
 public:
  explicit ScoreLaw(const CmmShape& shape)
      : d_v_(shape.d_v),
        own_items_(shape.n / shape.partitions),
        own_share_(shape.n <= 1 ? 1 : std::clamp((own_items_ - 1) / (shape.n - 1), 0.0, 1.0)),
        own_noise_(std::max(0.0, own_items_ - 2) / shape.d_k * (1 - 1 / d_v_) + d_v_ / shape.d_k),
        foreign_norm_(std::sqrt((own_items_ + d_v_) / shape.d_k)) {
    target_.mean = shape.cue_cosine;
    target_.spread = std::sqrt(std::max(0.0, own_items_ - 1) / (shape.d_k * d_v_));
  }

  const NormalScore& target() const { return target_; }

  // One competitor, drawn from all.
  Tail Beaten(double s) const {
    const double norm = std::sqrt(own_noise_ + s * s);
    // d/ds of s / norm is own_noise / norm^3.
    Tail tail = SphereTail(s / norm, own_noise_ / (norm * norm * norm));
    if (own_share_ == 1) return tail;
    const Tail foreign = SphereTail(s / foreign_norm_, 1 / foreign_norm_);
    return {.p = own_share_ * tail.p + (1 - own_share_) * foreign.p,
            .density = own_share_ * tail.density + (1 - own_share_) * foreign.density};
  }

 private:
  Tail SphereTail(double x, double slope) const {
    return {.p = SphereUpperTail(d_v_, x), .density = SphereDensity(d_v_, x) * slope};
  }

  double d_v_;
  double own_items_;
  double own_share_;  // of the competitors, in the target's matrix
  double own_noise_;
  double foreign_norm_;
  NormalScore target_;
};

}  // namespace

double CmmTop1(const CmmShape& shape) { return CmmHit(shape, 1); }

double CmmHit(const CmmShape& shape, double list) {
  if (list >= shape.n) return 1;
  const ScoreLaw law(shape);
  return ListHit(
      list, shape.n - 1, [&](double s) { return law.Beaten(s); }, law.target());
}

double CmmMeanPercentile(const CmmShape& shape) {
  const ScoreLaw law(shape);
  const NormalScore& s = law.target();
  constexpr int kHalf = 40;
  return NormalExpectation([&](double g) { return law.Beaten(s.mean + s.spread * g).p; }, kHalf);
}

double CmmAllTop1(const CmmShape& shape) { return std::exp(-shape.n * (1 - CmmTop1(shape))); }

double CmmPartitionedTop1(CmmShape shape, double partitions) {
  shape.partitions = partitions;
  return CmmTop1(shape);
}

double CmmAsymptoticHit(double load, double t, double cue_cosine) {
  return NormalCdf(cue_cosine / std::sqrt(load) - NormalUpperQuantile(t));
}

double CmmInverseSnr(const CmmShape& shape) {
  const double gain = shape.cue_cosine;
  return std::max(0.0, shape.n / shape.partitions - 1) / (shape.d_k * gain * gain);
}

double ListSize(double t, double n) {
  return std::max(1.0, std::ceil(t * n * (1 - 1e-12)));  // 0.07 * 100 is a hair above 7
}

}  // namespace mneme::theory
