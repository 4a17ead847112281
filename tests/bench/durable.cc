// Writes that are acknowledged when they are on the disk: single rows by many clients, single rows
// by a stream, and batches, beside the disk's own syncs and PostgreSQL.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "tests/bench/case.h"
#include "tests/bench/etcd.h"
#include "tests/bench/floors.h"
#include "tests/bench/ours.h"
#include "tests/bench/postgres.h"
#include "tests/bench/race.h"
#include "tests/bench/stores.h"

namespace mneme::bench {
namespace {

constexpr size_t kInFlight = 64;
constexpr size_t kRowBytes = kStoredDim * sizeof(float);
const char* const kStores = "mneme, Stores of one row, 64 in flight";
const char* const kStream = "mneme, StoreStream, chunks of one row";
const char* const kStreamed = "mneme, StoreStream, chunks of 8,192 rows";
const char* const kBatches = "mneme, Stores of 8,192 rows, one at a time";
const char* const kEcho = "bare echo, 64 in flight";
const char* const kSyncs = "64 x fdatasync of 4 KiB";
const char* const kEtcd = "etcd, puts of one row, 64 in flight";
const char* const kPostgres = "PostgreSQL, inserts of one row, 64 clients";

// Chunks of one row, as many on their way as the server's window lets.
Race::Run SingleRowStream(Server& server, size_t rows) {
  return [&server, rows]() -> absl::StatusOr<double> {
    const Dataset dataset = GaussianUnits(1, 0, kStoredDim);
    const double start = NowMicros();
    MNEME_RETURN_IF_ERROR(
        server.client()
            .Load("keys",
                  [&](uint64_t sequence) -> absl::StatusOr<std::optional<client::StoreBatch>> {
                    if (sequence > rows) return std::nullopt;
                    return client::StoreBatch{
                        .keys = {.data = dataset.rows.data(), .rows = 1, .cols = kStoredDim}};
                  },
                  {.durability = client::Durability::kDisk})
            .status());
    return static_cast<double>(rows) / (NowMicros() - start) * 1e6;
  };
}

void TellStores(const Race& race, Report& report) {
  std::vector<double> floor;
  for (size_t i = 0; i < race.Of(kEcho).size(); ++i) {
    floor.push_back(std::min(race.Of(kEcho)[i], race.Of(kSyncs)[i]));
  }
  report.verdicts.push_back({"single Stores / the smaller of echo and 64 x fdatasync", "",
                             Quotient(race.Of(kStores), floor), AtLeast(0.7)});
  std::vector<double> enough;  // 0.7 x 64 x fdatasync or 100,000/s, whichever is less
  for (const double syncs : race.Of(kSyncs)) enough.push_back(std::min(0.7 * syncs, 1e5));
  report.verdicts.push_back({"StoreStream / the smaller of 0.7 x 64 x fdatasync and 100,000/s", "",
                             Quotient(race.Of(kStream), enough), AtLeast(1)});
  if (race.Has(kEtcd)) {
    report.verdicts.push_back(
        {"single Stores / etcd", "", race.Quotient(kStores, kEtcd), std::nullopt});
  }
  if (!race.Has(kPostgres)) return;
  report.verdicts.push_back(
      {"single Stores / PostgreSQL", "", race.Quotient(kStores, kPostgres), AtLeast(1.5)});
}

// The floor of a dense memory is the disk; no product of matrices takes part in its Stores.
absl::StatusOr<double> DiskRowsPerSecond(const std::string& folder, size_t bytes) {
  MNEME_ASSIGN_OR_RETURN(const double rate, DiskWriteRate(folder, bytes));
  return rate / kRowBytes;
}

// Batches one after the other, by Store.
Race::Run Batches(Server& server, const Dataset& dataset) {
  return [&server, &dataset]() -> absl::StatusOr<double> {
    constexpr size_t kStep = 8192;
    const MatrixView rows = dataset.rows.view();
    const double start = NowMicros();
    for (size_t first = 0; first + kStep <= rows.rows; first += kStep) {
      const MatrixView part = rows.slice(first, kStep);
      MNEME_RETURN_IF_ERROR(
          server.client()
              .Store("keys", {.keys = {.data = part.data, .rows = part.rows, .cols = part.cols}},
                     {.durability = client::Durability::kDisk})
              .status());
    }
    return static_cast<double>(rows.rows / kStep * kStep) / (NowMicros() - start) * 1e6;
  };
}

// The rows of each repeat get numbers of their own.
Race::Run Streamed(Server& server, const Dataset& dataset, uint64_t* next) {
  return [&server, &dataset, next]() -> absl::StatusOr<double> {
    const uint64_t first = *next;
    *next += dataset.rows.rows();
    return StoreAll(server.client(), "keys", dataset.rows, first);
  };
}

}  // namespace

absl::Status RunDurableStores(const Context& context, Report& report) {
  MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<Server> server, Server::Start(context));
  MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<EchoServer> echo, EchoServer::Start(context));
  MNEME_RETURN_IF_ERROR(MakeDense(server->client(), "keys", kStoredDim, models::Similarity::kDot));
  std::string missing;
  MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<Postgres> postgres, Postgres::Start(&missing));
  if (!postgres) report.skipped.push_back(missing);
  MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<Etcd> etcd, Etcd::Start(&missing));
  if (!etcd) report.skipped.push_back(missing);
  const size_t stores = context.Size(40'000, 5'000);
  const StartCall single = SingleStores(*server, "keys");
  Race race;
  race.Add(kStores, "1/s", [&]() -> absl::StatusOr<double> {
    MNEME_ASSIGN_OR_RETURN(const LoadResult load, ClosedLoop(kInFlight, stores, single));
    return load.per_second();
  });
  race.Add(kStream, "1/s", SingleRowStream(*server, stores));
  race.Add(kEcho, "1/s", [&]() -> absl::StatusOr<double> {
    // The size of a Store of one row and of its response.
    MNEME_ASSIGN_OR_RETURN(const LoadResult load,
                           ClosedLoop(kInFlight, stores, echo->Calls(kRowBytes + 40, 60)));
    return load.per_second();
  });
  race.Add(kSyncs, "1/s", [&]() -> absl::StatusOr<double> {
    MNEME_ASSIGN_OR_RETURN(const double syncs,
                           SyncsPerSecond(server->folder(), 4096, context.quick ? 200 : 1000));
    return 64 * syncs;
  });
  if (postgres) {
    race.Add(kPostgres, "1/s", [&] {
      return postgres->InsertsPerSecond(kInFlight, context.quick ? 1 : 4, kRowBytes);
    });
  }
  if (etcd) {
    race.Add(kEtcd, "1/s", [&, puts = etcd->Puts(kRowBytes)]() -> absl::StatusOr<double> {
      MNEME_ASSIGN_OR_RETURN(const LoadResult load, ClosedLoop(kInFlight, stores, puts));
      return load.per_second();
    });
  }
  MNEME_RETURN_IF_ERROR(race.Go(context.repeats));
  race.Tell(report);
  TellStores(race, report);
  return absl::OkStatus();
}

