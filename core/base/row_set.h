// Which rows of a memory take part: a list of row numbers, or all but a list.
//
// Immutable once made; thread-safe.
#ifndef MNEME_CORE_BASE_ROW_SET_H_
#define MNEME_CORE_BASE_ROW_SET_H_

#include <algorithm>
#include <cstdint>
#include <vector>

namespace mneme {

struct RowSet {
  std::vector<uint64_t> listed;  // ascending, no duplicates
  bool listed_pass = true;       // true: only the listed rows; false: all but these

  bool Passes(uint64_t row) const {
    return std::binary_search(listed.begin(), listed.end(), row) == listed_pass;
  }
};

}  // namespace mneme

#endif  // MNEME_CORE_BASE_ROW_SET_H_
