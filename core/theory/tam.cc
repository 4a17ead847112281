#include "core/theory/tam.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/base/status.h"
#include "core/theory/hard_margin.h"
#include "core/theory/list_law.h"
#include "core/theory/normal.h"
#include "core/theory/roots.h"
#include "core/theory/sphere.h"
#include "core/theory/tail_average.h"

namespace mneme::theory {
namespace {

constexpr double kLogGammaLeast = -60, kLogGammaMost = 60;

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double Softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

// The margin u = z - kappa sigma of the proximal point: the root of u = a + gamma sigmoid(-u) in
// [a, a + gamma], a = sigma (G - kappa). Safeguarded Newton from `guess`.
double Margin(double a, double gamma, double guess) {
  double low = a, high = a + gamma, u = std::clamp(guess, low, high);
  for (int step = 0; step < 200; ++step) {
    const double s = Sigmoid(-u);
    const double excess = u - a - gamma * s;
    (excess < 0 ? low : high) = u;
    double next = u - excess / (1 + gamma * s * (1 - s));
    if (!(next >= low && next <= high)) next = low + (high - low) / 2;
    const bool settled = std::abs(next - u) <= 1e-13 * (1 + std::abs(u));
    u = next;
    if (settled) break;
  }
  return u;
}

// The points of G, and the margins there of the last (sigma, gamma), from which the next start.
class Grid {
 public:
  explicit Grid(double kappa, int half) : kappa_(kappa) {
    double sum = 0;
    for (int i = -half; i <= half; ++i) {
      points_.push_back(8.0 * i / half);
      weights_.push_back(std::exp(-points_.back() * points_.back() / 2));
      sum += weights_.back();
    }
    for (double& weight : weights_) weight /= sum;
    margins_.resize(points_.size());
  }

  // Near the last place, guesses come from it: du/da = 1 / (1 + gamma s (1 - s)) and du/dlog gamma
  // = gamma s du/da. Otherwise from the neighbour on the grid.
  void MoveTo(double sigma, double gamma) {
    const double up = std::log(gamma / gamma_), out = sigma - sigma_;
    const bool near = std::abs(up) < 1 && std::abs(out) < 0.3 * sigma;
    double last_a = 0, slope = 0;
    for (size_t i = 0; i < points_.size(); ++i) {
      const double a = sigma * (points_[i] - kappa_);
      double guess = i == 0 ? a + gamma : margins_[i - 1] + slope * (a - last_a);
      if (near) {
        const double s = Sigmoid(-margins_[i]), pull = gamma_ * s;
        guess = margins_[i] + (out * (points_[i] - kappa_) + pull * up) / (1 + pull * (1 - s));
      }
      margins_[i] = Margin(a, gamma, guess);
      if (near) continue;
      const double s = Sigmoid(-margins_[i]);
      last_a = a, slope = 1 / (1 + gamma * s * (1 - s));
    }
    sigma_ = sigma, gamma_ = gamma;
  }

  // E f(G, u(G)).
  template <typename F>
  double Mean(F&& f) const {
    double sum = 0;
    for (size_t i = 0; i < points_.size(); ++i) sum += weights_[i] * f(points_[i], margins_[i]);
    return sum;
  }

 private:
  double kappa_;
  std::vector<double> points_, weights_, margins_;
  double sigma_ = 0, gamma_ = 0;  // of the margins; 0: none yet
};

double ObjectiveOn(const Grid& grid, const TamShape& shape, double sigma, double gamma) {
  const double inner = grid.Mean([&](double, double u) {
    const double s = Sigmoid(-u);  // (z - sigma G)^2 / (2 gamma) = gamma s^2 / 2
    return Softplus(-u) + gamma * s * s / 2;
  });
  return inner + sigma * sigma * (shape.lambda - 1 / (shape.load * gamma)) / 2;
}

// The inner maximum and the outer slope, on one grid that remembers where it was.
class Solver {
 public:
  Solver(const TamShape& shape, double kappa, int half)
      : shape_(shape), kappa_(kappa), grid_(kappa, half) {}

