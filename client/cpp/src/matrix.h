// Vectors <-> the bytes that travel, in each of the types that they may travel in.
//
// Threads: plain functions.
#ifndef MNEME_CLIENT_CPP_SRC_MATRIX_H_
#define MNEME_CLIENT_CPP_SRC_MATRIX_H_

#include <cstddef>

#include "absl/status/status.h"
#include "client/cpp/src/split.h"
#include "mneme/types.h"
#include "mneme/v1/vectors.pb.h"

namespace mneme::client {

// Bytes of a row of `cols` numbers on the wire.
size_t VectorBytes(size_t cols, Dtype dtype);

// Converts rows [range.begin, range.end) once, into the bytes that travel. Numbers round to the
// nearest; what is too large for the type becomes infinite, and the server refuses it.
void SetRows(MatrixRef matrix, const RowRange& range, Dtype dtype, v1::Matrix* out);

// The numbers of `wire` into `out`, which must have rows * cols places. Internal when the reply
// contradicts itself.
absl::Status CopyNumbers(const v1::Matrix& wire, float* out);

}  // namespace mneme::client

#endif  // MNEME_CLIENT_CPP_SRC_MATRIX_H_
