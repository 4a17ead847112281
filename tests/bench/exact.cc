// Exact lists beside Faiss's flat indexes: over gRPC and in this process, one cue at a time and 64
// in flight.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "tests/bench/case.h"
#include "tests/bench/dataset.h"
#include "tests/bench/lists.h"
#include "tests/bench/load.h"
#include "tests/bench/ours.h"
#include "tests/bench/peer_process.h"
#include "tests/bench/race.h"

namespace mneme::bench {
namespace {

constexpr size_t kListSize = 10;
constexpr size_t kInFlight = 64;
constexpr std::string_view kNoFaiss =
    "Faiss: not there when this was compiled (deploy/install-deps bench)";

constexpr std::string_view kNoSqliteVec =
    "sqlite-vec: not there when this was compiled (tests/tools/fetch-peers, libsqlite3-dev)";
constexpr size_t kFewCues = 20;  // of a peer that is slow

const char* const kOverGrpc = "mneme over gRPC, 2 scan threads";
const char* const kAlone = "mneme's core, 1 thread";
const char* const kFaiss = "Faiss flat, as a user gets it";
const char* const kFaissAlone = "Faiss flat, 1 thread";
const char* const kSqliteVec = "sqlite-vec, in memory";
const char* const kOneCall = "mneme over gRPC, calls of 64 cues";

// What is asked and compared: the daemon with the data set, and the peers of it.
struct Field {
  Dataset dataset;
  std::unique_ptr<Server> server;
  std::vector<v1::ListwiseQueryRequest> requests;
  std::unique_ptr<VectorFiles> files;
};

absl::StatusOr<std::unique_ptr<Field>> Prepare(const Context& context, Dataset dataset,
                                               Report& report) {
  auto out = std::make_unique<Field>();
  out->dataset = std::move(dataset);
  MNEME_ASSIGN_OR_RETURN(out->server, Server::Start(context));
  MNEME_RETURN_IF_ERROR(
      MakeDense(out->server->client(), "keys", out->dataset.rows.cols(), out->dataset.similarity));
  MNEME_ASSIGN_OR_RETURN(const double rate,
                         StoreAll(out->server->client(), "keys", out->dataset.rows));
  report.notes.push_back(absl::StrCat(out->dataset.rows.rows(), " rows of ",
                                      out->dataset.rows.cols(), " numbers, stored by StoreStream ",
                                      "(DISK) at ", static_cast<int>(rate), " rows/s."));
  out->requests = ListRequests("keys", out->dataset.cues, kListSize);
  MNEME_ASSIGN_OR_RETURN(out->files, VectorFiles::Write(out->dataset));
  return out;
}

absl::StatusOr<std::unique_ptr<PeerProcess>> Faiss(const Context& context, const Field& field,
                                                   int threads, Report& report) {
  MNEME_ASSIGN_OR_RETURN(
      std::unique_ptr<PeerProcess> peer,
      PeerProcess::Start(context, *field.files, {.kind = "faiss-flat", .threads = threads}));
  if (peer == nullptr && report.skipped.empty()) report.skipped.emplace_back(kNoFaiss);
  return peer;
}

// The lists of all cues, asked one after the other.
absl::StatusOr<LoadResult> AskOneByOne(Field& field, size_t cues, Lists* lists) {
  lists->clear();
  return OneAtATime(cues, [&](size_t i) {
    grpc::ClientContext context;
    v1::ListwiseQueryResponse response;
    const grpc::Status status =
        field.server->stub().ListwiseQuery(&context, field.requests[i], &response);
    if (status.ok()) lists->push_back(ItemsOf(response.lists(0)));
    return status;
  });
}

Race::Run OneByOne(Field& field, size_t cues, Lists* lists) {
  return [&field, cues, lists]() -> absl::StatusOr<double> {
    MNEME_ASSIGN_OR_RETURN(const LoadResult load, AskOneByOne(field, cues, lists));
    return load.per_second();
  };
}

Race::Run Alone(const InProcess& core, const Field& field, size_t cues, Lists* lists) {
  return [&core, &field, cues, lists]() -> absl::StatusOr<double> {
    lists->clear();
    const double start = NowMicros();
    for (size_t i = 0; i < cues; ++i) {
      MNEME_ASSIGN_OR_RETURN(Lists one, core.Ask(field.dataset.cues.view().slice(i, 1), kListSize));
      lists->push_back(std::move(one[0]));
    }
    return static_cast<double>(cues) / (NowMicros() - start) * 1e6;
  };
}

Race::Run Theirs(PeerProcess& peer, size_t cues, size_t batch) {
  return
      [&peer, cues, batch] { return peer.Search({.count = cues, .k = kListSize, .batch = batch}); };
}

struct ExactGoals {
  double with_grpc = 0;
  double alone = 0;
};

absl::Status OneCueAtATime(const Context& context, Dataset dataset, const ExactGoals& goals,
                           Report& report) {
  const size_t cues = dataset.cues.rows();
  MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<Field> field,
                         Prepare(context, std::move(dataset), report));
  MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<InProcess> core, InProcess::Make(field->dataset));
  MNEME_ASSIGN_OR_RETURN(const auto peer, Faiss(context, *field, 0, report));
  MNEME_ASSIGN_OR_RETURN(const auto peer_alone, Faiss(context, *field, 1, report));
  MNEME_ASSIGN_OR_RETURN(const auto sqlite_vec,
                         PeerProcess::Start(context, *field->files, {.kind = "sqlite-vec"}));
  if (!sqlite_vec) report.skipped.emplace_back(kNoSqliteVec);
  Lists over_grpc, alone;
  Race race;
  race.Add(kOverGrpc, "cues/s", OneByOne(*field, cues, &over_grpc));
  race.Add(kAlone, "cues/s", Alone(*core, *field, cues, &alone));
  if (peer) race.Add(kFaiss, "cues/s", Theirs(*peer, cues, 1));
  if (peer_alone) race.Add(kFaissAlone, "cues/s", Theirs(*peer_alone, cues, 1));
  if (sqlite_vec) race.Add(kSqliteVec, "cues/s", Theirs(*sqlite_vec, std::min(cues, kFewCues), 1));
  MNEME_RETURN_IF_ERROR(race.Go(context.repeats));
  race.Tell(report);
  Tell(Compare(field->dataset, 0, over_grpc, alone), "mneme's core", report);
  if (sqlite_vec) {
    report.verdicts.push_back({.what = "over gRPC / sqlite-vec",
                               .unit = "",
                               .value = race.Quotient(kOverGrpc, kSqliteVec),
                               .goal = std::nullopt});
  }
  if (!peer || !peer_alone) return absl::OkStatus();
  report.verdicts.push_back({.what = "over gRPC / Faiss as a user gets it",
                             .unit = "",
                             .value = race.Quotient(kOverGrpc, kFaiss),
                             .goal = AtLeast(goals.with_grpc)});
  report.verdicts.push_back({.what = "core / Faiss, both on one thread",
                             .unit = "",
                             .value = race.Quotient(kAlone, kFaissAlone),
                             .goal = AtLeast(goals.alone)});
  MNEME_ASSIGN_OR_RETURN(const Lists theirs, peer->Found({.count = cues, .k = kListSize}));
  Tell(Compare(field->dataset, 0, over_grpc, theirs), "Faiss", report);
  return absl::OkStatus();
}

