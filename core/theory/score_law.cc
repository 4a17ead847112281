#include "core/theory/score_law.h"

#include <algorithm>
#include <cmath>

#include "absl/functional/function_ref.h"
#include "core/theory/list_law.h"
#include "core/theory/normal.h"

namespace mneme::theory {
namespace {

// Scores in standard deviations of a competitor of the target's matrix.
class Scores {
 public:
  explicit Scores(const ScoreShape& shape) {
    const Recall& recall = shape.recall;
    const double deviation = std::sqrt(recall.gain * recall.gain + recall.noise);
    target_ = {.mean = recall.gain * std::sqrt(shape.d_v) / deviation,
               .spread = std::sqrt(recall.noise) / deviation};
    foreign_ = std::sqrt(recall.fresh) / deviation;
    const double own = shape.n / shape.partitions;
    if (shape.n > 1) own_share_ = std::clamp((own - 1) / (shape.n - 1), 0.0, 1.0);
  }

  const NormalScore& target() const { return target_; }

  // One competitor, drawn from all.
  Tail Beaten(double z) const {
    Tail tail = NormalTail(z);
    if (own_share_ == 1) return tail;
    const Tail foreign = NormalTail(z / foreign_);
    return {.p = own_share_ * tail.p + (1 - own_share_) * foreign.p,
            .density = own_share_ * tail.density + (1 - own_share_) * foreign.density / foreign_};
  }

  double MeanPercentile() const {
    const auto beaten_by = [&](double deviation) {
      return NormalUpperTail(target_.mean / std::hypot(target_.spread, deviation));
    };
    return own_share_ * beaten_by(1) + (1 - own_share_) * beaten_by(foreign_);
  }

 private:
  NormalScore target_;
  double foreign_ = 1;    // standard deviation of a competitor of another matrix
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
      list, shape.n - 1, [&](double z) { return scores.Beaten(z); }, scores.target());
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
