// One cue against a small memory beside a bare echo of the same sizes: alone, at half load, and
// beside scans of a large memory of the same daemon.
#include <atomic>
#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/random.h"
#include "core/base/status.h"
#include "tests/bench/case.h"
#include "tests/bench/dataset.h"
#include "tests/bench/floors.h"
#include "tests/bench/load.h"
#include "tests/bench/ours.h"
#include "tests/bench/race.h"

namespace mneme::bench {
namespace {

constexpr size_t kItems = 100, kDim = 128;
constexpr size_t kInFlight = 64;
const char* const kRetrieve = "Retrieve, 1 in flight, p50";
const char* const kEcho = "bare echo, 1 in flight, p50";

absl::Status FromGrpc(const grpc::Status& status) {
  return {static_cast<absl::StatusCode>(status.error_code()), status.error_message()};
}

// The first stored key and Gaussian noise of a third of its length: a cue as users send it, that
// recalls an item.
Matrix NoisyCue(const Dataset& dataset) {
  Matrix cue = Matrix::Copy(dataset.rows.view().slice(0, 1));
  Random random(2);
  for (float& x : cue.flat()) x += static_cast<float>(0.3 * random.Gaussian() / std::sqrt(kDim));
  return cue;
}

struct Field {
  std::unique_ptr<Server> server;
  std::unique_ptr<EchoServer> echo;
  std::vector<v1::RetrieveRequest> requests;
  size_t request_bytes = 0;
  size_t reply_bytes = 0;

