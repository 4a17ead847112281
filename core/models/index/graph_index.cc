#include "core/models/index/graph_index.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/math/kernels.h"

namespace mneme::models {
namespace {

bool IsDeadIn(const GraphDead& dead, size_t position) {
  const size_t block = position / kTileRows;
  return block < dead.size() && dead[block] != nullptr && dead[block]->Test(position % kTileRows);
}

void Distances(Similarity similarity, const TileView& tile, const float* cue,
               std::vector<float>& out) {
  const size_t d = tile.key_dim;
  out.resize(tile.rows);
  switch (similarity) {
    case Similarity::kDot:
    case Similarity::kCosine:
      math::DotRows(tile.keys, d, tile.rows, cue, d, out.data());
      math::Scale(-1.0f, out.data(), tile.rows);
      return;
    case Similarity::kL2:
      math::SquaredDistanceRows(tile.keys, d, tile.rows, cue, d, out.data());
      return;
    case Similarity::kL1:
      math::L1DistanceRows(tile.keys, d, tile.rows, cue, d, out.data());
      return;
  }
}

class GraphView final : public CandidateView {
 public:
  GraphView(Similarity similarity, size_t key_dim, std::shared_ptr<const HnswGraph> graph,
            std::shared_ptr<const GraphDead> dead, size_t dead_count, StoreView tail)
      : similarity_(similarity),
        key_dim_(key_dim),
        graph_(std::move(graph)),
        dead_(std::move(dead)),
        live_in_graph_(graph_ == nullptr ? 0 : graph_->rows() - dead_count),
        pending_(graph_ == nullptr ? 0 : dead_count - graph_->buried()),
        tail_(std::move(tail)) {}

  size_t key_dim() const override { return key_dim_; }
  size_t live_rows() const override { return live_in_graph_ + tail_.live_rows(); }
  uint64_t bytes() const override {
    return tail_.bytes() + dead_->size() * sizeof(Tombstones) +
           (graph_ == nullptr ? 0 : graph_->bytes());
  }

 protected:
  absl::StatusOr<std::vector<CandidateList>> Find(MatrixView cues, size_t depth) const override {
    std::vector<CandidateList> out;
    for (size_t c = 0; c < cues.rows; ++c) {
      const float* const cue = cues.row(c).data();
      MNEME_ASSIGN_OR_RETURN(CandidateList of_graph, FindInGraph(cue, depth));
      if (tail_.live_rows() == 0) {
        // In order but for equal distances.
        if (!std::is_sorted(of_graph.begin(), of_graph.end())) {
          std::sort(of_graph.begin(), of_graph.end());
        }
        of_graph.resize(std::min(depth, of_graph.size()));
        out.push_back(std::move(of_graph));
        continue;
      }
      const CandidateList parts[] = {std::move(of_graph), FindInTail(cue, depth)};
      out.push_back(MergeCandidates(parts, depth));
    }
    return out;
  }

 private:
  absl::StatusOr<CandidateList> FindInGraph(const float* cue, size_t depth) const {
    CandidateList out;
    if (live_in_graph_ == 0) return out;
    // Rows that are gone but not buried yet take places in what the graph gives.
    MNEME_ASSIGN_OR_RETURN(const std::vector<HnswGraph::Neighbour> found,
                           graph_->Search(cue, depth + std::min(depth, pending_)));
    for (const HnswGraph::Neighbour& neighbour : found) {
      if (IsDeadIn(*dead_, neighbour.position)) continue;
      out.push_back(
          {.row_number = graph_->row_number(neighbour.position), .distance = neighbour.distance});
    }
    return out;
  }

  CandidateList FindInTail(const float* cue, size_t depth) const {
    CandidateList out;
    std::vector<float> distances;
    for (size_t i = 0; i < tail_.tiles(); ++i) {
      const TileView tile = tail_.tile(i);
      Distances(similarity_, tile, cue, distances);
      tile.VisitLive([&](size_t row) {
        out.push_back({.row_number = tile.row_numbers[row], .distance = distances[row]});
      });
    }
    if (out.size() > depth) {
      std::nth_element(out.begin(), out.begin() + static_cast<ptrdiff_t>(depth), out.end());
      out.resize(depth);
    }
    return out;
  }

  Similarity similarity_;
  size_t key_dim_;
  std::shared_ptr<const HnswGraph> graph_;
  std::shared_ptr<const GraphDead> dead_;
  size_t live_in_graph_;
  size_t pending_;
  StoreView tail_;
};

// A clone of a graph with some rows buried and the rows of a store put in; or, without a graph to
// begin from, those rows alone.
class GraphRebuild final : public IndexRebuild {
 public:
  struct Task {
    uint64_t number = 0;
    GraphSpec spec;
    Similarity similarity = Similarity::kL2;
    size_t key_dim = 0;
    std::shared_ptr<const HnswGraph> base;  // null: none
    GraphDead dead;                         // of base
    size_t dead_count = 0;                  // likewise
    StoreView rows;
    size_t live_rows = 0;  // that the graph must hold in the end
    std::optional<uint64_t> last_row;
  };

