// What a ridge memory W = A (C + lambda I)^-1 will recall: its signal, its noise and its hits, for
// independent isotropic unit keys and values.
//
// Pure functions of doubles. Thread-safe.
#ifndef MNEME_CORE_THEORY_RIDGE_H_
#define MNEME_CORE_THEORY_RIDGE_H_

namespace mneme::theory {

struct RidgeShape {
  double d_k = 0;     // > 0
  double d_v = 0;     // > 0
  double n = 0;       // > 0
  double lambda = 0;  // >= 0; 0 is the least-squares limit
};

// The recall of a stored key is y = gain v + e, with E|v|^2 = 1.
struct RidgeLaw {
  double gain = 0;         // h
  double power = 0;        // E|y|^2 = h2
  double mse = 0;          // E|y - v|^2 = 1 - 2 h + h2
  double inverse_snr = 0;  // E|e|^2 / gain^2 = (h2 - h^2) / h^2
  double top1 = 0;         // share of items that score above the n - 1 others
};

// Source   the fixed point tau = 1 / (lambda + (n/d_k) / (1 + tau)), solved in closed form;
//          h = tau / (1 + tau), h2 = h + lambda dh/dlambda. Least squares: h = h2 = min(1, d_k/n).
//          top-1 = E Phi(z)^(n-1) with z = h sqrt(d_v/h2) + sqrt((h2 - h^2)/h2) G: the target's
//          score in standard deviations of a competitor's, sqrt(h2/d_v).
// Errors   limit of large d_k; at d = 64 within 1 % on mse and 0.02 on top-1. Gaussian scores.
// Cost     1,601 error functions.
RidgeLaw PredictRidge(const RidgeShape& shape);

}  // namespace mneme::theory

#endif  // MNEME_CORE_THEORY_RIDGE_H_
