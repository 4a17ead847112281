// The engine: memories, their durable log, and answers. What the server's RPC handlers call; no
// wire types.
//
// A write is checked here (shapes, finiteness, limits) on the caller's thread, then queued for the
// committer, which answers through `done`. A cheap query runs at once on the caller's thread; a
// dear one on the scan pool. `done` is called exactly once, on the caller's thread or another, and
// must not block. Borrowed data (matrices, payloads) must live until then.
//
// Thread-safe. Lock order: see core/engine/README.md.
#ifndef MNEME_CORE_ENGINE_ENGINE_H_
#define MNEME_CORE_ENGINE_ENGINE_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/ids.h"
#include "core/base/random.h"
#include "core/engine/catalogue.h"
#include "core/engine/committer.h"
#include "core/engine/forecast.h"
#include "core/engine/jobs.h"
#include "core/engine/limits.h"
#include "core/engine/read_pool.h"
#include "core/engine/scan_pool.h"
#include "core/engine/startup.h"
#include "core/engine/sweeper.h"
#include "core/engine/types.h"
#include "core/filter/filter.h"
#include "core/storage/backup.h"
#include "core/storage/storage.h"

namespace mneme::engine {

struct JobContext;  // core/engine/copies.h
struct NewModel;    // core/engine/ops.h
class IndexKeeper;  // core/engine/index_job.h

struct EngineOptions {
  Limits limits;
  int scan_threads = 2;
  int scan_nice = 10;
  int read_threads = 2;
  int train_threads = 2;  // of one training
  int train_nice = 19;
  uint64_t seed = 0;                       // of memory uids
  uint64_t memory_bytes_max = 0;           // Stores that would exceed it are refused; 0: none
  uint64_t memory_bytes_reserved = 0;      // of these, what the storage's caches take
  uint64_t disk_bytes_reserve = 64 << 20;  // Stores are refused while less is free
  std::string backup_dir;                  // empty: backups are refused
  std::string server_version;              // noted in backups
  int64_t sweep_ms = kSweepMs;  // between looks for items and indexes that are due; 0: never
  // Metadata only: memories can be listed, described and dropped (health kUnloaded), nothing else.
  bool recovery_mode = false;
  // Called once, on the committer's thread, when the log is in doubt: the process should end and
  // recover.
  std::function<void(const absl::Status&)> on_fatal = [](const absl::Status&) {};
  // Progress of recovery: memories done, memories in all, name of the next one.
  std::function<void(size_t, size_t, std::string_view)> on_recovery = [](size_t, size_t,
                                                                         std::string_view) {};
};

class Engine {
 public:
  // Reads the catalogue. All memories are there (kStarting); Recover makes them serve.
  static absl::StatusOr<std::unique_ptr<Engine>> Begin(std::unique_ptr<storage::Storage> storage,
                                                       const Clock& clock, EngineOptions options);
  // Reads every memory, on the caller's thread, once; each serves as soon as it is read, and all
  // calls may be made meanwhile (a memory that is not read yet answers Unavailable STARTING). A
  // memory whose data is damaged is DEGRADED; the others serve. Stops early (Cancelled) on Close.
  absl::Status Recover();
  // A Recover under way, or yet to come, ends soon (Cancelled). Returns at once.
  void StopRecovery() { recovery_stopped_.store(true, std::memory_order_release); }
  // Begin and Recover.
  static absl::StatusOr<std::unique_ptr<Engine>> Open(std::unique_ptr<storage::Storage> storage,
                                                      const Clock& clock, EngineOptions options);
  ~Engine();

  // ---- memories
  void CreateMemory(CreateCommand command, Done<MemoryInfo> done);
  void UpdateMemory(UpdateCommand command, Done<MemoryInfo> done);
  void DropMemory(DropCommand command, Done<bool> done);
  absl::StatusOr<MemoryInfo> GetMemory(std::string_view name) const;
  // The memory's own name where `name` is an alias; else `name`.
  std::string ResolveName(std::string_view name) const { return catalogue_.Resolve(name); }
  // Memories after the name `after`, in order, at most `most`.
  std::vector<MemoryInfo> ListMemories(std::string_view after, size_t most) const;

