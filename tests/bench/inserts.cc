// Inserts while answering: half of the clients store rows one by one, the other half ask.
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "tests/bench/case.h"
#include "tests/bench/dataset.h"
#include "tests/bench/load.h"
#include "tests/bench/ours.h"
#include "tests/bench/peer_process.h"
#include "tests/bench/race.h"
#include "tests/bench/stores.h"

namespace mneme::bench {
namespace {

constexpr size_t kStoresInFlight = 32;
constexpr size_t kListSize = 10;
constexpr int kEffort = 64;  // of hnswlib's answers

struct Answers {
  double p50 = 0;
  double p99 = 0;
};

struct Field {
  std::unique_ptr<Server> server;
  std::vector<v1::ListwiseQueryRequest> requests;
  double rate = 0;  // of the cues that are offered
  size_t cues = 0;  // in a round

  StartCall Asks() {
    return UnaryCalls<v1::ListwiseQueryResponse>(
        requests, [this](auto* context, auto* request, auto* response, auto done) {
          server->stub().async()->ListwiseQuery(context, request, response, std::move(done));
        });
  }
};

absl::StatusOr<Answers> Ask(Field& field) {
  MNEME_ASSIGN_OR_RETURN(const LoadResult load, OpenLoop(field.rate, field.cues, field.Asks()));
  return Answers{.p50 = Percentile(load.micros, 0.5), .p99 = Percentile(load.micros, 0.99)};
}

struct Both {
  Answers answers;
  double stores_per_second = 0;
};

// Asks by the same schedule while Stores of one row go on.
absl::StatusOr<Both> AskAndStore(Field& field) {
  std::atomic<bool> over = false;
  std::atomic<size_t> stores = 0;
  absl::Status store_status;
  const StartCall single = SingleStores(*field.server, "keys");
  const double start = NowMicros();
  std::jthread writer([&] {
    while (!over && store_status.ok()) {
      const auto load = ClosedLoop(kStoresInFlight, 8 * kStoresInFlight, single);
      store_status = load.status();
      if (load.ok()) stores += load->calls;
    }
  });
  const auto answers = Ask(field);
  over = true;
  writer.join();
  MNEME_RETURN_IF_ERROR(store_status);
  MNEME_RETURN_IF_ERROR(answers.status());
  return Both{.answers = *answers,
              .stores_per_second = static_cast<double>(stores) / (NowMicros() - start) * 1e6};
}

absl::StatusOr<std::unique_ptr<Field>> Prepare(const Context& context, const Dataset& dataset,
                                               size_t stored) {
  auto out = std::make_unique<Field>();
  MNEME_ASSIGN_OR_RETURN(out->server, Server::Start(context));
  client::Client& client = out->server->client();
  MNEME_RETURN_IF_ERROR(MakeDense(client, "keys", kStoredDim, dataset.similarity));
  MNEME_RETURN_IF_ERROR(StoreAll(client, "keys", dataset.rows.view().slice(0, stored)).status());
  out->requests = ListRequests("keys", dataset.cues, kListSize);
  // A quarter of what one client that waits for each answer gets.
  MNEME_ASSIGN_OR_RETURN(const LoadResult load, ClosedLoop(1, 200, out->Asks()));
  out->rate = load.per_second() / 4;
  out->cues = static_cast<size_t>(out->rate * (context.quick ? 1 : 4));
  return out;
}

}  // namespace

absl::Status RunInserts(const Context& context, Report& report) {
  const size_t stored = context.Size(100'000, 20'000);
  const Dataset dataset = GaussianUnits(2 * stored, 64, kStoredDim);
  MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<Field> field, Prepare(context, dataset, stored));
  MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<VectorFiles> files, VectorFiles::Write(dataset));
  MNEME_ASSIGN_OR_RETURN(
      const std::unique_ptr<PeerProcess> peer,
      PeerProcess::Start(context, *files, {.kind = "hnswlib", .threads = 2, .rows = stored}));
  std::vector<double> idle_p99, busy_p99, idle_p50, busy_p50, ours, theirs, their_answers;
  for (int round = -1; round < context.repeats; ++round) {
    MNEME_ASSIGN_OR_RETURN(const Answers idle, Ask(*field));
    MNEME_ASSIGN_OR_RETURN(const Both both, AskAndStore(*field));
    PeerProcess::Mixed mixed;
    if (peer) {
      MNEME_ASSIGN_OR_RETURN(mixed, peer->InsertAndAsk(context.quick ? 1 : 4, kListSize, kEffort));
    }
    if (round < 0) continue;
    idle_p50.push_back(idle.p50);
    idle_p99.push_back(idle.p99);
    busy_p50.push_back(both.answers.p50);
    busy_p99.push_back(both.answers.p99);
    ours.push_back(both.stores_per_second);
    theirs.push_back(mixed.inserts_per_second);
    their_answers.push_back(mixed.answers_per_second);
  }
  const std::string at = absl::StrCat(" at ", static_cast<int>(field->rate), " cues/s");
  report.measures = {
      {absl::StrCat("mneme, durable Stores of one row, ", kStoresInFlight, " in flight"), "1/s",
       SpreadOf(ours)},
      {"mneme, lists" + at + " without Stores, p50", "us", SpreadOf(idle_p50)},
      {"mneme, lists" + at + " without Stores, p99", "us", SpreadOf(idle_p99)},
      {"mneme, lists" + at + " beside Stores, p50", "us", SpreadOf(busy_p50)},
      {"mneme, lists" + at + " beside Stores, p99", "us", SpreadOf(busy_p99)}};
  report.verdicts.push_back(
      {"p99 of lists beside Stores / without", "", Quotient(busy_p99, idle_p99), AtMost(1.5)});
  report.notes.push_back(
      absl::StrCat("Begun with ", stored,
                   " rows of 128. Ours are on the disk when acknowledged and come over "
                   "gRPC; hnswlib's are in memory, in its own process."));
  if (!peer) {
    report.skipped.emplace_back("hnswlib: not there when this was compiled");
    return absl::OkStatus();
  }
  report.measures.push_back({"hnswlib, one thread inserts", "1/s", SpreadOf(theirs)});
  report.measures.push_back({"hnswlib, another asks", "cues/s", SpreadOf(their_answers)});
  report.verdicts.push_back({"inserts / hnswlib's", "", Quotient(ours, theirs), AtLeast(5)});
  report.notes.emplace_back(
      "hnswlib: M 16, efConstruction 200, efSearch 64; no lock between its two threads, which is "
      "in its favour (its documentation wants one).");
  return absl::OkStatus();
}

}  // namespace mneme::bench
