// Binary dense memories as a step of dynamics: every neuron of a batch of states compares the two
// energies that it could give its memory, all at once.
//
// The comparison is exact (it leaves the neuron's own part out of the overlaps), yet costs two
// products with the patterns: BinaryDifference (core/models/dense/separation.h) gives the sums.
//
// Threads     const; a state belongs to its caller.
// Invariants  1. a neuron turns to the side of the lower energy; a tie gives +1.
//             2. no exponential overflows: they are taken relative to the largest overlap.
#ifndef MNEME_CORE_DYNAMICS_BINARY_STEP_H_
#define MNEME_CORE_DYNAMICS_BINARY_STEP_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "core/math/matrix.h"

namespace mneme::dynamics {

enum class BinarySeparation {
  kExp,             // F(u) = exp(beta u)
  kPower,           // u^n
  kRectifiedPower,  // max(0, u)^n
};

struct BinaryRule {
  BinarySeparation separation = BinarySeparation::kExp;
  int power = 3;    // of the power separations, 2 to 16
  double beta = 1;  // of kExp, in 1 / overlap, in (0, 15]
};

// Beyond it one flipped bit outweighs all that float64 holds beside it.
inline constexpr double kBinaryBetaMax = 15;
inline constexpr int kBinaryPowerMin = 2, kBinaryPowerMax = 16;

absl::Status CheckBinaryRule(const BinaryRule& rule);

// Where one state lies among the patterns.
struct NearestPattern {
  size_t row = 0;  // of the largest overlap; the first of equal ones
  double overlap = 0;
};

class BinaryStepper {
 public:
  // Errors   InvalidArgument: patterns [N, d] that are empty or not of +1 and -1; a rule out of
  //          its range.
  static absl::StatusOr<BinaryStepper> Create(MatrixD patterns, const BinaryRule& rule);

  // One synchronous step of every state, in place.
  //
  // Shapes   states [B, d], entries +1 or -1 (the caller's promise).
  // Cost     4 B N d flop; scratch 2 B N + B d numbers, kept.
  void Step(MatrixD& states);

  // Shapes   state [d]. Cost 2 N d flop.
  NearestPattern Nearest(std::span<const double> state);

  MatrixViewD patterns() const { return patterns_; }

 private:
  BinaryStepper(MatrixD patterns, const BinaryRule& rule);
  // Overlaps become what patterns are multiplied by; gives what the state is.
  double Separate(std::span<double> overlaps) const;

  MatrixD patterns_;
  BinaryRule rule_;
  MatrixD overlaps_;  // scratch [B, N]
  MatrixD fields_;    // scratch [B, d]
};

}  // namespace mneme::dynamics

#endif  // MNEME_CORE_DYNAMICS_BINARY_STEP_H_
