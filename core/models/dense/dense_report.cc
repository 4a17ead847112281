#include "core/models/dense/dense_report.h"

#include <algorithm>
#include <cmath>

#include "core/models/dense/separation.h"

namespace mneme::models {
namespace {

// R(x): what holds the state back. A state of +1 and -1 has one length, and needs none.
double HeldEnergy(const DenseTask& task, double squared_norm) {
  if (task.dynamics.state == StateSpace::kBinary) return 0;
  if (task.kernel.similarity == Similarity::kDot) return squared_norm / 2;
  return task.kernel.similarity == Similarity::kCosine ? 0.5 : 0;
}

// Whether the sums have another score of `row` than the list: that of its codes, or of a matrix
// product.
bool SummedOtherwise(const ScoredRow& row) {
  return static_cast<float>(row.score) != row.coded_score;
}

// What listed rows put into the sums gives way to what their keys say.
void ExchangeSummed(const DenseKernelSpec& kernel, const std::vector<ScoredRow>& top,
                    CueSums& sums) {
  if (TraitsOf(kernel.separation).sums != SumKind::kExponential ||
      std::ranges::none_of(top, SummedOtherwise)) {
    return;
  }
  const auto exponent = [&kernel](double score, const ScoredRow& row) {
    return kernel.beta * score + static_cast<double>(row.log_weight);
  };
  double m = sums.m;
  for (const ScoredRow& row : top) m = std::max(m, exponent(row.score, row));
  const double keep = std::exp(sums.m - m);
  sums.m = m;
  sums.s0 *= keep;
  sums.s2 *= keep * keep;
  for (const ScoredRow& row : top) {
    if (!SummedOtherwise(row)) continue;
    const double weight = std::exp(exponent(row.score, row) - m);
    const double coded = std::exp(exponent(static_cast<double>(row.coded_score), row) - m);
    sums.s0 += weight - coded;
    sums.s2 += weight * weight - coded * coded;
  }
  // The sums were of float32: no less than what is listed.
  double listed = 0, listed_squares = 0;
  for (const ScoredRow& row : top) {
    const double weight = std::exp(exponent(row.score, row) - m);
    listed += weight;
    listed_squares += weight * weight;
  }
  sums.s0 = std::max(sums.s0, listed);
  sums.s2 = std::max(sums.s2, listed_squares);
  sums.s1 = sums.s0;
}

void ReportEvidence(const CueSums& sums, const std::vector<ScoredRow>& top, DenseOutcome& outcome) {
  outcome.scores = sums.scores;
  const double deviation = sums.scores.Std();
  if (deviation > 0 && top.size() >= 2) {
    outcome.z_best = (top[0].score - sums.scores.mean) / deviation;
    outcome.z_gap = (top[0].score - top[1].score) / deviation;
  }
}

double ShareOf(const DenseTask& task, const CueSums& sums, const ScoredRow& row) {
  if (sums.s1 == 0) return 0;
  const bool binary = task.dynamics.state == StateSpace::kBinary;
  const double weight =
      WeightOf(task.kernel, sums.m, row.score, static_cast<double>(row.log_weight), binary);
  return std::min(1.0, weight / sums.s1);
}

}  // namespace

void ReportFigures(const DenseTask& task, bool first_pass, double squared_norm, CueSums sums,
                   std::vector<ScoredRow> top, DenseOutcome& outcome) {
  if (first_pass) ReportEvidence(sums, top, outcome);
  const double loose = sums.loose;
  if (task.kind == QueryKind::kList) ExchangeSummed(task.kernel, top, sums);
  outcome.energy = EnergyOf(task.kernel, sums.m, sums.s0, HeldEnergy(task, squared_norm));
  outcome.log_scale = sums.m;
  outcome.s0 = sums.s0;
  outcome.s1 = sums.s1;
  outcome.n_support = sums.n;
  outcome.n_eff = sums.s2 > 0 ? sums.s1 * sums.s1 / sums.s2 : 0;
  outcome.p_max = 0;
  if (TraitsOf(task.kernel.separation).sums == SumKind::kExponential) {
    // The heaviest row has weight 1 in the units of s1; it need not be the most similar one.
    if (sums.s1 != 0) outcome.p_max = std::min(1.0, 1 / sums.s1);
  } else if (!top.empty()) {
    outcome.p_max = ShareOf(task, sums, top[0]);
  }
  if (top.size() > task.top) top.resize(task.top);
  outcome.top.clear();
  outcome.mass = 0;
  for (const ScoredRow& row : top) {
    const double share = ShareOf(task, sums, row);
    outcome.top.push_back({.row = row, .share = share});
    outcome.mass += share;
  }
  outcome.mass = std::min(1.0, outcome.mass);
  // What is listed is exact; the rest of s0 may be off.
  outcome.share_error = sums.s0 > 0 && outcome.mass < 1 ? (1 - outcome.mass) * loose / sums.s0 : 0;
}

}  // namespace mneme::models
