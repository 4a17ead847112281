#include "core/theory/score_law.h"

#include <algorithm>
#include <cmath>

#include "absl/functional/function_ref.h"
#include "core/theory/list_law.h"
#include "core/theory/normal.h"

namespace mneme::theory {
namespace {

// The tail P_d of a coordinate of a random unit vector, as P(N(0, 1) > z): x / sqrt(1 - x^2) is a
// Student variable of d - 1 degrees of freedom, whose normal transform is Peizer and Pratt's, good
// to 1e-3 of p for d >= 8. Ten times as fast as the incomplete beta function.
class SphereTail {
 public:
  explicit SphereTail(double d) {
    constexpr double kFewest = 0.2;  // the transform holds for d above 1.9; below, near enough
    const double freedom = d - 1;
    const double root = std::sqrt(std::max(freedom - 5.0 / 6, kFewest));
    factor_ = std::max(freedom - 2.0 / 3 + 0.1 / freedom, kFewest) / root;
  }

  // P_d(s / sqrt(rest + s^2)) where `own`, P_d(s / sqrt(rest)) otherwise; rest > 0.
  Tail At(double s, double rest, bool own) const {
    const double square = s * s / rest;
    if (!own && square >= 1) return {.p = s < 0 ? 1.0 : 0.0};
    const double logarithm = own ? std::log1p(square) : -std::log1p(-square);
    const double root = std::sqrt(logarithm);
    const double z = factor_ * std::copysign(root, s);
    // dz/ds; at s = 0 the limit of s / root is sqrt(rest).
    constexpr double kSmall = 1e-12;
    const double ratio = logarithm < kSmall ? std::sqrt(rest) : std::abs(s) / root;
    const double slope = factor_ * ratio / (rest * (own ? 1 + square : 1 - square));
    return {.p = NormalUpperTail(z), .density = NormalPdf(z) * slope};
  }

 private:
  double factor_;
};

class Scores {
 public:
  explicit Scores(const ScoreShape& shape) : tail_(shape.d_v) {
    const Recall& recall = shape.recall;
    target_ = {.mean = recall.gain, .spread = std::sqrt(recall.noise / shape.d_v)};
    const double own = shape.n / shape.partitions;
    if (shape.n > 1) own_share_ = std::clamp((own - 1) / (shape.n - 1), 0.0, 1.0);
    const double leak = own > 1 ? std::min(1.0, 1 / (own - 1)) : 1;  // one competitor's share
    own_rest_ = recall.noise * ((1 - leak) * (1 - 1 / shape.d_v) + shape.d_v * leak);
    // A recall without noise still leaves the products of unequal responses.
    own_rest_ = std::max(own_rest_, kNoiseLeast * recall.gain * recall.gain);
    foreign_rest_ = recall.fresh * (1 + shape.d_v / std::max(1.0, own));
  }

  const NormalScore& target() const { return target_; }

  // One competitor, drawn from all.
  Tail Beaten(double s) const {
    const Tail tail = tail_.At(s, own_rest_, true);
    if (own_share_ == 1) return tail;
    const Tail foreign = tail_.At(s, foreign_rest_, false);
    return {.p = own_share_ * tail.p + (1 - own_share_) * foreign.p,
            .density = own_share_ * tail.density + (1 - own_share_) * foreign.density};
  }

  double MeanPercentile() const {
    constexpr int kHalf = 40;
    return NormalExpectation([&](double g) { return Beaten(target_.mean + target_.spread * g).p; },
                             kHalf);
  }

 private:
  static constexpr double kNoiseLeast = 1e-12;

