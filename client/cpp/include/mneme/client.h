// The C++ client of mneme.
//
//   mneme::client::Client client({.target = "127.0.0.1:7411"});
//   auto made = client.CreateMemory({.name = "faces", .key_dim = 784});
//   auto stored = client.Store("faces", {.keys = images.ref(), .ids = ids});
//   auto answer = client.Retrieve("faces", cues.ref(), {.top = 1});
//   if (!answer.ok()) std::cerr << mneme::client::GetError(answer.status()).next_step << "\n";
//
// Every method is one blocking call that ends at its deadline, and promises:
//  1. Retries, with growing and jittered pauses, only where they are safe and may help:
//  UNAVAILABLE, and
//     RESOURCE_EXHAUSTED when the server says how long to wait. A write carries a request id, the
//     same in each try, so a try that was carried out unseen is not carried out again. UpdateMemory
//     with an etag and DeleteMemory without `allow_missing` or with an etag have no such id and are
//     not tried again after UNAVAILABLE.
//  2. Batches of any size: more rows or bytes than the server takes in one request are split, a few
//  requests in flight at
//     a time. Each request is carried out wholly or not at all. When one fails no more are sent,
//     those in flight are waited for, and the error names the rows that failed and how many were
//     carried out (Error::rows_done). Requests in flight together may be carried out in any order;
//     ClientOptions::in_flight_max = 1 keeps the order of the rows.
//  3. Vectors are copied once, into the request, and once out of the reply.
//
// Threads: all methods may be called at the same time from any threads. A split call uses up to
// in_flight_max short-lived threads of its own. The destructor must not run beside a call.
//
// gRPC's and protobuf's headers are not included here, so that including this is cheap.
#ifndef MNEME_CLIENT_CPP_INCLUDE_MNEME_CLIENT_H_
#define MNEME_CLIENT_CPP_INCLUDE_MNEME_CLIENT_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mneme/admin.h"
#include "mneme/analysis.h"
#include "mneme/error.h"
#include "mneme/explain.h"
#include "mneme/federation.h"
#include "mneme/forecast.h"
#include "mneme/memory.h"
#include "mneme/operation.h"
#include "mneme/tls.h"
#include "mneme/types.h"

namespace grpc {
class Channel;
class ChannelCredentials;
}  // namespace grpc

