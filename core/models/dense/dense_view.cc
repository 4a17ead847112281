#include "core/models/dense/dense_view.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/models/dense/auto_radius.h"
#include "core/models/dense/dense_answer.h"
#include "core/models/dense/dense_choices.h"
#include "core/models/dense/indexed_query.h"

namespace mneme::models {
namespace {

// Fewer rows are scored by their keys in about a millisecond, and the figures about all of them are
// exact then.
constexpr size_t kCodedRowsMin = 16 * kTileRows;

}  // namespace

DenseView::DenseView(const MemorySpec& spec, StoreView store, const BetaEstimate& beta,
                     std::shared_ptr<const IndexSnapshot> index,
                     std::optional<ShadowCount> shadowed,
                     std::shared_ptr<const LinearEncoder> encoder,
                     std::optional<EncoderStats> encoder_stats)
    : spec_(spec),
      store_(std::move(store)),
      beta_(beta.beta),
      index_(std::move(index)),
      encoder_(std::move(encoder)) {
  stats_ = {.items = store_.live_rows(),
            .fixed_bytes = sizeof(DenseView),
            .row_bytes = store_.bytes(),
            .beta = beta.beta,
            .beta_fallback = beta.fallback,
            .bytes = {{.what = "view", .bytes = sizeof(DenseView)},
                      {.what = "keys, codes, responses, ids, norms", .bytes = store_.bytes()}}};
  stats_.shadowed = shadowed;
  if (shadowed) stats_.radius = RadiusOfBeta(beta_);
  stats_.encoder = std::move(encoder_stats);
  if (encoder_ != nullptr) {
    const uint64_t bytes =
        (encoder_->mean.size() + encoder_->weights.flat().size()) * sizeof(double);
    stats_.fixed_bytes += bytes;
    stats_.bytes.push_back({.what = "encoder", .bytes = bytes});
  }
  if (index_ == nullptr) return;
  stats_.index = index_->stats;
  if (index_->candidates == nullptr) return;
  const uint64_t bytes = index_->candidates->bytes();
  stats_.row_bytes += bytes;
  stats_.bytes.push_back({.what = "index", .bytes = bytes});
}

absl::Status DenseView::Check(const QuerySpec& spec) const {
  if (spec.beta && (!std::isfinite(*spec.beta) || *spec.beta <= 0)) {
    return InvalidArgument(absl::StrCat("beta is ", *spec.beta),
                           {.reason = "BETA",
                            .given = absl::StrCat(*spec.beta),
                            .expected = "a positive finite number",
                            .next_step = "Leave beta out to use the memory's."});
  }
  if (const auto& dense = std::get<DenseSpec>(spec_.model); spec.beta && !TakesBeta(dense)) {
    return InvalidArgument(
        absl::StrCat("beta is ", *spec.beta, ", and recalls do not depend on it"),
        {.reason = "BETA",
         .given = absl::StrCat(*spec.beta),
         .expected = absl::StrCat("none for separation ", AbslView(Name(dense.separation))),
         .next_step = "Leave beta out."});
  }
  if (spec.steps_max < 0) {
    return InvalidArgument(absl::StrCat("steps_max is ", spec.steps_max),
                           {.reason = "STEPS_MAX",
                            .given = absl::StrCat(spec.steps_max),
                            .expected = "0 for the memory's, or at least 1",
                            .next_step = "Leave steps_max out to use the memory's."});
  }
  if (spec.candidate_rows && spec.kind != QueryKind::kList) {
    return Internal("dense: candidates are for lists");
  }
  return absl::OkStatus();
}

DenseTask DenseView::TaskOf(const QuerySpec& spec) const {
  const DenseSpec& dense = std::get<DenseSpec>(spec_.model);
  const bool list = spec.kind == QueryKind::kList;
  return {.kernel = KernelOf(dense, spec.beta.value_or(beta_)),
          .dynamics = {.steps_max = spec.steps_max > 0 ? spec.steps_max : dense.steps_max,
                       .tolerance = dense.tolerance,
                       .state = dense.state,
                       .no_support = dense.no_support},
          .kind = spec.kind,
          .output_dim = list ? 0 : spec_.answer_dim(),
          .auto_associative = spec_.response_dim == 0,
          .top = spec.top,
          .listed_only = spec.candidate_rows.has_value(),
          .encoder = encoder_.get()};
}

CodesUse DenseView::ChooseCodes(const StoreView& store, const QuerySpec& spec) const {
  if (!UsesCodes(std::get<DenseSpec>(spec_.model))) return CodesUse::kModel;
  if (store.rows() < kCodedRowsMin) return CodesUse::kFewRows;
  return spec.candidate_rows ? CodesUse::kCandidates : CodesUse::kRead;
}

absl::StatusOr<std::unique_ptr<Query>> DenseView::Begin(const CueBatch& cues,
                                                        const QuerySpec& spec) const {
  MNEME_RETURN_IF_ERROR(Check(spec));
  if (encoder_ != nullptr && !cues.mask.empty()) {
    return InvalidArgument(
        "a memory with an encoder takes whole cues",
        {.reason = "MASK",
         .given = "a mask",
         .expected = "none: each number that is compared takes in all of a cue",
         .next_step = "Leave the mask out, or use a memory without an encoder."});
  }
  DenseTask task = TaskOf(spec);
  std::optional<IndexUse> why_not;
  if (index_ != nullptr) {
    why_not = {.fallback = WhyNotIndexed(*index_, cues, spec, store_.live_rows())};
    if (why_not->fallback == IndexFallback::kNone) {
      return std::make_unique<IndexedQuery>(task, store_, index_, cues, spec);
    }
  }
  const StoreView store = spec.rows == nullptr ? store_ : store_.Only(*spec.rows);
  std::vector<RowPosition> candidates;
  if (spec.candidate_rows) {
    for (const uint64_t number : *spec.candidate_rows) {
      if (const auto position = store.Find(number)) candidates.push_back(*position);
    }
    if (spec.top == 0) task.top = candidates.size();
  }
  task.live_rows = store.live_rows();
  const CodesUse codes = ChooseCodes(store, spec);
  task.use_codes = codes == CodesUse::kRead;
  auto query = std::make_unique<DenseQuery>(task, store, cues, std::move(candidates),
                                            std::move(why_not), codes, encoder_);
  if (query->active() == 0 && cues.cues.rows > 0) return query->FirstError();
  return query;
}

DenseQuery::DenseQuery(const DenseTask& task, const StoreView& store, const CueBatch& cues,
                       std::vector<RowPosition> candidates, std::optional<IndexUse> index,
                       CodesUse codes, std::shared_ptr<const LinearEncoder> encoder)
    : listed_only_(task.listed_only),
      output_dim_(task.output_dim),
      store_(store),
      candidates_(std::move(candidates)),
      index_(std::move(index)),
      codes_(codes),
      encoder_(std::move(encoder)),
      run_(task, cues.cues, cues.mask) {
  candidate_rows_.reserve(candidates_.size());
  for (const RowPosition& position : candidates_) candidate_rows_.push_back(position.row);
  if (parts() > 0) run_.ChooseCodes(store_.tile(0));
}

const absl::Status& DenseQuery::FirstError() const { return run_.outcomes().front().error; }

double DenseQuery::part_flops() const {
  if (parts() == 0) return 1;
  const double rows = static_cast<double>(store_.rows()) / static_cast<double>(parts());
  const double key_dim = static_cast<double>(store_.tile(0).key_dim);
  // Products of bytes go four times as fast, and few rows of a coded tile are read out.
  const double columns =
      run_.uses_codes() ? key_dim / 4 : key_dim + static_cast<double>(output_dim_);
  return 2 * rows * columns * static_cast<double>(std::max<size_t>(1, active()));
}

double DenseQuery::part_bytes() const {
  if (parts() == 0) return 1;
  if (run_.uses_codes())
    return static_cast<double>(kTileRows * CodedRowBytes(store_.tile(0).key_dim));
  return static_cast<double>(store_.bytes()) / static_cast<double>(parts());
}

double DenseQuery::stage_bytes() const {
  if (parts() == 0) return 0;
  const size_t key_dim = store_.tile(0).key_dim;
  const size_t row_bytes = run_.uses_codes() ? CodedRowBytes(key_dim) : key_dim * sizeof(float);
  return static_cast<double>(store_.rows() * row_bytes);
}

void DenseQuery::ProbeParts(size_t first, size_t last, DensePartial& into) const {
  for (size_t t = first; t < last; ++t) {
    std::span<const uint32_t> listed;
    if (listed_only_) {
      const auto tile = static_cast<uint32_t>(t);
      const auto begin = std::lower_bound(candidates_.begin(), candidates_.end(),
                                          RowPosition{.tile = tile, .row = 0});
      const auto end =
          std::lower_bound(begin, candidates_.end(), RowPosition{.tile = tile + 1, .row = 0});
      listed = std::span(candidate_rows_)
                   .subspan(static_cast<size_t>(begin - candidates_.begin()),
                            static_cast<size_t>(end - begin));
    }
    run_.Add(store_.tile(t), listed, into);
  }
}

void DenseQuery::CopyRow(uint64_t row_number, std::span<float> recall) const {
  const std::optional<RowPosition> at = store_.Find(row_number);
  MNEME_CHECK(at.has_value());
  const TileView tile = store_.tile(at->tile);
  std::copy_n(tile.outputs() + at->row * tile.output_dim(), recall.size(), recall.begin());
}

Answer DenseQuery::TakeAnswer() {
  for (size_t cue = 0; cue < run_.recalls().rows(); ++cue) {
    if (const auto& best = run_.outcomes()[cue].best_row) CopyRow(*best, run_.recalls().row(cue));
  }
  Answer answer{.recalls = std::move(run_.recalls()),
                .proof = run_.coded() ? ExactnessProof::kCodeBounds : ExactnessProof::kFullScan,
                .items_scored = listed_only_ ? candidates_.size() : store_.live_rows()};
  answer.index = index_;
  answer.plan = {.path = run_.coded() ? QueryPath::kCodeScan : QueryPath::kFloatScan,
                 .codes = codes_ == CodesUse::kRead ? run_.codes_use() : codes_,
                 .rows = store_.live_rows(),
                 .tiles = parts()};
  answer.cues.reserve(run_.outcomes().size());
  for (DenseOutcome& outcome : run_.outcomes()) {
    answer.cues.push_back(ToCueAnswer(std::move(outcome)));
  }
  return answer;
}

}  // namespace mneme::models
