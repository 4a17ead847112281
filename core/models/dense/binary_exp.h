// Exponential binary memory: states of +1 and -1, energy E(s) = -(1/beta) sum_mu exp(beta xi_mu.s).
//
// One evaluation gives the overlaps and the field of all neurons at once; the field is the closed
// form of the energy differences that a neuron-by-neuron update would compare, so it serves a
// synchronous step with two matrix-vector products.
//
// Threads     pure functions.
// Invariants  1. field[i] > 0 exactly where turning neuron i to +1 lowers the energy.
//             2. s0 and field carry the factor exp(-log_scale): no overlap overflows.
#ifndef MNEME_CORE_MODELS_DENSE_BINARY_EXP_H_
#define MNEME_CORE_MODELS_DENSE_BINARY_EXP_H_

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "core/base/status.h"
#include "core/math/matrix.h"

namespace mneme::models {

struct BinaryExpField {
  std::vector<double> overlaps;  // [N], xi_mu . s
  double log_scale = 0;          // m = beta * the largest overlap
  double s0 = 0;                 // sum_mu exp(beta overlap_mu - m)
  std::vector<double> field;     // [d], cosh(beta) v - sinh(beta) s0 s
  double energy = 0;             // -exp(m) s0 / beta
};

// Overlaps, energy and field of one state.
//
// Shapes   patterns [N, d], N >= 1, entries +1 or -1; state [d], likewise.
// Units    beta in 1 / overlap, > 0.
// Errors   none: shapes are the caller's promise (MNEME_CHECK).
// Cost     4 N d flop.
// Source   Demircigil et al., "On a model of associative memory with huge storage capacity", 2017.
//          With F(u) = exp(beta u) and o' the overlap without neuron i, the difference
//          sum_mu F(o' + xi_mu,i) - F(o' - xi_mu,i) is 2 sinh(beta) exp(log_scale) field[i].
inline BinaryExpField EvaluateBinaryExp(MatrixViewD patterns, std::span<const double> state,
                                        double beta) {
  MNEME_CHECK(patterns.rows > 0 && patterns.cols == state.size() && beta > 0);
  BinaryExpField out;
  out.overlaps.resize(patterns.rows);
  for (size_t mu = 0; mu < patterns.rows; ++mu) {
    for (size_t i = 0; i < state.size(); ++i) out.overlaps[mu] += patterns.row(mu)[i] * state[i];
  }
  out.log_scale = beta * *std::max_element(out.overlaps.begin(), out.overlaps.end());
  std::vector<double> v(state.size());
  for (size_t mu = 0; mu < patterns.rows; ++mu) {
    const double w = std::exp(beta * out.overlaps[mu] - out.log_scale);
    out.s0 += w;
    for (size_t i = 0; i < v.size(); ++i) v[i] += w * patterns.row(mu)[i];
  }
  out.energy = -std::exp(out.log_scale) * out.s0 / beta;
  out.field.resize(v.size());
  for (size_t i = 0; i < v.size(); ++i) {
    out.field[i] = std::cosh(beta) * v[i] - std::sinh(beta) * out.s0 * state[i];
  }
  return out;
}

// The state that every neuron's own comparison asks for; a tie gives +1.
inline std::vector<double> BinaryStateOf(std::span<const double> field) {
  std::vector<double> state(field.size());
  std::transform(field.begin(), field.end(), state.begin(),
                 [](double h) { return h >= 0 ? 1.0 : -1.0; });
  return state;
}

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_BINARY_EXP_H_