namespace mneme::client {

struct RetryOptions {
  int attempts_max = 5;  // tries in all; 1: no retries
  std::chrono::milliseconds backoff_initial{50};
  std::chrono::milliseconds backoff_max{2000};
  double backoff_factor = 2;
};

struct ClientOptions {
  std::string target = "127.0.0.1:7411";  // HOST:PORT, or unix:PATH
  // Time for one request with all its retries; a split call has it for each of its requests.
  std::chrono::milliseconds timeout{30'000};
  RetryOptions retry;
  size_t in_flight_max = 4;  // requests of one split call at a time
  size_t request_bytes_target =
      4 << 20;  // a split request is about this large, if the server takes it
  // How to secure the connection (mneme/tls.h); null: not at all.
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  // Says who calls, to a server with auth.file. Who sends it without `credentials` to another
  // machine shows it to all in between.
  std::string api_key;
  // Waits between two tries; gives false when `stop` was requested meanwhile. Empty: sleeps.
  std::function<bool(std::chrono::nanoseconds, std::stop_token)> wait;
};

struct CallOptions {
  std::optional<std::chrono::milliseconds> timeout;  // absent: ClientOptions::timeout
  std::stop_token stop;                              // cancels the call: it ends with CANCELLED
  // Where the call stands in a trace, as W3C has it ("00-TRACE-SPAN-01"): the server's spans hang
  // below that span. Empty: in none of the caller's.
  std::string traceparent;
};

// Rows done and rows in all, never falling; called by one thread at a time, though not always the
// same one.
using Progress = std::function<void(uint64_t done, uint64_t total)>;

struct StoreOptions {
  bool upsert = false;
  // How long the items live; absent: as the memory's item policy says; zero: for ever.
  std::optional<std::chrono::nanoseconds> ttl;
  Durability durability = Durability::kDefault;
  Dtype dtype = Dtype::kFloat32;  // of keys and responses on their way
  // At most 52 printable characters; empty: a new UUID. A split call appends "/N" for its N-th
  // request.
  std::string request_id;
  Progress progress;
  CallOptions call;
};

struct DeleteOptions {
  bool allow_missing = false;
  Durability durability = Durability::kDefault;
  // Of keys and responses on their way: the one with which they were stored.
  Dtype dtype = Dtype::kFloat32;
  std::string request_id;  // as in StoreOptions
  Progress progress;
  CallOptions call;
};

// Chunk `sequence` (1, 2, 3, ...) of a load; nullopt after the last one. Called by one thread at a
// time; must give the same rows whenever it is asked for a chunk again (after a broken connection).
// What the batch points at must live until the next call.
using ChunkSource = std::function<absl::StatusOr<std::optional<StoreBatch>>(uint64_t sequence)>;

struct LoadOptions {
  // Names the load: the same id goes on where an earlier Load ended, even of another process. At
  // most 40 printable characters; empty: a new UUID.
  std::string session_id;
  bool upsert = false;
  Durability durability = Durability::kDefault;
  Dtype dtype = Dtype::kFloat32;  // of keys and responses on their way
  std::function<void(uint64_t chunks, uint64_t rows)> progress;  // acknowledged so far
  std::stop_token stop;
  std::string traceparent;  // as in CallOptions
};

struct LoadResult {
  std::string session_id;
  uint64_t chunks = 0;          // acknowledged in this call
  uint64_t chunks_skipped = 0;  // carried out by an earlier Load of the session
  uint64_t stored = 0;
  uint64_t replaced = 0;
  uint64_t evicted = 0;
  uint64_t replayed = 0;  // of the chunks, answered from an earlier try
  uint32_t reconnects = 0;
  std::string read_token;
  uint64_t position = 0;
  uint64_t item_count = 0;
  Durability durability = Durability::kDefault;  // the least of them
};

struct MergeOptions {
  Durability durability = Durability::kDefault;
  std::string request_id;  // at most 64 printable characters; empty: a new UUID
  CallOptions call;
};

struct RestoreOptions {
  std::vector<std::string> memories;  // empty: all that the backup holds
  std::string name;                   // with exactly one memory: what it shall be called
  CallOptions call;
};

struct RetrieveOptions {
  // Known coordinates: bit j of a row is (mask[j / 8] >> (j % 8)) & 1; one row of ceil(cols / 8)
  // bytes for all cues, or one a cue. Empty: all are known.
  std::span<const uint8_t> mask;
  uint32_t top = 0;  // also name this many of the best items
  std::optional<double> beta;
  uint32_t steps_max = 0;
  std::string filter;  // only items whose attributes match (docs/filters.md); dense
  std::string read_token;
  bool include_payloads = false;
  Dtype dtype = Dtype::kFloat32;         // of cues on their way
  Dtype recall_dtype = Dtype::kFloat32;  // of recalls on theirs
  Progress progress;
  CallOptions call;
};

// The list that certificates speak of, whatever its length: the list_size best of each partition.
struct CertifiedList {};

struct QueryOptions {
  std::span<const uint8_t> mask;  // as in RetrieveOptions
  // So many items, this share of them, or the certified list of a trained memory.
  std::variant<uint32_t, double, CertifiedList> size = 10u;
  std::span<const ItemId> candidates;  // rank only these; empty: all
  // Rank these responses in place of the memory's items (linear): rows x response_dim. The answer
  // names them by row number, from 0. Not together with `candidates`. Sent with each request.
  MatrixRef candidate_responses;
  bool check_radius = false;  // also fill Certificate::distance and inside_radius
  bool exact = false;         // score every item, even where the memory's index would name a few
  std::optional<double> beta;
  std::string filter;  // rank only items whose attributes match (docs/filters.md)
  std::string read_token;
  bool include_payloads = false;
  Dtype dtype = Dtype::kFloat32;  // of cues and candidate responses on their way
  Progress progress;
  CallOptions call;
};

struct ListItemsOptions {
  uint32_t page_size = 0;  // 0: the server's default
  std::string page_token;
  std::string filter;  // only items whose attributes match; a page may be empty and not the last
  bool include_vectors = false;
  bool include_payloads = false;
  CallOptions call;
};

struct DeleteMemoryOptions {
  std::string etag;  // if set, it must be the present one (else ABORTED)
  bool allow_missing = false;
  CallOptions call;
};

// What is left at 0 or absent is chosen by the server (loss: TAM, optimizer: FISTA, tail and
// lambda: the memory's own).
struct TrainOptions {
  TrainLoss loss = TrainLoss::kDefault;
  TrainOptimizer optimizer = TrainOptimizer::kDefault;
  Tail tail;                     // of the certificates
  std::optional<double> lambda;  // weight of |W|^2 in the loss, > 0
  uint32_t steps_max = 0;
  double learning_rate = 0;  // not for FISTA, which finds its own
  uint32_t batch = 0;        // items
  uint64_t seed = 0;
  // Of a dense memory with an encoder, which takes steps_max, batch and seed besides.
  EncoderObjective objective = EncoderObjective::kDefault;
  double cue_noise = 0;  // standard deviation of what the numbers of a cue are off by
  CallOptions call;
};

struct WaitOptions {
  // Told how it goes, at once and then every `pace`, and at the end.
  std::function<void(const Operation&)> observe;
  std::chrono::milliseconds pace{500};
  // Of the whole wait; absent: as long as it takes.
  std::optional<std::chrono::milliseconds> timeout;
  std::stop_token stop;  // ends the wait with CANCELLED; the operation goes on
};

struct ForecastOptions {
  std::vector<uint32_t> list_sizes;  // empty: 1, 10, 100
  double cue_cosine = 0;             // of cues with stored keys, in (0, 1]; 0: 1, exact keys
  // Acceptable share of items outside the first of list_sizes; 0: 0.05.
  double error_target = 0;
  ProbeMode probe = ProbeMode::kDefault;  // of an existing memory
  uint32_t probe_items = 0;               // 0: 500
  uint64_t seed = 0;
  uint32_t curve_points = 0;  // also fill ForecastResult::curve
  CallOptions call;
};

// A new name for a load: a random UUID.
std::string MakeSessionId();

class Client {
 public:
  // Connects at the first call, so this cannot fail.
  explicit Client(ClientOptions options);
  // Over a channel that exists; `target` and `credentials` of the options are not used.
  Client(std::shared_ptr<grpc::Channel> channel, ClientOptions options);
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  // Names of memories may be given with or without "memories/".
  absl::StatusOr<Memory> CreateMemory(const MemorySpec& spec, const CallOptions& call = {});
  absl::StatusOr<Memory> GetMemory(std::string_view memory, const CallOptions& call = {});
  // All of them, by name, whatever the number of pages.
  absl::StatusOr<std::vector<Memory>> ListMemories(const CallOptions& call = {});
  absl::StatusOr<Memory> UpdateMemory(std::string_view memory, const MemoryUpdate& update,
                                      const CallOptions& call = {});
  absl::Status DeleteMemory(std::string_view memory, const DeleteMemoryOptions& options = {});

