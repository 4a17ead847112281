// The durable side of the server: one catalogue, one log a memory, the items, and checkpoints of
// model state. Bytes only: knows no model. The layout on disk is docs/formats/storage.md.
//
// Two seams behind one commit: the Log (append a record -> it has a position; read from a position)
// and the Items (rows, ids, payloads, state). A commit is atomic over both and over all memories in
// it; `Sync::kDisk` returns after fsync.
//
// Threads: Commit is called by one thread at a time (the committer). Everything else is thread-safe
// and may run beside it; a read sees whole commits only.
#ifndef MNEME_CORE_STORAGE_STORAGE_H_
#define MNEME_CORE_STORAGE_STORAGE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/ids.h"

namespace mneme::storage {

// Names a memory on disk: made once, never used again (the `uid` that users see is its hexadecimal
// form).
using MemoryUid = uint64_t;

// How safe a commit is when Commit returns. A storage may give more than was asked for.
enum class Sync { kMemory, kOs, kDisk };

enum class RecordKind : uint8_t { kStore = 1, kDelete = 2 };

// One mutation of one memory: a record of its log.
struct LogRecord {
  uint64_t position = 0;  // 1, 2, 3, ... in each memory
  RecordKind kind = RecordKind::kStore;
  uint64_t first_row = 0;  // kStore: rows [first_row, first_row + row_count) came in
  uint64_t row_count = 0;
  // Rows that went out: by kDelete, or replaced by kStore with upsert. They went out before the new
  // ones came in.
  std::vector<uint64_t> removed_rows;
};

// A row: one association as it was stored. Flags as bits.
enum RowFlags : uint8_t {
  // Gone for readers; kept until a checkpoint covers its removal (state models replay it).
  kRowRemoved = 1,
  // A pair brought along to be forgotten (memories that keep no vectors): absorb nothing, forget
  // it.
  kRowNegative = 2,
};

// Borrowed form, for writing and for scans: valid during the call.
struct RowView {
  uint64_t row = 0;
  uint8_t flags = 0;
  ItemId id;  // meaningless where the memory keeps no ids
  float weight = 1;
  int64_t expire_unix_nanos = 0;    // 0: never (reserved: nothing expires yet)
  std::span<const float> key;       // empty when it is not kept (any more)
  std::span<const float> response;  // empty for auto-association or when not kept
};

struct Payload {
  std::string_view payload;     // opaque
  std::string_view attributes;  // encoded by the server; opaque here
  bool empty() const { return payload.empty() && attributes.empty(); }
};

struct OwnedPayload {
  std::string payload;
  std::string attributes;
};

// What a retried request is answered with. Key: (principal, scope, request id).
struct RequestKey {
  std::string principal;  // empty until there is authentication
  std::string scope;      // the memory's name, or "" for the catalogue
  std::string request_id;
};
struct RequestOutcome {
  uint64_t body_hash = 0;
  int64_t time_unix_nanos = 0;
  std::string reply;  // encoded by the engine; opaque here
};

// One commit: built by the committer, written atomically.
class CommitBatch {
 public:
  virtual ~CommitBatch() = default;
  // Catalogue: the memory's description, opaque. Also for a change of it.
  virtual void PutMemory(MemoryUid uid, std::string_view catalogue_entry) = 0;
  // Removes the memory with all its rows, ids, payloads, log, state.
  virtual void DropMemory(MemoryUid uid) = 0;
  // Positions of a memory follow one another without a gap, from 1; Commit refuses others.
  virtual void AppendLog(MemoryUid uid, const LogRecord& record) = 0;
  // `keep_id`: also maps row.id -> row. For a row that is there already: writes it anew, and leaves
  // its payload as it is when `payload` is empty.
  virtual void PutRow(MemoryUid uid, const RowView& row, const Payload& payload, bool keep_id) = 0;
  // Takes a row away at once: row, payload, and the mapping of `id` unless it is null (give null
  // where the id means another row by now).
  virtual void EraseRow(MemoryUid uid, uint64_t row, const ItemId* id) = 0;
  // Takes the id mapping and payload away, keeps the row with kRowRemoved set until EraseRow. `row`
  // is the row as it was.
  virtual void MarkRowRemoved(MemoryUid uid, const RowView& row) = 0;
  // Model state that stands for all records up to `position`; replaces the one before. Chunked and
  // checksummed.
  virtual void PutState(MemoryUid uid, uint64_t position, std::string_view blob) = 0;
  // Forgets log records up to and including `position` (a checkpoint covers them).
  virtual void TrimLog(MemoryUid uid, uint64_t position) = 0;
  virtual void PutRequest(const RequestKey& key, const RequestOutcome& outcome) = 0;
  virtual void EraseRequest(const RequestKey& key) = 0;
  virtual size_t bytes() const = 0;
};

struct StateBlob {
  uint64_t position = 0;
  std::string blob;
};

struct StorageCounters {
  uint64_t commits = 0;
  uint64_t syncs = 0;
};

class Storage {
 public:
  virtual ~Storage() = default;

