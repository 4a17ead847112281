// From the law of scores to hits: how often the target is among the K best of its competitors.
//
// Pure functions. Thread-safe.
#ifndef MNEME_CORE_THEORY_LIST_LAW_H_
#define MNEME_CORE_THEORY_LIST_LAW_H_

#include "absl/functional/function_ref.h"

namespace mneme::theory {

// The chance that one competitor scores above s, and how fast that chance falls there, -dp/ds.
struct Tail {
  double p = 0;
  double density = 0;
};

// A target's score of the law N(mean, spread^2); spread >= 0.
struct NormalScore {
  double mean = 0;
  double spread = 0;
};

// A target's score of any law: the chance that it is above s, and the scale on which that chance
// changes, in the unit of s.
struct AnyScore {
  absl::FunctionRef<double(double s)> above;
  double scale = 1;  // > 0
};

// P(fewer than `list` of `competitors` independent competitors beat the target).
//
// competitors >= 0, list >= 1 and whole; `beaten` falls from about 1 to 0 with s.
// Source   E[BinomialCdf(list - 1; competitors, p(s))] over the target's score, integrated by
//          parts: the score of the list's last place has the density Beta(list, competitors - list
//          + 1) of p(s), and the hit is the mean over it of the chance that the target is above.
//          Trapezoidal rule over that density, which vanishes at both ends; for a target that
//          hardly varies, over the target's score instead.
// Errors   1e-7, for `above` that is smooth on its scale; 1e-5 where a competitor's tail is as
//          heavy as 1 / s, 1e-4 where `above` has kinks.
// Cost     100 to 250 calls of `beaten`; for AnyScore more where its scale is far below the
//          competitors'.
double ListHit(double list, double competitors, absl::FunctionRef<Tail(double s)> beaten,
               const NormalScore& target);
double ListHit(double list, double competitors, absl::FunctionRef<Tail(double s)> beaten,
               const AnyScore& target);

// The tail of a competitor N(0, 1).
Tail NormalTail(double s);

}  // namespace mneme::theory

#endif  // MNEME_CORE_THEORY_LIST_LAW_H_
