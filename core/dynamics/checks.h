// Refusals that all simulations share.
//
// Threads: pure functions.
#ifndef MNEME_CORE_DYNAMICS_CHECKS_H_
#define MNEME_CORE_DYNAMICS_CHECKS_H_

#include <string_view>

#include "absl/status/status.h"
#include "core/math/matrix.h"

namespace mneme::dynamics {

// InvalidArgument (RANGE) where value is not a number in [least, most]; NaN never is.
absl::Status CheckRange(std::string_view name, double value, double least, double most);

// InvalidArgument (SHAPE) of an empty matrix, (NOT_BINARY) of an entry that is neither +1 nor -1.
absl::Status CheckBinary(std::string_view name, MatrixViewD patterns);

// InvalidArgument (NOT_FINITE) of an infinite entry or one that is not a number.
absl::Status CheckFinite(std::string_view name, MatrixViewD numbers);

// InvalidArgument (SHAPE) where there are not `expected` of `name`.
absl::Status CheckCount(std::string_view name, size_t given, size_t expected);

}  // namespace mneme::dynamics

#endif  // MNEME_CORE_DYNAMICS_CHECKS_H_