  // dF/dsigma at the best gamma.
  double Slope(double sigma) {
    Maximise(sigma);
    if (log_gamma_ >= kLogGammaMost) return shape_.lambda * sigma;  // the loss is numerically 0
    const double lift = grid_.Mean([&](double g, double u) { return -Sigmoid(-u) * (g - kappa_); });
    return lift - sigma / (shape_.load * gamma()) + shape_.lambda * sigma;
  }

  double Objective(double sigma) {
    Maximise(sigma);
    return ObjectiveOn(grid_, shape_, sigma, gamma());
  }

  double gamma() const { return std::exp(log_gamma_); }

 private:
  // Leaves the grid at (sigma, the gamma with E(z - sigma G)^2 = sigma^2 / load).
  void Maximise(double sigma) {
    const double wanted = std::log(sigma * sigma / shape_.load);
    double low = kLogGammaLeast, high = kLogGammaMost;
    double x =
        std::clamp(started_ ? log_gamma_ : std::log(2 * sigma / std::sqrt(shape_.load)), low, high);
    started_ = true;
    for (int step = 0; step < 200; ++step) {
      const double gamma = std::exp(x);
      grid_.MoveTo(sigma, gamma);
      const double square = grid_.Mean([&](double, double u) {
        const double y = gamma * Sigmoid(-u);
        return y * y;
      });
      const double product = grid_.Mean([&](double, double u) {
        const double s = Sigmoid(-u), y = gamma * s;
        return y * y / (1 + gamma * s * (1 - s));
      });
      const double missing = wanted - std::log(square);
      (missing > 0 ? low : high) = x;
      double next = x + missing * square / (2 * product);
      if (!(next > low && next < high)) next = low + (high - low) / 2;
      if (std::abs(next - x) <= 1e-11 * (1 + std::abs(x)) || kLogGammaMost - low < 1e-9) break;
      x = next;
    }
    log_gamma_ = x;
  }

