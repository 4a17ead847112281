// The columns of a batch of associations: checked, measured, and put into a request.
//
// Threads: plain functions.
#ifndef MNEME_CLIENT_CPP_SRC_COLUMNS_H_
#define MNEME_CLIENT_CPP_SRC_COLUMNS_H_

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"
#include "client/cpp/src/split.h"
#include "mneme/types.h"
#include "mneme/v1/memory_service.pb.h"

namespace mneme::client {

bool IsGiven(MatrixRef matrix);

// A column must have as many entries as there are rows, or none: InvalidArgument (SHAPE) otherwise.
absl::Status CheckColumn(std::string_view column, size_t given, size_t rows);
absl::Status Check(const StoreBatch& batch);

// About how many bytes a row is on the wire; never less.
size_t RowBytes(const StoreBatch& batch, size_t row, Dtype dtype);

// The columns of `range`, vectors as numbers of that type.
void SetColumns(const StoreBatch& batch, const RowRange& range, Dtype dtype,
                v1::StoreRequest& request);

}  // namespace mneme::client

#endif  // MNEME_CLIENT_CPP_SRC_COLUMNS_H_
