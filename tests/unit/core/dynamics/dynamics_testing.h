// What tests of simulations share.
#ifndef MNEME_TESTS_UNIT_CORE_DYNAMICS_DYNAMICS_TESTING_H_
#define MNEME_TESTS_UNIT_CORE_DYNAMICS_DYNAMICS_TESTING_H_

#include <gtest/gtest.h>

#include "core/math/blas.h"

namespace mneme::dynamics {

// Products of this size gain nothing from OpenBLAS's own threads, which wait in loops for the
// cores of other tests.
class SingleThreadedBlas : public ::testing::Environment {
 public:
  void SetUp() override { math::SetBlasThreads(1); }
};
inline const auto* const kSingleThreadedBlas =
    ::testing::AddGlobalTestEnvironment(new SingleThreadedBlas);

}  // namespace mneme::dynamics

#endif  // MNEME_TESTS_UNIT_CORE_DYNAMICS_DYNAMICS_TESTING_H_
