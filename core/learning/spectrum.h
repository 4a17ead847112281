// How evenly a matrix uses its directions: the health of a trained memory.
//
// Pure functions. Thread-safe.
#ifndef MNEME_CORE_LEARNING_SPECTRUM_H_
#define MNEME_CORE_LEARNING_SPECTRUM_H_

#include <vector>

#include "core/math/matrix.h"

namespace mneme::learning {

// With singular values s_i and q_i = s_i^2 / sum s^2. All zero for a zero matrix.
struct SpectrumShape {
  double entropy = 0;  // -sum q log q / log(min(d_v, d_k)), in [0, 1]; 1 of a single direction
  double effective_rank = 0;  // exp(-sum q log q), in [1, min(d_v, d_k)]
  double top10_energy = 0;    // sum of the ten largest q
  double quartile_ratio = 0;  // Q75 / Q25 of s^2; infinite where a quarter of them is zero
};

// Errors   1e-12 of the largest squared singular value.
// Cost     that of SquaredSingularValues.
SpectrumShape MeasureSpectrum(MatrixView m);

// s_i^2, largest first, min(rows, cols) of them. Not-a-number anywhere gives only not-a-number.
//
// Cost     2 m^2 n flop for the Gram matrix of the smaller side m, 4/3 m^3 to make it tridiagonal,
//          O(m^2) for its eigenvalues; all in double.
// Source   Householder reduction and implicit QL with Wilkinson's shift (Golub and Van Loan,
//          section 8.3).
std::vector<double> SquaredSingularValues(MatrixView m);

}  // namespace mneme::learning

#endif  // MNEME_CORE_LEARNING_SPECTRUM_H_
