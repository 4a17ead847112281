// What the engine is asked and what it answers, in its own words: no wire types here.
#ifndef MNEME_CORE_ENGINE_TYPES_H_
#define MNEME_CORE_ENGINE_TYPES_H_

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "core/analysis/analysis.h"
#include "core/base/ids.h"
#include "core/math/matrix.h"
#include "core/models/model.h"
#include "core/models/spec.h"
#include "core/storage/storage.h"

namespace mneme::engine {

using storage::MemoryUid;
using storage::Sync;

class Timeline;  // core/engine/timeline.h

// The part of a memory's description that may change.
struct Labels {
  std::string description;
  std::map<std::string, std::string> labels;
};

// What happens to a Store that would exceed a cap.
enum class FullPolicy { kRefuse, kEvictOldest, kEvictLeastUsed };

// How long items live and how many a memory holds. May change.
struct ItemPolicy {
  int64_t ttl_nanos = 0;   // of items stored from now on; 0: they live for ever
  uint64_t items_max = 0;  // 0: no cap
  uint64_t bytes_max = 0;  // of main memory; 0: no cap
  FullPolicy full_policy = FullPolicy::kRefuse;
  friend bool operator==(const ItemPolicy&, const ItemPolicy&) = default;
};

// kStarting: recovery has not come to it yet. kUnloaded: the server runs for recovery only.
enum class Health { kServing, kDegraded, kStarting, kUnloaded };

// A memory as `describe` shows it.
struct MemoryInfo {
  std::string name;  // without the `memories/` prefix
  MemoryUid uid = 0;
  uint64_t revision = 0;  // grows with every update
  int64_t create_unix_nanos = 0;
  int64_t update_unix_nanos = 0;
  Labels labels;
  models::MemorySpec spec;
  ItemPolicy item_policy;
  bool frozen = false;  // no Store, no DeleteItems; expiry goes on
  uint64_t position = 0;
  uint64_t checkpoint_position = 0;
  uint64_t expired = 0;  // items, since the start
  uint64_t evicted = 0;  // items, since the start
  models::ModelStats stats;
  Health health = Health::kServing;
  std::string health_reason;
};

struct CreateCommand {
  std::string name;
  Labels labels;
  models::MemorySpec spec;
  ItemPolicy item_policy;
  std::string request_id;
  uint64_t body_hash = 0;
};

// Names a version of a description: of which memory, and which.
struct Etag {
  MemoryUid uid = 0;
  uint64_t revision = 0;
  friend bool operator==(const Etag&, const Etag&) = default;
};
inline Etag EtagOf(const MemoryInfo& info) { return {info.uid, info.revision}; }

struct UpdateCommand {
  std::string name;
  std::optional<Etag> etag;  // must be the present one
  std::optional<std::string> description;
  std::optional<std::map<std::string, std::string>> labels;
  std::optional<int64_t> ttl_nanos;
  std::optional<uint64_t> items_max;
  std::optional<uint64_t> bytes_max;
  std::optional<FullPolicy> full_policy;
  std::optional<bool> frozen;
};

struct DropCommand {
  std::string name;
  std::optional<Etag> etag;
};

// Names a version of an item: the row under which it is kept is never used again.
struct ItemEtag {
  MemoryUid uid = 0;
  uint64_t row = 0;
  friend bool operator==(const ItemEtag&, const ItemEtag&) = default;
};

// Columns of a batch; the numbers and payloads are borrowed until the call is done.
struct StoreCommand {
  std::string memory;
  MatrixView keys;
  MatrixView responses;
  std::vector<ItemId> ids;  // empty: made here
  std::span<const float> weights;
  std::vector<storage::Payload> payloads;  // empty, or one a row
  std::vector<int64_t> expire_unix_nanos;  // empty, or one a row; 0: by ttl
  std::optional<int64_t> ttl_nanos;        // absent: the memory's; 0: for ever
  // Empty, or one a row: the item must be there with this etag (Aborted ETAG if not). With upsert
  // only.
  std::vector<std::optional<ItemEtag>> etags;
  bool upsert = false;
  std::string request_id;
  uint64_t body_hash =
      0;  // of everything that makes the request what it is; only used with a request_id
  Sync sync = Sync::kDisk;
  // Asked on the committer's thread before anything is done: true gives Cancelled, with
  // nothing done. Writes come to it in the order in which they were submitted. May be empty.
  std::function<bool()> cancelled;
  Timeline* timeline = nullptr;  // borrowed until the call is done; null: nobody asks
};

struct DeleteCommand {
  std::string memory;
  std::vector<ItemId> ids;
  MatrixView keys;  // pairs to forget, where vectors are not kept
  MatrixView responses;
  std::span<const float> weights;
  std::string filter;  // instead of ids: items whose attributes match, at most rows_per_store_max
  std::vector<std::optional<ItemEtag>> etags;  // empty, or one an id
  bool allow_missing = false;
  std::string request_id;
  uint64_t body_hash = 0;
  Sync sync = Sync::kDisk;
  Timeline* timeline = nullptr;  // as in StoreCommand
};

// The sums of another memory, to be added: as exported, or those of `from` as they are now.
struct MergeCommand {
  std::string memory;
  std::string sketch;
  std::string from;  // a memory of this server, in place of `sketch`
  std::string request_id;
  uint64_t body_hash = 0;
  Sync sync = Sync::kDisk;
};

// The sums of a feature memory as bytes.
struct SketchReply {
  MemoryUid uid = 0;
  uint64_t position = 0;
  uint64_t items = 0;
  std::string sketch;
};

// Something a user should know although the request was carried out.
struct Warning {
  std::string reason;
  std::string message;
  std::string next_step;
};

struct WriteReply {
  MemoryUid uid = 0;
  uint64_t position = 0;
  uint64_t stored = 0;
  uint64_t replaced = 0;
  uint64_t deleted = 0;
  uint64_t missing = 0;
  uint64_t suppressed = 0;  // of `deleted`: never returned again, but not unlearned
  uint64_t evicted = 0;     // to make room
  bool more = false;        // by filter: more items match
  uint64_t first_id = 0;
  uint64_t item_count = 0;
  std::optional<double> load;     // linear: after this write
  std::vector<Warning> warnings;  // not part of what a retry is answered with
  Sync sync = Sync::kDisk;
  bool replayed = false;
};

struct TrainCommand {
  std::string memory;
  models::TrainSpec spec;  // `threads` is the engine's
};

struct CalibrateCommand {
  std::string memory;
};

struct AnalyzeCommand {
  std::string memory;
  analysis::AnalysisSpec spec;
};

// A state that a read must contain.
struct ReadToken {
  MemoryUid uid = 0;
  uint64_t position = 0;
};

struct QueryCommand {
  std::string memory;
  models::CueBatch cues;  // borrowed until the call is done
  models::QuerySpec spec;
  std::optional<double> fraction;  // kList: ceil(fraction * items) instead of spec.top
  std::optional<std::vector<ItemId>> candidates;  // kList: only these
  bool check_radius = false;  // kList: also the distance of each certified item's key from the cue
  std::optional<ReadToken> token;
  std::string filter;  // only items whose attributes match; empty: all
  bool payloads = false;
  std::function<bool()> cancelled;  // polled between slices; may be empty
  Timeline* timeline = nullptr;     // as in StoreCommand
};

// Where a query ran, and why.
enum class QueryPlace {
  kInline,  // on the thread that received it: it is cheap
  kDear,    // in the scan pool, as are all others: handing it over costs less than it would hold up
  kSteps,   // it may take many steps
  kBusy,    // scans are under way, and it reads much
  kRows,    // a filter over many rows
};

// Why a list is shorter than asked.
enum class Shortfall { kNone, kMemorySmaller, kFilter, kCandidates };

struct QueryReply {
  models::Answer answer;
  std::vector<Shortfall> shortfalls;  // one a cue
  MemoryUid uid = 0;
  uint64_t position = 0;
  std::vector<ItemId> candidates_missing;  // asked for, not held
  // For each cue, one a `top` entry; only if asked for.
  std::vector<std::vector<storage::OwnedPayload>> payloads;
  // For each cue, one a `top` entry: |cue - key| of unit vectors; only with check_radius, and only
  // where the answer's certificates are sealed. Negative: not certified, or gone since.
  std::vector<std::vector<double>> distances;
  std::optional<models::TrainedStats> trained;  // of the view that answered
  uint64_t items = 0;                           // likewise
  QueryPlace place = QueryPlace::kInline;
  double estimate_micros = 0;  // of the first stage, on one thread; 0: it was not looked at
};

struct ItemRecord {
  MemoryUid uid = 0;
  ItemId id;
  uint64_t row = 0;
  float weight = 1;
  std::vector<float> key;         // empty if not kept
  std::vector<float> response;    // empty for auto-association
  int64_t expire_unix_nanos = 0;  // 0: never
  storage::OwnedPayload payload;
};

struct ListItemsCommand {
  std::string memory;
  std::optional<MemoryUid> uid;  // of the page before
  uint64_t first_row = 0;
  size_t page_size = 0;
  std::string filter;  // only items whose attributes match
  bool vectors = false;
  bool payloads = false;
  uint64_t page_bytes_max = 3'800'000;  // under the 4 MiB that gRPC clients take by default
};
struct ItemPage {
  MemoryUid uid = 0;
  std::vector<ItemRecord> items;
  std::optional<uint64_t> next_row;
};

// ---- administration

struct AliasInfo {
  std::string alias;
  std::string memory;
  int64_t update_unix_nanos = 0;
};
struct SetAliasCommand {
  std::string alias;
  std::string memory;
  std::string expected_memory;  // Aborted (ALIAS_RACED) if it stands for another; empty: whatever
};
struct DropAliasCommand {
  std::string alias;
  bool allow_missing = false;
};

struct CloneCommand {
  std::string source;
  std::string name;  // of the copy
};

struct BackupMemory {
  std::string name;
  MemoryUid uid = 0;
  uint64_t position = 0;
  uint64_t items = 0;
  uint32_t samples = 0;         // answers that a restore must repeat
  std::string degraded_reason;  // not empty: in the backup as damaged as it was
};
struct BackupInfo {
  uint32_t id = 0;
  int64_t create_unix_nanos = 0;
  uint64_t bytes = 0;
  uint64_t new_bytes = 0;
  std::string description;
  std::vector<BackupMemory> memories;
};
struct RestoreCommand {
  uint32_t backup = 0;
  std::vector<std::string> memories;  // empty: all
  std::string name;                   // with exactly one memory: its new name; empty: its own
};
struct RestoreReply {
  std::vector<MemoryInfo> memories;
  uint64_t samples_compared = 0;
};

// Where the bytes of a memory are.
struct MemoryUsage {
  std::string name;
  uint64_t items = 0;
  std::vector<models::ByteAccount> memory;
  std::vector<models::ByteAccount> disk;
  uint64_t memory_bytes_twice = 0;  // with twice the items
  uint64_t disk_bytes_twice = 0;
  std::optional<double> top1;  // by theory (linear)
  std::optional<double> top1_twice;
  uint64_t log_records = 0;  // that no checkpoint covers
};

// How far recovery is.
struct Startup {
  bool done = false;
  bool recovery_mode = false;
  uint32_t memories_done = 0;
  uint32_t memories_total = 0;
  uint64_t rows_done = 0;
  uint64_t rows_total = 0;
  std::string memory;  // that is being read
  int64_t elapsed_nanos = 0;
  std::optional<int64_t> remaining_nanos;
};

struct Resources {
  uint64_t memory_bytes_max = 0;  // 0: none
  uint64_t memory_bytes_used = 0;
  uint64_t disk_bytes_free = 0;
  uint64_t disk_bytes_reserve = 0;
  uint64_t disk_bytes_used = 0;
};

// Upper bounds of what commits are counted by: nanoseconds until they were safe, and writes in
// them. One more count each for what is above.
inline constexpr std::array<int64_t, 12> kCommitNanos = {
    500'000,    1'000'000,   2'500'000,   5'000'000,   10'000'000,    25'000'000,
    50'000'000, 100'000'000, 250'000'000, 500'000'000, 1'000'000'000, 5'000'000'000};
inline constexpr std::array<uint64_t, 9> kGroupWrites = {1, 2, 4, 8, 16, 32, 64, 256, 1'024};

struct EngineCounters {
  uint64_t commits = 0;
  uint64_t syncs = 0;
  uint64_t writes = 0;
  uint64_t group_writes_max = 0;
  std::array<uint64_t, kCommitNanos.size() + 1> commit_times = {};
  uint64_t commit_nanos = 0;
  std::array<uint64_t, kGroupWrites.size() + 1> group_writes = {};
  uint64_t checkpoints = 0;
  uint64_t writes_waiting = 0;  // now, as are their bytes
  uint64_t write_bytes_waiting = 0;
  uint64_t cues_inline = 0;
  uint64_t cues_batched = 0;
  uint64_t batches = 0;
  uint64_t cues_waiting = 0;  // now: in the scan pool, with those that it is at
};

template <typename T>
using Done = std::function<void(absl::StatusOr<T>)>;

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_TYPES_H_