  explicit GraphRebuild(Task task) : task_(std::move(task)) {}

  absl::StatusOr<bool> Step(size_t rows_max) override {
    if (graph_ == nullptr) MNEME_RETURN_IF_ERROR(Start());
    for (size_t added = 0; added < rows_max && tile_ < task_.rows.tiles();) {
      const TileView tile = task_.rows.tile(tile_);
      for (; row_ < tile.rows && added < rows_max; ++row_) {
        if (tile.IsDead(row_)) continue;
        MNEME_RETURN_IF_ERROR(graph_->Add(tile.keys + row_ * tile.key_dim, tile.row_numbers[row_]));
        ++added;
      }
      if (row_ < tile.rows) break;
      ++tile_;
      row_ = 0;
    }
    return done();
  }

  bool done() const { return graph_ != nullptr && tile_ >= task_.rows.tiles(); }
  const Task& task() const { return task_; }
  std::shared_ptr<const HnswGraph> TakeGraph() { return std::move(graph_); }
  bool IsComplete() const { return graph_->rows() - graph_->buried() == task_.live_rows; }

 private:
  absl::Status Start() {
    if (task_.base == nullptr) {
      MNEME_ASSIGN_OR_RETURN(
          graph_,
          HnswGraph::Make(task_.spec, GraphRows::For(task_.similarity, task_.key_dim, task_.rows),
                          task_.rows.live_rows()));
      return absl::OkStatus();
    }
    MNEME_ASSIGN_OR_RETURN(graph_, task_.base->Clone(task_.base->rows() + task_.rows.live_rows()));
    for (size_t block = 0; block < task_.dead.size(); ++block) {
      if (task_.dead[block] == nullptr) continue;
      for (size_t row = 0; row < kTileRows; ++row) {
        const size_t position = block * kTileRows + row;
        if (!task_.dead[block]->Test(row) || graph_->IsBuried(position)) continue;
        MNEME_RETURN_IF_ERROR(graph_->Bury(position));
      }
    }
    return absl::OkStatus();
  }

