// What goes into a Client and what comes out of it: plain values, no protobuf.
//
// The enums have the numbers of the wire, so that a value of a newer server passes through
// unharmed; Name() prints those it does not know as their number. Fields mean what their namesakes
// in proto/mneme/v1 mean.
//
// Threads: plain values. MatrixRef and the spans borrow: what they point at must live until the
// call returns.
#ifndef MNEME_CLIENT_CPP_INCLUDE_MNEME_TYPES_H_
#define MNEME_CLIENT_CPP_INCLUDE_MNEME_TYPES_H_

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "mneme/memory.h"

namespace mneme::client {

enum class Durability { kDefault = 0, kMemory = 1, kOs = 2, kDisk = 3 };
// In which type numbers travel; kept and computed with, they are float32 always. Numbers round to
// the nearest. bfloat16 keeps 8 bits of each; float16 11 bits, of numbers below 65,520 (larger ones
// are refused); int8 each to 1/254 of its row's largest.
enum class Dtype { kFloat32 = 1, kBfloat16 = 2, kFloat16 = 3, kInt8 = 4 };
enum class AnswerStatus {
  kUnspecified = 0,
  kConverged = 1,
  kMaxIterations = 2,
  kNoSupport = 3,
  kMixture = 4,
  kEmptyStore = 5,
};
enum class Exactness { kUnspecified = 0, kExact = 1, kBounded = 2, kApproximate = 3 };
// Why an answer is exact: every item was scored, or bounds ruled out those that were not.
enum class ExactnessProof { kUnspecified = 0, kFullScan = 1, kCodeBounds = 2 };
// Do the items of a list carry certificates, and if not, why?
enum class CertificateState {
  kUnspecified = 0,  // the memory's model gives none
  kSealed = 1,       // they do
  kUntrained = 2,
  kUncertifiedDelta = 3,       // items were stored since the training
  kUncertifiedShort = 4,       // the list asked for is shorter than the certified one
  kUncertifiedPartitions = 5,  // the list merges partitions
  kUncertifiedCandidates = 6,  // only candidates were ranked
};
// Why a list holds fewer items than were asked for.
enum class Shortfall {
  kUnspecified = 0,  // it does not
  kMemorySmaller = 1,
  kFilter = 2,
  kCandidates = 3,
};
// Of the daemon or one of its services, by the standard gRPC health protocol.
enum class ServingStatus { kUnknown = 0, kServing = 1, kNotServing = 2, kServiceUnknown = 3 };

// As on the wire, without the prefix: "DISK", "MAX_ITERATIONS".
std::string Name(Durability value);
std::string Name(AnswerStatus value);
std::string Name(Exactness value);
std::string Name(ExactnessProof value);
std::string Name(CertificateState value);
std::string Name(Shortfall value);
std::string Name(ServingStatus value);

// Borrowed rows x cols floats, row after row.
struct MatrixRef {
  const float* data = nullptr;
  size_t rows = 0;
  size_t cols = 0;

  std::span<const float> row(size_t i) const { return {data + i * cols, cols}; }
};

// Owned rows x cols floats, row after row.
struct Matrix {
  std::vector<float> data;
  size_t rows = 0;
  size_t cols = 0;

  std::span<const float> row(size_t i) const { return {data.data() + i * cols, cols}; }
  MatrixRef ref() const { return {data.data(), rows, cols}; }
};

// Identifies an item in its memory: a 64-bit number, or a text of 1 to 128 bytes of UTF-8. Numbers
// order before texts.
class ItemId {
 public:
  ItemId() = default;
  explicit ItemId(uint64_t number) : value_(number) {}
  explicit ItemId(std::string text) : value_(std::move(text)) {}

  bool is_text() const { return std::holds_alternative<std::string>(value_); }
  uint64_t number() const { return is_text() ? 0 : std::get<uint64_t>(value_); }
  std::string_view text() const {
    return is_text() ? std::get<std::string>(value_) : std::string_view();
  }
  // For people: the number in decimal, or the text.
  std::string ToString() const {
    return is_text() ? std::get<std::string>(value_) : std::to_string(number());
  }

  friend bool operator==(const ItemId&, const ItemId&) = default;
  friend auto operator<=>(const ItemId&, const ItemId&) = default;

