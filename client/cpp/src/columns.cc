#include "client/cpp/src/columns.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/src/convert.h"
#include "client/cpp/src/matrix.h"
#include "client/cpp/src/status.h"
#include "mneme/error.h"

namespace mneme::client {
namespace {

constexpr size_t kTimeBytes = 24;  // of a Timestamp on the wire, at most

}  // namespace

bool IsGiven(MatrixRef matrix) {
  return matrix.data != nullptr || matrix.rows != 0 || matrix.cols != 0;
}

absl::Status CheckColumn(std::string_view column, size_t given, size_t rows) {
  if (given == 0 || given == rows) return absl::OkStatus();
  return MakeError(
      {.code = absl::StatusCode::kInvalidArgument,
       .reason = "SHAPE",
       .message = absl::StrCat("the batch has ", rows, " rows but ", given, " ", AbslView(column)),
       .given = absl::StrCat(given),
       .expected = absl::StrCat(rows),
       .next_step =
           absl::StrCat("Give one of the ", AbslView(column), " for each row, or none at all.")});
}

absl::Status Check(const StoreBatch& batch) {
  const size_t rows = batch.keys.rows;
  for (const auto& [column, given] : {std::pair<std::string_view, size_t>{"ids", batch.ids.size()},
                                      {"weights", batch.weights.size()},
                                      {"payloads", batch.payloads.size()},
                                      {"attributes", batch.attributes.size()},
                                      {"expire_times", batch.expire_times.size()},
                                      {"etags", batch.etags.size()},
                                      {"responses", batch.responses.rows}}) {
    if (absl::Status status = CheckColumn(column, given, rows); !status.ok()) return status;
  }
  return absl::OkStatus();
}

size_t RowBytes(const StoreBatch& batch, size_t row, Dtype dtype) {
  size_t bytes = VectorBytes(batch.keys.cols, dtype) + VectorBytes(batch.responses.cols, dtype);
  bytes += sizeof(float);  // the weight
  if (!batch.ids.empty()) bytes += WireBytes(batch.ids[row]);
  if (!batch.payloads.empty()) bytes += 8 + batch.payloads[row].size();
  if (!batch.attributes.empty()) bytes += WireBytes(batch.attributes[row]);
  if (!batch.expire_times.empty()) bytes += kTimeBytes;
  if (!batch.etags.empty()) bytes += 8 + batch.etags[row].size();
  return bytes;
}

void SetColumns(const StoreBatch& batch, const RowRange& range, Dtype dtype,
                v1::StoreRequest& request) {
  SetRows(batch.keys, range, dtype, request.mutable_keys());
  if (IsGiven(batch.responses)) SetRows(batch.responses, range, dtype, request.mutable_responses());
  for (size_t row = range.begin; row < range.end; ++row) {
    if (!batch.ids.empty()) SetId(batch.ids[row], request.add_ids());
    if (!batch.payloads.empty()) request.add_payloads(batch.payloads[row]);
    if (!batch.attributes.empty()) SetAttributes(batch.attributes[row], request.add_attributes());
    if (!batch.expire_times.empty())
      *request.add_expire_times() = MakeTime(batch.expire_times[row]);
    if (!batch.etags.empty()) request.add_etags(batch.etags[row]);
  }
  if (!batch.weights.empty()) {
    const auto weights = batch.weights.subspan(range.begin, range.rows());
    request.mutable_weights()->Assign(weights.begin(), weights.end());
  }
}

}  // namespace mneme::client