Race::Run InFlight(Field& field, size_t calls) {
  return [&field, calls]() -> absl::StatusOr<double> {
    const StartCall start = UnaryCalls<v1::ListwiseQueryResponse>(
        field.requests, [&field](auto* context, auto* request, auto* response, auto done) {
          field.server->stub().async()->ListwiseQuery(context, request, response, std::move(done));
        });
    MNEME_ASSIGN_OR_RETURN(const LoadResult load, ClosedLoop(kInFlight, calls, start));
    return load.per_second();
  };
}

Race::Run CallsOf64(Field& field, size_t cues, Lists* lists) {
  return [&field, cues, lists]() -> absl::StatusOr<double> {
    lists->clear();
    const double start = NowMicros();
    for (size_t first = 0; first < cues; first += kInFlight) {
      v1::ListwiseQueryRequest request;
      request.set_memory("memories/keys");
      request.set_k(kListSize);
      *request.mutable_cues() = ToWire(field.dataset.cues.view().slice(first, kInFlight));
      grpc::ClientContext context;
      v1::ListwiseQueryResponse response;
      if (const grpc::Status status =
              field.server->stub().ListwiseQuery(&context, request, &response);
          !status.ok()) {
        return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                            status.error_message());
      }
      for (const v1::CueList& list : response.lists()) lists->push_back(ItemsOf(list));
    }
    return static_cast<double>(cues) / (NowMicros() - start) * 1e6;
  };
}

Dataset Million(const Context& context, size_t cues) {
  return GaussianUnits(context.Size(1'000'000, 100'000), cues, 128);
}

}  // namespace

absl::Status RunExactMillion(const Context& context, Report& report) {
  return OneCueAtATime(context, Million(context, context.Size(60, 40)),
                       {.with_grpc = 9, .alone = 7}, report);
}

absl::Status RunExactMillionInFlight(const Context& context, Report& report) {
  const size_t cues = 256;
  MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<Field> field,
                         Prepare(context, Million(context, cues), report));
  MNEME_ASSIGN_OR_RETURN(const auto peer, Faiss(context, *field, 2, report));
  const char* const kSingle = "mneme over gRPC, 64 calls of one cue in flight";
  const char* const kBatch = "Faiss flat, batches of 64, 2 threads";
  Lists lists;
  Race race;
  race.Add(kSingle, "cues/s", InFlight(*field, 2 * cues));
  race.Add(kOneCall, "cues/s", CallsOf64(*field, cues, &lists));
  if (peer) race.Add(kBatch, "cues/s", Theirs(*peer, cues, kInFlight));
  MNEME_RETURN_IF_ERROR(race.Go(context.repeats));
  race.Tell(report);
  if (!peer) return absl::OkStatus();
  report.verdicts.push_back({.what = "64 calls in flight / Faiss in batches of 64",
                             .unit = "",
                             .value = race.Quotient(kSingle, kBatch),
                             .goal = AtLeast(4)});
  report.verdicts.push_back({.what = "calls of 64 cues / Faiss in batches of 64",
                             .unit = "",
                             .value = race.Quotient(kOneCall, kBatch),
                             .goal = std::nullopt});
  MNEME_ASSIGN_OR_RETURN(const Lists theirs, peer->Found({.count = cues, .k = kListSize}));
  Tell(Compare(field->dataset, 0, lists, theirs), "Faiss", report);
  return absl::OkStatus();
}

absl::Status RunExactImages(const Context& context, Report& report) {
  MNEME_ASSIGN_OR_RETURN(Dataset images, FashionImages(context.data, context.Size(60'000, 10'000),
                                                       context.Size(100, 40)));
  return OneCueAtATime(context, std::move(images), {.with_grpc = 6, .alone = 6}, report);
}

absl::Status RunExactWords(const Context& context, Report& report) {
  MNEME_ASSIGN_OR_RETURN(Dataset words, WordVectors(context.data, context.Size(341'000, 50'000),
                                                    context.Size(100, 40)));
  return OneCueAtATime(context, std::move(words), {.with_grpc = 6, .alone = 6}, report);
}

}  // namespace mneme::bench
