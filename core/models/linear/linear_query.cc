#include "core/models/linear/linear_query.h"

#include <algorithm>
#include <utility>

#include "core/base/ids.h"
#include "core/base/status.h"
#include "core/math/kernels.h"
#include "core/models/linear/linear_rows.h"

namespace mneme::models {
namespace {

absl::Status ZeroCue() {
  return InvalidArgument("the cue is the zero vector, which has no direction",
                         {.reason = "ZERO_VECTOR",
                          .given = "a cue of length 0",
                          .expected = "a cue that is not zero",
                          .next_step = "Send a cue with at least one coordinate that is not 0."});
}

absl::Status RecallNotFinite() {
  return FailedPrecondition(
      "the recall is too large for float32",
      {.reason = "NOT_FINITE",
       .given = "stored rows or a cue of enormous length",
       .expected = "a recall below 3.4e38",
       .next_step = "Scale keys and responses to about unit length and store them again."});
}

bool AllFinite(std::span<const float> x) {
  float zero = 0;
  for (float value : x) zero += value * 0;  // NaN when one is not finite
  return zero == 0;
}

// Which tile of which partition is part `part` of the codebook.
struct TileOfCodebook {
  size_t partition = 0;
  size_t tile = 0;
};
TileOfCodebook FindTile(const LinearSnapshot& snapshot, size_t part) {
  const auto& first = snapshot.first_tiles;
  const auto after = std::upper_bound(first.begin(), first.end(), part);
  const size_t partition = static_cast<size_t>(after - first.begin()) - 1;
  return {.partition = partition, .tile = part - first[partition]};
}

}  // namespace

LinearQuery::LinearQuery(std::shared_ptr<const LinearSnapshot> snapshot, MatrixView cues,
                         const QuerySpec& spec)
    : snapshot_(std::move(snapshot)),
      cues_(cues),
      kind_(spec.kind),
      top_(spec.top),
      has_candidates_(spec.candidate_rows.has_value()),
      wants_scores_(spec.kind == QueryKind::kList || spec.top > 0 || has_candidates_ ||
                    (snapshot_->partitions.size() > 1 && snapshot_->has_codebook)) {
  answer_.cues.resize(cue_count());
  usable_ = cue_count();
  if (snapshot_->normalize_keys) NormalizeCues();
  if (has_candidates_) ChooseRows(*spec.candidate_rows);
}

void LinearQuery::NormalizeCues() {
  unit_cues_ = Matrix(cues_.rows, cues_.cols);
  for (size_t b = 0; b < cue_count(); ++b) {
    if (!Normalize(cues_.row(b), unit_cues_.row(b))) RefuseCue(b, ZeroCue());
  }
  cues_ = unit_cues_;
}

void LinearQuery::RefuseCue(size_t cue, absl::Status error) {
  if (answer_.cues[cue].error.ok()) --usable_;
  answer_.cues[cue].error = std::move(error);
}

void LinearQuery::ChooseRows(const std::vector<uint64_t>& row_numbers) {
  for (size_t p = 0; p < snapshot_->partitions.size(); ++p) {
    const StoreView& codebook = snapshot_->partitions[p]->codebook;
    for (const uint64_t number : row_numbers) {
      const auto at = codebook.Find(number);
      if (!at) continue;
      if (chosen_.empty() || chosen_.back().partition != p || chosen_.back().tile != at->tile) {
        chosen_.push_back({.partition = p, .tile = at->tile});
      }
      chosen_.back().rows.push_back(at->row);
    }
  }
}

MatrixView LinearQuery::RecallsOf(size_t partition) const {
  return recalls_.view().slice(partition * cue_count(), cue_count());
}

size_t LinearQuery::parts() const {
  if (stage_ == 0) return 1;
  return has_candidates_ ? chosen_.size() : snapshot_->first_tiles.back();
}

// The first stage answers for the whole query: who schedules must see the codebook that comes after
// it.
double LinearQuery::part_flops() const {
  const double cues = static_cast<double>(cue_count());
  const double d_v = static_cast<double>(snapshot_->response_dim);
  const double tile = 2 * cues * d_v * static_cast<double>(kTileRows);
  if (stage_ == 1) return 1 + tile;
  const double partitions = static_cast<double>(snapshot_->partitions.size());
  return 1 + 2 * cues * partitions * d_v * static_cast<double>(snapshot_->key_dim) +
         tile * TilesToScore();
}

double LinearQuery::TilesToScore() const {
  if (!wants_scores_) return 0;
  return static_cast<double>(has_candidates_ ? chosen_.size() : snapshot_->first_tiles.back());
}

double LinearQuery::part_bytes() const {
  const double row_bytes = sizeof(float) * static_cast<double>(snapshot_->response_dim);
  const double tile = row_bytes * static_cast<double>(kTileRows);
  if (stage_ == 1) return tile;
  const double partitions = static_cast<double>(snapshot_->partitions.size());
  return row_bytes * partitions * static_cast<double>(snapshot_->key_dim) + tile * TilesToScore();
}

LinearPartial LinearQuery::MakeEmpty() const {
  LinearPartial partial;
  if (stage_ == 0) return partial;
  // The second best is needed for z_gap.
  const CueScores empty{.top = math::TopK<ScoredRow>(std::max<size_t>(top_, 2))};
  partial.scores.assign(cue_count(), empty);
  return partial;
}

void LinearQuery::ProbeParts(size_t first, size_t last, LinearPartial& into) const {
  if (first >= last) return;
  if (stage_ == 0) {
    const size_t d_v = snapshot_->response_dim;
    into.recalls = Matrix(snapshot_->partitions.size() * cue_count(), d_v);
    float* y = into.recalls.data();
    for (const auto& partition : snapshot_->partitions) {
      partition->weights.Recall(cues_, d_v, y);
      y += cue_count() * d_v;
    }
    return;
  }
  for (size_t part = first; part < last; ++part) {
    if (has_candidates_) {
      const ChosenRows& chosen = chosen_[part];
      const TileView tile = snapshot_->partitions[chosen.partition]->codebook.tile(chosen.tile);
      into.scorer.ScoreChosen(tile, chosen.rows, RecallsOf(chosen.partition), into.scores);
    } else {
      const auto [partition, i] = FindTile(*snapshot_, part);
      const TileView tile = snapshot_->partitions[partition]->codebook.tile(i);
      into.scorer.Score(tile, RecallsOf(partition), into.scores);
    }
  }
}

void LinearQuery::MergeParts(LinearPartial& into, const LinearPartial& from) const {
  // Stage 0 has one part, so one of the two at most has recalls.
  if (!from.recalls.empty()) into.recalls = from.recalls.Clone();
  for (size_t b = 0; b < from.scores.size(); ++b) into.scores[b].Merge(from.scores[b]);
}

bool LinearQuery::SettleRecalls(LinearPartial& merged) {
  recalls_ = std::move(merged.recalls);
  MNEME_CHECK(recalls_.rows() == snapshot_->partitions.size() * cue_count());
  for (size_t row = 0; row < recalls_.rows(); ++row) {
    if (AllFinite(recalls_.row(row))) continue;
    RefuseCue(row % cue_count(), RecallNotFinite());
    std::fill(recalls_.row(row).begin(), recalls_.row(row).end(), 0.0f);
  }
  const bool empty = snapshot_->stats.items == 0;
  for (CueAnswer& cue : answer_.cues) {
    if (!cue.error.ok()) continue;
    cue.status = empty ? AnswerStatus::kEmptyStore : AnswerStatus::kConverged;
    cue.steps = empty ? 0 : 1;
  }
  return empty || !wants_scores_;
}

absl::StatusOr<bool> LinearQuery::SettleStage(LinearPartial& merged) {
  if (stage_ == 0) {
    const bool done = SettleRecalls(merged);
    if (done) FinishRecalls({});
    stage_ = done ? 0 : 1;
    return done;
  }
  FinishScores(merged.scores);
  return true;
}

void LinearQuery::FinishScores(std::vector<CueScores>& scores) {
  std::vector<size_t> best_partition(cue_count(), 0);
  for (size_t b = 0; b < cue_count(); ++b) {
    CueAnswer& cue = answer_.cues[b];
    answer_.items_scored = std::max(answer_.items_scored, scores[b].moments.count);
    if (!cue.error.ok()) continue;
    const std::vector<ScoredRow> best = scores[b].top.TakeSorted();
    cue.score_mean = scores[b].moments.mean;
    cue.score_std = scores[b].moments.Std();
    if (!best.empty() && cue.score_std > 0) {
      cue.z_best = (best[0].score - cue.score_mean) / cue.score_std;
      cue.z_gap = best.size() < 2 ? 0 : (best[0].score - best[1].score) / cue.score_std;
    }
    if (!best.empty()) {
      best_partition[b] = StableHash(best[0].id->ToItemId()) % snapshot_->partitions.size();
    }
    for (size_t i = 0; i < std::min(top_, best.size()); ++i) {
      cue.top.push_back(
          {.id = best[i].id->ToItemId(), .row = best[i].row_number, .score = best[i].score});
    }
  }
  FinishRecalls(best_partition);
}

// best_partition: whose recall each cue gets; empty: the sum of all.
void LinearQuery::FinishRecalls(const std::vector<size_t>& best_partition) {
  if (kind_ == QueryKind::kList) return;
  if (snapshot_->partitions.size() == 1) {
    answer_.recalls = std::move(recalls_);
    return;
  }
  const size_t d_v = snapshot_->response_dim;
  answer_.recalls = Matrix(cue_count(), d_v);
  for (size_t b = 0; b < cue_count(); ++b) {
    float* recall = answer_.recalls.row(b).data();
    for (size_t p = 0; p < snapshot_->partitions.size(); ++p) {
      if (!best_partition.empty() && best_partition[b] != p) continue;
      math::AddScaled(1.0f, RecallsOf(p).row(b).data(), recall, d_v);
    }
  }
}

Answer LinearQuery::TakeAnswer() { return std::move(answer_); }

}  // namespace mneme::models
