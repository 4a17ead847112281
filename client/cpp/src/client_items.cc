// Writing, reading and forgetting items.
#include <algorithm>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/src/columns.h"
#include "client/cpp/src/convert.h"
#include "client/cpp/src/impl.h"
#include "client/cpp/src/matrix.h"
#include "client/cpp/src/status.h"
#include "mneme/client.h"

namespace mneme::client {
namespace {

size_t RowCount(const DeleteBatch& batch) {
  return batch.ids.empty() ? batch.keys.rows : batch.ids.size();
}

absl::Status Check(const DeleteBatch& batch) {
  for (const auto& [column, given] :
       {std::pair<std::string_view, size_t>{"weights", batch.weights.size()},
        {"keys", batch.keys.rows},
        {"etags", batch.etags.size()},
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

v1::StoreRequest MakeStore(std::string_view memory, const StoreBatch& batch,
                           const StoreOptions& options, const RowRange& range) {
  v1::StoreRequest request;
  request.set_memory(ResourceName(memory));
  SetColumns(batch, range, options.dtype, request);
  if (options.ttl) *request.mutable_ttl() = MakeDuration(*options.ttl);
  request.set_upsert(options.upsert);
  request.set_durability(static_cast<v1::Durability>(options.durability));
  return request;
}

v1::DeleteItemsRequest MakeDelete(std::string_view memory, const DeleteBatch& batch,
                                  const DeleteOptions& options, const RowRange& range) {
  v1::DeleteItemsRequest request;
  request.set_memory(ResourceName(memory));
  if (!batch.ids.empty()) {
    for (size_t row = range.begin; row < range.end; ++row) {
      SetId(batch.ids[row], request.add_ids());
      if (!batch.etags.empty()) request.add_etags(batch.etags[row]);
    }
  }
  if (IsGiven(batch.keys)) SetRows(batch.keys, range, options.dtype, request.mutable_keys());
  if (IsGiven(batch.responses)) {
    SetRows(batch.responses, range, options.dtype, request.mutable_responses());
  }
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
  result.evicted += response.evicted();
  // 0: the memory keeps no items to name.
  if (!ids_given && response.first_id() > 0)
    result.made_ids.push_back({range.begin, range.rows(), response.first_id()});
}

}  // namespace

absl::StatusOr<StoreResult> Client::Store(std::string_view memory, const StoreBatch& batch,
                                          const StoreOptions& options) {
  if (absl::Status status = Check(batch); !status.ok()) return status;
  const absl::StatusOr<std::vector<RowRange>> ranges = impl_->Split(
      options.call, batch.keys.rows, [](const Limits& l) { return l.rows_per_store_max; },
      [&](size_t row) { return RowBytes(batch, row, options.dtype); });
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
  request.set_filter(options.filter);
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
  const size_t vector_bytes = VectorBytes(batch.keys.cols, options.dtype) +
                              VectorBytes(batch.responses.cols, options.dtype) + sizeof(float);
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

absl::StatusOr<DeleteResult> Client::DeleteItemsWhere(std::string_view memory,
                                                      std::string_view filter,
                                                      const DeleteOptions& options) {
  const std::string base = options.request_id.empty() ? MakeRequestId() : options.request_id;
  DeleteResult result;
  bool more = true;
  for (size_t part = 0; more; ++part) {
    v1::DeleteItemsRequest request;
    request.set_memory(ResourceName(memory));
    request.set_filter(std::string(filter));
    request.set_durability(static_cast<v1::Durability>(options.durability));
    request.set_request_id(absl::StrCat(base, "/", part));
    v1::DeleteItemsResponse response;
    absl::Status status = impl_->Call(options.call, Repeatable::kYes, &Impl::Memories::DeleteItems,
                                      request, response);
    if (!status.ok()) return status;
    AddLatest(response, result);
    result.deleted += response.deleted();
    result.suppressed += response.suppressed();
    more = response.more();
    if (options.progress) options.progress(result.deleted, result.deleted);
  }
  return result;
}

}  // namespace mneme::client
