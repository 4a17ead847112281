// The synapses that an EnergyGraph offers.
//
// Threads: const after construction. Shapes are the caller's promise (EnergyGraph checks them).
#ifndef MNEME_CORE_DYNAMICS_SYNAPSES_H_
#define MNEME_CORE_DYNAMICS_SYNAPSES_H_

#include <cstddef>
#include <utility>

#include "core/dynamics/energy_graph.h"

namespace mneme::dynamics {

// -g_aᵀ W g_b. Cost 4 numbers of W flop.
class BilinearSynapse final : public Synapse {
 public:
  BilinearSynapse(size_t a, size_t b, MatrixD weights)
      : a_(a), b_(b), weights_(std::move(weights)) {}
  absl::StatusOr<double> Evaluate(const LayerVectors& g, LayerVectors& gradient) const override;

 private:
  size_t a_, b_;
  MatrixD weights_;
};

// -Σ T_ijk g_a,i g_b,j g_c,k. Cost 4 numbers of T flop.
class ThirdOrderSynapse final : public Synapse {
 public:
  ThirdOrderSynapse(size_t a, size_t b, size_t c, MatrixD weights)
      : a_(a), b_(b), c_(c), weights_(std::move(weights)) {}
  absl::StatusOr<double> Evaluate(const LayerVectors& g, LayerVectors& gradient) const override;

 private:
  size_t a_, b_, c_;
  MatrixD weights_;
};

// The energy of a dense memory, -(1/beta) ln Σ exp(beta S(g, xi)) + R(g).
class MemorySynapse final : public Synapse {
 public:
  MemorySynapse(size_t layer, MatrixD patterns, const models::DenseKernelSpec& kernel)
      : layer_(layer), patterns_(std::move(patterns)), kernel_(kernel) {}
  absl::StatusOr<double> Evaluate(const LayerVectors& g, LayerVectors& gradient) const override;

 private:
  size_t layer_;
  MatrixD patterns_;
  models::DenseKernelSpec kernel_;
};

}  // namespace mneme::dynamics

#endif  // MNEME_CORE_DYNAMICS_SYNAPSES_H_