  // ---- aliases: names that stand for memories, wherever a memory is named
  void SetAlias(SetAliasCommand command, Done<AliasInfo> done);
  void DropAlias(DropAliasCommand command, Done<bool> done);
  // Aliases after `after`, in order, at most `most`.
  std::vector<AliasInfo> ListAliases(std::string_view after, size_t most) const;

  // ---- administration
  absl::StatusOr<MemoryUsage> UsageOf(std::string_view name) const;
  absl::StatusOr<JobInfo> CloneMemory(CloneCommand command);
  // FailedPrecondition (NO_BACKUP_DIR) where options.backup_dir is empty, for all of these.
  absl::StatusOr<JobInfo> CreateBackup(std::string description);
  absl::StatusOr<JobInfo> RestoreBackup(RestoreCommand command);
  absl::StatusOr<BackupInfo> GetBackup(uint32_t id);
  absl::StatusOr<std::vector<BackupInfo>> ListBackups();  // newest first
  absl::Status DeleteBackup(uint32_t id);
  Startup startup() const;
  Resources resources() const;
  // Takes out what is due now, as the sweep does by itself every kSweepMs: for tests with clocks of
  // their own. `done`: items that went out.
  void SweepExpired(Done<uint64_t> done);

  // ---- writes
  void Store(StoreCommand command, Done<WriteReply> done);
  void DeleteItems(DeleteCommand command, Done<WriteReply> done);
  // Adds the sums of another feature memory; `stored` says how many items they bring.
  // FailedPrecondition: made of other features (FEATURES_DIFFER), a memory that keeps its items
  // (ITEMS_KEPT). InvalidArgument: SKETCH, SAME_MEMORY. Unimplemented (NO_SKETCH): another model.
  void MergeSketch(MergeCommand command, Done<WriteReply> done);
  // For the node of a federation: gives a memory of rule FEDERATED its weights, which are served
  // from then on, and takes the rows stored since. With a state, it is on disk before `done`, which
  // is called on the committer's thread. Unimplemented (NOT_FEDERATED): another rule.
  // (federated.cc)
  void Exchange(const std::string& memory, models::FederatedExchange exchange,
                Done<models::FederatedRows> done);
  // Of writes with the request ids request_id(1), request_id(2), ..., which were sent in that
  // order: the last one that was carried out; 0 for none. Outcomes are known for
  // kRequestRetentionNanos. (outcomes.cc)
  void LastOfSeries(std::string memory, std::function<std::string(uint64_t)> request_id,
                    Done<uint64_t> done);

  // ---- reads
  // Retrieve and ListwiseQuery.
  void Query(QueryCommand command, Done<QueryReply> done);
  void GetItem(std::string memory, ItemId id, Done<ItemRecord> done);
  void ListItems(ListItemsCommand command, Done<ItemPage> done);
  // Theory, and a probe of a memory that is there. InvalidArgument (FORECAST) for bad figures,
  // Unimplemented (FORECAST_MODEL) for a memory that is not linear.
  void Forecast(ForecastCommand command, Done<ForecastReply> done);
  // Of a linear memory for which there is a law, else nullopt. The first call for a memory costs up
  // to 50 ms.
  std::optional<LoadMeter> MeterOf(const MemoryInfo& info) const;
  // The newest measurement of this memory; null where there is none since the start.
  std::shared_ptr<const Probe> NewestProbe(const MemoryInfo& info) const;

  // The sums of a feature memory, for MergeSketch here or elsewhere. Unimplemented (NO_SKETCH):
  // another model. ResourceExhausted (LIMIT): beyond limits.message_bytes_max.
  absl::StatusOr<SketchReply> ExportSketch(std::string_view name) const;