  TamShape shape_;
  double kappa_;
  Grid grid_;
  bool started_ = false;
  double log_gamma_ = 0;
};

// The zero of the slope, which rises, on a logarithmic scale.
double BestSigma(Solver& solver) {
  constexpr double kStep = 1.4, kLogSigmaLeast = -30, kLogSigmaMost = 30;
  double low = 0, high = 0;
  double at_low = solver.Slope(1), at_high = at_low;
  while (at_low > 0 && low > kLogSigmaLeast) {
    high = low, at_high = at_low;
    low -= kStep;
    at_low = solver.Slope(std::exp(low));
  }
  while (at_high <= 0 && high < kLogSigmaMost) {
    low = high, at_low = at_high;
    high += kStep;
    at_high = solver.Slope(std::exp(high));
  }
  return std::exp(FindRoot(low, at_low, high, at_high, 1e-9,
                           [&](double x) { return solver.Slope(std::exp(x)); }));
}

Phase PhaseOf(const TamShape& shape, double kappa) {
  if (kappa * kappa * shape.load >= 1) return Phase::kCollapsed;
  return shape.load < TamCriticalLoad(shape.r) ? Phase::kSatisfiable : Phase::kUnsatisfiable;
}

}  // namespace

double TamObjective(const TamShape& shape, double sigma, double gamma) {
  constexpr int kHalf = 800;
  Grid grid(TailMean(shape.r), kHalf);
  grid.MoveTo(sigma, gamma);
  return ObjectiveOn(grid, shape, sigma, gamma);
}

TamSolution SolveTam(const TamShape& shape, int half_points) {
  TamSolution solution{.kappa = TailMean(shape.r)};
  solution.phase = PhaseOf(shape, solution.kappa);
  if (solution.phase == Phase::kCollapsed) {
    solution.loss = std::numbers::ln2;
    return solution;
  }
  if (solution.phase == Phase::kSatisfiable && shape.lambda == 0) {
    solution.sigma = std::numeric_limits<double>::infinity();
    return solution;
  }
  Solver solver(shape, solution.kappa, half_points);
  solution.sigma = BestSigma(solver);
  solution.loss = solver.Objective(solution.sigma);
  solution.gamma = solver.gamma();
  return solution;
}

TamLaw::TamLaw(const TamShape& shape, const TamSolution& solution, int half_points)
    : kappa_(solution.kappa), sigma_(solution.sigma), gamma_(solution.gamma) {
  form_ = solution.phase == Phase::kCollapsed ? Form::kCollapsed
          : std::isinf(sigma_)                ? Form::kHardMargin
                                              : Form::kRegular;
  offset_ =
      form_ == Form::kHardMargin ? HardMarginThreshold(shape.load) : 1 / std::sqrt(shape.load);
  double sum = 0;
  for (int i = -half_points; i <= half_points; ++i) {
    const double g = 8.0 * i / half_points;
    scores_.push_back(Score(g));
    weights_.push_back(std::exp(-g * g / 2));
    sum += weights_.back();
  }
  for (double& weight : weights_) weight /= sum;
}

double TamLaw::Score(double g) const {
  switch (form_) {
    case Form::kCollapsed:
      return g + offset_;
    case Form::kHardMargin:
      return std::max(g, offset_);
    case Form::kRegular:
      return kappa_ + Margin(sigma_ * (g - kappa_), gamma_, 0) / sigma_;
  }
  CheckFailed(__FILE__, __LINE__, "form");
}

double TamLaw::ShareAbove(double x) const {
  switch (form_) {
    case Form::kCollapsed:
      return NormalUpperTail(x - offset_);
    case Form::kHardMargin:
      return x <= offset_ ? 1 : NormalUpperTail(x);
    case Form::kRegular:  // the equation of the root, solved for G
      return NormalUpperTail(x - gamma_ / sigma_ * Sigmoid(-sigma_ * (x - kappa_)));
  }
  CheckFailed(__FILE__, __LINE__, "form");
}

template <typename F>
double TamLaw::Mean(F&& f) const {
  double sum = 0;
  for (size_t i = 0; i < scores_.size(); ++i) sum += weights_[i] * f(scores_[i]);
  return sum;
}

double TamLaw::ShareAboveAt(double x, double cue_cosine) const {
  if (cue_cosine == 1) return ShareAbove(x);
  const double noise = std::sqrt((1 - cue_cosine) * (1 + cue_cosine));
  return Mean([&](double score) { return NormalUpperTail((x - cue_cosine * score) / noise); });
}

double TamLaw::Scale() const {
  constexpr double kSharpest = 500;  // sigma from which on a step is a step
  return form_ == Form::kRegular ? 0.3 / (1 + std::min(sigma_, kSharpest)) : 1;
}

double TamLaw::Certified(double cue_cosine) const { return ShareAboveAt(kappa_, cue_cosine); }

double TamLaw::Hit(double t, double cue_cosine) const {
  return ShareAboveAt(NormalUpperQuantile(t), cue_cosine);
}

double TamLaw::HitOf(double list, double n, double cue_cosine) const {
  if (list >= n) return 1;
  if (form_ == Form::kHardMargin && cue_cosine == 1) {  // an atom at theta, and N(0, 1) above it
    const double within = BinomialCdf(list - 1, n - 1, NormalUpperTail(offset_));
    const auto above = [&](double x) { return NormalUpperTail(std::max(x, offset_)); };
    return NormalCdf(offset_) * within +
           ListHit(list, n - 1, NormalTail, AnyScore{.above = above, .scale = Scale()});
  }
  const double noise = std::sqrt((1 - cue_cosine) * (1 + cue_cosine));
  const auto above = [&](double x) { return ShareAboveAt(x, cue_cosine); };
  return ListHit(list, n - 1, NormalTail,
                 AnyScore{.above = above, .scale = std::max(Scale(), noise)});
}

double TamLaw::MeanPercentile(double cue_cosine) const {
  // The cue's noise and a competitor's score are independent: Q(rho x / sqrt(2 - rho^2)).
  const double factor = cue_cosine / std::sqrt(2 - cue_cosine * cue_cosine);
  return Mean([&](double score) { return NormalUpperTail(factor * score); });
}

double TamLaw::WorstPercentile(double n) const {
  const double least = NormalQuantile(-std::expm1(-std::numbers::ln2 / n));  // 1 - 2^(-1/n)
  return NormalUpperTail(Score(least));
}

double TamLaw::ScoreMean() const {
  return Mean([](double score) { return score; });
}

double TamLaw::ScoreStd() const {
  const double mean = ScoreMean();
  return std::sqrt(Mean([&](double score) { return (score - mean) * (score - mean); }));
}

}  // namespace mneme::theory
