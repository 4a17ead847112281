// The tail average of Gaussian scores, and the loads that it sets for a memory trained for the
// tail-average margin (TAM): every item's score above the mean of the r n best of its competitors.
//
// Pure functions of doubles. Thread-safe. A tail fraction r is in (0, 1), a load is
// n / (d_k d_v) > 0.
#ifndef MNEME_CORE_THEORY_TAIL_AVERAGE_H_
#define MNEME_CORE_THEORY_TAIL_AVERAGE_H_

namespace mneme::theory {

// kappa_r = phi(Qinv(r)) / r: the mean of the upper r of N(0, 1), its upper-tail CVaR. Falls from
// infinity at r = 0 (as sqrt(2 log(1/r))) to 0 at r = 1.
//
// Errors   relative 1e-12.
double TailMean(double r);

// The r with kappa_r = kappa, for kappa > 0; 0 where r would be below the smallest double (kappa
// of 37.5 and more).
double TailFraction(double kappa);

// The expected mean of the k largest of m samples of N(0, 1), 1 <= k <= m.
//
// Source   (1/k) sum_{i <= k} Qinv((i - 0.375) / (m + 0.25)) (Blom's scores).
// Errors   0.013 at m = 100, k = 5.
// Cost     k quantiles.
double FiniteTailMean(int k, int m);

// E[(a - G)_+^2] = (a^2 + 1) Phi(a) + a phi(a): what it costs, in the square, to lift all scores of
// N(0, 1) to a.
double MeanSquareLift(double a);

// alpha_c(r) = 1 / E[(kappa_r - G)_+^2]: below this load some W puts every item above its tail
// average.
double TamCriticalLoad(double r);

// alpha_0(r) = 1 / kappa_r^2 > alpha_c(r): from this load on W = 0 minimises the TAM loss, whatever
// the penalty.
double TamCollapseLoad(double r);

// The smallest tail fraction with which a memory of this load is not collapsed, kappa_r <
// 1/sqrt(load): advice for who asked for a smaller one.
double SmallestTailFraction(double load);

}  // namespace mneme::theory

#endif  // MNEME_CORE_THEORY_TAIL_AVERAGE_H_