  Task task_;
  std::unique_ptr<HnswGraph> graph_;
  size_t tile_ = 0;
  size_t row_ = 0;
};

absl::Status CheckKeys(MatrixView keys, std::span<const uint64_t> row_numbers, size_t key_dim,
                       std::optional<uint64_t> last) {
  if (keys.rows != row_numbers.size() || (keys.rows > 0 && keys.cols != key_dim)) {
    return Internal("index: keys have another shape than the index");
  }
  for (size_t i = 0; i < keys.rows; ++i) {
    if (last && row_numbers[i] <= *last) return Internal("index: row numbers do not ascend");
    last = row_numbers[i];
    for (const float x : keys.row(i)) {
      if (std::isfinite(x)) continue;
      return InvalidArgument(
          absl::StrCat("row ", row_numbers[i], " holds a number that is not finite"),
          {.reason = "NOT_FINITE",
           .given = absl::StrCat(x),
           .expected = "finite numbers",
           .next_step = "Leave it out."});
    }
  }
  return absl::OkStatus();
}

// The rows of a view above `last`, in a store of their own.
absl::StatusOr<ExplicitStore> RowsAbove(const StoreView& view, uint64_t last, size_t key_dim) {
  ExplicitStore out(key_dim, 0);
  for (size_t i = 0; i < view.tiles(); ++i) {
    const TileView tile = view.tile(i);
    absl::Status status;
    tile.VisitLive([&](size_t row) {
      if (!status.ok() || tile.row_numbers[row] <= last) return;
      status = out.Append({.keys = {.data = tile.keys + row * key_dim, .rows = 1, .cols = key_dim},
                           .row_numbers = {tile.row_numbers + row, 1}});
    });
    MNEME_RETURN_IF_ERROR(status);
  }
  return out;
}

}  // namespace

absl::StatusOr<std::unique_ptr<GraphIndex>> GraphIndex::Make(const GraphSpec& spec,
                                                             Similarity similarity,
                                                             size_t key_dim) {
  MNEME_RETURN_IF_ERROR(ValidateGraphSpec(spec));
  return std::unique_ptr<GraphIndex>(new GraphIndex(spec, similarity, key_dim));
}

absl::Status GraphIndex::Add(MatrixView keys, std::span<const uint64_t> row_numbers) {
  MNEME_RETURN_IF_ERROR(CheckKeys(keys, row_numbers, key_dim_, last_added_));
  MNEME_RETURN_IF_ERROR(tail_.Append({.keys = keys, .row_numbers = row_numbers}));
  if (!row_numbers.empty()) last_added_ = row_numbers.back();
  return absl::OkStatus();
}

std::optional<size_t> GraphIndex::FindInGraph(uint64_t row_number) const {
  const std::optional<size_t> position = graph_->Find(row_number);
  return position && !IsDeadIn(dead_, *position) ? position : std::nullopt;
}

void GraphIndex::MarkDead(size_t position) {
  const size_t block = position / kTileRows;
  if (dead_.size() <= block) dead_.resize(block + 1);
  auto changed = dead_[block] == nullptr ? std::make_shared<Tombstones>()
                                         : std::make_shared<Tombstones>(*dead_[block]);
  changed->Set(position % kTileRows);
  dead_[block] = std::move(changed);
  published_dead_ = nullptr;
  ++dead_count_;
}

absl::Status GraphIndex::Remove(std::span<const uint64_t> row_numbers) {
  std::vector<size_t> positions;
  std::vector<uint64_t> of_tail;
  for (const uint64_t row : row_numbers) {
    if (!last_in_graph_ || row > *last_in_graph_) {
      of_tail.push_back(row);
      continue;
    }
    const std::optional<size_t> position = FindInGraph(row);
    if (!position) return Internal("index: a row to remove is not there");
    positions.push_back(*position);
  }
  std::sort(positions.begin(), positions.end());
  if (std::adjacent_find(positions.begin(), positions.end()) != positions.end()) {
    return Internal("index: a row to remove is named twice");
  }
  MNEME_RETURN_IF_ERROR(tail_.Remove(of_tail));
  for (const size_t position : positions) MarkDead(position);
  if (rebuilding_) {
    removed_since_begin_.insert(removed_since_begin_.end(), row_numbers.begin(), row_numbers.end());
  }
  return absl::OkStatus();
}

std::shared_ptr<const CandidateView> GraphIndex::Publish() {
  if (published_dead_ == nullptr) published_dead_ = std::make_shared<GraphDead>(dead_);
  return std::make_shared<GraphView>(similarity_, key_dim_, graph_, published_dead_, dead_count_,
                                     tail_.Publish());
}

bool GraphIndex::NeedsNewGraph() const {
  return graph_ != nullptr &&
         (dead_count_ * kGraphDeadShare > graph_->rows() || graph_->IsCoarse());
}

bool GraphIndex::NeedsRebuild() const {
  const size_t rows = graph_ == nullptr ? 0 : graph_->rows();
  const size_t tolerated = std::max(kGraphTailRowsMin, rows / kGraphTailShare);
  return tail_.live_rows() > tolerated || pending() > tolerated || NeedsNewGraph();
}

std::unique_ptr<IndexRebuild> GraphIndex::BeginRebuild(const StoreView& store) {
  removed_since_begin_.clear();
  rebuilding_ = true;
  GraphRebuild::Task task = {.number = ++rebuilds_,
                             .spec = spec_,
                             .similarity = similarity_,
                             .key_dim = key_dim_,
                             .live_rows = graph_rows() + tail_.live_rows(),
                             .last_row = last_added_};
  if (graph_ != nullptr && !NeedsNewGraph()) {
    task.base = graph_;
    task.dead = dead_;
    task.dead_count = dead_count_;
    task.rows = tail_.Publish();
  } else {
    task.rows = store;
  }
  return std::make_unique<GraphRebuild>(std::move(task));
}

absl::Status GraphIndex::InstallRebuild(std::unique_ptr<IndexRebuild> rebuild,
                                        const StoreView& /*now: the tail has what came since*/) {
  auto* const made = dynamic_cast<GraphRebuild*>(rebuild.get());
  if (made == nullptr || !rebuilding_ || made->task().number != rebuilds_ || !made->done()) {
    return FailedPrecondition("this rebuild of the index is void or not done",
                              {.reason = "REBUILD_VOID",
                               .given = "a rebuild before the last one, or one still at work",
                               .expected = "the rebuild begun last, stepped until it said done",
                               .next_step = "Begin a rebuild again."});
  }
  if (!made->IsComplete()) return Internal("index: the store given to a rebuild had other rows");
  const GraphRebuild::Task& task = made->task();
  if (task.last_row) {
    MNEME_ASSIGN_OR_RETURN(tail_, RowsAbove(tail_.Publish(), *task.last_row, key_dim_));
  }
  graph_ = made->TakeGraph();
  last_in_graph_ = task.last_row;
  dead_ = task.dead;
  dead_count_ = task.dead_count;
  published_dead_ = nullptr;
  for (const uint64_t row : removed_since_begin_) {
    if (!last_in_graph_ || row > *last_in_graph_) continue;
    if (const std::optional<size_t> position = FindInGraph(row)) MarkDead(*position);
  }
  removed_since_begin_.clear();
  rebuilding_ = false;
  return absl::OkStatus();
}

}  // namespace mneme::models
