// Splitting a long call into requests that the server takes, a few of them in flight at a time.
//
// Threads: plain functions; RunSplit makes and joins its own.
#ifndef MNEME_CLIENT_CPP_SRC_SPLIT_H_
#define MNEME_CLIENT_CPP_SRC_SPLIT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "mneme/client.h"

namespace mneme::client {

struct RowRange {
  size_t begin = 0;
  size_t end = 0;
  size_t index = 0;  // of the request

  size_t rows() const { return end - begin; }
};

// Consecutive ranges of at most `rows_max` rows whose `bytes_of(row)` add up to at most
// `bytes_max`; a row larger than that is alone. One empty range for no rows, so that the server
// sees (and names) an empty batch.
std::vector<RowRange> SplitRows(size_t rows, size_t rows_max, size_t bytes_max,
                                const std::function<size_t(size_t)>& bytes_of);

// Runs `request` for each range, at most `in_flight_max` at a time, and reports rows done to
// `progress`. After an error nothing more starts; what runs is waited for. Gives the error of the
// first range that failed, with the row to blame counted from the first of all, or else the rows of
// the range, and the number of rows done elsewhere; as it came where there was but one range.
absl::Status RunSplit(const std::vector<RowRange>& ranges, size_t in_flight_max,
                      const Progress& progress,
                      const std::function<absl::Status(const RowRange&)>& request);

}  // namespace mneme::client

#endif  // MNEME_CLIENT_CPP_SRC_SPLIT_H_
