#include "core/theory/snr.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace mneme::theory {
namespace {

// log of the sum of (t^2/4)^k / (k! (d/2)_k); all terms are positive.
double LogMomentSeries(double d, double t) {
  const double x = t * t / 4;
  double term = 1, sum = 1;
  for (int k = 1; term > 1e-17 * sum; ++k) {
    term *= x / (k * (d / 2 + k - 1));
    sum += term;
  }
  return std::log(sum);
}

// log I_nu(t), nu >= -1/2, by Debye's expansion, whose terms fall as powers of 1/sqrt(nu^2 + t^2).
double LogBesselI(double nu, double t) {
  const double root = std::hypot(nu, t);
  const double p = nu / root, q = 1 / root, s = p * p;
  const double series =
      1 + q * ((3 - 5 * s) / 24 +
               q * ((81 + s * (-462 + 385 * s)) / 1152 +
                    q * (30375 + s * (-369603 + s * (765765 - 425425 * s))) / 414720));
  return root + nu * std::log(t / (nu + root)) - std::log(2 * std::numbers::pi * root) / 2 +
         std::log(series);
}

// 1 + x + ... + x^(count - 1) for 0 < x <= 1.
double Geometric(double x, double count) {
  if (x == 1) return count;
  return std::expm1(count * std::log(x)) / (x - 1);
}

// x^count, 1 for count 0 and 0 for an infinite count.
double Power(double x, double count) { return count == 0 ? 1 : std::pow(x, count); }

}  // namespace

double PolynomialKernelInverseSnr(double d_k, double n, int p) {
  double product = std::max(0.0, n - 1);
  for (int i = 0; i < p; ++i) product *= (2.0 * i + 1) / (d_k + 2.0 * i);
  return product;
}

double ReluKernelInverseSnr(double d_k, double n, int p) {
  return PolynomialKernelInverseSnr(d_k, n, p) / 2;
}

double LogSphereMoment(double d, double t) {
  constexpr double kSeriesMost = 200;
  if (t <= kSeriesMost) return LogMomentSeries(d, t);
  int sign = 0;
  const double nu = d / 2 - 1;
  return lgamma_r(d / 2, &sign) + nu * std::log(2 / t) + LogBesselI(nu, t);
}

double ExponentialKernelInverseSnr(double d_k, double n, double b) {
  return std::max(0.0, n - 1) * std::exp(LogSphereMoment(d_k, 2 * b) - 2 * b);
}

Recall AtCosine(const Recall& recall, double cue_cosine) {
  const double kept = cue_cosine * cue_cosine;
  return {.gain = cue_cosine * recall.gain,
          .noise = kept * recall.noise + (1 - kept) * recall.fresh,
          .fresh = recall.fresh};
}

Recall DecayedRecall(double d_k, double gamma, double writes, double age) {
  const double gain = Power(gamma, age);
  const double all = Geometric(gamma * gamma, writes);
  return {.gain = gain, .noise = std::max(0.0, all - gain * gain) / d_k, .fresh = all / d_k};
}

Recall DeltaRecall(const DeltaRule& rule, double writes, double age) {
  const auto [d_k, beta, gamma] = rule;
  const double keep = gamma * gamma * (1 - beta * (2 - beta) / d_k);  // of |W|_F^2, a write
  const double fade = gamma * gamma * (1 - 2 * beta / d_k);           // of N
  const double stationary = beta * beta / (1 - keep) / d_k;           // F / d_k
  const double before = std::max(0.0, writes - 1 - age);
  const auto fresh_after = [&](double t) { return stationary * (1 - Power(keep, t)); };

  const double faded = Power(fade, age), kept = Power(keep, age);
  const double start = (1 - beta) * (1 - beta) * gamma * gamma * fresh_after(before) + beta * beta;
  // The sum over later writes of fade^(...) (1 + gamma^2 F_t / d_k), F_t in its two powers.
  const double steady = (1 + gamma * gamma * stationary) * (1 - faded) / (1 - fade);
  const double young =
      gamma * gamma * stationary * Power(keep, before + 1) * (kept - faded) / (keep - fade);
  const double power = faded * start + beta * beta / d_k * (steady - young);
  const double gain = beta * Power(gamma * (1 - beta / d_k), age);
  return {.gain = gain, .noise = std::max(0.0, power - gain * gain), .fresh = fresh_after(writes)};
}

}  // namespace mneme::theory
