#include "core/theory/list_law.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/theory/normal.h"
#include "core/theory/sphere.h"

namespace mneme::theory {
namespace {

constexpr double kStepInDeviations = 0.25;  // of the score of the list's last place
constexpr double kNegligible = 1e-12;
constexpr int kStepsMax = 20000;  // each way

using TailFunction = absl::FunctionRef<Tail(double)>;

// The score at which a competitor wins with chance `p`: Newton on Qinv(p(s)), which is nearly a
// straight line, inside a bracket.
double ScoreAt(double p, TailFunction beaten) {
  const double wanted = NormalUpperQuantile(p);
  double low = -1, high = 1;
  constexpr double kFarthest = 1e18;
  while (low > -kFarthest && beaten(low).p < p) low *= 2;
  while (high < kFarthest && beaten(high).p > p) high *= 2;
  double s = low + (high - low) / 2;
  for (int step = 0; step < 200; ++step) {
    const Tail tail = beaten(s);
    (tail.p > p ? low : high) = s;
    const double reached = NormalUpperQuantile(tail.p);
    double next = s + (wanted - reached) * NormalPdf(reached) / tail.density;
    if (!(next > low && next < high)) next = low + (high - low) / 2;
    if (std::abs(next - s) <= 1e-3 * (high - low) || next == s) return next;
    s = next;
  }
  return s;
}

// log(x!) - log(sqrt(2 pi x) (x/e)^x) for x > 0.
double StirlingError(double x) {
  if (x > 20) {
    const double y = 1 / (x * x);
    return (1.0 / 12 - y * (1.0 / 360 - y * (1.0 / 1260 - y / 1680))) / x;
  }
  int sign = 0;
  return lgamma_r(x + 1, &sign) - (x + 0.5) * std::log(x) + x - std::log(2 * std::numbers::pi) / 2;
}

// The density Beta(list, competitors - list + 1) of the chance p at the score of the list's last
// place: competitors times a binomial probability, which is measured from its peak, where gamma
// functions of large numbers cancel (Loader 2000).
class PlaceDensity {
 public:
  PlaceDensity(double list, double competitors)
      : up_(list - 1), down_(competitors - list), log_scale_(std::log(competitors)) {
    const double all = up_ + down_;
    if (up_ == 0 || down_ == 0) return;
    log_scale_ += StirlingError(all) - StirlingError(up_) - StirlingError(down_) -
                  std::log(2 * std::numbers::pi * up_ * down_ / all) / 2;
    peak_ = Log(up_ / all);
  }
  double At(double p) const { return p <= 0 || p >= 1 ? 0 : std::exp(log_scale_ + Log(p) - peak_); }

 private:
  double Log(double p) const {
    return (up_ == 0 ? 0 : up_ * std::log(p)) + (down_ == 0 ? 0 : down_ * std::log1p(-p));
  }
  double up_, down_;
  double log_scale_;
  double peak_ = 0;
};

// What the sum over the score of the list's last place walks along.
struct Walk {
  double start;
  double step;
  // Steps after which the step grows, as sinh does: tails may be as heavy as 1 / s.
  double reach = 40;
};

Walk WalkOf(double list, double competitors, TailFunction beaten) {
  const double p = list / (competitors + 1);
  const double deviation = std::sqrt(p * (1 - p) / (competitors + 2));
  const double start = ScoreAt(p, beaten);
  return {.start = start, .step = kStepInDeviations * deviation / beaten(start).density};
}

double HitAlong(const Walk& walk, double list, double competitors, TailFunction beaten,
                absl::FunctionRef<double(double)> above) {
  const PlaceDensity place(list, competitors);
  double hits = 0;
  const auto go = [&](int first, int direction) {
    double largest = 0;
    for (int i = first; std::abs(i) < kStepsMax; i += direction) {
      const double s = walk.start + walk.step * walk.reach * std::sinh(i / walk.reach);
      const Tail tail = beaten(s);
      const double width = walk.step * std::cosh(i / walk.reach);
      const double weight = place.At(tail.p) * tail.density * width;
      const double term = weight * above(s);
      hits += term;
      largest = std::max(largest, weight);
      if (weight <= kNegligible * largest) return;
      if (direction > 0 && term <= kNegligible * hits) return;
    }
  };
  go(-1, -1);
  go(0, 1);
  return std::clamp(hits, 0.0, 1.0);
}

}  // namespace

double ListHit(double list, double competitors, TailFunction beaten, const NormalScore& target) {
  if (list > competitors) return 1;
  const Walk walk = WalkOf(list, competitors, beaten);
  if (target.spread >= walk.step) {
    return HitAlong(walk, list, competitors, beaten,
                    [&](double s) { return NormalUpperTail((s - target.mean) / target.spread); });
  }
  constexpr int kHalf = 16;
  return NormalExpectation(
      [&](double g) {
        return BinomialCdf(list - 1, competitors, beaten(target.mean + target.spread * g).p);
      },
      kHalf);
}

double ListHit(double list, double competitors, TailFunction beaten, const AnyScore& target) {
  if (list > competitors) return 1;
  Walk walk = WalkOf(list, competitors, beaten);
  const double finer = std::min(1.0, target.scale / walk.step);
  walk.step *= finer, walk.reach /= finer;
  return HitAlong(walk, list, competitors, beaten, target.above);
}

Tail NormalTail(double s) { return {.p = NormalUpperTail(s), .density = NormalPdf(s)}; }

}  // namespace mneme::theory