  absl::StatusOr<StoreResult> Store(std::string_view memory, const StoreBatch& batch,
                                    const StoreOptions& options = {});
  // Stores chunk after chunk over one stream, several on their way at a time; a broken connection
  // is made anew (ClientOptions::retry) and the load goes on behind the last chunk that was
  // acknowledged. When it fails for good, the chunks before the error are stored and the error says
  // how many (Error::rows_done); a Load with the same session_id goes on from there. It reads
  // the chunks of the earlier one again, and sends the last with a digest of all: InvalidArgument
  // (SESSION_REUSED) when a row of them is another, or there are fewer. Nothing is stored then.
  absl::StatusOr<LoadResult> Load(std::string_view memory, const ChunkSource& source,
                                  const LoadOptions& options = {});
  absl::StatusOr<Item> GetItem(std::string_view memory, const ItemId& id,
                               const CallOptions& call = {});
  absl::StatusOr<ItemPage> ListItems(std::string_view memory, const ListItemsOptions& options = {});
  absl::StatusOr<DeleteResult> DeleteItems(std::string_view memory, const DeleteBatch& batch,
                                           const DeleteOptions& options = {});

  // All items whose attributes match, some thousands in one commit. `progress` gets the items
  // deleted so far, and the same as total.
  absl::StatusOr<DeleteResult> DeleteItemsWhere(std::string_view memory, std::string_view filter,
                                                const DeleteOptions& options = {});

