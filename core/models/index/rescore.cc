#include "core/models/index/rescore.h"

#include <algorithm>
#include <optional>

#include "core/base/status.h"
#include "core/math/kernels.h"
#include "core/math/topk.h"

namespace mneme::models {
namespace {

constexpr size_t kRowsAhead = 8;
constexpr size_t kFloatsPerLine = 16;

float Score(Similarity similarity, const float* cue, const float* key, size_t d) {
  switch (similarity) {
    case Similarity::kDot:
    case Similarity::kCosine:
      return math::Dot(cue, key, d);
    case Similarity::kL2:
      return -0.5f * math::SquaredDistance(cue, key, d);
    case Similarity::kL1:
      return -math::L1Distance(cue, key, d);
  }
  return 0;
}

// What is at hand of a candidate's row before anything of it is read.
struct Place {
  RowPosition at;
  const float* key = nullptr;
};

std::vector<Place> FindAll(const StoreView& store, const CandidateList& candidates) {
  std::vector<Place> places;
  places.reserve(candidates.size());
  for (const Candidate& candidate : candidates) {
    const std::optional<RowPosition> at = store.Find(candidate.row_number);
    if (at) places.push_back({.at = *at, .key = store.key(*at)});
  }
  return places;
}

void Prefetch(const float* key, size_t d) {
  for (size_t j = 0; j < d; j += kFloatsPerLine) __builtin_prefetch(key + j);
}

ScoredRow RowAt(const StoreView& store, RowPosition at, float score) {
  const TileView tile = store.tile(at.tile);
  return {.score = static_cast<double>(score),
          .id = tile.ids + at.row,
          .row_number = tile.row_numbers[at.row],
          .log_weight = tile.log_weights == nullptr ? 0.0f : tile.log_weights[at.row]};
}

}  // namespace

std::vector<std::vector<ScoredRow>> RescoreTop(const StoreView& store, Similarity similarity,
                                               MatrixView cues,
                                               std::span<const CandidateList> candidates,
                                               size_t k) {
  MNEME_CHECK(candidates.size() == cues.rows);
  std::vector<std::vector<ScoredRow>> out;
  for (size_t c = 0; c < cues.rows; ++c) {
    const std::vector<Place> places = FindAll(store, candidates[c]);
    for (size_t i = 0; i < std::min(kRowsAhead, places.size()); ++i) {
      Prefetch(places[i].key, cues.cols);
    }
    math::TopK<ScoredRow> top(k);
    for (size_t i = 0; i < places.size(); ++i) {
      if (i + kRowsAhead < places.size()) Prefetch(places[i + kRowsAhead].key, cues.cols);
      const float score = Score(similarity, cues.row(c).data(), places[i].key, cues.cols);
      if (static_cast<double>(score) < top.threshold()) continue;
      top.Push(RowAt(store, places[i].at, score));
    }
    out.push_back(top.TakeSorted());
  }
  return out;
}

}  // namespace mneme::models
