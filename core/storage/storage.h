// The durable side of the server: one catalogue, one log a memory, the items, and checkpoints of
// model state. Bytes only: knows no model. The layout on disk is docs/formats/storage.md.
//
// Two seams behind one commit: the Log (append a record -> it has a position; read from a position)
// and the Items (rows, ids, payloads, state). A commit is atomic over both and over all memories in
// it; `Sync::kDisk` returns after fsync.
//
// Threads: thread-safe. Commits of several threads are written one after another; those that touch
// one memory must come from one thread at a time (its positions follow one another). Reads run
// beside commits and see whole ones only. A CommitBatch belongs to one thread.
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

enum class RecordKind : uint8_t {
  kStore = 1,   // rows came in; those they replace, or that make room for them, went out
  kDelete = 2,  // rows went out because a user said so
  kExpire = 3,  // rows went out because their time had come
};

// One mutation of one memory: a record of its log.
struct LogRecord {
  uint64_t position = 0;  // 1, 2, 3, ... in each memory
  RecordKind kind = RecordKind::kStore;
  uint64_t first_row = 0;  // kStore: rows [first_row, first_row + row_count) came in
  uint64_t row_count = 0;
  // Rows that went out: deleted, expired, replaced by kStore with upsert, or evicted by it. They
  // went out before the new ones came in.
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
  int64_t expire_unix_nanos = 0;    // 0: never
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

// Bytes on disk of one kind of thing a memory has; an estimate.
struct DiskBytes {
  std::string_view what;  // "rows", "ids", "payload", "log", "state", "expiry"
  uint64_t bytes = 0;
};

// What is wrong with a data directory: Storage::Verify.
struct Damage {
  MemoryUid uid = 0;  // 0: of no memory alone
  std::string what;   // which family and key, in words
  std::string how;
};

// Progress of long work: done and total of whatever unit; false to stop (the work ends Cancelled).
using ProgressFn = std::function<bool(uint64_t done, uint64_t total)>;

// Another name for a memory.
struct AliasEntry {
  std::string alias;
  std::string memory;
  int64_t update_unix_nanos = 0;
};

// One commit: built by one thread, written atomically.
class CommitBatch {
 public:
  virtual ~CommitBatch() = default;
  // Catalogue: the memory's description, opaque. Also for a change of it.
  virtual void PutMemory(MemoryUid uid, std::string_view catalogue_entry) = 0;
  // Removes the memory with all its rows, ids, payloads, log, state. One that was in the catalogue
  // leaves its uid behind (IsUsed).
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
  virtual void PutAlias(const AliasEntry& alias) = 0;
  virtual void EraseAlias(std::string_view alias) = 0;
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
  // positions that do not follow one another; DataLoss: damaged counters; ResourceExhausted FULL:
  // no room for it, or for what was written before; FailedPrecondition READ_ONLY) wrote nothing.
  // After FULL the same commit does once there is room.
  virtual absl::Status Commit(std::unique_ptr<CommitBatch> batch, Sync sync) = 0;
  // Makes every commit so far durable. Errors as Commit's.
  virtual absl::Status Flush() = 0;
  // Flush, and then nothing lies in the log alone: what comes to the log while nobody has the
  // storage open takes no commit away. Cost: writes at most the write buffers, a quarter of
  // memory_bytes_max. Errors as Flush's; besides, where only the second half failed and every
  // commit is durable, in the log: ResourceExhausted FULL (no room for the tables), Unavailable
  // STORAGE_IO.
  virtual absl::Status FlushTables() = 0;

  // ---- catalogue
  struct CatalogueEntry {
    MemoryUid uid = 0;
    std::string entry;
  };
  virtual absl::StatusOr<std::vector<CatalogueEntry>> ReadCatalogue() const = 0;

  virtual absl::StatusOr<std::vector<AliasEntry>> ReadAliases() const = 0;
  // Memories that have rows or counters but no catalogue entry: what a copy that was cut short
  // left. Whoever opens the storage drops them (DropMemory).
  virtual absl::StatusOr<std::vector<MemoryUid>> FindOrphans() const = 0;