  SphereTail tail_;
  NormalScore target_;
  double own_rest_;       // square length that competitors see, but for the target's s^2
  double foreign_rest_;   // the same in another matrix
  double own_share_ = 1;  // of the competitors, in the target's matrix
};

// Writes after which an item's score is on the average `share` of a competitor's deviation.
double AgeAt(const OrderedShape& shape, double share) {
  const double kept = shape.delta ? shape.gamma * (1 - shape.beta / shape.d_k) : shape.gamma;
  return std::log(std::sqrt(shape.d_v) / share) / -std::log(kept);
}

// The integral of f over [from, to], panels of three Gauss-Legendre points each.
double Integral(double from, double to, int panels, absl::FunctionRef<double(double)> f) {
  constexpr double kOuter = 0.7745966692414834;  // sqrt(3/5)
  const double half = (to - from) / panels / 2;
  double sum = 0;
  for (int i = 0; i < panels; ++i) {
    const double middle = from + (2 * i + 1) * half;
    sum += (5 * f(middle - kOuter * half) + 8 * f(middle) + 5 * f(middle + kOuter * half)) / 18;
  }
  return sum * 2 * half;
}

// The mean of f(age) over the ages 0, 1, ..., writes - 1, each age standing for the width of 1
// around it. Few ages are summed one by one; of many, f changes most before the score is lost among
// the competitors', and no longer once nothing is left of it.
double MeanOverAges(const OrderedShape& shape, absl::FunctionRef<double(double)> f) {
  constexpr double kFew = 48, kLost = 0.3, kNothing = 1e-4;
  const double writes = std::max(1.0, shape.writes());
  const auto around = [&](double x) { return f(std::max(0.0, x - 0.5)); };
  if (writes <= kFew) {
    const int ages = static_cast<int>(std::ceil(writes));
    double sum = 0;
    for (int i = 0; i < ages; ++i) sum += around((i + 0.5) * writes / ages);
    return sum / ages;
  }
  constexpr int kPanels = 10;
  const double lost = std::min(writes, AgeAt(shape, kLost));
  const double nothing = std::min(writes, AgeAt(shape, kNothing));
  double sum = Integral(0, lost, kPanels, around);
  if (lost < nothing) sum += Integral(lost, nothing, kPanels / 2, around);
  if (nothing < writes) sum += f(nothing) * (writes - nothing);
  return sum / writes;
}

ScoreShape AtAge(const OrderedShape& shape, double age) {
  return {.recall = OrderedRecall(shape, age),
          .d_v = shape.d_v,
          .n = shape.n,
          .partitions = shape.partitions};
}

}  // namespace

double ScoreHit(const ScoreShape& shape, double list) {
  if (list >= shape.n) return 1;
  const Scores scores(shape);
  return ListHit(
      list, shape.n - 1, [&](double s) { return scores.Beaten(s); }, scores.target());
}

double GaussianScoreHit(double inverse_snr, double d_v, double n, double list) {
  const double signal = 1 / (1 + inverse_snr);  // share of the recall's power
  return ListHit(list, n - 1, NormalTail,
                 NormalScore{.mean = std::sqrt(d_v * signal), .spread = std::sqrt(1 - signal)});
}

double ScoreMeanPercentile(const ScoreShape& shape) { return Scores(shape).MeanPercentile(); }

Recall OrderedRecall(const OrderedShape& shape, double age) {
  const double writes = std::max(shape.writes(), age + 1);
  const Recall recall =
      shape.delta
          ? DeltaRecall({.d_k = shape.d_k, .beta = shape.beta, .gamma = shape.gamma}, writes, age)
          : DecayedRecall(shape.d_k, shape.gamma, writes, age);
  return AtCosine(recall, shape.cue_cosine);
}

double OrderedHitAtAge(const OrderedShape& shape, double age, double list) {
  return ScoreHit(AtAge(shape, age), list);
}

double OrderedHit(const OrderedShape& shape, double list) {
  if (list >= shape.n) return 1;
  return MeanOverAges(shape, [&](double age) { return OrderedHitAtAge(shape, age, list); });
}

double OrderedMeanPercentile(const OrderedShape& shape) {
  return MeanOverAges(shape, [&](double age) { return ScoreMeanPercentile(AtAge(shape, age)); });
}

}  // namespace mneme::theory
