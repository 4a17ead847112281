#include "core/models/dense/dense_answer.h"

#include <utility>

namespace mneme::models {

CueAnswer ToCueAnswer(DenseOutcome from) {
  CueAnswer to;
  to.error = std::move(from.error);
  to.status = from.status;
  to.steps = from.steps;
  to.energy = from.energy;
  to.p_max = from.p_max;
  to.n_eff = from.n_eff;
  to.n_support = from.n_support;
  to.fallback = from.fallback;
  to.beta = from.beta;
  to.radius = from.radius;
  to.score_mean = from.scores.mean;
  to.score_std = from.scores.Std();
  to.z_best = from.z_best;
  to.z_gap = from.z_gap;
  to.mass = from.mass;
  to.share_error = from.share_error;
  to.rows_survived = from.rows_survived;
  to.rows_rescored = from.rows_rescored;
  to.top.reserve(from.top.size());
  for (const ListedRow& listed : from.top) {
    to.top.push_back({.id = listed.row.id->ToItemId(),
                      .row = listed.row.row_number,
                      .score = listed.row.score,
                      .share = listed.share});
  }
  return to;
}

}  // namespace mneme::models