  StartCall Retrieves() {
    return UnaryCalls<v1::RetrieveResponse>(
        requests, [this](auto* context, auto* request, auto* response, auto done) {
          server->stub().async()->Retrieve(context, request, response, std::move(done));
        });
  }
};

absl::StatusOr<std::unique_ptr<Field>> Prepare(const Context& context, Report& report) {
  auto out = std::make_unique<Field>();
  MNEME_ASSIGN_OR_RETURN(out->server, Server::Start(context));
  MNEME_ASSIGN_OR_RETURN(out->echo, EchoServer::Start(context));
  const Dataset dataset = GaussianUnits(kItems, 0, kDim);
  MNEME_RETURN_IF_ERROR(MakeDense(out->server->client(), "small", kDim, models::Similarity::kL2));
  MNEME_RETURN_IF_ERROR(StoreAll(out->server->client(), "small", dataset.rows).status());
  v1::RetrieveRequest& request = out->requests.emplace_back();
  request.set_memory("memories/small");
  *request.mutable_cues() = ToWire(NoisyCue(dataset));
  grpc::ClientContext call;
  v1::RetrieveResponse response;
  if (const grpc::Status status = out->server->stub().Retrieve(&call, request, &response);
      !status.ok()) {
    return FromGrpc(status);
  }
  out->request_bytes = request.ByteSizeLong();
  out->reply_bytes = response.ByteSizeLong();
  report.notes.push_back(absl::StrCat("Requests of ", out->request_bytes, " bytes, replies of ",
                                      out->reply_bytes, ", ", response.results(0).steps(),
                                      " steps of the dynamics."));
  return out;
}

absl::Status Alone(const Context& context, Field& field, Report& report) {
  const size_t calls = context.Size(2000, 500);
  Race race;
  race.Add(kEcho, "us", [&]() -> absl::StatusOr<double> {
    MNEME_ASSIGN_OR_RETURN(const LoadResult load,
                           field.echo->OneAtATime(calls, field.request_bytes, field.reply_bytes));
    return Percentile(load.micros, 0.5);
  });
  race.Add(kRetrieve, "us", [&]() -> absl::StatusOr<double> {
    MNEME_ASSIGN_OR_RETURN(const LoadResult load, OneAtATime(calls, [&](size_t) {
                             grpc::ClientContext call;
                             v1::RetrieveResponse response;
                             return field.server->stub().Retrieve(&call, field.requests[0],
                                                                  &response);
                           }));
    return Percentile(load.micros, 0.5);
  });
  MNEME_RETURN_IF_ERROR(race.Go(2 * context.repeats));
  race.Tell(report);
  report.verdicts.push_back({.what = "p50 of a Retrieve / of the echo",
                             .unit = "",
                             .value = race.Quotient(kRetrieve, kEcho),
                             .goal = AtMost(1.15)});
  return absl::OkStatus();
}

// Half of what 64 in flight get done is offered by a schedule.
absl::Status AtHalfLoad(const Context& context, Field& field, Report& report) {
  const size_t calls = context.Size(40'000, 8'000);
  MNEME_ASSIGN_OR_RETURN(const LoadResult full, ClosedLoop(kInFlight, calls, field.Retrieves()));
  const double rate = full.per_second() / 2;
  std::vector<double> p50, p99, echo_p50, echo_p99, ratio;
  for (int round = -1; round < context.repeats; ++round) {
    MNEME_ASSIGN_OR_RETURN(const LoadResult load, OpenLoop(rate, calls, field.Retrieves()));
    MNEME_ASSIGN_OR_RETURN(
        const LoadResult echo,
        OpenLoop(rate, calls, field.echo->Calls(field.request_bytes, field.reply_bytes)));
    if (round < 0) continue;
    p50.push_back(Percentile(load.micros, 0.5));
    p99.push_back(Percentile(load.micros, 0.99));
    echo_p50.push_back(Percentile(echo.micros, 0.5));
    echo_p99.push_back(Percentile(echo.micros, 0.99));
    ratio.push_back(p99.back() / p50.back());
  }
  const std::string at = absl::StrCat(" at ", static_cast<int>(rate), " calls/s");
  report.measures.push_back({"Retrieve" + at + ", p50", "us", SpreadOf(p50)});
  report.measures.push_back({"Retrieve" + at + ", p99", "us", SpreadOf(p99)});
  report.measures.push_back({"bare echo" + at + ", p50", "us", SpreadOf(echo_p50)});
  report.measures.push_back({"bare echo" + at + ", p99", "us", SpreadOf(echo_p99)});
  report.verdicts.push_back({"p99 at half load / its own p50", "", SpreadOf(ratio), AtMost(2)});
  report.verdicts.push_back(
      {"the same of the bare echo", "", Quotient(echo_p99, echo_p50), std::nullopt});
  return absl::OkStatus();
}

// Retrieves of the small memory while one client after another scans the large one.
absl::Status BesideScans(const Context& context, Field& field, Report& report) {
  const size_t rows = context.Size(1'000'000, 100'000);
  const Dataset large = GaussianUnits(rows, 64, kDim);
  MNEME_RETURN_IF_ERROR(MakeDense(field.server->client(), "large", kDim, models::Similarity::kDot));
  MNEME_RETURN_IF_ERROR(StoreAll(field.server->client(), "large", large.rows).status());
  const std::vector<v1::ListwiseQueryRequest> scans = ListRequests("large", large.cues, 10);
  std::atomic<bool> over = false;
  std::atomic<size_t> scans_done = 0;
  std::jthread scanner([&] {
    const auto stub = v1::MemoryService::NewStub(field.server->Connect());
    for (size_t i = 0; !over; ++i) {
      grpc::ClientContext call;
      v1::ListwiseQueryResponse response;
      if (!stub->ListwiseQuery(&call, scans[i % scans.size()], &response).ok()) return;
      ++scans_done;
    }
  });
  std::vector<double> p50, p99, echo_p50, echo_p99, rates;
  const size_t calls = context.Size(3000, 1000);
  absl::Status status;
  for (int round = -1; round < context.repeats && status.ok(); ++round) {
    const size_t before = scans_done;
    const auto load = OpenLoop(1000, calls, field.Retrieves());
    const size_t after = scans_done;
    // What the machine and gRPC alone take while the scans have both cores.
    const auto echo =
        OpenLoop(1000, calls, field.echo->Calls(field.request_bytes, field.reply_bytes));
    status = load.ok() ? echo.status() : load.status();
    if (!status.ok() || round < 0) continue;
    p50.push_back(Percentile(load->micros, 0.5));
    p99.push_back(Percentile(load->micros, 0.99) / 1000);
    echo_p50.push_back(Percentile(echo->micros, 0.5));
    echo_p99.push_back(Percentile(echo->micros, 0.99) / 1000);
    rates.push_back(static_cast<double>(after - before) / load->seconds);
  }
  over = true;
  scanner.join();
  MNEME_RETURN_IF_ERROR(status);
  const std::string what = absl::StrCat("scans of ", rows, " rows");
  report.measures.push_back(
      {"Retrieve at 1000 calls/s beside " + what + ", p50", "us", SpreadOf(p50)});
  report.measures.push_back(
      {"bare echo at 1000 calls/s beside " + what + ", p50", "us", SpreadOf(echo_p50)});
  report.measures.push_back({what + " meanwhile", "1/s", SpreadOf(rates)});
  report.verdicts.push_back({"p99 beside " + what, "ms", SpreadOf(p99), AtMost(1)});
  report.verdicts.push_back(
      {"p99 of the bare echo beside " + what, "ms", SpreadOf(echo_p99), std::nullopt});
  return absl::OkStatus();
}

}  // namespace

absl::Status RunLatency(const Context& context, Report& report) {
  MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<Field> field, Prepare(context, report));
  MNEME_RETURN_IF_ERROR(Alone(context, *field, report));
  MNEME_RETURN_IF_ERROR(AtHalfLoad(context, *field, report));
  return BesideScans(context, *field, report);
}

}  // namespace mneme::bench
