#include "core/models/features/feature_query.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/base/status.h"
#include "core/models/answer_error.h"
#include "core/models/features/feature_state.h"
#include "core/theory/random_features.h"

namespace mneme::models {
namespace {

constexpr double kTrigFlops = 20;  // a sine and a cosine

MatrixD Widen(MatrixView rows) {
  MatrixD out(rows.rows, rows.cols);
  std::copy_n(rows.data, rows.rows * rows.cols, out.data());
  return out;
}

DescentSpec DescentOf(const FeatureSpec& spec, int steps_max) {
  const int steps = steps_max > 0 ? steps_max : spec.steps_max;
  return {.rate = spec.rate,
          .steps_max = steps,
          .tolerance = spec.tolerance,
          .energy_only = steps == 1};
}

// False where one of them does not fit.
bool Narrow(std::span<const double> from, std::span<float> to) {
  for (size_t j = 0; j < from.size(); ++j) {
    if (!(std::abs(from[j]) <= std::numeric_limits<float>::max())) return false;
    to[j] = static_cast<float>(from[j]);
  }
  return true;
}

}  // namespace

FeatureQuery::FeatureQuery(std::shared_ptr<const FeatureSnapshot> snapshot, MatrixView cues,
                           int steps_max)
    : snapshot_(std::move(snapshot)),
      run_(snapshot_->sum, Widen(cues), DescentOf(snapshot_->spec, steps_max)),
      gradients_(snapshot_->sum.response_dim() == 0 &&
                 !DescentOf(snapshot_->spec, steps_max).energy_only) {}

size_t FeatureQuery::parts() const { return empty() ? 0 : run_.parts(); }

double FeatureQuery::part_flops() const {
  const FeatureMapSpec& map = snapshot_->sum.spec();
  const double frequencies = static_cast<double>(std::min(kFrequenciesPerPart, map.frequencies));
  const double numbers =
      static_cast<double>((gradients_ ? 2 : 1) * map.dim + 2 * snapshot_->sum.response_dim());
  return 1 + static_cast<double>(run_.active()) * frequencies * (2 * numbers + kTrigFlops);
}

double FeatureQuery::part_bytes() const {
  const FeatureMapSpec& map = snapshot_->sum.spec();
  const double frequencies = static_cast<double>(std::min(kFrequenciesPerPart, map.frequencies));
  return sizeof(double) * frequencies *
         static_cast<double>(map.dim + 2 * (1 + snapshot_->sum.response_dim()));
}

void FeatureQuery::ProbeParts(size_t first, size_t last, FeatureQueryPartial& into) const {
  for (size_t part = first; part < last; ++part) run_.Add(part, into.sums);
}

absl::StatusOr<bool> FeatureQuery::SettleStage(FeatureQueryPartial& merged) {
  return empty() || run_.Settle(merged.sums);
}

double FeatureQuery::NoiseOfStrangers() const {
  if (snapshot_->spec.kind == FeatureKind::kPositive) return 0;
  return theory::DensityStd(std::max(0.0, snapshot_->sum.count()),
                            static_cast<double>(snapshot_->spec.features));
}

Answer FeatureQuery::TakeAnswer() {
  const MatrixD& recalls = run_.recalls();
  const std::vector<FeatureOutcome>& outcomes = run_.outcomes();
  Answer answer{.recalls = Matrix(recalls.rows(), recalls.cols())};
  answer.cues.resize(outcomes.size());
  answer.plan.path = QueryPath::kFeatureDescent;
  const double noise = NoiseOfStrangers();
  for (size_t i = 0; i < outcomes.size(); ++i) {
    CueAnswer& cue = answer.cues[i];
    const FeatureOutcome& outcome = outcomes[i];
    if (empty()) {
      cue.status = AnswerStatus::kEmptyStore;
      cue.energy = FeatureEnergy(0, snapshot_->spec.beta);
      continue;
    }
    cue.error = outcome.error;
    if (cue.error.ok() && !Narrow(recalls.row(i), answer.recalls.row(i))) {
      cue.error = RecallNotFinite();
    }
    if (!cue.error.ok()) {
      std::ranges::fill(answer.recalls.row(i), 0.0f);
      continue;
    }
    cue.status = outcome.status;
    cue.steps = outcome.steps;
    cue.energy = outcome.energy;
    if (noise > 0) cue.z_best = outcome.density / noise;
  }
  return answer;
}

}  // namespace mneme::models
