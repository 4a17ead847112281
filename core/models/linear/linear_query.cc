#include "core/models/linear/linear_query.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <optional>
#include <utility>

#include "core/base/status.h"
#include "core/math/kernels.h"
#include "core/models/answer_error.h"
#include "core/models/linear/tam_certificates.h"

namespace mneme::models {
namespace {

constexpr float kNoBar = std::numeric_limits<float>::infinity();

absl::Status ZeroCue() {
  return InvalidArgument("the cue is the zero vector, which has no direction",
                         {.reason = "ZERO_VECTOR",
                          .given = "a cue of length 0",
                          .expected = "a cue that is not zero",
                          .next_step = "Send a cue with at least one coordinate that is not 0."});
}

absl::Status MeanCue() {
  return InvalidArgument(
      "the cue is the memory's mean key, which has no direction once that is subtracted",
      {.reason = "ZERO_VECTOR",
       .given = "a cue equal to key_mean",
       .expected = "a cue that differs from key_mean",
       .next_step = "Send a cue with at least one coordinate that is not that of key_mean."});
}

bool AllFinite(std::span<const float> x) {
  float zero = 0;
  for (float value : x) zero += value * 0;  // NaN when one is not finite
  return zero == 0;
}

bool AllZero(std::span<const float> x) {
  return std::all_of(x.begin(), x.end(), [](float value) { return value == 0; });
}

bool Better(const ScoredRow& a, const ScoredRow& b) {
  return a.score > b.score || (a.score == b.score && a.Precedes(b));
}

double MeanScore(std::span<const ScoredRow> rows) {
  if (rows.empty()) return 0;
  double sum = 0;
  for (const ScoredRow& row : rows) sum += row.score;
  return sum / static_cast<double>(rows.size());
}

void AddLeaders(std::span<const ScoredRow> best_first, std::vector<double>& leaders) {
  for (const ScoredRow& row : best_first.first(std::min<size_t>(2, best_first.size()))) {
    leaders.push_back(row.score);
  }
}

}  // namespace

LinearQuery::LinearQuery(std::shared_ptr<const LinearSnapshot> snapshot, MatrixView cues,
                         const QuerySpec& spec, RankedItems ranked)
    : snapshot_(std::move(snapshot)),
      ranked_(std::move(ranked)),
      cues_(cues),
      kind_(spec.kind),
      top_(spec.top),
      wants_scores_(WantsScores(*snapshot_, spec)),
      target_rows_(spec.target_rows),
      path_(!wants_scores_        ? QueryPath::kLinearProduct
            : spec.certified_list ? QueryPath::kLinearCertified
                                  : QueryPath::kLinearRanking) {
  answer_.cues.resize(cue_count());
  usable_ = cue_count();
  if (snapshot_->key_frame.changes()) BringCuesIntoFrame();
  PrepareCertificates(spec);
}

void LinearQuery::BringCuesIntoFrame() {
  const KeyFrame& frame = snapshot_->key_frame;
  framed_cues_ = Matrix(cues_.rows, cues_.cols);
  for (size_t b = 0; b < cue_count(); ++b) {
    const bool has_direction = frame.Apply(cues_.row(b), framed_cues_.row(b));
    if (has_direction || !frame.normalizes()) continue;
    RefuseCue(b, AllZero(cues_.row(b)) ? ZeroCue() : MeanCue());
  }
  cues_ = framed_cues_;
}

void LinearQuery::PrepareCertificates(const QuerySpec& spec) {
  answer_.certificates = CertificatesOf(*snapshot_, spec);
  if (answer_.certificates == CertificateState::kNone) return;
  std::vector<size_t> sizes = CertifiedListSizes(*snapshot_);
  for (const size_t size : sizes) answer_.list_size += size;
  const bool given_responses = spec.candidate_responses.rows > 0;
  if (sizes.empty() || given_responses) return;
  if (spec.certified_list) {
    list_sizes_ = std::move(sizes);
  } else if (sizes.size() == 1 && top_ >= sizes[0] &&
             answer_.certificates != CertificateState::kCandidates) {
    tail_size_ = sizes[0];
  }
}

void LinearQuery::RefuseCue(size_t cue, absl::Status error) {
  if (answer_.cues[cue].error.ok()) --usable_;
  answer_.cues[cue].error = std::move(error);
}

MatrixView LinearQuery::RecallsOf(size_t partition) const {
  return recalls_.view().slice(partition * cue_count(), cue_count());
}

size_t LinearQuery::parts() const { return stage_ == 0 ? 1 : ranked_.parts(); }

double LinearQuery::TilesToScore() const {
  return wants_scores_ ? static_cast<double>(ranked_.parts()) : 0;
}

// The first stage answers for the whole query: who schedules must see the codebook that comes after
// it.
double LinearQuery::part_flops() const {
  const double cues = static_cast<double>(cue_count());
  const double d_v = static_cast<double>(snapshot_->response_dim);
  const double tile = 2 * cues * d_v * ranked_.row_products();
  if (stage_ == 1) return 1 + tile;
  const double partitions = static_cast<double>(partition_count());
  return 1 + 2 * cues * partitions * d_v * static_cast<double>(snapshot_->key_dim) +
         tile * TilesToScore();
}

double LinearQuery::part_bytes() const {
  const double row_bytes = sizeof(float) * static_cast<double>(snapshot_->response_dim);
  const double tile = row_bytes * static_cast<double>(kTileRows);
  if (stage_ == 1) return tile;
  const double partitions = static_cast<double>(partition_count());
  return row_bytes * partitions * static_cast<double>(snapshot_->key_dim) + tile * TilesToScore();
}

double LinearQuery::stage_bytes() const {
  const size_t row_bytes = sizeof(float) * snapshot_->response_dim;
  const size_t rows = stage_ == 0 ? partition_count() * snapshot_->key_dim : parts() * kTileRows;
  return static_cast<double>(row_bytes * rows);
}

LinearPartial LinearQuery::MakeEmpty() const {
  LinearPartial partial;
  if (stage_ == 0) return partial;
  const size_t lists = one_list_per_partition() ? partition_count() : 1;
  partial.scores.reserve(lists * cue_count());
  for (size_t p = 0; p < lists; ++p) {
    const size_t wanted = one_list_per_partition() ? list_sizes_[p] : top_;
    for (size_t b = 0; b < cue_count(); ++b) {
      // The second best is needed for z_gap.
      partial.scores.push_back({.top = math::TopK<ScoredRow>(std::max<size_t>(wanted, 2)),
                                .bar = bars_.empty() ? kNoBar : bars_[b]});
    }
  }
  return partial;
}

void LinearQuery::ProbeParts(size_t first, size_t last, LinearPartial& into) const {
  if (first >= last) return;
  if (stage_ == 0) {
    const size_t d_v = snapshot_->response_dim;
    into.recalls = Matrix(partition_count() * cue_count(), d_v);
    float* y = into.recalls.data();
    for (const auto& partition : snapshot_->partitions) {
      partition->weights.Recall(cues_, d_v, y);
      y += cue_count() * d_v;
    }
    return;
  }
  const auto lists =
      one_list_per_partition() ? RankedItems::Lists::kOnePerPartition : RankedItems::Lists::kOne;
  for (size_t part = first; part < last; ++part) {
    ranked_.Score(part, recalls_, lists, into.scorer, into.scores);
  }
}

void LinearQuery::MergeParts(LinearPartial& into, const LinearPartial& from) const {
  // Stage 0 has one part, so one of the two at most has recalls.
  if (!from.recalls.empty()) into.recalls = from.recalls.Clone();
  for (size_t i = 0; i < from.scores.size(); ++i) into.scores[i].Merge(from.scores[i]);
}

bool LinearQuery::SettleRecalls(LinearPartial& merged) {
  recalls_ = std::move(merged.recalls);
  MNEME_CHECK(recalls_.rows() == partition_count() * cue_count());
  for (size_t row = 0; row < recalls_.rows(); ++row) {
    if (AllFinite(recalls_.row(row))) continue;
    RefuseCue(row % cue_count(), RecallNotFinite());
    std::fill(recalls_.row(row).begin(), recalls_.row(row).end(), 0.0f);
  }
  const bool empty =
      snapshot_->stats.items == 0 || (kind_ == QueryKind::kList && ranked_.nothing_passes());
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
    if (done) {
      FinishRecalls({});
    } else {
      FindTargets();
      stage_ = 1;
    }
    return done;
  }
  FinishScores(merged.scores);
  return true;
}