  // Whether `uid` names a memory of the catalogue, or did once (it may be dropped), or anything is
  // stored under it. Positions, rows and revisions begin anew with a memory, so what readers were
  // told of one must never be taken for another's.
  virtual absl::StatusOr<bool> IsUsed(MemoryUid uid) const = 0;

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
  // Attributes of all rows that have some, in the order of rows, until `visit` gives an error
  // (which is handed on). The bytes are valid during the call.
  virtual absl::Status ScanAttributes(
      MemoryUid uid,
      const std::function<absl::Status(uint64_t row, std::string_view attributes)>& visit)
      const = 0;

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

  // ---- copies
  // Copies everything of a memory but its catalogue entry from `source` (which may be this storage)
  // as it is at one moment, under `uid`, which must be unused here: rows, ids, payloads, log,
  // state, counters; with the same uid also the outcomes of requests in its name `scope` ("" for
  // none), which take the place of those that are here in this scope: give none where another
  // memory has the name. In several commits: until the caller puts the catalogue entry, the copy is
  // an orphan. Durable on return. Thread-safe beside Commit. Cancelled when `progress` says so;
  // that, or any other error after the first commit, leaves an orphan to drop.
  //   FailedPrecondition IN_USE  something is stored under `uid`
  //   NotFound                   the source has no such memory (any more)
  //   DataLoss                   a record of the source is damaged; nothing wrong is copied
  virtual absl::Status CopyMemory(const Storage& source, MemoryUid source_uid, MemoryUid uid,
                                  std::string_view scope, const ProgressFn& progress) = 0;

  // ---- care
  virtual std::vector<DiskBytes> MemoryDiskBytes(MemoryUid uid) const = 0;
  virtual uint64_t disk_bytes() const = 0;
  // Of the file system that holds the data directory: not taken (but by us, to have it kept:
  // StorageOptions::disk_bytes_kept), nor owed by what was written.
  virtual absl::StatusOr<uint64_t> FreeDiskBytes() const = 0;
  // Reads everything, checks every checksum, and that families agree with each other (ids with
  // rows, payloads with rows, log with counters, state whole). `report` gets each damage; the
  // status is of the check itself. Cost: reads the whole directory once.
  virtual absl::Status Verify(const std::function<void(const Damage&)>& report,
                              const ProgressFn& progress) const = 0;

  virtual StorageCounters counters() const = 0;
};

struct StorageOptions {
  std::string directory;                     // made if absent; locked while open
  uint64_t memory_bytes_max = 256ull << 20;  // all of RocksDB's caches and buffers
  uint64_t log_bytes_max =
      128ull << 20;  // RocksDB's write-ahead log before it is flushed; bounds start-up time
  // Of the disk, held by a file for commits that take away (CommitBatch: none of its calls but
  // PutRow of a live row and PutState make the storage hold more), where others fill it.
  uint64_t disk_bytes_kept = 0;
  // Nothing is written: no lock, no recovery of the write-ahead log to disk. The directory must be
  // there. Commit and CopyMemory fail (FailedPrecondition READ_ONLY).
  bool read_only = false;
  // Called on a thread of the storage when damage shows itself in the background (compaction): the
  // storage goes on serving what it can read. The uids are those whose data lies at the ends of the
  // damaged file (memories between them may be concerned too); empty when not known. It must return
  // soon and not call the storage; it is not called any more once the storage is destroyed.
  std::function<void(const absl::Status&, const std::vector<MemoryUid>&)> on_damage;
};

// Opens or makes the data directory.
//   FailedPrecondition LOCKED          another process has it open
//   FailedPrecondition FORMAT_VERSION  written by a newer mneme
//   FailedPrecondition NOT_A_DATA_DIRECTORY  it holds other files and no mneme data
absl::StatusOr<std::unique_ptr<Storage>> OpenRocksDbStorage(const StorageOptions& options);

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_STORAGE_H_
