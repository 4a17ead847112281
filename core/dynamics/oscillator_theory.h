// What mean-field theory says of one stored pattern in infinitely many oscillators (oscillators.h):
// the order parameter m = |z| of every phase-locked state, where such states begin, and the point
// at which the transition turns from continuous to abrupt.
//
// With noise T and no frequencies       m = I1(y) / I0(y), y = (k2 m + k4 m³) / T
// With Lorentzian frequencies, T = 0    gamma = (k2 + k4 m²) (1 - m²) / 2
//
// Pure functions. Thread-safe.
#ifndef MNEME_CORE_DYNAMICS_OSCILLATOR_THEORY_H_
#define MNEME_CORE_DYNAMICS_OSCILLATOR_THEORY_H_

#include <optional>

#include "core/dynamics/oscillators.h"

namespace mneme::dynamics {

enum class Disorder {
  kNoise,        // strength: the temperature T
  kFrequencies,  // strength: the half width gamma
};

struct MeanFieldRoots {
  std::optional<double> stable;    // the locked state; 1 where there is no disorder
  std::optional<double> unstable;  // between the two stable ones, where locked and unlocked coexist
};

struct SaddleNode {
  double k2 = 0;  // the smallest pairwise coupling with a locked state
  double z = 0;   // the order parameter there; 0 where the transition is continuous
};

// Shapes   strength >= 0, in the unit of the couplings; couplings >= 0.
// Errors   1e-12 in m, where m does not vary faster than a rounding of the couplings.
MeanFieldRoots LockedStates(Disorder disorder, double strength, const Couplings& couplings);

// At the given quartic coupling, strength > 0.
SaddleNode SaddleNodeOf(Disorder disorder, double strength, double k4);

// Where the unlocked state loses its stability: k2 = 2 strength, in both cases.
double OnsetK2(double strength);

// The quartic coupling above which the transition is abrupt: T with noise, 2 gamma with
// frequencies.
double TricriticalK4(Disorder disorder, double strength);

// I1(y) / I0(y), y >= 0. Errors 1e-15.
double BesselRatio(double y);

}  // namespace mneme::dynamics

#endif  // MNEME_CORE_DYNAMICS_OSCILLATOR_THEORY_H_
