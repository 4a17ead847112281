// What a correlation-matrix memory (W = sum of v k^T, unit-norm keys and values, independent and
// isotropic) will recall, before anything is stored in it.
//
// Pure functions of doubles. Thread-safe. Dimensions need not be whole: for embeddings that are not
// isotropic use their effective dimension (effective_dimension.h).
#ifndef MNEME_CORE_THEORY_CMM_H_
#define MNEME_CORE_THEORY_CMM_H_

namespace mneme::theory {

// A memory of n associations of keys of R^d_k with values of R^d_v.
struct CmmShape {
  double d_k = 0;  // > 1
  double d_v = 0;  // > 1
  double n = 0;    // >= 0

  double load() const { return n / (d_k * d_v); }
};

// The finite-size law: cue = a stored key, competitors = the other n - 1 values. Spherical tails,
// and the target's and the own key's leak, which the Gaussian limit lacks.
//
// Units    probabilities of one item, mean over items; list is a number of items, >= 1.
// Errors   against simulation at d = 64: 0.03 on top-1, 0.01 on lists of 1 % and more.
// Cost     1,601 incomplete beta functions (about 1 ms).
// Source   s ~ 1 + N(0, (n-1)/(d_k d_v));
//          p(s) = P_{d_v}(s / sqrt((n-2)/d_k (1 - 1/d_v) + d_v/d_k + s^2)), one competitor beats s;
//          top-1 = E (1 - p)^(n-1), hit@K = E P(Binomial(n-1, p) <= K-1).
double CmmTop1(const CmmShape& shape);
double CmmHit(const CmmShape& shape, double list);

// P(all n items are recalled top-1), about exp(-n (1 - top-1)).
double CmmAllTop1(const CmmShape& shape);

// The same top-1 for n items hashed to `partitions` independent matrices, whose lists are merged by
// score. partitions = 1 is CmmTop1.
//
// Source   E[(1-p_own)^(n/S-1) (1-p_other)^(n-n/S)], p_own as above with n/S items,
//          p_other = P_{d_v}(s / sqrt((n/S)/d_k + d_v/d_k)): foreign items see no leak of the
//          target.
double CmmPartitionedTop1(const CmmShape& shape, double partitions);

// The limit n, d -> infinity at fixed load: the share of items whose rank is within the fraction t
// of the list, for cues at cosine `cue_cosine` to the stored key.
//
// Source   hit@t = Phi(cue_cosine / sqrt(load) - Qinv(t)), 0 < t < 1.
double CmmAsymptoticHit(double load, double t, double cue_cosine = 1);

// 1/SNR of the recall W k_i: E|noise|^2 over the squared gain, (n-1)/d_k.
double CmmInverseSnr(const CmmShape& shape);

// "hit@t" in items: a list of the fraction t of n holds max(1, ceil(t n)).
double ListSize(double t, double n);

}  // namespace mneme::theory

#endif  // MNEME_CORE_THEORY_CMM_H_
