// What a dense memory computes: similarity, separation, and how the state moves.
#ifndef MNEME_CORE_MODELS_DENSE_KERNEL_SPEC_H_
#define MNEME_CORE_MODELS_DENSE_KERNEL_SPEC_H_

#include <cstdint>

#include "core/models/spec.h"

namespace mneme::models {

// E(x) = -(1/beta) Q( Σ_μ e^{a_μ} F(beta S(x, ξ_μ)) ) + R(x)
//
// S is x·ξ (dot), x·ξ / (‖x‖‖ξ‖) (cosine), -½‖x-ξ‖² (l2), -‖x-ξ‖₁ (l1). Q is ln for exp and relu,
// the identity for powers. R is ½‖x‖² for dot, ½ for cosine, 0 for l2 and l1.
struct DenseKernelSpec {
  Similarity similarity = Similarity::kL2;
  Separation separation = Separation::kExp;
  int power = 2;    // of the power separations, 2 to 16
  double beta = 1;  // > 0, in 1 / (unit of S)
};

// States of +1 and -1: which neurons are asked at once.
enum class BinaryUpdate {
  kSynchronous,  // all of them: two products a step, which shards share; may end in a cycle of two
  kSweep,        // one by one, in random order: the energy falls with every flip. Whole store only
};

struct DynamicsSpec {
  int steps_max = 8;  // 1: one-shot
  // Converged when the largest coordinate moved by at most tolerance * max(1, largest coordinate);
  // with a finite support: when the support is the one before; binary: when no neuron turned.
  double tolerance = 1e-5;
  StateSpace state = StateSpace::kFree;
  BinaryUpdate update = BinaryUpdate::kSynchronous;  // kBinary
  uint64_t seed = 1;                                 // kSweep: of the orders
  NoSupportPolicy no_support = NoSupportPolicy::kReport;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_KERNEL_SPEC_H_
