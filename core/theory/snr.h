// Signal and noise of a recall: y = gain v + e, e uncorrelated with v, |v| = 1. Every rule of
// writing and every kernel, for independent unit-norm keys and responses of random direction.
//
// 1/SNR = E|e|^2 / gain^2. A recall is accurate where it is well below 1; it is found in a list of
// n already where d_v SNR > 2 ln n.
//
// Pure functions of doubles. Thread-safe.
#ifndef MNEME_CORE_THEORY_SNR_H_
#define MNEME_CORE_THEORY_SNR_H_

namespace mneme::theory {

// Explicit kernels: y = sum_j K(<k_j, q>) v_j / K(1), at a stored key; the gain is 1. n >= 1 items
// of R^d_k, d_k > 1.

// K(x) = x^p, p >= 1 and whole; p = 1 is the correlation-matrix memory.
//
// Source   1/SNR = (n - 1) prod_{i < p} (2 i + 1) / (d_k + 2 i).
double PolynomialKernelInverseSnr(double d_k, double n, int p);

// K(x) = max(0, x)^p: half of that.
double ReluKernelInverseSnr(double d_k, double n, int p);

// K(x) = exp(b x), b >= 0; dividing by the sum of the kernel (softmax) changes nothing.
//
// Source   1/SNR = (n - 1) M(2 b) e^{-2 b}, M as below.
// Errors   relative 1e-10, for any b. The mean is carried by rare keys from b of about 16 on: a
//          simulation with few of them sees less.
double ExponentialKernelInverseSnr(double d_k, double n, double b);

// log E exp(t x), x the first coordinate of a random unit vector of R^d, t >= 0:
// M(t) = Gamma(d/2) (2/t)^(d/2 - 1) I_{d/2 - 1}(t).
//
// Errors   1e-11 absolute up to t = 200 and d = 1e4 (power series), relative 1e-12 beyond (Debye's
//          expansion of the Bessel function).
double LogSphereMoment(double d, double t);

// The recall of one item of a memory whose rule gives every item a state of its own.
struct Recall {
  double gain = 0;
  double noise = 0;  // E|e|^2
  double fresh = 0;  // E|W x|^2, x a random unit vector: what a key of another memory recalls

  double inverse_snr() const { return noise / (gain * gain); }
};

// The same for a cue at cosine `cue_cosine` in (0, 1] to the key, in a random direction (derived):
// gain rho c, noise rho^2 E|e|^2 + (1 - rho^2) E|W x|^2.
Recall AtCosine(const Recall& recall, double cue_cosine);

// W <- gamma W + v k^T, 0 < gamma <= 1; `writes` in all (may be infinite for gamma < 1), `age` of
// them after the item's, age <= writes - 1.
//
// Source   gain gamma^age, noise the sum of gamma^(2 b) over the other ages b, over d_k. With
//          infinite writes 1/SNR = 1 / (d_k (1 - gamma^2) gamma^(2 age)) - 1/d_k.
Recall DecayedRecall(double d_k, double gamma, double writes, double age);

// W <- gamma W + beta (v - gamma W k) k^T, 0 < beta <= 1, 0 < gamma <= 1, d_k >= 2; gamma = 1 is
// the delta rule. `writes` in all (may be infinite: stationary), `age` of them after the item's.
//
// Source   with F_t = E|W|_F^2 after t writes, F_{t+1} = gamma^2 (1 - (2 beta - beta^2)/d_k) F_t +
//          beta^2: age 0 has c = beta and N = E|y|^2 = (1-beta)^2 gamma^2 F/d_k + beta^2; every
//          further write N <- gamma^2 (1 - 2 beta/d_k) N + beta^2 (1 + gamma^2 F/d_k)/d_k and
//          c <- gamma (1 - beta/d_k) c; noise N - c^2. Summed in closed form.
// Errors   d_k = 64 against simulation: 0.01 on the gain, 3 % on 1/SNR. gain 0 at great age.
struct DeltaRule {
  double d_k = 0;
  double beta = 1;
  double gamma = 1;
};
Recall DeltaRecall(const DeltaRule& rule, double writes, double age);

}  // namespace mneme::theory

#endif  // MNEME_CORE_THEORY_SNR_H_
