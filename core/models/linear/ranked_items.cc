#include "core/models/linear/ranked_items.h"

#include <algorithm>

#include "core/base/status.h"
#include "core/math/kernels.h"
#include "core/models/linear/linear_rows.h"

namespace mneme::models {
namespace {

absl::Status ZeroResponse(size_t row) {
  return InvalidArgument(
      absl::StrFormat("candidate response %d is the zero vector, which has no direction", row),
      {.reason = "ZERO_VECTOR",
       .given = absl::StrFormat("candidate response %d: all coordinates 0", row),
       .expected = "a response that is not zero",
       .next_step = "Leave this candidate out: every memory scores it 0."});
}

// Which tile of which partition is part `part` of the codebook.
struct TileOfCodebook {
  size_t partition = 0;
  size_t tile = 0;
};

TileOfCodebook FindTile(const std::vector<size_t>& first, size_t part) {
  const auto after = std::upper_bound(first.begin(), first.end(), part);
  const size_t partition = static_cast<size_t>(after - first.begin()) - 1;
  return {.partition = partition, .tile = part - first[partition]};
}

}  // namespace

bool WantsScores(const LinearSnapshot& snapshot, const QuerySpec& spec) {
  return spec.kind == QueryKind::kList || spec.top > 0 || spec.candidate_rows.has_value() ||
         !spec.target_rows.empty() || (snapshot.partitions.size() > 1 && snapshot.has_codebook);
}

RankedItems::RankedItems(const LinearSnapshot& snapshot, const RowSet* rows)
    : snapshot_(&snapshot) {
  if (rows == nullptr) return;
  first_tiles_.push_back(0);
  for (const auto& partition : snapshot.partitions) {
    passing_.push_back(partition->codebook.Only(*rows));
    first_tiles_.push_back(first_tiles_.back() + passing_.back().tiles());
  }
}

bool RankedItems::nothing_passes() const { return !passing_.empty() && first_tiles_.back() == 0; }

std::optional<ItemPlace> RankedItems::Find(uint64_t row_number) const {
  for (size_t p = 0; p < snapshot_->partitions.size(); ++p) {
    const auto at = codebook(p).Find(row_number);
    if (at) return ItemPlace{.partition = p, .at = *at};
  }
  return std::nullopt;
}

float RankedItems::ScoreOf(const ItemPlace& place, std::span<const float> recall) const {
  const TileView tile = codebook(place.partition).tile(place.at.tile);
  return math::Dot(tile.keys + place.at.row * tile.key_dim, recall.data(), tile.key_dim);
}

absl::StatusOr<RankedItems> RankedItems::Make(const LinearSnapshot& snapshot,
                                              const QuerySpec& spec) {
  const bool ranks_items = WantsScores(snapshot, spec) && spec.candidate_responses.rows == 0;
  RankedItems items(snapshot, ranks_items ? spec.rows.get() : nullptr);
  if (spec.candidate_responses.rows > 0) {
    MNEME_RETURN_IF_ERROR(items.TakeResponses(spec.candidate_responses));
  } else if (spec.candidate_rows) {
    items.Choose(*spec.candidate_rows);
  }
  return items;
}

void RankedItems::Choose(const std::vector<uint64_t>& row_numbers) {
  kind_ = Kind::kChosen;
  for (size_t p = 0; p < snapshot_->partitions.size(); ++p) {
    for (const uint64_t number : row_numbers) {
      const auto at = codebook(p).Find(number);
      if (!at) continue;
      if (chosen_.empty() || chosen_.back().partition != p || chosen_.back().tile != at->tile) {
        chosen_.push_back({.partition = p, .tile = at->tile});
      }
      chosen_.back().rows.push_back(at->row);
    }
  }
}

absl::Status RankedItems::TakeResponses(MatrixView responses) {
  kind_ = Kind::kResponses;
  responses_ = Matrix(responses.rows, responses.cols);
  ids_.reserve(responses.rows);
  numbers_.reserve(responses.rows);
  for (size_t i = 0; i < responses.rows; ++i) {
    if (!Normalize(responses.row(i), responses_.row(i))) return ZeroResponse(i);
    ids_.emplace_back(uint64_t{i});
    numbers_.push_back(i);
  }
  return absl::OkStatus();
}

TileView RankedItems::ResponseTile(size_t part) const {
  const size_t first = part * kTileRows;
  return {.rows = std::min(kTileRows, responses_.rows() - first),
          .key_dim = responses_.cols(),
          .keys = responses_.row(first).data(),
          .row_numbers = numbers_.data() + first,
          .ids = ids_.data() + first};
}

size_t RankedItems::parts() const {
  switch (kind_) {
    case Kind::kAll:
      return tiles_before().back();
    case Kind::kChosen:
      return chosen_.size();
    case Kind::kResponses:
      return (responses_.rows() + kTileRows - 1) / kTileRows;
  }
  return 0;
}

double RankedItems::row_products() const {
  const size_t recalls = kind_ == Kind::kResponses ? snapshot_->partitions.size() : 1;
  return static_cast<double>(recalls * kTileRows);
}

void RankedItems::Score(size_t part, MatrixView recalls, Lists lists, CodebookScorer& scorer,
                        std::span<CueScores> into) const {
  const size_t cues = recalls.rows / snapshot_->partitions.size();
  if (kind_ == Kind::kResponses) {
    if (snapshot_->partitions.size() > 1) {
      scorer.ScoreBestOf(ResponseTile(part), recalls, into);
    } else {
      scorer.Score(ResponseTile(part), recalls, into);
    }
    return;
  }
  const bool chosen = kind_ == Kind::kChosen;
  const auto [partition, tile_index] =
      chosen ? TileOfCodebook{chosen_[part].partition, chosen_[part].tile}
             : FindTile(tiles_before(), part);
  const TileView tile = codebook(partition).tile(tile_index);
  const MatrixView own = recalls.slice(partition * cues, cues);
  if (lists == Lists::kOnePerPartition) into = into.subspan(partition * cues, cues);
  if (chosen) {
    scorer.ScoreChosen(tile, chosen_[part].rows, own, into);
  } else {
    scorer.Score(tile, own, into);
  }
}

}  // namespace mneme::models