  absl::StatusOr<RetrieveResult> Retrieve(std::string_view memory, MatrixRef cues,
                                          const RetrieveOptions& options = {});
  absl::StatusOr<QueryResult> ListwiseQuery(std::string_view memory, MatrixRef cues,
                                            const QueryOptions& options = {});

  // Answers the query for real, in one request that is not split, and tells how: what was read,
  // where the time went, what would make it faster.
  absl::StatusOr<Explanation> ExplainRetrieve(std::string_view memory, MatrixRef cues,
                                              const RetrieveOptions& options = {});
  absl::StatusOr<Explanation> ExplainQuery(std::string_view memory, MatrixRef cues,
                                           const QueryOptions& options = {});

  // Begins a training of the weights of a linear memory (rule TAM) and gives the operation to
  // watch. Stores and queries go on meanwhile; the new weights appear at once, at the end.
  // FailedPrecondition: a training of the memory is under way (TRAINING_RUNNING), or there is
  // nothing to train on. Not tried again after UNAVAILABLE: look at ListOperations first.
  absl::StatusOr<Operation> Train(std::string_view memory, const TrainOptions& options = {});
  // Names of operations may be given with or without "operations/".
  absl::StatusOr<Operation> GetOperation(std::string_view operation, const CallOptions& call = {});
  // All that are under way or ended a while ago, newest first, whatever the number of pages.
  absl::StatusOr<std::vector<Operation>> ListOperations(const CallOptions& call = {});
  // Waits until it has ended, and gives its last state: an operation that failed is no error of
  // this call. DeadlineExceeded when WaitOptions::timeout is over first.
  absl::StatusOr<Operation> WaitOperation(std::string_view operation,
                                          const WaitOptions& options = {});
  // Asks it to stop. It then ends with the error CANCELLED, unless it is done first; what was
  // served before is served on.
  absl::Status CancelOperation(std::string_view operation, const CallOptions& call = {});
  // Forgets one that has ended; FailedPrecondition while it is under way.
  absl::Status DeleteOperation(std::string_view operation, const CallOptions& call = {});

  // What an existing linear memory, or a planned one, can hold and recall.
  absl::StatusOr<ForecastResult> Forecast(std::string_view memory,
                                          const ForecastOptions& options = {});
  absl::StatusOr<ForecastResult> Forecast(const PlannedMemory& planned,
                                          const ForecastOptions& options = {});

