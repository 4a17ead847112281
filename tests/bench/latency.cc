// One cue at a time against a small memory, beside a bare echo of the same sizes: rounds of the one
// and the other alternate, so that both see the machine in the same state.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <vector>

#include "core/base/random.h"
#include "echo.grpc.pb.h"
#include "mneme/v1/memory_service.grpc.pb.h"
#include "tests/bench/bench.h"
#include "tests/support/daemon.h"

namespace mneme::bench {
namespace {

bool Fail(const char* what, const grpc::Status& status) {
  std::fprintf(stderr, "mneme-bench: %s: %s\n", what, status.error_message().c_str());
  return false;
}

void FillUnit(Random& random, int rows, int cols, v1::Matrix* to) {
  std::string data(static_cast<size_t>(rows) * cols * sizeof(float), '\0');
  for (int i = 0; i < rows; ++i) {
    random.FillUnit(std::span<float>(
        reinterpret_cast<float*>(data.data()) + static_cast<size_t>(i) * cols, cols));
  }
  to->set_dtype(v1::DTYPE_FLOAT32);
  to->set_rows(rows);
  to->set_cols(cols);
  to->set_data(std::move(data));
}

// The first stored key and Gaussian noise of a third of its length: a cue as users send it, that
// recalls an item.
void FillNoisyCue(Random& random, const LatencyOptions& options, const v1::Matrix& keys,
                  v1::Matrix* to) {
  std::vector<float> cue(static_cast<size_t>(options.dim));
  std::memcpy(cue.data(), keys.data().data(), cue.size() * sizeof(float));
  for (float& x : cue) x += static_cast<float>(0.3 * random.Gaussian() / std::sqrt(options.dim));
  to->set_dtype(v1::DTYPE_FLOAT32);
  to->set_rows(1);
  to->set_cols(options.dim);
  to->set_data(cue.data(), cue.size() * sizeof(float));
}

// Makes the memory; gives the keys stored in it.
bool Prepare(v1::MemoryService::Stub& stub, const LatencyOptions& options, Random& random,
             v1::Matrix* keys) {
  v1::CreateMemoryRequest create;
  create.set_memory_id("bench");
  create.mutable_memory()->set_key_dim(options.dim);
  create.mutable_memory()->mutable_dense();
  v1::Memory memory;
  grpc::ClientContext create_context;
  if (grpc::Status status = stub.CreateMemory(&create_context, create, &memory); !status.ok())
    return Fail("CreateMemory", status);
  v1::StoreRequest store;
  store.set_memory("memories/bench");
  FillUnit(random, options.items, options.dim, store.mutable_keys());
  *keys = store.keys();
  v1::StoreResponse stored;
  grpc::ClientContext store_context;
  if (grpc::Status status = stub.Store(&store_context, store, &stored); !status.ok())
    return Fail("Store", status);
  return true;
}

}  // namespace

int RunLatency(const Environment& environment, const LatencyOptions& options) {
  const test::TemporaryDirectory directory;
  const auto mnemed =
      test::Daemon::Mnemed(environment.mnemed, directory.path(), {"--log.level=warning"});
  test::Daemon echo(test::ProgramDirectory() + "/mneme-bench",
                    {"echo-server", directory.path() + "/echo-port"},
                    directory.path() + "/echo-port", directory.path() + "/echo-log");
  if (mnemed->port() == 0 || echo.port() == 0) {
    std::fprintf(stderr, "mneme-bench: %s did not start\n",
                 mnemed->port() == 0 ? environment.mnemed.c_str() : "the echo server");
    return 1;
  }
  Random random(1);
  const auto memory_stub = v1::MemoryService::NewStub(mnemed->Connect());
  const auto echo_stub = Echo::NewStub(echo.Connect());
  v1::Matrix stored;
  if (!Prepare(*memory_stub, options, random, &stored)) return 1;

  v1::RetrieveRequest retrieve;
  retrieve.set_memory("memories/bench");
  FillNoisyCue(random, options, stored, retrieve.mutable_cues());
  v1::RetrieveResponse recall;
  {
    grpc::ClientContext context;
    if (grpc::Status status = memory_stub->Retrieve(&context, retrieve, &recall); !status.ok())
      return Fail("Retrieve", status), 1;
  }
  EchoRequest echo_request;
  // The payload's tag and length take three bytes, the size of the reply three more.
  echo_request.mutable_payload()->resize(retrieve.ByteSizeLong() - 6);
  echo_request.set_reply_bytes(static_cast<uint32_t>(recall.ByteSizeLong() - 3));

  std::vector<double> echo_all, retrieve_all, ratios;
  for (int round = 0; round < options.rounds + 2; ++round) {
    std::vector<double> echo_micros, retrieve_micros;
    for (int i = 0; i < options.calls; ++i) {
      grpc::ClientContext context;
      EchoReply reply;
      const double start = NowMicros();
      if (grpc::Status status = echo_stub->Call(&context, echo_request, &reply); !status.ok())
        return Fail("Echo", status), 1;
      echo_micros.push_back(NowMicros() - start);
    }
    for (int i = 0; i < options.calls; ++i) {
      grpc::ClientContext context;
      v1::RetrieveResponse reply;
      const double start = NowMicros();
      if (grpc::Status status = memory_stub->Retrieve(&context, retrieve, &reply); !status.ok())
        return Fail("Retrieve", status), 1;
      retrieve_micros.push_back(NowMicros() - start);
    }
    if (round < 2) continue;  // warm-up
    ratios.push_back(Percentile(retrieve_micros, 0.5) / Percentile(echo_micros, 0.5));
    echo_all.insert(echo_all.end(), echo_micros.begin(), echo_micros.end());
    retrieve_all.insert(retrieve_all.end(), retrieve_micros.begin(), retrieve_micros.end());
  }
  const double ratio = Percentile(retrieve_all, 0.5) / Percentile(echo_all, 0.5);
  nlohmann::json report = {
      {"benchmark", "latency"},
      {"items", options.items},
      {"dim", options.dim},
      {"calls", echo_all.size()},
      {"request_bytes", retrieve.ByteSizeLong()},
      {"reply_bytes", recall.ByteSizeLong()},
      {"steps", recall.results(0).steps()},
      {"echo_us", {{"p50", Percentile(echo_all, 0.5)}, {"p99", Percentile(echo_all, 0.99)}}},
      {"retrieve_us",
       {{"p50", Percentile(retrieve_all, 0.5)}, {"p99", Percentile(retrieve_all, 0.99)}}},
      {"ratio_p50", ratio},
      {"ratio_p50_rounds",
       {{"low", Percentile(ratios, 0.1)},
        {"median", Percentile(ratios, 0.5)},
        {"high", Percentile(ratios, 0.9)}}}};
  char text[1024];
  std::snprintf(text, sizeof(text),
                "One cue in flight, %d x %d dense memory, loopback, %zu calls each (%zu-byte "
                "request, %zu-byte reply, %u steps)\n\n"
                "                p50 us    p99 us\n"
                "bare echo     %8.1f  %8.1f\n"
                "Retrieve      %8.1f  %8.1f\n\n"
                "ratio of p50  %.3f   (rounds: 10 %% %.3f, median %.3f, 90 %% %.3f)\n",
                options.items, options.dim, echo_all.size(), retrieve.ByteSizeLong(),
                recall.ByteSizeLong(), recall.results(0).steps(), Percentile(echo_all, 0.5),
                Percentile(echo_all, 0.99), Percentile(retrieve_all, 0.5),
                Percentile(retrieve_all, 0.99), ratio, Percentile(ratios, 0.1),
                Percentile(ratios, 0.5), Percentile(ratios, 0.9));
  Print(environment, report, text);
  return 0;
}

}  // namespace mneme::bench
