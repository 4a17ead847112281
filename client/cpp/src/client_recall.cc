// Recall and lists.
#include <algorithm>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/src/convert.h"
#include "client/cpp/src/impl.h"
#include "client/cpp/src/matrix.h"
#include "client/cpp/src/status.h"
#include "mneme/client.h"

namespace mneme::client {
namespace {

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

// The error of one cue of a request, with the cue's number among all.
absl::Status Counted(const RowRange& range, const absl::Status& status) {
  if (status.ok()) return status;
  const auto counted = CountRowsFrom(range.begin, GetError(status));
  return counted ? MakeError(*counted) : status;
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
      CueResult& result = result_.results[range.begin + i];
      result = FromWire(std::move(*response.mutable_results(static_cast<int>(i))));
      result.error = Counted(range, result.error);
    }
    result_.exactness = std::max(result_.exactness, static_cast<Exactness>(response.exactness()));
    result_.proof = std::max(result_.proof, static_cast<ExactnessProof>(response.proof()));
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
      CueList& list = result_.lists[range.begin + i];
      list = FromWire(std::move(*response.mutable_lists(static_cast<int>(i))));
      list.error = Counted(range, list.error);
    }
    result_.exactness = std::max(result_.exactness, static_cast<Exactness>(response.exactness()));
    result_.proof = std::max(result_.proof, static_cast<ExactnessProof>(response.proof()));
    if (response.epoch().position() >= result_.epoch.position) {
      result_.epoch = FromWire(response.epoch());
      result_.items_scored = response.items_scored();
      result_.list_size = response.list_size();
      result_.weights_epoch = FromWire(response.weights_epoch());
    }
    const bool approximate = response.exactness() == v1::EXACTNESS_APPROXIMATE;
    if (response.has_index() && (approximate || !result_.index)) {
      result_.index = FromWire(response.index());
    }
    // What says least has the largest number, as with exactness.
    result_.certificates =
        std::max(result_.certificates, static_cast<CertificateState>(response.certificates()));
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
  SetRows(cues, range, options.dtype, request.mutable_cues());
  mask.Set(range, request);
  request.set_top(options.top);
  if (options.beta) request.set_beta(*options.beta);
  request.set_steps_max(options.steps_max);
  request.set_read_token(options.read_token);
  request.set_filter(options.filter);
  request.set_include_payloads(options.include_payloads);
  request.set_recall_dtype(static_cast<v1::Dtype>(options.recall_dtype));
  return request;
}

v1::ListwiseQueryRequest MakeQuery(std::string_view memory, MatrixRef cues, const Mask& mask,
                                   const QueryOptions& options, const RowRange& range) {
  v1::ListwiseQueryRequest request;
  request.set_memory(ResourceName(memory));
  SetRows(cues, range, options.dtype, request.mutable_cues());
  mask.Set(range, request);
  if (const double* fraction = std::get_if<double>(&options.size)) request.set_fraction(*fraction);
  if (const uint32_t* k = std::get_if<uint32_t>(&options.size)) request.set_k(*k);
  for (const ItemId& id : options.candidates) SetId(id, request.add_candidates());
  const MatrixRef& responses = options.candidate_responses;
  if (responses.data != nullptr) {
    SetRows(responses, {.begin = 0, .end = responses.rows}, options.dtype,
            request.mutable_candidate_responses());
  }
  request.set_check_radius(options.check_radius);
  request.set_exact(options.exact);
  if (options.beta) request.set_beta(*options.beta);
  request.set_read_token(options.read_token);
  request.set_filter(options.filter);
  request.set_include_payloads(options.include_payloads);
  return request;
}

// Bytes of what each request of a ListwiseQuery carries beside its cues.
size_t SharedBytes(const QueryOptions& options) {
  const MatrixRef& responses = options.candidate_responses;
  size_t bytes = responses.rows * VectorBytes(responses.cols, options.dtype);
  for (const ItemId& id : options.candidates) bytes += WireBytes(id);
  return bytes;
}

// One request for each range of cues; `make(mask, range)` gives it, `answer` puts the replies
// together.
template <typename Impl, typename Options, typename Method, typename Make, typename Answer>
absl::Status Ask(Impl& impl, MatrixRef cues, const Options& options, size_t shared_bytes,
                 Method method, const Make& make, Answer& answer) {
  const Mask mask(options.mask, cues);
  if (absl::Status status = mask.Check(); !status.ok()) return status;
  const size_t bytes = VectorBytes(cues.cols, options.dtype) + mask.BytesPerCue();
  const absl::StatusOr<std::vector<RowRange>> ranges = impl.Split(
      options.call, cues.rows, [](const Limits& l) { return l.cues_max; },
      [bytes](size_t) { return bytes; }, shared_bytes);
  if (!ranges.ok()) return ranges.status();
  return impl.CallEach(
      *ranges, options.call, options.progress, method,
      [&](const RowRange& range) { return make(mask, range); },
      [&](auto response, const RowRange& range) { return answer.Add(std::move(response), range); });
}

// The one request with all cues, put into `to` by `make`.
template <typename Impl, typename Options, typename Make>
absl::StatusOr<Explanation> AskHow(Impl& impl, MatrixRef cues, const Options& options,
                                   const Make& make) {
  const Mask mask(options.mask, cues);
  if (absl::Status status = mask.Check(); !status.ok()) return status;
  v1::ExplainRequest request;
  make(mask, RowRange{.begin = 0, .end = cues.rows}, request);
  v1::ExplainResponse response;
  absl::Status status =
      impl.Call(options.call, Repeatable::kYes, &Impl::Memories::Explain, request, response);
  if (!status.ok()) return status;
  return FromWire(std::move(response));
}

}  // namespace

absl::StatusOr<RetrieveResult> Client::Retrieve(std::string_view memory, MatrixRef cues,
                                                const RetrieveOptions& options) {
  Recalls recalls(cues.rows);
  const auto make = [&](const Mask& mask, const RowRange& range) {
    return MakeRetrieve(memory, cues, mask, options, range);
  };
  absl::Status status =
      Ask(*impl_, cues, options, /*shared_bytes=*/0, &Impl::Memories::Retrieve, make, recalls);
  if (!status.ok()) return status;
  return recalls.Take();
}

absl::StatusOr<QueryResult> Client::ListwiseQuery(std::string_view memory, MatrixRef cues,
                                                  const QueryOptions& options) {
  Lists lists(cues.rows);
  const auto make = [&](const Mask& mask, const RowRange& range) {
    return MakeQuery(memory, cues, mask, options, range);
  };
  absl::Status status =
      Ask(*impl_, cues, options, SharedBytes(options), &Impl::Memories::ListwiseQuery, make, lists);
  if (!status.ok()) return status;
  return lists.Take();
}

absl::StatusOr<Explanation> Client::ExplainRetrieve(std::string_view memory, MatrixRef cues,
                                                    const RetrieveOptions& options) {
  return AskHow(*impl_, cues, options, [&](const Mask& mask, const RowRange& all, auto& request) {
    *request.mutable_retrieve() = MakeRetrieve(memory, cues, mask, options, all);
  });
}

absl::StatusOr<Explanation> Client::ExplainQuery(std::string_view memory, MatrixRef cues,
                                                 const QueryOptions& options) {
  return AskHow(*impl_, cues, options, [&](const Mask& mask, const RowRange& all, auto& request) {
    *request.mutable_listwise_query() = MakeQuery(memory, cues, mask, options, all);
  });
}

}  // namespace mneme::client
