// The best matrix of all, for the worst item: the one that maximises the least margin (the
// tail-average margin with no penalty, below its critical load). One load gives one guaranteed
// list.
//
// In the limit of large dimensions the target's score, in standard deviations of a competitor's, is
// max(G, theta): all items that a plain memory would leave below theta are lifted to it exactly.
//
// Pure functions of doubles. Thread-safe. load = n / (d_k d_v) > 0.
#ifndef MNEME_CORE_THEORY_HARD_MARGIN_H_
#define MNEME_CORE_THEORY_HARD_MARGIN_H_

namespace mneme::theory {

// theta: E[(theta - G)_+^2] = 1 / load. Falls with the load; negative beyond 2.
double HardMarginThreshold(double load);

// t* = Q(theta): every stored item has a percentile (rank - 1) / (n - 1) of at most this; a share
// Phi(theta) of them sits exactly there.
double HardMarginWorstPercentile(double load);

// r_c, kappa_{r_c} = theta: the smallest tail fraction for which every item can be certified at
// this load, the inverse of TamCriticalLoad. About 2.5 t*. 1 from load 2 on, where no tail
// fraction below 1 is enough.
double HardMarginTailFraction(double load);

}  // namespace mneme::theory

#endif  // MNEME_CORE_THEORY_HARD_MARGIN_H_
