#include "core/models/dense/indexed_query.h"

#include <algorithm>

#include "core/base/status.h"
#include "core/math/kernels.h"
#include "core/models/dense/dense_answer.h"
#include "core/models/dense/gathered_rows.h"
#include "core/models/index/binary_index.h"

namespace mneme::models {
namespace {

// Cues of a part, where a pass reads all codes, and where each cue walks on its own.
constexpr size_t kCuesPerPass = 16;
constexpr size_t kCuesPerWalk = 4;
// Parts that a batch makes at least, if it has as many cues: for as many threads.
constexpr size_t kPartsMin = 2;
// Squared length of the shortest cue that has a direction in float32.
constexpr double kSquareMin = 1e-30;
// Codes that a part reads: some 200 us of work for one cue.
constexpr uint64_t kBytesPerPiece = 3u << 20;
// Rows of a piece for each of its candidates: each piece names as many as the whole would.
constexpr uint64_t kRowsPerPieceCandidate = 32;
// The index is worth its while where it leaves out this much at least.
constexpr uint64_t kRowsPerCandidate = 2;
// What a thread does in a nanosecond of work that is neither (the scan pool's own guess).
constexpr double kFlopsPerNano = 30;

bool HasUnusableCue(MatrixView cues) {
  for (size_t i = 0; i < cues.rows; ++i) {
    const double square = static_cast<double>(math::SquaredNorm(cues.row(i).data(), cues.cols));
    if (!(square >= kSquareMin && square <= kIndexedSquareMax)) return true;
  }
  return false;
}

}  // namespace

size_t DepthFor(const Calibration& calibration, size_t top) {
  const size_t longer = (calibration.depth * top + kCalibratedTop - 1) / kCalibratedTop;
  return std::max({calibration.depth, longer, top});
}

IndexFallback WhyNotIndexed(const IndexSnapshot& index, const CueBatch& cues, const QuerySpec& spec,
                            uint64_t live_rows) {
  if (spec.exact) return IndexFallback::kAsked;
  if (spec.kind != QueryKind::kList) return IndexFallback::kRecall;
  if (index.stats.fallback != IndexFallback::kNone) return index.stats.fallback;
  if (index.candidates == nullptr) return IndexFallback::kBuilding;
  if (spec.filtered() || spec.candidate_rows) return IndexFallback::kRows;
  if (!cues.mask.empty()) return IndexFallback::kMask;
  const size_t depth = DepthFor(*index.stats.calibration, spec.top);
  if (depth > kCandidateDepthMax || depth > live_rows / kRowsPerCandidate) {
    return IndexFallback::kDepth;
  }
  if (cues.cues.rows > kCandidateCuesMax || HasUnusableCue(cues.cues)) return IndexFallback::kCue;
  return IndexFallback::kNone;
}

IndexedQuery::IndexedQuery(const DenseTask& task, const StoreView& store,
                           std::shared_ptr<const IndexSnapshot> index, const CueBatch& cues,
                           const QuerySpec& spec)
    : task_(task),
      store_(store),
      index_(std::move(index)),
      cues_(cues.cues),
      only_(spec.rows),
      depth_(DepthFor(*index_->stats.calibration, spec.top)) {
  task_.use_codes = false;
  CutIntoPieces();
}

void IndexedQuery::CutIntoPieces() {
  const size_t most = (cues_.rows + kPartsMin - 1) / kPartsMin;
  const auto* const binary = dynamic_cast<const BinaryView*>(index_->candidates.get());
  if (binary == nullptr) {
    pieces_ = {index_->candidates};
    group_ = std::clamp<size_t>(most, 1, kCuesPerWalk);
    return;
  }
  path_ = QueryPath::kBinaryIndex;
  const uint64_t count = std::min<uint64_t>(
      binary->bytes() / kBytesPerPiece, binary->live_rows() / (kRowsPerPieceCandidate * depth_));
  for (auto& piece : binary->Parts(std::max<uint64_t>(count, 1)))
    pieces_.push_back(std::move(piece));
  group_ = std::clamp<size_t>(most, 1, kCuesPerPass);
}

const DepthResult& IndexedQuery::measured() const {
  const std::vector<DepthResult>& table = index_->stats.calibration->table;
  size_t at = 0;
  while (at + 1 < table.size() && table[at + 1].depth <= depth_) ++at;
  return table[at];
}

double IndexedQuery::part_flops() const {
  const double ns = scoring_ ? measured().rescore_ns
                             : measured().candidates_ns / static_cast<double>(pieces_.size());
  return std::max(1.0, ns * kFlopsPerNano * static_cast<double>(group_));
}

double IndexedQuery::part_bytes() const {
  if (!scoring_ && pieces_.size() > 1) return static_cast<double>(kBytesPerPiece);
  return static_cast<double>(depth_ * cues_.cols * sizeof(float) * group_);
}

absl::Status IndexedQuery::Find(size_t first, size_t count, const CandidateView& piece,
                                IndexedPartial& into) const {
  MNEME_ASSIGN_OR_RETURN(std::vector<CandidateList> lists,
                         piece.Candidates(cues_.slice(first, count), depth_));
  for (size_t i = 0; i < count; ++i) {
    into.found.emplace_back(static_cast<uint32_t>(first + i), std::move(lists[i]));
  }
  return absl::OkStatus();
}

absl::Status IndexedQuery::Score(size_t first, size_t count, IndexedPartial& into) const {
  GatheredRows rows(store_, depth_, only_.get());
  for (size_t cue = first; cue < first + count; ++cue) {
    const TileView tile = rows.Gather(candidates_[cue]);
    DenseTask task = task_;
    task.live_rows = tile.rows;
    DenseRun<float> run(task, cues_.slice(cue, 1), {});
    DensePartial partial = run.Empty();
    if (tile.rows > 0) run.Add(tile, {}, partial);
    if (!run.Settle(partial)) return Internal("dense: a list took a second pass");
    CueAnswer answer = ToCueAnswer(std::move(run.outcomes().front()));
    // What these would be compared with is the memory, not what was chosen from it.
    answer.score_mean = answer.score_std = answer.z_best = answer.z_gap = 0;
    answer.rows_rescored = tile.rows;
    into.rows_scored = std::max<uint64_t>(into.rows_scored, tile.rows);
    into.answers.emplace_back(static_cast<uint32_t>(cue), std::move(answer));
  }
  return absl::OkStatus();
}

void IndexedQuery::ProbeParts(size_t first, size_t last, IndexedPartial& into) const {
  for (size_t part = first; part < last && into.error.ok(); ++part) {
    const size_t begin = part % groups() * group_;
    const size_t count = std::min(group_, cues_.rows - begin);
    into.error =
        scoring_ ? Score(begin, count, into) : Find(begin, count, *pieces_[part / groups()], into);
  }
}

void IndexedQuery::MergeParts(IndexedPartial& into, const IndexedPartial& from) const {
  into.found.insert(into.found.end(), from.found.begin(), from.found.end());
  into.answers.insert(into.answers.end(), from.answers.begin(), from.answers.end());
  into.rows_scored = std::max(into.rows_scored, from.rows_scored);
  into.error.Update(from.error);
}

void IndexedQuery::TakeCandidates(IndexedPartial& merged) {
  std::vector<std::vector<CandidateList>> of_pieces(cues_.rows);
  for (auto& [cue, list] : merged.found) of_pieces[cue].push_back(std::move(list));
  for (std::vector<CandidateList>& lists : of_pieces) {
    candidates_.push_back(lists.size() == 1 ? std::move(lists.front())
                                            : MergeCandidates(lists, depth_));
  }
}

absl::StatusOr<bool> IndexedQuery::SettleStage(IndexedPartial& merged) {
  MNEME_RETURN_IF_ERROR(merged.error);
  if (!scoring_) {
    TakeCandidates(merged);
    scoring_ = true;
    return false;
  }
  const Calibration& calibration = *index_->stats.calibration;
  answer_.cues.resize(cues_.rows);
  for (auto& [cue, answer] : merged.answers) answer_.cues[cue] = std::move(answer);
  answer_.items_scored = merged.rows_scored;
  answer_.index = {.fallback = IndexFallback::kNone,
                   .recall = calibration.recall,
                   .depth = depth_,
                   .rows = calibration.rows};
  answer_.plan = {.path = path_, .rows = store_.live_rows(), .tiles = pieces_.size()};
  return true;
}

}  // namespace mneme::models