  // ---- jobs
  // Starts training a memory; its end is a JobInfo with the memory as it is then, or the reason.
  absl::StatusOr<JobInfo> Train(TrainCommand command);
  // Makes a memory's index, if it is not there, and measures its recall anew, on the items that are
  // there now; work on it that is under way is finished first, in the same job. FailedPrecondition:
  // NO_INDEX, NO_ITEMS, or JOB_RUNNING while a cancelled one ends.
  absl::StatusOr<JobInfo> CalibrateIndex(CalibrateCommand command);
  // Studies a memory as it is now; the end is a JobInfo with the report. Its samples can be watched
  // meanwhile (JobInfo::samples). Errors of analysis::Check; what else may go wrong, the job tells.
  absl::StatusOr<JobInfo> Analyze(AnalyzeCommand command);
  // Begins work on an index that is due, if there is one and none is under way, as the sweep does.
  void KeepIndexes();
  JobRunner& jobs() { return *jobs_; }

  EngineCounters counters() const;
  const Limits& limits() const { return options_.limits; }
  int scan_threads() const { return scan_pool_->threads(); }
  size_t memory_count() const { return catalogue_.size(); }

  // Finishes what is queued, writes checkpoints, flushes. Later writes are refused. Returns the
  // first error.
  absl::Status Close();

 private:
  Engine(std::unique_ptr<storage::Storage> storage, const Clock& clock, EngineOptions options);

  void StartSweeping();
  void SubmitCreate(CreateCommand command, NewModel made, Done<MemoryInfo> done);
  // DeleteItems by filter.
  void DeleteMatching(std::shared_ptr<Memory> memory, DeleteCommand command, Done<WriteReply> done);
  struct Pending;  // a query on its way
  absl::Status PrepareQuery(Pending& pending) const;
  absl::Status FindCandidates(Pending& pending) const;
  absl::Status ChooseRows(Pending& pending) const;
  // kInline where it may run on this thread, if it is cheap.
  QueryPlace PlaceOf(const Pending& pending) const;
  absl::Status ReadPayloads(Pending& pending) const;
  absl::StatusOr<ItemRecord> ReadItem(const Memory& memory, const ItemId& id) const;
  absl::StatusOr<ItemPage> ReadPage(Memory& memory, const ListItemsCommand& command,
                                    const std::optional<filter::Filter>& filter) const;
  void StartQuery(std::shared_ptr<Pending> pending);
  void FinishQuery(std::shared_ptr<Pending> pending, absl::StatusOr<models::Answer> answer);
  absl::Status CheckRadii(Pending& pending) const;
  absl::Status ReadCatalogue();
  absl::Status RecoverAll();
  absl::Status RecoverOne(Memory& memory);
  // FailedPrecondition (RECOVERY_MODE) where memories are never loaded.
  absl::Status CheckLoaded() const;
  absl::StatusOr<storage::BackupStore*> Backups();
  JobContext job_context();
  absl::StatusOr<ForecastReply> ForecastNow(const ForecastCommand& asked);

  const std::unique_ptr<storage::Storage> storage_;
  const Clock& clock_;
  const EngineOptions options_;
  Random random_;  // the committer's
  ItemIdGenerator item_ids_;
  MemoryBudget budget_;
  Catalogue catalogue_;
  const std::shared_ptr<StartupProgress> startup_;
  std::atomic<uint64_t> cues_inline_{0};
  std::unique_ptr<ReadPool> read_pool_;
  // One thread, for probes and for models that are long to make: neither may delay reads.
  std::unique_ptr<ReadPool> forecast_pool_;
  std::unique_ptr<ScanPool> scan_pool_;
  std::unique_ptr<Committer> committer_;
  Random job_random_;  // the job thread's
  Mutex backups_mutex_;
  std::unique_ptr<storage::BackupStore> backups_ ABSL_GUARDED_BY(backups_mutex_);
  std::unique_ptr<IndexKeeper> index_keeper_;  // jobs_ calls it
  std::unique_ptr<JobRunner> jobs_;
  std::unique_ptr<Sweeper> sweeper_;
  std::atomic<bool> sweeping_{false};
  std::atomic<bool> closed_{false};
  std::atomic<bool> recovery_stopped_{false};
  Mutex recovery_mutex_;
  CondVar recovery_ended_;
  bool recovering_ ABSL_GUARDED_BY(recovery_mutex_) = false;
};

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_ENGINE_H_
