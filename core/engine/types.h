// What the engine is asked and what it answers, in its own words: no wire types here.
#ifndef MNEME_CORE_ENGINE_TYPES_H_
#define MNEME_CORE_ENGINE_TYPES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/ids.h"
#include "core/math/matrix.h"
#include "core/models/model.h"
#include "core/models/spec.h"
#include "core/storage/storage.h"

namespace mneme::engine {

using storage::MemoryUid;
using storage::Sync;

// The part of a memory's description that may change.
struct Labels {
  std::string description;
  std::map<std::string, std::string> labels;
};

enum class Health { kServing, kDegraded };

// A memory as `describe` shows it.
struct MemoryInfo {
  std::string name;  // without the `memories/` prefix
  MemoryUid uid = 0;
  uint64_t revision = 0;  // grows with every update
  int64_t create_unix_nanos = 0;
  int64_t update_unix_nanos = 0;
  Labels labels;
  models::MemorySpec spec;
  uint64_t position = 0;
  models::ModelStats stats;
  Health health = Health::kServing;
  std::string health_reason;
};

struct CreateCommand {
  std::string name;
  Labels labels;
  models::MemorySpec spec;
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
};

struct DropCommand {
  std::string name;
  std::optional<Etag> etag;
};

// Columns of a batch; the numbers and payloads are borrowed until the call is done.
struct StoreCommand {
  std::string memory;
  MatrixView keys;
  MatrixView responses;
  std::vector<ItemId> ids;  // empty: made here
  std::span<const float> weights;
  std::vector<storage::Payload> payloads;  // empty, or one a row
  bool upsert = false;
  std::string request_id;
  uint64_t body_hash =
      0;  // of everything that makes the request what it is; only used with a request_id
  Sync sync = Sync::kDisk;
};

struct DeleteCommand {
  std::string memory;
  std::vector<ItemId> ids;
  MatrixView keys;  // pairs to forget, where vectors are not kept
  MatrixView responses;
  std::span<const float> weights;
  bool allow_missing = false;
  std::string request_id;
  uint64_t body_hash = 0;
  Sync sync = Sync::kDisk;
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
  bool payloads = false;
  std::function<bool()> cancelled;  // polled between slices; may be empty
};

struct QueryReply {
  models::Answer answer;
  MemoryUid uid = 0;
  uint64_t position = 0;
  std::vector<ItemId> candidates_missing;  // asked for, not held
  // For each cue, one a `top` entry; only if asked for.
  std::vector<std::vector<storage::OwnedPayload>> payloads;
  // For each cue, one a `top` entry: |cue - key| of unit vectors; only with check_radius, and only
  // where the answer's certificates are sealed. Negative: not certified, or gone since.
  std::vector<std::vector<double>> distances;
  std::optional<models::TrainedStats> trained;  // of the view that answered
};

struct ItemRecord {
  ItemId id;
  uint64_t row = 0;
  float weight = 1;
  std::vector<float> key;       // empty if not kept
  std::vector<float> response;  // empty for auto-association
  storage::OwnedPayload payload;
};

struct ListItemsCommand {
  std::string memory;
  std::optional<MemoryUid> uid;  // of the page before
  uint64_t first_row = 0;
  size_t page_size = 0;
  bool vectors = false;
  bool payloads = false;
  uint64_t page_bytes_max = 3'800'000;  // under the 4 MiB that gRPC clients take by default
};
struct ItemPage {
  MemoryUid uid = 0;
  std::vector<ItemRecord> items;
  std::optional<uint64_t> next_row;
};

struct EngineCounters {
  uint64_t commits = 0;
  uint64_t syncs = 0;
  uint64_t writes = 0;
  uint64_t group_writes_max = 0;
  uint64_t cues_inline = 0;
  uint64_t cues_batched = 0;
  uint64_t batches = 0;
};

template <typename T>
using Done = std::function<void(absl::StatusOr<T>)>;

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_TYPES_H_
