// A memory of phase oscillators with second- and fourth-order Hebbian couplings, in time.
//
//   z_mu = (1/d) sum_j xi_mu,j exp(i theta_j)
//   E = -d sum_mu [ (k2/2) |z_mu|² + (k4/4) |z_mu|⁴ ]
//   d theta_i = omega_i dt + Im[ exp(-i theta_i) sum_mu (k2 + k4 |z_mu|²) z_mu xi_mu,i ] dt
//               + sqrt(2 T) dW_i
//
// The couplings collapse to the overlaps z_mu: one evaluation is two products with the patterns,
// of a whole batch of replicas (other angles, other noise, the same patterns and frequencies).
//
// Threads     not thread-safe.
// Invariants  1. with T = 0 and no frequencies E does not rise, up to the error of Heun's rule.
//             2. |z_mu| <= 1; energies and overlaps are those of the angles shown.
//             3. the same options, angles and seed give the same digits.
#ifndef MNEME_CORE_DYNAMICS_OSCILLATORS_H_
#define MNEME_CORE_DYNAMICS_OSCILLATORS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/random.h"
#include "core/math/matrix.h"

namespace mneme::dynamics {

// Energies an oscillator, >= 0.
struct Couplings {
  double k2 = 0;  // pairwise
  double k4 = 1;  // quartic
};

// dt (k2 + k4) above this is refused: Heun's rule would no longer follow the gradient.
inline constexpr double kOscillatorStepMax = 0.5;

struct OscillatorOptions {
  Couplings couplings;
  double temperature = 0;           // T, energy an oscillator, >= 0
  double dt = 0;                    // time; 0: AutomaticStep
  uint64_t seed = 1;                // of the noise
  std::vector<double> frequencies;  // [d], radians per unit of time; empty: all 0
};

// 0.05 / max(k2 + k4, 1).
double AutomaticStep(const Couplings& couplings);

// Lorentzian frequencies of the given half width: the middles of d equal shares of probability,
// shuffled, none beyond 40.
std::vector<double> LorentzianFrequencies(size_t dimension, double half_width, Random& random);

// [replicas, d] angles, each uniform in [0, 2 pi).
MatrixD RandomAngles(size_t replicas, size_t dimension, Random& random);
// The phases 0 (bit +1) and pi (bit -1) of each row, each moved by a Gaussian of standard deviation
// `jitter` radians.
MatrixD AnglesOf(MatrixViewD patterns, double jitter, Random& random);

class Oscillators {
 public:
  // Errors   InvalidArgument: patterns [N, d] that are not of +1 and -1, angles [B, d] of another
  //          width or not finite, negative couplings, temperature or dt, dt (k2 + k4) > 0.5.
  static absl::StatusOr<Oscillators> Create(MatrixD patterns, MatrixD angles,
                                            OscillatorOptions options);

  // Advances every replica by `count` steps of Heun's rule. `observe`, if given, is called after
  // each step; false ends the call (not an error: whoever observes knows).
  //
  // Cost     a step: 16 B N d flop and 2 B d sine-cosine pairs, and B d Gaussians where T > 0.
  // Source   the equations above; Heun's rule for additive noise (Kloeden, Platen 1992).
  void Step(size_t count, const std::function<bool()>& observe = {});

  // For a slow sweep. Errors as of Create.
  absl::Status SetCouplings(const Couplings& couplings);

  MatrixViewD patterns() const { return patterns_; }
  MatrixViewD angles() const { return angles_; }  // [B, d], radians, not wrapped
  double dt() const { return dt_; }
  double time() const { return time_; }
  // Of each replica.
  std::span<const double> energies() const { return energies_; }
  // |z_mu| of a replica with a pattern.
  double OrderParameter(size_t replica, size_t pattern) const;
  // The bits nearest to a replica's angles, read off its best pattern's phase. Phases know a
  // pattern only up to its sign: that of the cue is taken.
  //
  // Shapes   cue [d], of +1 and -1.
  std::vector<double> Decode(size_t replica, std::span<const double> cue) const;

 private:
  Oscillators(MatrixD patterns, MatrixD angles, OscillatorOptions options);
  // Overlaps, energies and drift at the given angles.
  void Evaluate(MatrixViewD angles);
  void StepOnce();

  MatrixD patterns_;  // [N, d]
  MatrixD angles_;    // [B, d]
  OscillatorOptions options_;
  Random random_;
  double dt_;
  double time_ = 0;
  std::vector<double> energies_;  // [B]
  MatrixD phases_;                // [2 B, d]: cosines of all replicas, then sines
  MatrixD overlaps_;              // [2 B, N]: real parts of z, then imaginary ones
  MatrixD weights_;               // [2 B, N]: (k2 + k4 |z|²) z, likewise
  MatrixD pulls_;                 // [2 B, d]
  MatrixD drift_;                 // [B, d]
  MatrixD predicted_;             // [B, d]
  MatrixD moved_;                 // [B, d]: what both stages add, then the second one's half
};

}  // namespace mneme::dynamics

#endif  // MNEME_CORE_DYNAMICS_OSCILLATORS_H_