 private:
  std::variant<uint64_t, std::string> value_;
};

// One typed value of an attribute.
using AttributeValue =
    std::variant<std::string, int64_t, double, bool, Timestamp, std::vector<std::string>,
                 std::vector<int64_t>, std::vector<double>>;
using Attributes = std::map<std::string, AttributeValue>;

// A batch of associations, in columns of equal length. Only `keys` must be there.
struct StoreBatch {
  MatrixRef keys;
  MatrixRef responses;                     // not for auto-associative memories
  std::span<const ItemId> ids;             // left out: the server makes them
  std::span<const float> weights;          // left out: 1 each
  std::span<const std::string> payloads;   // left out: none
  std::span<const Attributes> attributes;  // left out: none
  // When each expires; left out: by StoreOptions::ttl or the memory's.
  std::span<const Timestamp> expire_times;
  // With upsert: an item whose entry is not empty must be there with this etag. Left out: none.
  std::span<const std::string> etags;
};

// Ids that the server made for rows [first_row, first_row + rows) of a Store: first_id, first_id +
// 1, ...
struct MadeIds {
  uint64_t first_row = 0;
  uint64_t rows = 0;
  uint64_t first_id = 0;
};

struct StoreResult {
  uint64_t stored = 0;
  uint64_t replaced = 0;
  uint64_t evicted = 0;           // items that went out to make room
  // By first_row; empty when ids were given, or the memory keeps no items to name.
  std::vector<MadeIds> made_ids;
  std::string read_token;         // of the last write; give it to a read that must see all of them
  uint64_t position = 0;
  uint64_t item_count = 0;
  uint32_t requests = 0;                         // into how many the batch was split
  uint32_t replayed = 0;                         // of these, answered from an earlier try
  Durability durability = Durability::kDefault;  // the least of them
  double load = 0;                               // of a linear memory now: LoadMeter::load
  std::vector<Warning> warnings;                 // the latest of each reason
};

// Items to forget: by id, or (where vectors are not kept) by the pairs that were stored.
struct DeleteBatch {
  std::span<const ItemId> ids;
  MatrixRef keys;
  MatrixRef responses;
  std::span<const float> weights;
  // An item whose entry is not empty is deleted only if it has this etag. Left out: none.
  std::span<const std::string> etags;
};

struct DeleteResult {
  uint64_t deleted = 0;
  uint64_t missing = 0;
  // Of the deleted: never returned again, but their influence on other recalls stays (delta rules;
  // trained weights until the next Train). The others are unlearned.
  uint64_t suppressed = 0;
  std::string read_token;
  uint64_t position = 0;
  uint64_t item_count = 0;
  uint32_t requests = 0;  // into how many the batch was split
  uint32_t replayed = 0;  // of these, answered from an earlier try
};

// An association as it is kept; what is not kept or was not asked for is empty.
struct Item {
  ItemId id;
  std::vector<float> key;
  std::vector<float> response;
  float weight = 1;
  std::string payload;
  Attributes attributes;
  uint64_t row = 0;
  std::optional<Timestamp> expire_time;  // absent: never
  std::string etag;                      // another one whenever the item is replaced
};

struct ItemPage {
  std::vector<Item> items;
  std::string next_page_token;  // empty: this was the last
};

// What a training proved of an item. It speaks of one list: the certified one.
struct Certificate {
  bool certified = false;  // with its own key as the cue, the item is in the certified list
  double radius = 0;       // and so it is for every cue within this distance of its key
  // With check_radius, of this cue from the item's key (both of length 1).
  std::optional<double> distance;
  bool inside_radius = false;  // distance < radius: this very list is proved to hold the item
};

// An item in a list.
struct ScoredItem {
  ItemId id;
  double score = 0;
  double share = 0;
  bool found = true;
  uint32_t rank = 0;
  std::string payload;
  std::optional<Certificate> certificate;  // with CertificateState::kSealed only
};

// The answer to one cue, besides its recall.
struct CueResult {
  absl::Status error;  // not OK: this cue alone could not be answered
  AnswerStatus status = AnswerStatus::kUnspecified;
  uint32_t steps = 0;
  double energy = 0;
  double confidence = 0;
  double n_eff = 0;
  uint64_t n_support = 0;
  std::vector<ScoredItem> top;
  double z_best = 0;
  double z_gap = 0;
  Shortfall shortfall = Shortfall::kUnspecified;  // of `top`
  // What answered a cue that no item supported; kDefault: nothing had to, or nothing did.
  NoSupportPolicy answered_by = NoSupportPolicy::kDefault;
  double beta = 0;    // that this answer was made with (dense)
  double radius = 0;  // likewise, of the supports (kRelu)
};

struct RetrieveResult {
  Matrix recalls;
  std::vector<CueResult> results;                 // one a cue
  Exactness exactness = Exactness::kUnspecified;  // the weakest of the requests it was split into
  ExactnessProof proof = ExactnessProof::kUnspecified;
  Epoch epoch;  // the state that answered; of the last of them
};

// The list for one cue.
struct CueList {
  absl::Status error;  // not OK: this cue alone could not be answered
  std::vector<ScoredItem> items;
  AnswerStatus status = AnswerStatus::kUnspecified;
  double z_best = 0;
  double z_gap = 0;
  double score_mean = 0;
  double score_std = 0;
  double mass = 0;
  double share_error = 0;   // `mass` and the items' shares may be off by this, relative
  double tail_average = 0;  // mean score of the certified list, of the best item's partition
  Shortfall shortfall = Shortfall::kUnspecified;
};

// What the index of a memory had to do with an answer.
struct IndexReport {
  IndexFallback fallback = IndexFallback::kNone;  // why it is exact; kNone: it is approximate
  MeasuredRecall recall;                          // of lists of 10, as are the rest of kNone
  uint32_t depth = 0;                             // candidates scored for each cue
  uint64_t rows = 0;                              // items when the recall was measured
};

struct QueryResult {
  std::vector<CueList> lists;  // one a cue
  Exactness exactness = Exactness::kUnspecified;
  ExactnessProof proof = ExactnessProof::kUnspecified;
  uint64_t items_scored = 0;
  Epoch epoch;
  // Of the request that says least, where one was split: kSealed means that all lists carry
  // certificates.
  CertificateState certificates = CertificateState::kUnspecified;
  uint64_t list_size = 0;  // length of the certified list; 0 where there is none
  Epoch weights_epoch;     // the weights that the certificates speak of
  // Of a memory with an index; of the request that says least, where one was split.
  std::optional<IndexReport> index;
};

struct Limits {
  uint32_t rows_per_store_max = 0;
  uint32_t cues_max = 0;
  uint32_t list_size_max = 0;
  uint32_t dimension_max = 0;
  uint32_t payload_bytes_max = 0;
  uint64_t message_bytes_max = 0;
  uint32_t memories_max = 0;
  uint32_t partitions_max = 0;
};

struct Counters {
  uint64_t commits = 0;
  uint64_t syncs = 0;
  uint64_t writes = 0;
  uint64_t group_writes_max = 0;
  uint64_t cues_inline = 0;
  uint64_t cues_batched = 0;
  uint64_t batches = 0;
};

// Every bound of the server, configurable or not.
struct NamedLimit {
  std::string name;
  uint64_t value = 0;
  std::string unit;
  std::string description;
  bool configurable = false;
};

// How far the start of the server is.
struct Startup {
  bool done = false;
  bool recovery_mode = false;
  uint32_t memories_done = 0;
  uint32_t memories_total = 0;
  uint64_t rows_done = 0;
  uint64_t rows_total = 0;
  std::string memory;  // that is being read
  std::chrono::nanoseconds elapsed{0};
  std::optional<std::chrono::nanoseconds> remaining;  // absent while unknown
};

// What the server may use, and what it uses.
struct Resources {
  uint64_t memory_bytes_max = 0;
  std::string memory_limit_source;  // "configuration", "cgroup", "machine"
  uint64_t memory_bytes_used = 0;
  uint64_t resident_bytes = 0;
  uint64_t disk_bytes_free = 0;
  uint64_t disk_bytes_reserve = 0;
  uint64_t disk_bytes_used = 0;
};

struct ServerInfo {
  std::string version;
  Timestamp start_time;
  std::chrono::nanoseconds uptime{0};
  Limits limits;
  Counters counters;
  uint32_t memory_count = 0;
  uint64_t memory_bytes = 0;
  std::string instruction_set;
  std::string blas_core;
  uint32_t scan_threads = 0;
  Startup startup;
  Resources resources;
  std::vector<NamedLimit> all_limits;
};

}  // namespace mneme::client

#endif  // MNEME_CLIENT_CPP_INCLUDE_MNEME_TYPES_H_
