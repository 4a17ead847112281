// How the spread of a walk grows with time: detrended fluctuation analysis of a signal, diffusion
// entropy of events.
//
// Threads     pure functions.
// Invariants  an exponent that the series does not define (constant, too short) is NaN, never 0.
#ifndef MNEME_CORE_DYNAMICS_DIFFUSION_SCALING_H_
#define MNEME_CORE_DYNAMICS_DIFFUSION_SCALING_H_

#include <cstddef>
#include <span>
#include <vector>

namespace mneme::dynamics {

// A line through values over window sizes.
struct Scaling {
  double exponent = 0;          // its slope; NaN where it is not defined
  std::vector<double> windows;  // steps
  std::vector<double> values;   // fluctuation F, or entropy S in nats
};

// Different whole numbers, `count` or fewer, at about equal ratios from `least` to `most`; empty
// where most < least or least is 0.
std::vector<size_t> LogSpacedWindows(size_t least, size_t most, size_t count);

// The windows of a series of this length where none are asked for: 16 sizes from 16 to a tenth of
// it.
std::vector<size_t> FluctuationWindows(size_t steps);
// 12 sizes from 16 to min(500, steps / 40).
std::vector<size_t> EntropyWindows(size_t steps);

// First-order detrended fluctuation analysis: F(l) is the rms distance of the profile (the running
// sum of the series less its mean) from straight lines fitted in windows of l steps that do not
// overlap, F ~ l^H. White noise has H = 1/2, a random walk 3/2, a 0/1 series of renewal events as
// RenewalLaw (waiting_times.h) says.
//
// Cost     steps multiply-adds a window size.
// Source   Peng et al., "Mosaic organization of DNA nucleotides", 1994.
Scaling FluctuationScaling(std::span<const double> series, std::span<const size_t> windows);

// Diffusion entropy of a walk that makes one step to the right at each event: S(l) is the entropy
// of its displacements over all (overlapping) windows of l steps, S = A + delta ln l.
//
// Shapes   events: 0 or 1 each, or counts.
// Cost     steps a window size.
// Source   Scafetta, Grigolini, "Scaling detection in time series: diffusion entropy analysis",
//          2002; asymmetric jumps.
Scaling EntropyScaling(std::span<const double> events, std::span<const size_t> windows);

}  // namespace mneme::dynamics

#endif  // MNEME_CORE_DYNAMICS_DIFFUSION_SCALING_H_
