#include "core/models/features/feature_recall.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/math/kernels.h"
#include "core/models/dense/random_feature.h"

namespace mneme::models {
namespace {

absl::Status BadCue(size_t cue) {
  return InvalidArgument(
      absl::StrCat("cue ", cue, " leads to numbers beyond float64"),
      {.reason = "NOT_FINITE",
       .given = "a cue that is not finite, or too far from 0 for positive features",
       .expected = "finite numbers",
       .next_step = "Leave this cue out, or use trigonometric features."});
}

}  // namespace

FeatureRecall::FeatureRecall(const FeatureSum& memory, MatrixViewD cues, const DescentSpec& descent)
    : memory_(memory),
      descent_(descent),
      hetero_(memory.response_dim() > 0),
      order_(cues.rows),
      states_(MatrixD::Copy(cues)),
      kept_(cues.rows, cues.cols),
      kept_gradients_(cues.rows, cues.cols),
      rates_(cues.rows, descent.rate),
      recalls_(cues.rows, hetero_ ? memory.response_dim() : cues.cols),
      outcomes_(cues.rows) {
  MNEME_CHECK(cues.cols == memory.spec().dim && descent.rate > 0 && descent.steps_max > 0);
  std::iota(order_.begin(), order_.end(), 0u);
}

FeaturePartial FeatureRecall::Empty() const {
  return memory_.Empty(order_.size(),
                       {.gradients = !hetero_ && !descent_.energy_only, .outputs = hetero_});
}

void FeatureRecall::Add(size_t part, FeaturePartial& into) const {
  if (order_.empty()) return;
  memory_.AddPart(part, states_.view().slice(0, order_.size()), into);
}

// True when the cue at this place is done; else its state has moved.
bool FeatureRecall::SettleCue(const FeaturePartial& merged, size_t place) {
  const uint32_t cue = order_[place];
  FeatureOutcome& outcome = outcomes_[cue];
  const double density = merged.densities[place];
  const double beta = memory_.spec().beta;
  outcome.steps = step_ + 1;
  if (!std::isfinite(density)) {
    outcome.error = BadCue(cue);
    return true;
  }
  const bool supported = density > kFeatureDensityMin;
  const double energy = FeatureEnergy(density, beta);
  const bool rose = step_ > 0 && energy > outcome.energy;
  if (!rose) {
    outcome.density = density;
    outcome.energy = energy;
    outcome.status = memory_.count() == 0 ? AnswerStatus::kEmptyStore : AnswerStatus::kNoSupport;
  }
  const std::span<double> recall = recalls_.row(cue);
  if (hetero_) {
    if (supported) {
      outcome.status = AnswerStatus::kConverged;
      for (size_t j = 0; j < recall.size(); ++j) recall[j] = merged.outputs.at(place, j) / density;
    }
    return true;
  }
  const std::span<double> state = states_.row(place);
  std::copy(state.begin(), state.end(), recall.begin());
  if (!rose && !supported) return true;
  if (descent_.energy_only) {
    outcome.status = AnswerStatus::kConverged;
    return true;
  }
  if (rose) {
    rates_[place] /= 2;
  } else {
    std::copy(state.begin(), state.end(), kept_.row(place).begin());
    double squares = 0;
    for (size_t j = 0; j < state.size(); ++j) {
      const double g = -merged.gradients.at(place, j) / (beta * density);
      kept_gradients_.at(place, j) = g;
      squares += g * g;
    }
    if (std::sqrt(squares) <= descent_.tolerance) {
      outcome.status = AnswerStatus::kConverged;
      return true;
    }
  }
  for (size_t j = 0; j < state.size(); ++j) {
    state[j] = kept_.at(place, j) - rates_[place] * kept_gradients_.at(place, j);
  }
  outcome.status = AnswerStatus::kMaxIterations;
  if (outcome.steps < descent_.steps_max) return false;
  std::copy(state.begin(), state.end(), recall.begin());
  return true;
}

bool FeatureRecall::Settle(const FeaturePartial& merged) {
  size_t left = 0;
  for (size_t place = 0; place < order_.size(); ++place) {
    if (SettleCue(merged, place)) continue;
    if (left != place) {
      const auto move = [&](MatrixD& m) {
        std::copy_n(m.row(place).begin(), m.cols(), m.row(left).begin());
      };
      move(states_);
      move(kept_);
      move(kept_gradients_);
      rates_[left] = rates_[place];
      order_[left] = order_[place];
    }
    ++left;
  }
  order_.resize(left);
  ++step_;
  return order_.empty();
}

FeatureAnswer Recall(const FeatureSum& memory, MatrixViewD cues, const DescentSpec& descent) {
  FeatureRecall run(memory, cues, descent);
  for (bool done = cues.rows == 0; !done;) {
    FeaturePartial merged = run.Empty();
    for (size_t part = 0; part < run.parts(); ++part) run.Add(part, merged);
    done = run.Settle(merged);
  }
  return {.recalls = std::move(run.recalls()), .outcomes = std::move(run.outcomes())};
}

}  // namespace mneme::models
