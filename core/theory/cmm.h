// What a correlation-matrix memory (W = sum of v k^T, unit-norm keys and values, independent and
// isotropic) will recall, before anything is stored in it.
//
// Pure functions of doubles. Thread-safe. Dimensions need not be whole: for embeddings that are not
// isotropic use their effective dimension (effective_dimension.h).
#ifndef MNEME_CORE_THEORY_CMM_H_
#define MNEME_CORE_THEORY_CMM_H_

namespace mneme::theory {

// A memory of n associations of keys of R^d_k with values of R^d_v, hashed to `partitions`
// independent matrices whose lists are merged by score, and cues at cosine `cue_cosine` to the
// stored key, in random directions.
struct CmmShape {
  double d_k = 0;         // > 1
  double d_v = 0;         // > 1
  double n = 0;           // >= 0
  double partitions = 1;  // >= 1
  double cue_cosine = 1;  // in (0, 1]

  double load() const { return n / (partitions * d_k * d_v); }
};

// The finite-size law: competitors = the other n - 1 values. Spherical tails, and the target's and
// the own key's leak, which the Gaussian limit lacks.
//
// Units    probabilities of one item, mean over items; list is a number of items, >= 1.
// Errors   against simulation at d = 64: 0.03 on top-1, 0.01 on lists of 1 % and more; of the
//          integration 1e-7. Every matrix holds n / partitions items: their spread is left out.
// Cost     100 to 250 incomplete beta functions (about 0.1 ms), twice that with partitions.
// Source   m = n / partitions, s ~ rho + N(0, (m-1)/(d_k d_v));
//          p(s) = P_{d_v}(s / sqrt((m-2)/d_k (1 - 1/d_v) + d_v/d_k + s^2)), one competitor of the
//          same matrix beats s; P_{d_v}(s / sqrt((m + d_v)/d_k)), one of another matrix, which sees
//          no leak of the target; top-1 = E (1 - p)^(n-1), hit@K = E P(Binomial(n-1, p) <= K-1), p
//          the mean over competitors.
//          A cue rho k + sqrt(1 - rho^2) e, e orthogonal to k, finds <k, cue> = rho of its target
//          and as much noise as before, and a competitor sees the target's leak as rho <v, u>,
//          which is s <v, u> again: only the mean of s changes (derived).
double CmmTop1(const CmmShape& shape);
double CmmHit(const CmmShape& shape, double list);

// E p(s): the mean share of competitors that beat the target.
double CmmMeanPercentile(const CmmShape& shape);

// P(all n items are recalled top-1), about exp(-n (1 - top-1)).
double CmmAllTop1(const CmmShape& shape);

// CmmTop1 of the shape with this number of partitions.
double CmmPartitionedTop1(CmmShape shape, double partitions);

// The limit n, d -> infinity at fixed load: the share of items whose rank is within the fraction t
// of the list, for cues at cosine `cue_cosine` to the stored key.
//
// Source   hit@t = Phi(cue_cosine / sqrt(load) - Qinv(t)), 0 < t < 1.
double CmmAsymptoticHit(double load, double t, double cue_cosine = 1);

// 1/SNR of the recall W q from the target's matrix: E|noise|^2 over the squared gain,
// (m-1)/(d_k rho^2).
double CmmInverseSnr(const CmmShape& shape);

// "hit@t" in items: a list of the fraction t of n holds max(1, ceil(t n)).
double ListSize(double t, double n);

}  // namespace mneme::theory

#endif  // MNEME_CORE_THEORY_CMM_H_
