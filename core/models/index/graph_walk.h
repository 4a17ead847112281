// The way of a search through the lowest layer of a graph: from a row to the nearest of its
// neighbours that was not looked at yet, keeping so many of the nearest in sight.
//
// What hnswlib's own search does, in an order that waits less: a node's new neighbours are asked of
// the memory all at once and measured together, what is in sight lies in one sorted array, and what
// was seen is a bit a row.
//
// Threads     a GraphWalk serves one search at a time; the field is only read.
// Source      Y. Malkov and D. Yashunin, "Efficient and robust approximate nearest neighbor search
//             using HNSW graphs", TPAMI 2018, algorithm 2.
#ifndef MNEME_CORE_MODELS_INDEX_GRAPH_WALK_H_
#define MNEME_CORE_MODELS_INDEX_GRAPH_WALK_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/models/index/graph_rows.h"

namespace mneme::models {

// The lowest layer as hnswlib lays it out. An element: the number of its links (two bytes), a byte
// whose lowest bit says that it is buried, a byte; its links (four bytes each); from `row_offset`
// on its row.
struct GraphField {
  const char* elements = nullptr;
  size_t element_bytes = 0;
  size_t row_offset = 0;
  size_t rows = 0;

  const char* element(size_t i) const { return elements + i * element_bytes; }
  const void* row(size_t i) const { return element(i) + row_offset; }
  size_t links(size_t i) const;
  uint32_t link(size_t i, size_t which) const;
  bool IsBuried(size_t i) const { return (element(i)[2] & 1) != 0; }
};

class GraphWalk {
 public:
  struct Near {
    float distance = 0;
    uint32_t position = 0;
  };

  // The up to `width` nearest rows that are met and not buried, ascending by distance. `cue` as
  // GraphRows::Write makes it. Buried rows lead on, but at most three times as many as the width
  // are kept in sight.
  std::vector<Near> Search(const GraphField& field, const GraphRows& rows, const void* cue,
                           uint32_t entry, size_t width);

 private:
  struct InSight {
    float distance;
    uint32_t position : 30;
    uint32_t buried : 1;
    uint32_t visited : 1;  // its neighbours were looked at
  };

  void Begin(size_t rows);
  bool MarkSeen(uint32_t position);
  void LookAround(const GraphField& field, uint32_t position);
  void Measure(const GraphField& field, const GraphRows& rows, const void* cue);
  void Insert(InSight found);

  size_t width_ = 0;
  size_t live_ = 0;  // in sight
  size_t next_ = 0;  // in sight, the first that was not visited
  std::vector<InSight> sight_;
  std::vector<uint64_t> seen_;         // a bit a row
  std::vector<uint32_t> seen_list_;    // to clear them again
  std::vector<uint32_t> neighbours_;   // new ones of a node
  std::vector<const void*> row_list_;  // their rows,
  std::vector<float> distances_;       // and distances
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_INDEX_GRAPH_WALK_H_
