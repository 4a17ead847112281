// What a memory trained for the tail-average margin (TAM) will recall: the two-parameter law of its
// scores in the limit of large dimensions, at a fixed load.
//
// Training minimises (1/n) sum_i softplus(-m_i) + (lambda/2) |W|_F^2, with m_i the item's own score
// less the mean of its r n largest competitors', keys and values scaled to |k|^2 = d_k, |v|^2 =
// d_v. Competitors' scores are then N(0, sigma^2), and the target's is z(G), G ~ N(0, 1).
//
// Thread-safe: pure functions and immutable values.
#ifndef MNEME_CORE_THEORY_TAM_H_
#define MNEME_CORE_THEORY_TAM_H_

#include <vector>

#include "core/theory/phase.h"

namespace mneme::theory {

struct TamShape {
  double load = 0;    // n / (d_k d_v) > 0
  double r = 0;       // tail fraction, in (0, 1)
  double lambda = 0;  // >= 0; 0 below the critical load is the hard-margin limit
};

struct TamSolution {
  Phase phase = Phase::kSatisfiable;  // by the critical and the collapse load of r, whatever lambda
  double kappa = 0;                   // kappa_r
  double sigma = 0;  // |W|_F with keys and values as above; 0: collapsed, infinite: hard margin
  double gamma = 0;
  double loss = 0;  // at the minimum, penalty included; log 2 when collapsed
};

// F(sigma, gamma) = E[min_z {softplus(-(z - kappa sigma)) + (z - sigma G)^2 / (2 gamma)}]
//                   - sigma^2 / (2 load gamma) + lambda sigma^2 / 2, for sigma, gamma > 0.
double TamObjective(const TamShape& shape, double sigma, double gamma);

// min over sigma of max over gamma of F.
//
// Source   Gaussian min-max comparison (exact for n, d -> infinity). For a sigma the best gamma
//          solves E(z - sigma G)^2 = sigma^2 / load, by Newton on logarithms; sigma then is the one
//          zero of dF/dsigma, which rises (F is convex in sigma).
// Errors   relative 1e-9 in sigma for sigma up to 100, with 50 points already.
// Cost     about 4 ms with the default points, in proportion to them.
TamSolution SolveTam(const TamShape& shape, int half_points = 200);

// Laws at the solution, in the limit. Scores in standard deviations of a competitor's:
// x(G) = z(G) / sigma, which rises with G; collapsed, x = G + 1/sqrt(load), the law of a
// correlation-matrix memory (the direction in which W vanishes); hard margin, x = max(G, theta).
class TamLaw {
 public:
  // 2 half_points + 1 values of G on [-8, 8] carry the means.
  TamLaw(const TamShape& shape, const TamSolution& solution, int half_points = 200);

  // P(x(G) >= x). One exponential.
  double ShareAbove(double x) const;
  // x(g); one root.
  double Score(double g) const;

  // Share of items with a margin above 0, for cues at cosine `cue_cosine` in (0, 1] to the stored
  // key: E Phi((rho x(G) - kappa) / sqrt(1 - rho^2)).
  double Certified(double cue_cosine = 1) const;
  // Share of items within the fraction t of the list, 0 < t < 1; the percentile profile.
  double Hit(double t, double cue_cosine = 1) const;
  // Share of items among the `list` best of n: Hit with the chance of n - 1 draws from N(0, 1) in
  // place of their limit (derived). list = 1 is top-1. Errors 1e-6; 1e-3 for sigma above 500.
  double HitOf(double list, double n, double cue_cosine = 1) const;

  // (rank - 1) / (n - 1): its mean over items, and the median of the worst of n items'.
  double MeanPercentile(double cue_cosine = 1) const;
  double WorstPercentile(double n) const;

  double ScoreMean() const;
  double ScoreStd() const;

 private:
  enum class Form { kRegular, kCollapsed, kHardMargin };

  // E f(x(G)).
  template <typename F>
  double Mean(F&& f) const;
  // P(rho x(G) + sqrt(1 - rho^2) G' >= x).
  double ShareAboveAt(double x, double cue_cosine) const;
  // The finest scale of ShareAbove.
  double Scale() const;

  Form form_;
  double kappa_, sigma_, gamma_;
  double offset_;               // collapsed: 1/sqrt(load); hard margin: theta
  std::vector<double> scores_;  // x at the points of G
  std::vector<double> weights_;
};

}  // namespace mneme::theory

#endif  // MNEME_CORE_THEORY_TAM_H_