void LinearQuery::FindTargets() {
  if (target_rows_.empty()) return;
  bars_.assign(cue_count(), kNoBar);
  for (size_t b = 0; b < cue_count(); ++b) {
    if (!answer_.cues[b].error.ok()) continue;
    const std::optional<ItemPlace> place = ranked_.Find(target_rows_[b]);
    if (!place) continue;
    bars_[b] = ranked_.ScoreOf(*place, RecallsOf(place->partition).row(b));
    answer_.cues[b].target = {.found = true, .score = bars_[b]};
  }
}

LinearQuery::Ranking LinearQuery::TakeRanking(std::vector<CueScores>& scores, size_t cue) const {
  if (one_list_per_partition()) return JoinPartitions(scores, cue);
  CueScores& all = scores[cue];
  Ranking ranking{.moments = all.moments, .at_least = all.at_least, .best = all.top.TakeSorted()};
  AddLeaders(ranking.best, ranking.leaders);
  ranking.tail_average =
      MeanScore(std::span(ranking.best).first(std::min(tail_size_, ranking.best.size())));
  return ranking;
}

// The union of the partitions' lists.
LinearQuery::Ranking LinearQuery::JoinPartitions(std::vector<CueScores>& scores, size_t cue) const {
  Ranking ranking;
  std::optional<ScoredRow> best;
  for (size_t p = 0; p < partition_count(); ++p) {
    CueScores& own = scores[p * cue_count() + cue];
    ranking.moments.Merge(own.moments);
    ranking.at_least += own.at_least;
    std::vector<ScoredRow> list = own.top.TakeSorted();
    AddLeaders(list, ranking.leaders);
    list.resize(std::min(list.size(), list_sizes_[p]));
    if (list.empty()) continue;
    if (!best || Better(list[0], *best)) {
      best = list[0];
      ranking.tail_average = MeanScore(list);
    }
    ranking.best.insert(ranking.best.end(), list.begin(), list.end());
  }
  std::sort(ranking.best.begin(), ranking.best.end(), Better);
  std::sort(ranking.leaders.begin(), ranking.leaders.end(), std::greater<>());
  return ranking;
}

