// Where the items of a simulated federation come from.
#ifndef MNEME_CORE_FEDERATION_ITEM_SOURCE_H_
#define MNEME_CORE_FEDERATION_ITEM_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace mneme::federation {

// Threads  const functions only, safe for several readers.
class ItemSource {
 public:
  virtual ~ItemSource() = default;
  // The items that arrive in a round (from 0).
  //
  // Shapes  keys [nodes * batch, d_k], responses [nodes * batch, d_v], node by node.
  virtual void Fill(uint64_t round, std::span<double> keys, std::span<double> responses) const = 0;
  // Mean loss of a node's items of a round under the memory that made them: least squares.
  virtual double FloorOf(uint64_t round, size_t node) const = 0;
};

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_ITEM_SOURCE_H_
