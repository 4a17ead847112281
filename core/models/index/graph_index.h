// The graph index: for memories that are beyond what a scan can serve. A graph of the rows
// (hnsw_graph.h), and beside it the newest rows as they are, which are scanned.
//
// How readers are kept safe: a graph is never changed once it is published. Add puts rows into the
// tail, an explicit store that readers share with the writer by its own rules; Remove sets bits
// that are copied on write. A rebuild clones the graph (a copy of its memory), buries what was
// removed, puts the rows of the tail in, and is exchanged for it. Where more than a quarter of the
// graph is dead, it is made anew from the live rows instead. So a Store costs an append, a row is
// linked in once, and no search waits. So is it where the graph codes its rows, and the codes of
// more than one in twenty are coarse (graph_rows.h).
//
// Distances   minus the inner product (dot, cosine), squared L2, L1; in the graph those of codes.
// Memory      the keys once more, as codes of a byte a number where these suit them; 8 * links
//             bytes a row and some 100 bytes; twice that while a clone is at work.
#ifndef MNEME_CORE_MODELS_INDEX_GRAPH_INDEX_H_
#define MNEME_CORE_MODELS_INDEX_GRAPH_INDEX_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/models/index/candidate_index.h"
#include "core/models/index/hnsw_graph.h"
#include "core/models/spec.h"
#include "core/models/store/explicit_store.h"

namespace mneme::models {

// The tail may hold so many rows before a rebuild is wanted, or a share of the graph if that is
// more.
inline constexpr size_t kGraphTailRowsMin = 4096;
inline constexpr size_t kGraphTailShare = 16;
inline constexpr size_t kGraphDeadShare = 4;

// Which positions of a graph are gone, in bitmaps of kTileRows that are copied on write; null:
// none.
using GraphDead = std::vector<std::shared_ptr<const Tombstones>>;

class GraphIndex final : public CandidateIndex {
 public:
  // InvalidArgument (SPEC): see ValidateGraphSpec.
  static absl::StatusOr<std::unique_ptr<GraphIndex>> Make(const GraphSpec& spec,
                                                          Similarity similarity, size_t key_dim);

  absl::Status Add(MatrixView keys, std::span<const uint64_t> row_numbers) override;
  absl::Status Remove(std::span<const uint64_t> row_numbers) override;
  std::shared_ptr<const CandidateView> Publish() override;

  bool NeedsRebuild() const override;
  std::unique_ptr<IndexRebuild> BeginRebuild(const StoreView& store) override;
  absl::Status InstallRebuild(std::unique_ptr<IndexRebuild> rebuild, const StoreView& now) override;

  size_t tail_rows() const { return tail_.live_rows(); }
  size_t graph_rows() const { return graph_ == nullptr ? 0 : graph_->rows() - dead_count_; }

 private:
  GraphIndex(const GraphSpec& spec, Similarity similarity, size_t key_dim)
      : spec_(spec), similarity_(similarity), key_dim_(key_dim), tail_(key_dim, 0) {}

  // Too much of the graph is dead, or coded coarsely, to go on from it.
  bool NeedsNewGraph() const;
  // Dead positions that the graph still finds.
  size_t pending() const { return graph_ == nullptr ? 0 : dead_count_ - graph_->buried(); }
  // Where a row lies in the graph; nullopt when it is not there or dead.
  std::optional<size_t> FindInGraph(uint64_t row_number) const;
  void MarkDead(size_t position);

  GraphSpec spec_;
  Similarity similarity_;
  size_t key_dim_;
  std::shared_ptr<const HnswGraph> graph_;  // null: none yet
  std::optional<uint64_t> last_in_graph_;   // rows up to here are in the graph or gone
  std::optional<uint64_t> last_added_;
  GraphDead dead_;  // by position, what the graph buries and what it does not yet
  size_t dead_count_ = 0;
  std::shared_ptr<const GraphDead> published_dead_;  // null: changed since
  ExplicitStore tail_;
  uint64_t rebuilds_ = 0;  // begun
  bool rebuilding_ = false;
  std::vector<uint64_t> removed_since_begin_;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_INDEX_GRAPH_INDEX_H_