ScoredItem LinearQuery::MakeItem(const ScoredRow& row) const {
  ScoredItem item{.id = row.id->ToItemId(), .row = row.row_number, .score = row.score};
  if (answer_.certificates == CertificateState::kSealed) {
    const size_t partition = snapshot_->router.PartitionOf(item.row, item.id);
    AddCertificate(*snapshot_->partitions[partition]->sealed, item);
  }
  return item;
}

void LinearQuery::FinishZScores(const Ranking& ranking, CueAnswer& cue) {
  cue.score_mean = ranking.moments.mean;
  cue.score_std = ranking.moments.Std();
  const std::vector<double>& leaders = ranking.leaders;
  if (leaders.empty() || cue.score_std <= 0) return;
  cue.z_best = (leaders[0] - cue.score_mean) / cue.score_std;
  cue.z_gap = leaders.size() < 2 ? 0 : (leaders[0] - leaders[1]) / cue.score_std;
}

void LinearQuery::FinishCue(const Ranking& ranking, size_t index) {
  CueAnswer& cue = answer_.cues[index];
  FinishZScores(ranking, cue);
  // One list keeps the second best too, wanted or not.
  const size_t wanted = one_list_per_partition() ? ranking.best.size() : top_;
  const size_t entries = std::min(wanted, ranking.best.size());
  cue.top.reserve(entries);
  for (size_t i = 0; i < entries; ++i) cue.top.push_back(MakeItem(ranking.best[i]));
  // Among some of the items the longest list is not the certified one.
  if (answer_.certificates != CertificateState::kCandidates) {
    cue.tail_average = ranking.tail_average;
  }
  if (cue.target.found) {
    cue.target.rank = ranking.at_least;  // the target itself is the 1 of 1 + #{j != i}
    cue.target.competitors = ranking.moments.count - 1;
  }
}

void LinearQuery::FinishScores(std::vector<CueScores>& scores) {
  std::vector<size_t> best_partition(cue_count(), 0);
  for (size_t b = 0; b < cue_count(); ++b) {
    const Ranking ranking = TakeRanking(scores, b);
    answer_.items_scored = std::max(answer_.items_scored, ranking.moments.count);
    if (!answer_.cues[b].error.ok()) continue;
    FinishCue(ranking, b);
    if (!ranking.best.empty() && kind_ == QueryKind::kRetrieve) {
      const ScoredRow& best = ranking.best[0];
      best_partition[b] = snapshot_->router.PartitionOf(best.row_number, best.id->ToItemId());
    }
  }
  FinishRecalls(best_partition);
}

// best_partition: whose recall each cue gets; empty: the sum of all.
void LinearQuery::FinishRecalls(const std::vector<size_t>& best_partition) {
  if (kind_ == QueryKind::kList) return;
  if (partition_count() == 1) {
    answer_.recalls = std::move(recalls_);
    return;
  }
  const size_t d_v = snapshot_->response_dim;
  answer_.recalls = Matrix(cue_count(), d_v);
  for (size_t b = 0; b < cue_count(); ++b) {
    float* recall = answer_.recalls.row(b).data();
    for (size_t p = 0; p < partition_count(); ++p) {
      if (!best_partition.empty() && best_partition[b] != p) continue;
      math::AddScaled(1.0f, RecallsOf(p).row(b).data(), recall, d_v);
    }
  }
}

Answer LinearQuery::TakeAnswer() {
  answer_.plan = {.path = path_, .rows = answer_.items_scored};
  if (wants_scores_) answer_.plan.tiles = ranked_.parts();
  return std::move(answer_);
}

}  // namespace mneme::models
