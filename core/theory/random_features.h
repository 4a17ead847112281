// How large a memory of random features must be: noise of the kernel estimate against what a cue
// has to find.
//
// Pure functions. Thread-safe. All are for trigonometric features of the kernel
// exp(-beta/2 |x-y|²), m frequencies drawn independently.
#ifndef MNEME_CORE_THEORY_RANDOM_FEATURES_H_
#define MNEME_CORE_THEORY_RANDOM_FEATURES_H_

namespace mneme::theory {

// Standard deviation of the estimate of one kernel value k, in [0, 1]: (1 - k²) / sqrt(2 m).
//
// Source   Sutherland, Schneider, "On the Error of Random Fourier Features", UAI 2015, section 2.
double KernelEstimateStd(double k, double m);

// Standard deviation of the density of n patterns of which at most one is near: sqrt(n / 2m).
double DensityStd(double patterns, double m);

// Signal over noise that a descent needs.
inline constexpr double kReliableDescent = 5;

// Frequencies for which the one pattern that a cue came from stands `ratio` standard deviations
// above the noise of all: m = (n/2) (ratio / k)², k = exp(-beta/2 noise²), noise the distance from
// cue to pattern. So beta is dear: the need grows as exp(beta noise²).
double FeaturesNeeded(double patterns, double beta, double noise, double ratio = kReliableDescent);

// Frequencies for which the energy at a cue of this density (in patterns) is off by `error` (a
// standard deviation, in units of the energy): m = (n/2) / (beta error density)².
double FeaturesForEnergyError(double patterns, double beta, double density, double error);

}  // namespace mneme::theory

#endif  // MNEME_CORE_THEORY_RANDOM_FEATURES_H_
