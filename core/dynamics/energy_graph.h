// A network of layers that descends one energy: associative memories of any depth, put together
// from parts.
//
//   E = Σ_l [ x_l·g_l - L_l(x_l) ] + Σ_s E_s(g...),   g_l = dL_l/dx_l (lagrangian.h)
//   tau_l dx_l/dt = -dΣE_s/dg_l - x_l                 =>  dE/dt = -Σ tau x'ᵀ (d²L/dx²) x' <= 0
//
// A layer is a Lagrangian and a size; a synapse is a scalar energy of the activations of the layers
// that it joins.
//
// Threads     building is single-threaded; then const methods from any number of threads.
// Invariants  1. Relax's accepted steps do not raise E beyond rounding: a step that would is taken
//                again, half as long.
//             2. a clamped coordinate keeps its state.
//             3. what a graph computes depends on its parts and the start alone.
#ifndef MNEME_CORE_DYNAMICS_ENERGY_GRAPH_H_
#define MNEME_CORE_DYNAMICS_ENERGY_GRAPH_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "core/dynamics/lagrangian.h"
#include "core/math/matrix.h"
#include "core/models/dense/kernel_spec.h"

namespace mneme::dynamics {

struct GraphLayer {
  Lagrangian lagrangian = Lagrangian::kIdentity;
  size_t size = 1;
  double beta = 1;  // of softmax, > 0
  double tau = 1;   // time constant, > 0
};

// One vector a layer: states x, activations g, or derivatives of the energy.
using LayerVectors = std::vector<std::vector<double>>;

// A scalar energy of some layers' activations.
class Synapse {
 public:
  virtual ~Synapse() = default;
  // Gives E_s and adds dE_s/dg to `gradient`. An error where E_s is not defined at g.
  virtual absl::StatusOr<double> Evaluate(const LayerVectors& g, LayerVectors& gradient) const = 0;
};

struct RelaxOptions {
  size_t steps_max = 3'000;
  double dt = 0;         // time; 0: a tenth of the smallest tau
  double tolerance = 0;  // stop when no coordinate's rate is above it
  // Empty, or for each layer: empty, or for each of its coordinates 1 to hold it, 0 to let it go.
  std::vector<std::vector<uint8_t>> clamped;
};

struct Relaxation {
  LayerVectors states;
  std::vector<double> energies;  // the start's, then after each step
  double largest_rise = 0;       // of an accepted step; rounding
  int halvings = 0;              // of dt
  bool converged = false;        // the tolerance was reached
};

class EnergyGraph {
 public:
  // Errors   InvalidArgument: no layer, or one of size 0, beta or tau not above 0.
  static absl::StatusOr<EnergyGraph> Create(std::vector<GraphLayer> layers);

  // Errors of all three: InvalidArgument where a layer does not exist, layers repeat, shapes
  // differ, or weights are not finite.

  // -g_aᵀ W g_b, W [size a, size b].
  absl::Status AddBilinear(size_t a, size_t b, MatrixD weights);
  // -Σ T g_a g_b g_c, T [size a · size b, size c]: row i · size b + j is (i, j).
  absl::Status AddThirdOrder(size_t a, size_t b, size_t c, MatrixD weights);
  // The energy of a dense memory (core/models/dense) at the layer's activation; patterns
  // [N, size]. Similarity dot or l2, separation exp.
  absl::Status AddMemory(size_t layer, MatrixD patterns, const models::DenseKernelSpec& kernel);

  const std::vector<GraphLayer>& layers() const { return layers_; }

  // Errors   InvalidArgument: states of other shapes, or not finite; FailedPrecondition
  //          (NOT_FINITE): the energy there is not a number.
  absl::StatusOr<double> Energy(const LayerVectors& states) const;

  // Follows the gradient by Euler's rule. `observe`, if given, sees the energy after each step;
  // false ends the run early.
  //
  // Cost     a step: the synapses' once, and once more for each halving.
  // Errors   as Energy; FailedPrecondition (UNBOUNDED) where the energy falls without end.
  absl::StatusOr<Relaxation> Relax(LayerVectors start, const RelaxOptions& options,
                                   const std::function<bool(double)>& observe = {}) const;

  // The largest difference between what the graph takes for dL/dx and dE_s/dg and differences of L
  // and E_s around these states, relative to max(1, |value|).
  //
  // Cost     four energies a coordinate.
  absl::StatusOr<double> GradientCheck(const LayerVectors& states) const;

 private:
  struct Point {
    double energy = 0;
    double scale = 0;       // sum of the sizes of its terms: what it is rounded relative to
    LayerVectors gradient;  // dΣE_s/dg
  };
  explicit EnergyGraph(std::vector<GraphLayer> layers) : layers_(std::move(layers)) {}
  // A run of Relax: where it is, and how long its steps are by now.
  struct Descent {
    Relaxation result;
    Point point;
    double dt = 0;
  };
  absl::Status CheckStates(const LayerVectors& states) const;
  absl::Status CheckLayers(std::span<const size_t> joined) const;
  absl::StatusOr<Point> Evaluate(const LayerVectors& states) const;
  // Σ E_s, and its derivatives added to `gradient`.
  absl::StatusOr<double> AddSynapses(const LayerVectors& g, LayerVectors& gradient) const;
  // dL/dx_i and dΣE_s/dg_i of a layer by differences.
  absl::StatusOr<double> LagrangianDifference(const LayerVectors& states, size_t layer,
                                              size_t i) const;
  absl::StatusOr<double> SynapticDifference(const LayerVectors& g, size_t layer, size_t i) const;
  LayerVectors Activations(const LayerVectors& states) const;
  // One step, as short as the energy asks for; false where none would be seen.
  absl::StatusOr<bool> Advance(const LayerVectors& rates, Descent& descent) const;
  LayerVectors Rates(const LayerVectors& states, const Point& point,
                     const RelaxOptions& options) const;

  std::vector<GraphLayer> layers_;
  std::vector<std::unique_ptr<Synapse>> synapses_;
};

}  // namespace mneme::dynamics

#endif  // MNEME_CORE_DYNAMICS_ENERGY_GRAPH_H_
