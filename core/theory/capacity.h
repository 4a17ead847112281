// How many associations a correlation-matrix memory can hold before it fails a stated criterion.
//
// Pure functions. Thread-safe. Each is a bisection over whole n of a law of cmm.h that falls with
// n: 15 to 40 evaluations of it. 0 where even one association fails.
#ifndef MNEME_CORE_THEORY_CAPACITY_H_
#define MNEME_CORE_THEORY_CAPACITY_H_

#include <cstdint>

namespace mneme::theory {

// CMM_ALL_TOP1: the largest n with P(all n recalled top-1) >= probability.
uint64_t CmmCapacityAllTop1(double d_k, double d_v, double probability);

// CMM_MEAN_TOP1: the largest n with top-1 >= share.
uint64_t CmmCapacityMeanTop1(double d_k, double d_v, double share);

// CMM_LIST: the largest n with hit@ceil(t n) >= share.
uint64_t CmmCapacityList(double d_k, double d_v, double t, double share);

}  // namespace mneme::theory

#endif  // MNEME_CORE_THEORY_CAPACITY_H_
