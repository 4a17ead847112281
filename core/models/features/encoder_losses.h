// What a learned encoder is trained for: keys that lie far apart, or cues that find their keys.
//
//   Z = rows of A / ‖A‖,  A = X Wᵀ,  X the centred keys
//
// Threads  pure functions, in double throughout.
#ifndef MNEME_CORE_MODELS_FEATURES_ENCODER_LOSSES_H_
#define MNEME_CORE_MODELS_FEATURES_ENCODER_LOSSES_H_

#include "core/math/matrix.h"

namespace mneme::models {

struct EncoderLoss {
  double value = 0;
  MatrixD gradient;  // [D, d]
};

// τ ln( mean over pairs μ < ν of exp(z_μ·z_ν / τ) ): for τ -> 0 the largest cosine of two keys, so
// that its minimum is a spherical code.
//
// Shapes   keys [n, d], centred, n >= 2; weights [D, d].
// Units    tau > 0, a cosine.
// Cost     2 n² D + 4 n d D flop.
// Source   Hu, Wu, Liu, "Provably Optimal Memory Capacity for Modern Hopfield Models", NeurIPS
// 2024:
//          its aim; this smooth form is ours.
EncoderLoss SeparationLoss(MatrixViewD keys, MatrixViewD weights, double tau);

// -(1/n) Σ_μ ln softmax_ν( Φ(cue_μ)·z_ν / τ )_μ: cross-entropy of finding the key that each cue
// came from.
//
// Shapes   keys, cues [n, d], centred alike, cue μ of key μ; weights [D, d].
// Cost     about 6 n² D + 8 n d D flop.
EncoderLoss RetrievalLoss(MatrixViewD keys, MatrixViewD cues, MatrixViewD weights, double tau);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_FEATURES_ENCODER_LOSSES_H_
