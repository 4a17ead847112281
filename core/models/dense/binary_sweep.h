// States of +1 and -1 that move neuron by neuron: each neuron in turn takes the value of lower
// energy, in a random order drawn anew for each sweep. Every flip lowers the energy, so it ends.
//
// A sweep needs all patterns in one place: a flip changes every overlap before the next neuron is
// asked. Patterns are kept by neuron, a byte each, so that a neuron meets them in one line.
#ifndef MNEME_CORE_MODELS_DENSE_BINARY_SWEEP_H_
#define MNEME_CORE_MODELS_DENSE_BINARY_SWEEP_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/random.h"
#include "core/math/matrix.h"
#include "core/models/dense/kernel_spec.h"

namespace mneme::models {

// Immutable; thread-safe.
class BinaryPatterns {
 public:
  // rows [N, d] of +1 and -1 (MNEME_CHECK); log_weights [N], or empty: 0 each.
  template <typename T>
  BinaryPatterns(BasicMatrixView<T> rows, std::span<const T> log_weights);

  size_t count() const { return count_; }
  size_t neurons() const { return neurons_; }
  const int8_t* neuron(size_t i) const { return by_neuron_.data() + i * count_; }
  double weight(size_t mu) const { return weights_.empty() ? 1 : weights_[mu]; }
  bool weighted() const { return !weights_.empty(); }

 private:
  size_t count_;
  size_t neurons_;
  std::vector<int8_t> by_neuron_;  // [d, N]
  std::vector<double> weights_;
};

struct SweepOutcome {
  bool settled = false;          // a sweep turned no neuron
  int sweeps = 0;                // taken, the last of a settled run included
  size_t flips = 0;              // in all
  std::vector<double> energies;  // before, then after each sweep; Q as the separation has it, R = 0
};

// Moves `state` until a sweep turns nothing, or sweeps_max were taken.
//
//   s_i <- sign Σ_μ e^a ξ_μi [ F(β(o' + 1)) - F(β(o' - 1)) ],  o' = ξ_μ·s - ξ_μi s_i;  tie: +1
//
// Shapes   state [d] of +1 and -1.
// Units    spec.beta in 1 / overlap. Similarity dot; a separation that is summed (not argmax).
// Errors   none: shapes are the caller's promise (MNEME_CHECK).
// Cost     N·d look-ups a sweep, N more a flip; scratch 4 N + 16 d bytes.
// Threads  patterns are read only.
// Source   Krotov, Hopfield, "Dense Associative Memory for Pattern Recognition", NeurIPS 2016,
//          eq. (4); Demircigil et al. 2017 for exp.
SweepOutcome Sweep(const DenseKernelSpec& spec, const BinaryPatterns& patterns, int sweeps_max,
                   Random& order, std::span<int8_t> state);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_BINARY_SWEEP_H_
