// What follows from the choices of a dense spec: what goes without saying, what is kept of a row,
// and the constant that is chosen from the stored keys.
//
// Threads  pure functions.
#ifndef MNEME_CORE_MODELS_DENSE_DENSE_CHOICES_H_
#define MNEME_CORE_MODELS_DENSE_DENSE_CHOICES_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/models/dense/auto_beta.h"
#include "core/models/dense/kernel_spec.h"
#include "core/models/spec.h"
#include "core/models/store/explicit_store.h"

namespace mneme::models {

inline constexpr int kPowerDefault = 3;
// beta = 2 / radius² is a normal number of float32.
inline constexpr double kRadiusMin = 1e-19;
inline constexpr double kRadiusMax = 1e19;

// What a user may leave out.
struct DenseChoices {
  std::optional<Similarity> similarity;
  std::optional<StateSpace> state;
  std::optional<int> power;
  std::optional<int> steps_max;
};
// Sets these four of a spec whose separation is set. Left out: similarity is dot for binary states,
// cosine for powers and under an encoder, l2 else; the state is the sphere for powers of dot and
// for even powers, free else; the power is 3; steps as DefaultStepsMax.
void FillIn(const DenseChoices& choices, DenseSpec& spec);

// 50 for binary states, 32 for relu, 1 for argmax, 8 else.
int DefaultStepsMax(const DenseSpec& spec);

// An even power pulls towards the negatives of some rows: its weights may cancel.
bool HasSignedWeights(const DenseSpec& spec);

// False where recalls do not depend on beta: powers, argmax.
bool TakesBeta(const DenseSpec& spec);

// Whether passes may read int8 codes in place of keys.
bool UsesCodes(const DenseSpec& spec);

// Numbers kept of a row besides its key as it is compared: the response. Under cosine a row of a
// memory that gives back rows verbatim (argmax) keeps its own key as well, and so does one with an
// encoder.
size_t ValueDimOf(const MemorySpec& spec);

// Whether beta (or the radius) is chosen from the stored keys.
bool EstimatesBeta(const DenseSpec& spec);
// The beta that a spec fixes: given, or by its radius, or a scale that answers do not depend on
// (powers: 1 / length_max, a power of two, so that no score is above 1; argmax: 1).
//
// Units    length_max: of the longest key, powers of dot only; not positive: none is known.
double FixedBeta(const MemorySpec& spec, double length_max);
// Of rows, where EstimatesBeta: by the radius for separations of finite support.
//
// Cost     that of EstimateBeta or EstimateRadius.
BetaEstimate EstimateConstant(const StoreView& view, const DenseSpec& spec);

DenseKernelSpec KernelOf(const DenseSpec& spec, double beta);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_DENSE_CHOICES_H_
