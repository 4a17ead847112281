// What a ridge memory W = A (C + lambda I)^-1 will recall: its signal, its noise and its hits, for
// independent isotropic unit keys and values.
//
// Pure functions of doubles. Thread-safe.
#ifndef MNEME_CORE_THEORY_RIDGE_H_
#define MNEME_CORE_THEORY_RIDGE_H_

#include "core/theory/snr.h"

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
  double fresh = 0;        // E|W x|^2, x a random unit vector
  double top1 = 0;         // share of items that score above the n - 1 others

  Recall recall() const {
    return {.gain = gain, .noise = gain * gain * inverse_snr, .fresh = fresh};
  }
};

// Source   the fixed point tau = 1 / (lambda + (n/d_k) / (1 + tau)), solved in closed form;
//          h = tau / (1 + tau), h2 = h + lambda dh/dlambda. Least squares: h = h2 = min(1, d_k/n).
//          fresh = tr(W^T W) / d_k = -(n/d_k) dh/dlambda, responses being independent (derived); in
//          the least-squares limit it diverges at n = d_k, where it is capped.
//          top-1 is the Gaussian limit of score_law.h, which has the finite-size law for lists,
//          partitions and turned cues.
// Errors   limit of large d_k; at d = 64 within 1 % on mse and 0.02 on top-1. Gaussian scores.
// Cost     200 error functions.
RidgeLaw PredictRidge(const RidgeShape& shape);

}  // namespace mneme::theory

#endif  // MNEME_CORE_THEORY_RIDGE_H_