  virtual std::unique_ptr<CommitBatch> NewBatch() const = 0;
  // When writing or syncing fails the outcome is unknown: this and every later Commit fails with
  // Unavailable, reason LOG_IN_DOUBT, and nothing more may be acknowledged. Other errors (Internal:
  // positions that do not follow one another; DataLoss: damaged counters) wrote nothing.
  virtual absl::Status Commit(std::unique_ptr<CommitBatch> batch, Sync sync) = 0;
  // Makes every commit so far durable. Errors as Commit's.
  virtual absl::Status Flush() = 0;

  // ---- catalogue
  struct CatalogueEntry {
    MemoryUid uid = 0;
    std::string entry;
  };
  virtual absl::StatusOr<std::vector<CatalogueEntry>> ReadCatalogue() const = 0;

  // ---- log
  // Records after `after_position` that were not trimmed, in order, until `visit` gives an error
  // (which is handed on). DataLoss when one is damaged or missing.
  virtual absl::Status ReadLog(
      MemoryUid uid, uint64_t after_position,
      const std::function<absl::Status(const LogRecord&)>& visit) const = 0;
  // 0 when there is none. (Trimmed records count: the position of the last one ever.)
  virtual absl::StatusOr<uint64_t> LastPosition(MemoryUid uid) const = 0;

  // ---- items
  // Rows with numbers in [first, last), in order, removed ones too.
  virtual absl::Status ScanRows(MemoryUid uid, uint64_t first, uint64_t last,
                                const std::function<absl::Status(const RowView&)>& visit) const = 0;
  // The next row number to use: one above the highest ever used (which may have been erased).
  virtual absl::StatusOr<uint64_t> NextRow(MemoryUid uid) const = 0;
  // Row of each id; nullopt where there is none.
  virtual absl::StatusOr<std::vector<std::optional<uint64_t>>> FindIds(
      MemoryUid uid, std::span<const ItemId> ids) const = 0;
  // One row, copied out into `visit`; NotFound when there is none.
  virtual absl::Status ReadRow(MemoryUid uid, uint64_t row,
                               const std::function<absl::Status(const RowView&)>& visit) const = 0;
  virtual absl::StatusOr<std::vector<OwnedPayload>> ReadPayloads(
      MemoryUid uid, std::span<const uint64_t> rows) const = 0;

  // ---- state
  // The last one put; nullopt when there never was one; DataLoss when it is damaged or not whole
  // (the log before it may be gone, so none is not the same).
  virtual absl::StatusOr<std::optional<StateBlob>> ReadState(MemoryUid uid) const = 0;

  // ---- requests
  virtual absl::StatusOr<std::optional<RequestOutcome>> FindRequest(
      const RequestKey& key) const = 0;
  // Drops outcomes older than `before_unix_nanos`, at most `most` of them; gives the number
  // dropped.
  virtual absl::StatusOr<uint64_t> ExpireRequests(int64_t before_unix_nanos, uint64_t most) = 0;

  virtual StorageCounters counters() const = 0;
};

struct StorageOptions {
  std::string directory;                     // made if absent; locked while open
  uint64_t memory_bytes_max = 256ull << 20;  // all of RocksDB's caches and buffers
  uint64_t log_bytes_max =
      128ull << 20;  // RocksDB's write-ahead log before it is flushed; bounds start-up time
};

// Opens or makes the data directory.
//   FailedPrecondition LOCKED          another process has it open
//   FailedPrecondition FORMAT_VERSION  written by a newer mneme
//   FailedPrecondition NOT_A_DATA_DIRECTORY  it holds other files and no mneme data
absl::StatusOr<std::unique_ptr<Storage>> OpenRocksDbStorage(const StorageOptions& options);

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_STORAGE_H_
