#include "core/theory/cmm.h"

#include <algorithm>
#include <cmath>

#include "core/theory/normal.h"
#include "core/theory/sphere.h"

namespace mneme::theory {
namespace {

// The scores of the target and of its competitors in one matrix.
class ScoreLaw {
 public:
  explicit ScoreLaw(const CmmShape& shape)
      : d_v_(shape.d_v),
        target_std_(std::sqrt(std::max(0.0, shape.n - 1) / (shape.d_k * shape.d_v))),
        noise_(std::max(0.0, shape.n - 2) / shape.d_k * (1 - 1 / shape.d_v) +
               shape.d_v / shape.d_k) {}

  double Target(double g) const { return 1 + target_std_ * g; }
  // The chance that one competitor of the same matrix scores above s.
  double Beaten(double s) const { return SphereUpperTail(d_v_, s / std::sqrt(noise_ + s * s)); }

 private:
  double d_v_;
  double target_std_;
  double noise_;
};

// (1 - p)^count, kept accurate for small p and for count = 0.
double NoneOf(double p, double count) { return count <= 0 ? 1 : std::exp(count * std::log1p(-p)); }

}  // namespace

double CmmTop1(const CmmShape& shape) {
  const ScoreLaw law(shape);
  return NormalExpectation(
      [&](double g) { return NoneOf(law.Beaten(law.Target(g)), shape.n - 1); });
}

double CmmHit(const CmmShape& shape, double list) {
  if (list >= shape.n) return 1;
  const ScoreLaw law(shape);
  return NormalExpectation(
      [&](double g) { return BinomialCdf(list - 1, shape.n - 1, law.Beaten(law.Target(g))); });
}

double CmmAllTop1(const CmmShape& shape) { return std::exp(-shape.n * (1 - CmmTop1(shape))); }

double CmmPartitionedTop1(const CmmShape& shape, double partitions) {
  const CmmShape own{.d_k = shape.d_k, .d_v = shape.d_v, .n = shape.n / partitions};
  const ScoreLaw law(own);
  const double other_std = std::sqrt((own.n + own.d_v) / own.d_k);
  return NormalExpectation([&](double g) {
    const double s = law.Target(g);
    const double foreign = SphereUpperTail(own.d_v, s / other_std);
    return NoneOf(law.Beaten(s), own.n - 1) * NoneOf(foreign, shape.n - own.n);
  });
}

double CmmAsymptoticHit(double load, double t, double cue_cosine) {
  return NormalCdf(cue_cosine / std::sqrt(load) - NormalUpperQuantile(t));
}

double CmmInverseSnr(const CmmShape& shape) { return std::max(0.0, shape.n - 1) / shape.d_k; }

double ListSize(double t, double n) {
  return std::max(1.0, std::ceil(t * n * (1 - 1e-12)));  // 0.07 * 100 is a hair above 7
}

}  // namespace mneme::theory
