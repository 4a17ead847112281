// A navigable small-world graph over rows: hnswlib behind the house's errors and types. Nothing
// else includes that library. It makes the graph, of rows as graph_rows.h keeps them; the lowest
// layer, in pages of 2 MiB, is searched by graph_walk.h.
//
// Threads     Searches may run side by side. hnswlib's searches read links without a lock, so that
//             they must not run beside Add or Bury: whoever shares a graph with readers changes a
//             Clone() of it and exchanges the two (graph_index.h).
// Errors      What hnswlib throws comes back as ResourceExhausted (FULL) for memory it could not
//             get, else as Internal.
#ifndef MNEME_CORE_MODELS_INDEX_HNSW_GRAPH_H_
#define MNEME_CORE_MODELS_INDEX_HNSW_GRAPH_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/mutex.h"
#include "core/models/index/graph_rows.h"
#include "core/models/index/graph_walk.h"

namespace mneme::models {

struct GraphSpec {
  size_t links = 16;                // of a node, twice as many on the lowest layer; 2 to 128
  size_t construction_width = 200;  // nodes looked at to place one; from `links` to 4,096
  uint64_t seed = 1;                // of the layers that nodes reach
};

// InvalidArgument (SPEC) naming the field.
absl::Status ValidateGraphSpec(const GraphSpec& spec);

class HnswGraph {
 public:
  struct Neighbour {
    size_t position = 0;
    float distance = 0;
  };

  static absl::StatusOr<std::unique_ptr<HnswGraph>> Make(const GraphSpec& spec,
                                                         std::shared_ptr<const GraphRows> form,
                                                         size_t capacity);
  ~HnswGraph();
  HnswGraph(const HnswGraph&) = delete;
  HnswGraph& operator=(const HnswGraph&) = delete;

  // The same graph with room for `capacity` rows, at least as many as there are.
  absl::StatusOr<std::unique_ptr<HnswGraph>> Clone(size_t capacity) const;

  // The n-th row that is added gets the position n, from 0. Row numbers ascend.
  absl::Status Add(const float* key, uint64_t row_number);
  // From now on no search finds it; it still leads to others. Not buried yet.
  absl::Status Bury(size_t position);

  size_t rows() const;  // buried ones too
  size_t buried() const;
  bool IsBuried(size_t position) const;
  // The rows are not those any more that their form was chosen for: better made anew.
  bool IsCoarse() const;
  uint64_t bytes() const;
  uint64_t row_number(size_t position) const { return row_numbers_[position]; }
  // Of a row that was added, buried or not.
  std::optional<size_t> Find(uint64_t row_number) const;

  // Up to `count` rows near the cue, nearest first, among about so many that the search keeps in
  // sight: more take longer and miss less. Distances are those of graph_rows.h.
  absl::StatusOr<std::vector<Neighbour>> Search(const float* cue, size_t count) const;

 private:
  struct Impl;
  HnswGraph(const GraphSpec& spec, std::shared_ptr<const GraphRows> form);
  std::unique_ptr<GraphWalk> BorrowWalk() const;
  void GiveBack(std::unique_ptr<GraphWalk> walk) const;
  std::vector<Neighbour> Walk(const void* cue, size_t count) const;
  std::vector<Neighbour> LibrarySearch(const void* cue, size_t count) const;

  GraphSpec spec_;
  std::shared_ptr<const GraphRows> form_;
  std::unique_ptr<Impl> impl_;
  std::vector<uint64_t> row_numbers_;  // by position
  size_t coarse_rows_ = 0;
  mutable Mutex mutex_;
  mutable std::vector<std::unique_ptr<GraphWalk>> walks_ ABSL_GUARDED_BY(mutex_);  // idle ones
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_INDEX_HNSW_GRAPH_H_