absl::Status RunBatchStores(const Context& context, Report& report) {
  MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<Server> server, Server::Start(context));
  MNEME_RETURN_IF_ERROR(MakeDense(server->client(), "keys", kStoredDim, models::Similarity::kDot));
  const Dataset dataset = GaussianUnits(context.Size(24, 6) * 8192, 0, kStoredDim);
  const char* const disk = "rows that the disk takes (write and fdatasync)";
  uint64_t next = 0;
  Race race;
  race.Add(kBatches, "rows/s", Batches(*server, dataset));
  race.Add(kStreamed, "rows/s", Streamed(*server, dataset, &next));
  race.Add(disk, "rows/s",
           [&] { return DiskRowsPerSecond(server->folder(), dataset.rows.rows() * kRowBytes); });
  MNEME_RETURN_IF_ERROR(race.Go(context.repeats));
  race.Tell(report);
  std::vector<double> enough;  // the smaller of 80 % of the disk and 100,000
  for (const double rows : race.Of(disk)) enough.push_back(std::min(0.8 * rows, 1e5));
  report.verdicts.push_back({"batches one at a time / the smaller of 80 % of the disk and 100,000",
                             "", Quotient(race.Of(kBatches), enough), AtLeast(1)});
  report.verdicts.push_back({"StoreStream / the smaller of 80 % of the disk and 100,000", "",
                             Quotient(race.Of(kStreamed), enough), AtLeast(1)});
  return absl::OkStatus();
}

}  // namespace mneme::bench
