// Recall and lists.
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

using Stub = v1::MemoryService::Stub;

// The mask as the caller gave it: nothing, one row for all cues, or one a cue.
class Mask {
 public:
  Mask(std::span<const uint8_t> bits, MatrixRef cues)
      : bits_(bits), row_bytes_((cues.cols + 7) / 8), rows_(cues.rows) {}

  absl::Status Check() const {
    if (bits_.empty() || bits_.size() == row_bytes_ || bits_.size() == row_bytes_ * rows_) {
      return absl::OkStatus();
    }
    return MakeError({.code = absl::StatusCode::kInvalidArgument,
                      .reason = "SHAPE",
                      .message = absl::StrCat("the mask has ", bits_.size(), " bytes"),
                      .given = absl::StrCat(bits_.size(), " bytes"),
                      .expected = absl::StrCat(row_bytes_, " bytes, or ", row_bytes_ * rows_,
                                               " for ", rows_, " cues"),
                      .next_step = "Give one bit for each coordinate, each row filled to a byte."});
  }

  size_t BytesPerCue() const { return bits_.size() > row_bytes_ ? row_bytes_ : 0; }

  template <typename Request>
  void Set(const RowRange& range, Request& request) const {
    if (bits_.empty()) return;
    std::span<const uint8_t> part = bits_;
    if (BytesPerCue() != 0)
      part = bits_.subspan(range.begin * row_bytes_, range.rows() * row_bytes_);
    request.mutable_mask()->mutable_bits()->assign(part.begin(), part.end());
  }

 private:
  std::span<const uint8_t> bits_;
  size_t row_bytes_;
  size_t rows_;
};

absl::Status WrongCount(std::string_view what, size_t given, size_t expected) {
  return MakeError(
      {.code = absl::StatusCode::kInternal,
       .reason = "MALFORMED_REPLY",
       .message = absl::StrCat("the server answered ", expected, " cues with ", given, " ",
                               AbslView(what)),
       .given = absl::StrCat(given),
       .expected = absl::StrCat(expected),
       .next_step = "Check that client and server are of versions that fit together."});
}

// Puts the replies of a split Retrieve together. Thread-safe.
class Recalls {
 public:
  explicit Recalls(size_t cues) { result_.results.resize(cues); }

  absl::Status Add(v1::RetrieveResponse response, const RowRange& range) {
    if (static_cast<size_t>(response.results_size()) != range.rows()) {
      return WrongCount("results", response.results_size(), range.rows());
    }
    if (response.recalls().rows() != range.rows()) {
      return WrongCount("recalls", response.recalls().rows(), range.rows());
    }
    const std::lock_guard lock(mutex_);
    Matrix& recalls = result_.recalls;
    if (recalls.data.empty()) {
      recalls.rows = result_.results.size();
      recalls.cols = response.recalls().cols();
      recalls.data.resize(recalls.rows * recalls.cols);
    } else if (recalls.cols != response.recalls().cols()) {
      return WrongCount("columns", response.recalls().cols(), recalls.cols);
    }
    absl::Status status =
        CopyNumbers(response.recalls(), recalls.data.data() + range.begin * recalls.cols);
    if (!status.ok()) return status;
    for (size_t i = 0; i < range.rows(); ++i) {
      result_.results[range.begin + i] =
          FromWire(std::move(*response.mutable_results(static_cast<int>(i))));
    }
    result_.exactness = std::max(result_.exactness, static_cast<Exactness>(response.exactness()));
    if (response.epoch().position() >= result_.epoch.position) {
      result_.epoch = FromWire(response.epoch());
    }
    return absl::OkStatus();
  }

  RetrieveResult Take() { return std::move(result_); }

 private:
  std::mutex mutex_;
  RetrieveResult result_;  // guarded by mutex_
};

// The same for a split ListwiseQuery. Thread-safe.
class Lists {
 public:
  explicit Lists(size_t cues) { result_.lists.resize(cues); }

