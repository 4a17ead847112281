// Writing, reading and forgetting items.
#include <algorithm>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/src/convert.h"
#include "client/cpp/src/impl.h"
#include "client/cpp/src/status.h"
#include "mneme/client.h"

namespace mneme::client {
namespace {

bool IsGiven(MatrixRef matrix) {
  return matrix.data != nullptr || matrix.rows != 0 || matrix.cols != 0;
}

// A column must have as many entries as there are rows, or none.
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
                                      {"responses", batch.responses.rows}}) {
    if (absl::Status status = CheckColumn(column, given, rows); !status.ok()) return status;
  }
  return absl::OkStatus();
}

size_t RowCount(const DeleteBatch& batch) {
  return batch.ids.empty() ? batch.keys.rows : batch.ids.size();
}

absl::Status Check(const DeleteBatch& batch) {
  for (const auto& [column, given] :
       {std::pair<std::string_view, size_t>{"weights", batch.weights.size()},
        {"keys", batch.keys.rows},
        {"responses", batch.responses.rows}}) {
    if (absl::Status status = CheckColumn(column, given, RowCount(batch)); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

// The request id of one request of a call.
std::string PartId(const std::string& base, const RowRange& range, size_t ranges) {
  return ranges == 1 ? base : absl::StrCat(base, "/", range.index);
}

size_t RowBytes(const StoreBatch& batch, size_t row) {
  size_t bytes = (batch.keys.cols + batch.responses.cols + 1) * sizeof(float);
  if (!batch.ids.empty()) bytes += WireBytes(batch.ids[row]);
  if (!batch.payloads.empty()) bytes += 8 + batch.payloads[row].size();
  if (!batch.attributes.empty()) bytes += WireBytes(batch.attributes[row]);
  return bytes;
}

v1::StoreRequest MakeStore(std::string_view memory, const StoreBatch& batch,
                           const StoreOptions& options, const RowRange& range) {
  v1::StoreRequest request;
  request.set_memory(ResourceName(memory));
  SetRows(batch.keys, range, request.mutable_keys());
  if (IsGiven(batch.responses)) SetRows(batch.responses, range, request.mutable_responses());
  for (size_t row = range.begin; row < range.end; ++row) {
    if (!batch.ids.empty()) SetId(batch.ids[row], request.add_ids());
    if (!batch.payloads.empty()) request.add_payloads(batch.payloads[row]);
    if (!batch.attributes.empty()) SetAttributes(batch.attributes[row], request.add_attributes());
  }
  if (!batch.weights.empty()) {
    const auto weights = batch.weights.subspan(range.begin, range.rows());
    request.mutable_weights()->Assign(weights.begin(), weights.end());
  }
  request.set_upsert(options.upsert);
  request.set_durability(static_cast<v1::Durability>(options.durability));
  return request;
}

v1::DeleteItemsRequest MakeDelete(std::string_view memory, const DeleteBatch& batch,
                                  const DeleteOptions& options, const RowRange& range) {
  v1::DeleteItemsRequest request;
  request.set_memory(ResourceName(memory));
  if (!batch.ids.empty()) {
    for (size_t row = range.begin; row < range.end; ++row) SetId(batch.ids[row], request.add_ids());
  }
  if (IsGiven(batch.keys)) SetRows(batch.keys, range, request.mutable_keys());
  if (IsGiven(batch.responses)) SetRows(batch.responses, range, request.mutable_responses());
  if (!batch.weights.empty()) {
    const auto weights = batch.weights.subspan(range.begin, range.rows());
    request.mutable_weights()->Assign(weights.begin(), weights.end());
  }
  request.set_allow_missing(options.allow_missing);
  request.set_durability(static_cast<v1::Durability>(options.durability));
  return request;
}

// Takes what the latest write says: its position, token and count stand for all before it. False
// when a later one was taken already.
template <typename Response, typename Result>
bool AddLatest(Response& response, Result& result) {
  result.replayed += response.replayed() ? 1 : 0;
  if (result.requests++ != 0 && response.position() < result.position) return false;
  result.position = response.position();
  result.item_count = response.item_count();
  result.read_token = std::move(*response.mutable_read_token());
  return true;
}

// The latest warning of each reason.
void AddWarnings(const v1::StoreResponse& response, std::vector<Warning>& warnings) {
  for (const v1::Warning& wire : response.warnings()) {
    const auto same = std::ranges::find(warnings, wire.reason(), &Warning::reason);
    if (same == warnings.end()) {
      warnings.push_back(FromWire(wire));
    } else {
      *same = FromWire(wire);
    }
  }
}

void Add(v1::StoreResponse response, const RowRange& range, bool ids_given, StoreResult& result) {
  const auto durability = static_cast<Durability>(response.durability());
  result.durability = result.requests == 0 ? durability : std::min(result.durability, durability);
  if (AddLatest(response, result)) result.load = response.load();
  AddWarnings(response, result.warnings);
  result.stored += response.stored();
  result.replaced += response.replaced();
  if (!ids_given) result.made_ids.push_back({range.begin, range.rows(), response.first_id()});
}

}  // namespace

absl::StatusOr<StoreResult> Client::Store(std::string_view memory, const StoreBatch& batch,
                                          const StoreOptions& options) {
  if (absl::Status status = Check(batch); !status.ok()) return status;
  const absl::StatusOr<std::vector<RowRange>> ranges = impl_->Split(
      options.call, batch.keys.rows, [](const Limits& l) { return l.rows_per_store_max; },
      [&batch](size_t row) { return RowBytes(batch, row); });
  if (!ranges.ok()) return ranges.status();
  const std::string base = options.request_id.empty() ? MakeRequestId() : options.request_id;

  StoreResult result;
  std::mutex mutex;  // guards result
  absl::Status status = impl_->CallEach(
      *ranges, options.call, options.progress, &Impl::Memories::Store,
      [&](const RowRange& range) {
        v1::StoreRequest request = MakeStore(memory, batch, options, range);
        request.set_request_id(PartId(base, range, ranges->size()));
        return request;
      },
      [&](v1::StoreResponse response, const RowRange& range) {
        const std::lock_guard lock(mutex);
        Add(std::move(response), range, !batch.ids.empty(), result);
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  std::ranges::sort(result.made_ids, {}, &MadeIds::first_row);
  return result;
}

absl::StatusOr<Item> Client::GetItem(std::string_view memory, const ItemId& id,
                                     const CallOptions& call) {
  v1::GetItemRequest request;
  request.set_memory(ResourceName(memory));
  SetId(id, request.mutable_id());
  v1::Item response;
  absl::Status status =
      impl_->Call(call, Repeatable::kYes, &Impl::Memories::GetItem, request, response);
  if (!status.ok()) return status;
  return FromWire(response);
}

absl::StatusOr<ItemPage> Client::ListItems(std::string_view memory,
                                           const ListItemsOptions& options) {
  v1::ListItemsRequest request;
  request.set_memory(ResourceName(memory));
  request.set_page_size(options.page_size);
  request.set_page_token(options.page_token);
  request.set_include_vectors(options.include_vectors);
  request.set_include_payloads(options.include_payloads);
  v1::ListItemsResponse response;
  absl::Status status =
      impl_->Call(options.call, Repeatable::kYes, &Impl::Memories::ListItems, request, response);
  if (!status.ok()) return status;
  ItemPage page{.next_page_token = response.next_page_token()};
  page.items.reserve(response.items_size());
  for (const v1::Item& wire : response.items()) {
    absl::StatusOr<Item> item = FromWire(wire);
    if (!item.ok()) return item.status();
    page.items.push_back(*std::move(item));
  }
  return page;
}

absl::StatusOr<DeleteResult> Client::DeleteItems(std::string_view memory, const DeleteBatch& batch,
                                                 const DeleteOptions& options) {
  if (absl::Status status = Check(batch); !status.ok()) return status;
  const size_t vector_bytes = (batch.keys.cols + batch.responses.cols + 1) * sizeof(float);
  const absl::StatusOr<std::vector<RowRange>> ranges = impl_->Split(
      options.call, RowCount(batch), [](const Limits& l) { return l.rows_per_store_max; },
      [&](size_t row) {
        return vector_bytes + (batch.ids.empty() ? 0 : WireBytes(batch.ids[row]));
      });
  if (!ranges.ok()) return ranges.status();
  const std::string base = options.request_id.empty() ? MakeRequestId() : options.request_id;

  DeleteResult result;
  std::mutex mutex;  // guards result
  absl::Status status = impl_->CallEach(
      *ranges, options.call, options.progress, &Impl::Memories::DeleteItems,
      [&](const RowRange& range) {
        v1::DeleteItemsRequest request = MakeDelete(memory, batch, options, range);
        request.set_request_id(PartId(base, range, ranges->size()));
        return request;
      },
      [&](v1::DeleteItemsResponse response, const RowRange&) {
        const std::lock_guard lock(mutex);
        AddLatest(response, result);
        result.deleted += response.deleted();
        result.missing += response.missing();
        result.suppressed += response.suppressed();
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  return result;
}

}  // namespace mneme::client
