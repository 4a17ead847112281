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

// Writes after which an item's signal is lost in that of the others.
double AgeOfOblivion(const OrderedShape& shape) {
  const double kept = shape.delta ? shape.gamma * (1 - shape.beta / shape.d_k) : shape.gamma;
  constexpr double kLost = 1e4;
  return std::log(kLost * std::sqrt(shape.d_v)) / -std::log(kept);
}

// The mean of f(age) over the ages 0, 1, ..., writes - 1: their sum where they are few; otherwise
// the midpoint rule up to the age of oblivion, from which on f no longer changes.
double MeanOverAges(const OrderedShape& shape, absl::FunctionRef<double(double)> f) {
  constexpr int kPoints = 96;
  const double writes = std::max(1.0, shape.writes());
  double sum = 0;
  if (writes <= kPoints) {
    const double whole = std::floor(writes);
    for (double age = 0; age < whole; ++age) sum += f(age);
    return sum / whole;
  }
  const double seen = std::min(writes, AgeOfOblivion(shape));
  for (int i = 0; i < kPoints; ++i) {
    sum += f(std::max(0.0, (i + 0.5) * seen / kPoints - 0.5)) * seen / kPoints;
  }
  if (seen < writes) sum += f(seen) * (writes - seen);
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
