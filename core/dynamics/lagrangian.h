// Lagrangians of a layer: a convex L of the layer's states x whose gradient g is its activation.
//
//   identity    ½ Σ x²                              x
//   relu        ½ Σ max(x, 0)²                      max(x, 0)
//   tanh        Σ ln cosh x                         tanh x
//   softmax     (1/beta) ln Σ exp(beta x)           softmax(beta x)
//   layer-norm  d sqrt(mean((x - mean x)²) + 1e-5)  (x - mean x) / that root
//   spherical   |x|                                 x / |x|, 0 at 0
//
// Threads     pure functions.
// Invariants  g = dL/dx; the Hessian of L is positive semi-definite, so that an EnergyGraph
//             descends.
// Source      Krotov, Hopfield, "Large Associative Memory Problem in Neurobiology and Machine
//             Learning", ICLR 2021; Hoover et al., energy transformers and HAMUX.
#ifndef MNEME_CORE_DYNAMICS_LAGRANGIAN_H_
#define MNEME_CORE_DYNAMICS_LAGRANGIAN_H_

#include <optional>
#include <span>
#include <string_view>

namespace mneme::dynamics {

enum class Lagrangian { kIdentity, kRelu, kTanh, kSoftmax, kLayerNorm, kSpherical };

inline constexpr Lagrangian kLagrangians[] = {Lagrangian::kIdentity,  Lagrangian::kRelu,
                                              Lagrangian::kTanh,      Lagrangian::kSoftmax,
                                              Lagrangian::kLayerNorm, Lagrangian::kSpherical};

// "identity", "relu", "tanh", "softmax", "layer-norm", "spherical".
std::string_view Name(Lagrangian lagrangian);
std::optional<Lagrangian> ParseLagrangian(std::string_view name);

// Shapes   x of at least one number; beta > 0, of softmax alone.
double LagrangianValue(Lagrangian lagrangian, double beta, std::span<const double> x);
// Shapes   g as long as x; may be x itself.
void Activate(Lagrangian lagrangian, double beta, std::span<const double> x, std::span<double> g);

}  // namespace mneme::dynamics

#endif  // MNEME_CORE_DYNAMICS_LAGRANGIAN_H_
