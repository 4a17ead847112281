#include "core/models/dense/index_work.h"

#include <algorithm>
#include <vector>

#include "core/base/status.h"
#include "core/models/index/binary_index.h"
#include "core/models/index/graph_index.h"

namespace mneme::models {
namespace {

// Rows between two looks at whether to go on.
constexpr size_t kRowsPerStep = kTileRows;
// The writer takes in so many rows itself, while others wait for it.
constexpr uint64_t kCatchUpRowsMax = 4096;
// Of making a graph: taking the rows in, before they are linked.
constexpr double kGraphAddingShare = 0.02;

absl::Status Stopped() { return absl::CancelledError("the work on the index was stopped"); }

bool GoOn(const TrainProgressFn& progress, std::string_view phase, double share) {
  return progress({.phase = phase, .share = std::min(share, 1.0)});
}

bool IsAbove(uint64_t row_number, std::optional<uint64_t> last) {
  return !last || row_number > *last;
}

// Puts the live rows of a tile above `last` into the index, a run of neighbours at a time.
absl::Status AddTile(const TileView& tile, std::optional<uint64_t> last, CandidateIndex& index) {
  const auto wanted = [&](size_t row) {
    return !tile.IsDead(row) && IsAbove(tile.row_numbers[row], last);
  };
  for (size_t begin = 0; begin < tile.rows;) {
    size_t end = begin;
    while (end < tile.rows && wanted(end)) ++end;
    if (end > begin) {
      MNEME_RETURN_IF_ERROR(index.Add(
          {.data = tile.keys + begin * tile.key_dim, .rows = end - begin, .cols = tile.key_dim},
          {tile.row_numbers + begin, end - begin}));
    }
    begin = end + 1;
  }
  return absl::OkStatus();
}

std::optional<uint64_t> LastRow(const StoreView& store) {
  for (size_t i = store.tiles(); i-- > 0;) {
    const TileView tile = store.tile(i);
    if (tile.rows > 0) return tile.row_numbers[tile.rows - 1];
  }
  return std::nullopt;
}

uint64_t LiveRowsAbove(const StoreView& store, std::optional<uint64_t> last) {
  uint64_t count = 0;
  for (size_t i = store.tiles(); i-- > 0;) {
    const TileView tile = store.tile(i);
    if (tile.rows > 0 && !IsAbove(tile.row_numbers[tile.rows - 1], last)) break;
    tile.VisitLive([&](size_t row) { count += IsAbove(tile.row_numbers[row], last) ? 1 : 0; });
  }
  return count;
}

// Covers the work from the share `from` on.
absl::Status StepThrough(IndexRebuild& rebuild, uint64_t rows, double from,
                         const TrainProgressFn& progress) {
  bool done = false;
  for (uint64_t stepped = 0; !done; stepped += kRowsPerStep) {
    const double share = static_cast<double>(stepped) / static_cast<double>(rows + 1);
    if (!GoOn(progress, "rebuild", from + (1 - from) * std::min(share, 1.0))) return Stopped();
    MNEME_ASSIGN_OR_RETURN(done, rebuild.Step(kRowsPerStep));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<CandidateIndex>> BuildWork::Make() const {
  if (const auto* binary = std::get_if<BinaryIndexSpec>(&spec_.kind)) {
    MNEME_ASSIGN_OR_RETURN(std::shared_ptr<const BinaryCode> code,
                           BinaryCode::Make({.bits = binary->bits,
                                             .rotation_seed = binary->rotation_seed,
                                             .centred = binary->centred},
                                            similarity_, store_));
    return BinaryIndex::Make(std::move(code),
                             {.tile_size = binary->tile_size, .tile_keep = binary->tile_keep});
  }
  const auto& graph = std::get<GraphIndexSpec>(spec_.kind);
  const size_t key_dim = store_.tiles() == 0 ? 0 : store_.tile(0).key_dim;
  return GraphIndex::Make(
      {.links = graph.links, .construction_width = graph.construction_width, .seed = graph.seed},
      similarity_, key_dim);
}

double BuildWork::AddingShare() const {
  return std::holds_alternative<GraphIndexSpec>(spec_.kind) ? kGraphAddingShare : 1;
}

absl::Status BuildWork::AddRows(const TrainProgressFn& progress) {
  for (size_t i = 0; i < store_.tiles(); ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(store_.tiles());
    if (!GoOn(progress, "rebuild", share * AddingShare())) return Stopped();
    MNEME_RETURN_IF_ERROR(AddTile(store_.tile(i), last_row_, *index_));
  }
  if (const std::optional<uint64_t> last = LastRow(store_)) last_row_ = last;
  return absl::OkStatus();
}

absl::Status BuildWork::Run(const Clock&, const TrainProgressFn& progress) {
  if (store_.live_rows() == 0) {
    return FailedPrecondition("there is nothing to index", {.reason = "NO_ITEMS",
                                                            .given = "a memory without items",
                                                            .expected = "at least 1 item",
                                                            .next_step = "Store items first."});
  }
  if (index_ == nullptr) {
    MNEME_ASSIGN_OR_RETURN(index_, Make());
  }
  MNEME_RETURN_IF_ERROR(AddRows(progress));
  if (!index_->NeedsRebuild()) return absl::OkStatus();
  const uint64_t rows = store_.live_rows();
  std::unique_ptr<IndexRebuild> rebuild = index_->BeginRebuild(store_);
  MNEME_RETURN_IF_ERROR(StepThrough(*rebuild, rows, AddingShare(), progress));
  return index_->InstallRebuild(std::move(rebuild), store_);
}

absl::Status BuildWork::Remove(std::span<const uint64_t> row_numbers) {
  std::vector<uint64_t> in;
  for (const uint64_t row : row_numbers) {
    if (!IsAbove(row, last_row_)) in.push_back(row);
  }
  return index_->Remove(in);
}

absl::StatusOr<bool> BuildWork::CatchUp(const StoreView& now) {
  if (LiveRowsAbove(now, last_row_) > kCatchUpRowsMax) {
    store_ = now;
    return false;
  }
  for (size_t i = 0; i < now.tiles(); ++i) {
    const TileView tile = now.tile(i);
    if (tile.rows == 0 || !IsAbove(tile.row_numbers[tile.rows - 1], last_row_)) continue;
    MNEME_RETURN_IF_ERROR(AddTile(tile, last_row_, *index_));
  }
  return true;
}

absl::Status RebuildWork::Run(const Clock&, const TrainProgressFn& progress) {
  return StepThrough(*rebuild_, rows_, 0, progress);
}

absl::Status CalibrateWork::Run(const Clock& clock, const TrainProgressFn& progress) {
  CalibrationOptions options = {
      .target_recall = spec_.target_recall,
      .progress = [&](double share) { return GoOn(progress, "calibrate", share); }};
  if (spec_.rescore_depth > 0) {
    options.least_depth = options.most_depth = spec_.rescore_depth;
  }
  MNEME_ASSIGN_OR_RETURN(Calibration made,
                         Calibrate(*candidates_, store_, similarity_, {}, exact_, clock, options));
  calibration_ = std::make_shared<const Calibration>(std::move(made));
  return absl::OkStatus();
}

}  // namespace mneme::models
