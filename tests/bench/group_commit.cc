// Many clients store one item each, over and over, at durability DISK: how many fsyncs did it take?
#include <atomic>
#include <cstdio>
#include <thread>

#include "core/base/random.h"
#include "mneme/v1/memory_service.grpc.pb.h"
#include "tests/bench/bench.h"
#include "tests/support/daemon.h"

namespace mneme::bench {

int RunGroupCommit(const Environment& environment, const GroupCommitOptions& options) {
  const test::TemporaryDirectory directory;
  const auto mnemed =
      test::Daemon::Mnemed(environment.mnemed, directory.path(), {"--log.level=warning"});
  if (mnemed->port() == 0) {
    std::fprintf(stderr, "mneme-bench: %s did not start\n", environment.mnemed.c_str());
    return 1;
  }
  const auto stub = v1::MemoryService::NewStub(mnemed->Connect());
  {
    v1::CreateMemoryRequest create;
    create.set_memory_id("bench");
    create.mutable_memory()->set_key_dim(options.dim);
    create.mutable_memory()->mutable_dense();
    v1::Memory memory;
    grpc::ClientContext context;
    if (!stub->CreateMemory(&context, create, &memory).ok()) return 1;
  }
  const auto counters = [&] {
    grpc::ClientContext context;
    v1::ServerInfo info;
    stub->GetServerInfo(&context, {}, &info);
    return info.counters();
  };
  // The same writes by one client that waits for each: the floor, one fsync a Store.
  const auto store = [&](uint64_t seed) {
    Random random(1, seed);
    std::string key(static_cast<size_t>(options.dim) * sizeof(float), '\0');
    random.FillUnit(std::span<float>(reinterpret_cast<float*>(key.data()), options.dim));
    v1::StoreRequest request;
    request.set_memory("memories/bench");
    request.mutable_keys()->set_dtype(v1::DTYPE_FLOAT32);
    request.mutable_keys()->set_rows(1);
    request.mutable_keys()->set_cols(options.dim);
    request.mutable_keys()->set_data(key);
    v1::StoreResponse response;
    grpc::ClientContext context;
    return stub->Store(&context, request, &response).ok();
  };
  std::atomic<int> failed{0};
  v1::Counters before = counters();
  double start = NowMicros();
  const int alone = options.stores / 10;
  for (int i = 0; i < alone; ++i) failed += !store(1'000'000 + i);
  const double alone_seconds = (NowMicros() - start) / 1e6;
  const uint64_t alone_syncs = counters().syncs() - before.syncs();

  before = counters();
  std::atomic<int> next{0};
  start = NowMicros();
  std::vector<std::thread> clients;
  for (int c = 0; c < options.clients; ++c) {
    clients.emplace_back([&] {
      for (int i = next++; i < options.stores; i = next++) failed += !store(i);
    });
  }
  for (std::thread& client : clients) client.join();
  const double seconds = (NowMicros() - start) / 1e6;
  const v1::Counters after = counters();
  const uint64_t syncs = after.syncs() - before.syncs();
  const nlohmann::json report = {
      {"benchmark", "group-commit"},
      {"stores", options.stores},
      {"clients", options.clients},
      {"failed", failed.load()},
      {"syncs", syncs},
      {"group_mean", static_cast<double>(options.stores) / static_cast<double>(syncs)},
      {"group_max", after.group_writes_max()},
      {"stores_per_second", options.stores / seconds},
      {"floor",
       {{"clients", 1},
        {"stores", alone},
        {"syncs", alone_syncs},
        {"stores_per_second", alone / alone_seconds}}}};
  char text[1024];
  std::snprintf(
      text, sizeof(text),
      "Stores of one item (%d numbers), each acknowledged after fsync\n\n"
      "clients    Stores    fsyncs    mean group    Stores/s\n"
      "%7d  %8d  %8llu  %12.1f  %10.0f\n"
      "%7d  %8d  %8llu  %12.1f  %10.0f    (largest group %llu, failed %d)\n",
      options.dim, 1, alone, static_cast<unsigned long long>(alone_syncs),
      static_cast<double>(alone) / static_cast<double>(alone_syncs), alone / alone_seconds,
      options.clients, options.stores, static_cast<unsigned long long>(syncs),
      static_cast<double>(options.stores) / static_cast<double>(syncs), options.stores / seconds,
      static_cast<unsigned long long>(after.group_writes_max()), failed.load());
  Print(environment, report, text);
  return failed == 0 ? 0 : 1;
}

}  // namespace mneme::bench
