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

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/models/index/graph_rows.h"

namespace mneme::models {

inline constexpr size_t kGraphNeighboursMax = 256;

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
  // The neighbours of element i; up to kGraphNeighboursMax of them.
  std::span<const uint32_t> links(size_t i) const;
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

  void Begin(size_t rows, size_t width);
  bool IsFull() const { return live_ >= width_; }
  float farthest() const { return sight_[in_sight_ - 1].distance; }
  // The neighbours of a node that were not seen; gives their number.
  size_t LookAround(const GraphField& field, uint32_t position);
  size_t PlaceOf(float distance) const;
  void Insert(InSight found);
  void DropTheUseless();

  size_t width_ = 0;
  std::vector<InSight> sight_;  // the first in_sight_, ascending by distance
  size_t in_sight_ = 0;
  size_t live_ = 0;                  // of them
  size_t next_ = 0;                  // the first of them that was not visited
  std::vector<uint64_t> seen_;       // a bit a row
  std::vector<uint32_t> seen_list_;  // to clear them again
  std::array<uint32_t, kGraphNeighboursMax> neighbours_;
  std::array<const void*, kGraphNeighboursMax> neighbour_rows_;
  std::array<float, kGraphNeighboursMax> distances_;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_INDEX_GRAPH_WALK_H_
