// How many associations a linear memory of one matrix can hold before it fails a stated criterion.
// Always named by criterion: "all items" and "a typical item" differ by a factor of 4 in n.
//
// Pure functions. Thread-safe. Dimensions need not be whole. Those of the correlation-matrix memory
// (CMM) are bisections over whole n of a law of cmm.h that falls with n: 15 to 40 evaluations of
// it. 0 where even one association fails.
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

// The largest n with 8 n ln n <= d_k d_v, "all": in the limit of large dimensions a CMM recalls all
// of n associations top-1 below it, and not above. At finite dimensions it is a crossover:
// CmmCapacityAllTop1 is the law.
uint64_t CmmCapacityAllLimit(double d_k, double d_v);

// The largest n with 2 n ln n <= d_k d_v, "typical": the same for one association drawn at random;
// the law is CmmCapacityMeanTop1. The same number is
// TOP1_CONJECTURE, the conjectured limit up to which the best matrix of all recalls all n top-1.
uint64_t CmmCapacityTypicalLimit(double d_k, double d_v);
uint64_t Top1ConjectureCapacity(double d_k, double d_v);

// RIDGE_RECALL: the n with 1/SNR = x of the recalled response, d_k (1 + x), x >= 0, in the limit
// lambda -> 0; up to d_k recall is exact.
uint64_t RidgeCapacityRecall(double d_k, double x);

// TAM_CERTIFIED: floor(alpha_c(r) d_k d_v); up to it training can certify every item for a list of
// the fraction r, 0 < r < 1.
uint64_t TamCapacityCertified(double d_k, double d_v, double r);

// OPT_WORST_LIST: the largest n with n t*(n / (d_k d_v)) <= list: up to it the best matrix keeps
// the worst item within `list` items, list > 0.
uint64_t OptimalCapacityWorstList(double d_k, double d_v, double list);

}  // namespace mneme::theory

#endif  // MNEME_CORE_THEORY_CAPACITY_H_