  absl::Status Add(v1::ListwiseQueryResponse response, const RowRange& range) {
    if (static_cast<size_t>(response.lists_size()) != range.rows()) {
      return WrongCount("lists", response.lists_size(), range.rows());
    }
    const std::lock_guard lock(mutex_);
    for (size_t i = 0; i < range.rows(); ++i) {
      result_.lists[range.begin + i] =
          FromWire(std::move(*response.mutable_lists(static_cast<int>(i))));
    }
    result_.exactness = std::max(result_.exactness, static_cast<Exactness>(response.exactness()));
    if (response.epoch().position() >= result_.epoch.position) {
      result_.epoch = FromWire(response.epoch());
      result_.items_scored = response.items_scored();
    }
    return absl::OkStatus();
  }

  QueryResult Take() { return std::move(result_); }

 private:
  std::mutex mutex_;
  QueryResult result_;  // guarded by mutex_
};

v1::RetrieveRequest MakeRetrieve(std::string_view memory, MatrixRef cues, const Mask& mask,
                                 const RetrieveOptions& options, const RowRange& range) {
  v1::RetrieveRequest request;
  request.set_memory(ResourceName(memory));
  SetRows(cues, range, request.mutable_cues());
  mask.Set(range, request);
  request.set_top(options.top);
  if (options.beta) request.set_beta(*options.beta);
  request.set_steps_max(options.steps_max);
  request.set_read_token(options.read_token);
  request.set_include_payloads(options.include_payloads);
  return request;
}

v1::ListwiseQueryRequest MakeQuery(std::string_view memory, MatrixRef cues, const Mask& mask,
                                   const QueryOptions& options, const RowRange& range) {
  v1::ListwiseQueryRequest request;
  request.set_memory(ResourceName(memory));
  SetRows(cues, range, request.mutable_cues());
  mask.Set(range, request);
  if (const double* fraction = std::get_if<double>(&options.size)) {
    request.set_fraction(*fraction);
  } else {
    request.set_k(std::get<uint32_t>(options.size));
  }
  for (const ItemId& id : options.candidates) SetId(id, request.add_candidates());
  if (options.beta) request.set_beta(*options.beta);
  request.set_read_token(options.read_token);
  request.set_include_payloads(options.include_payloads);
  return request;
}

}  // namespace

absl::StatusOr<RetrieveResult> Client::Retrieve(std::string_view memory, MatrixRef cues,
                                                const RetrieveOptions& options) {
  const Mask mask(options.mask, cues);
  if (absl::Status status = mask.Check(); !status.ok()) return status;
  const size_t bytes = cues.cols * sizeof(float) + mask.BytesPerCue();
  const absl::StatusOr<std::vector<RowRange>> ranges = impl_->Split(
      options.call, cues.rows, [](const Limits& l) { return l.cues_max; },
      [bytes](size_t) { return bytes; });
  if (!ranges.ok()) return ranges.status();
  Recalls recalls(cues.rows);
  absl::Status status = RunSplit(
      *ranges, impl_->options().in_flight_max, options.progress, [&](const RowRange& range) {
        v1::RetrieveResponse response;
        absl::Status part = impl_->Call(options.call, Repeatable::kYes, &Stub::Retrieve,
                                        MakeRetrieve(memory, cues, mask, options, range), response);
        return part.ok() ? recalls.Add(std::move(response), range) : part;
      });
  if (!status.ok()) return status;
  return recalls.Take();
}

absl::StatusOr<QueryResult> Client::ListwiseQuery(std::string_view memory, MatrixRef cues,
                                                  const QueryOptions& options) {
  const Mask mask(options.mask, cues);
  if (absl::Status status = mask.Check(); !status.ok()) return status;
  const size_t bytes = cues.cols * sizeof(float) + mask.BytesPerCue();
  const absl::StatusOr<std::vector<RowRange>> ranges = impl_->Split(
      options.call, cues.rows, [](const Limits& l) { return l.cues_max; },
      [bytes](size_t) { return bytes; });
  if (!ranges.ok()) return ranges.status();
  Lists lists(cues.rows);
  absl::Status status = RunSplit(
      *ranges, impl_->options().in_flight_max, options.progress, [&](const RowRange& range) {
        v1::ListwiseQueryResponse response;
        absl::Status part = impl_->Call(options.call, Repeatable::kYes, &Stub::ListwiseQuery,
                                        MakeQuery(memory, cues, mask, options, range), response);
        return part.ok() ? lists.Add(std::move(response), range) : part;
      });
  if (!status.ok()) return status;
  return lists.Take();
}

}  // namespace mneme::client