  // Makes an alias, or points it at another memory, at once for all calls that come after. If
  // `expected_memory` is not empty, the alias must stand for it now (else ABORTED).
  absl::StatusOr<Alias> SetAlias(std::string_view alias, std::string_view memory,
                                 std::string_view expected_memory = {},
                                 const CallOptions& call = {});
  absl::Status DeleteAlias(std::string_view alias, bool allow_missing = false,
                           const CallOptions& call = {});
  absl::StatusOr<std::vector<Alias>> ListAliases(const CallOptions& call = {});
  absl::StatusOr<MemoryUsage> GetMemoryUsage(std::string_view memory, const CallOptions& call = {});
  // Studies a memory as it is now, beside serving; what is found is Operation::report. Not tried
  // again after UNAVAILABLE.
  absl::StatusOr<Operation> Analyze(std::string_view memory, const AnalysisSpec& spec,
                                    const CallOptions& call = {});
  // Gives `observe` what an analysis observes, until it ends; false stops watching, which is no
  // error. A connection that breaks ends it: what was missed is gone.
  absl::Status WatchAnalysis(std::string_view operation,
                             const std::function<bool(const AnalysisSample&)>& observe,
                             std::stop_token stop = {});
  // Federations that this server knows, and how its nodes do.
  absl::StatusOr<std::vector<Federation>> ListFederations(const CallOptions& call = {});
  absl::StatusOr<Federation> GetFederation(std::string_view federation,
                                           const CallOptions& call = {});
  // Changes, where federations are kept in etcd; each gives the federation as it is then.
  absl::StatusOr<Federation> CreateFederation(const NewFederation& federation,
                                              const CallOptions& call = {});
  // The server takes part with one of its memories; empty: the one of the federation's name.
  absl::StatusOr<Federation> JoinFederation(std::string_view federation, std::string_view memory,
                                            const CallOptions& call = {});
  // `node` empty, here and below: the server's own.
  absl::StatusOr<Federation> LeaveFederation(std::string_view federation, std::string_view node,
                                             const CallOptions& call = {});
  // Replaces the node's row: whose items it wants, and how much.
  absl::StatusOr<Federation> SetInterest(std::string_view federation, std::string_view node,
                                         const std::map<std::string, double>& interest,
                                         const CallOptions& call = {});
  // Replaces the node's links, at both ends.
  absl::StatusOr<Federation> SetLinks(std::string_view federation, std::string_view node,
                                      const std::map<std::string, double>& link_millis,
                                      const CallOptions& call = {});
  absl::StatusOr<FederationPlan> GetFederationPlan(std::string_view federation,
                                                   const CallOptions& call = {});
  absl::StatusOr<FederationStatus> GetFederationStatus(std::string_view federation,
                                                       const CallOptions& call = {});
  // Ascending rounds.
  absl::StatusOr<std::vector<RegretPoint>> GetFederationRegret(std::string_view federation,
                                                               const CallOptions& call = {});
  // The sums of a feature memory, and their addition to another's: as if its items had been stored
  // there. `from` is of the same server and stays as it is.
  absl::StatusOr<Sketch> ExportSketch(std::string_view memory, const CallOptions& call = {});
  absl::StatusOr<MergeResult> MergeSketch(std::string_view into, std::string_view sketch,
                                          const MergeOptions& options = {});
  absl::StatusOr<MergeResult> MergeMemory(std::string_view into, std::string_view from,
                                          const MergeOptions& options = {});
  // These four begin long work: watch the operation. Not tried again after UNAVAILABLE.
  // Makes the index of a memory, if it is not there, and measures its recall.
  absl::StatusOr<Operation> CalibrateIndex(std::string_view memory, const CallOptions& call = {});
  absl::StatusOr<Operation> CloneMemory(std::string_view source, std::string_view name,
                                        const CallOptions& call = {});
  absl::StatusOr<Operation> CreateBackup(std::string_view description = {},
                                         const CallOptions& call = {});
  absl::StatusOr<Operation> RestoreBackup(std::string_view backup,
                                          const RestoreOptions& options = {});
  // Names of backups may be given with or without "backups/".
  absl::StatusOr<Backup> GetBackup(std::string_view backup, const CallOptions& call = {});
  absl::StatusOr<std::vector<Backup>> ListBackups(const CallOptions& call = {});  // newest first
  absl::Status DeleteBackup(std::string_view backup, const CallOptions& call = {});

  // Has the server read its configuration, certificates and keys again.
  absl::StatusOr<ReloadReport> ReloadConfig(const CallOptions& call = {});
  absl::StatusOr<ServerInfo> GetServerInfo(const CallOptions& call = {});
  // The standard gRPC health check; an empty service means the whole daemon.
  absl::StatusOr<ServingStatus> CheckHealth(std::string_view service = {},
                                            const CallOptions& call = {});

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mneme::client

#endif  // MNEME_CLIENT_CPP_INCLUDE_MNEME_CLIENT_H_
