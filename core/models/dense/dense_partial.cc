#include "core/models/dense/dense_partial.h"

#include <algorithm>
#include <cmath>

#include "core/base/status.h"

namespace mneme::models {
namespace {

// e^(m - to), with an empty part (m = -inf) weighing nothing. (-inf minus -inf is not a number.)
double Rescale(double m, double to) {
  return m == -std::numeric_limits<double>::infinity() ? 0 : std::exp(m - to);
}

void MergeSums(CueSums& into, const CueSums& from, double keep, double take) {
  into.s0 = into.s0 * keep + from.s0 * take;
  into.s1 = into.s1 * keep + from.s1 * take;
  into.s2 = into.s2 * keep * keep + from.s2 * take * take;
  into.turn = into.turn * keep + from.turn * take;
  into.loose = into.loose * keep + from.loose * take;
  into.extra = into.extra * keep + from.extra * take;
  into.n += from.n;
  into.support ^= from.support;
  into.survived += from.survived;
  into.rescored += from.rescored;
  into.scores.Merge(from.scores);
}

}  // namespace

void DensePartial::Merge(const DensePartial& from) {
  MNEME_CHECK(sums.size() == from.sums.size() && tops.size() == from.tops.size());
  for (size_t i = 0; i < sums.size(); ++i) {
    const double m = std::max(sums[i].m, from.sums[i].m);
    const double keep = Rescale(sums[i].m, m);
    const double take = Rescale(from.sums[i].m, m);
    MergeSums(sums[i], from.sums[i], keep, take);
    sums[i].m = m;
    for (size_t j = 0; j < outputs.cols(); ++j) {
      outputs.at(i, j) = outputs.at(i, j) * keep + from.outputs.at(i, j) * take;
    }
  }
  for (size_t i = 0; i < tops.size(); ++i) tops[i].Merge(from.tops[i]);
}

}  // namespace mneme::models
