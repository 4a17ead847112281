// A daemon that is restarted again and again under load: clients with the library's own retries see
// no call fail, and what was acknowledged is there.
//
// --schedules=N: restarts (100; the long form has 1,000).
#include <signal.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "core/base/random.h"
#include "gtest/gtest.h"
#include "mneme/client.h"
#include "tests/faults/schedules.h"
#include "tests/support/daemon.h"

namespace mneme::test {
namespace {

constexpr uint32_t kDim = 8;
constexpr int kClients = 3;
// Calls of every client between two restarts, at least.
constexpr uint64_t kCallsBetween = 20;
constexpr std::chrono::seconds kStall{60};  // without progress: a failure

client::Client Connect(const std::string& address) {
  return client::Client(client::ClientOptions{.target = address});
}

std::vector<float> KeyOf(uint64_t number) {
  Random random(Flags().seed, number);
  std::vector<float> key(kDim);
  random.FillUnit(key);
  return key;
}

// Stores an item, recalls the one before, and so on.
class Worker {
 public:
  Worker(const std::string& address, int index, Tally& tally)
      : index_(index), tally_(tally), thread_([this, address] { Run(address); }) {}
  ~Worker() { thread_.join(); }
  void Stop() { stop_ = true; }
  uint64_t calls() const { return calls_.load(); }
  uint64_t stored() const { return stored_.load(); }

 private:
  void Run(const std::string& address) {
    client::Client client = Connect(address);
    while (!stop_) {
      const uint64_t number = static_cast<uint64_t>(index_) << 32 | stored_.load();
      const std::vector<float> key = KeyOf(number);
      const std::vector<client::ItemId> ids = {client::ItemId(number)};
      client::StoreBatch batch;
      batch.keys = {key.data(), 1, kDim};
      batch.ids = ids;
      Check("Store", client.Store("m", batch).status());
      ++stored_;
      const auto list = client.ListwiseQuery("m", {key.data(), 1, kDim}, {.size = 1u});
      Check("ListwiseQuery", list.status());
      if (list.ok() && (list->lists.empty() || list->lists[0].items.empty() ||
                        list->lists[0].items[0].id != ids[0])) {
        tally_.Report(Finding::kLost, 0,
                      "an item that was just stored is not the best for its key");
      }
    }
  }
  void Check(const char* verb, const absl::Status& status) {
    ++calls_;
    if (!status.ok())
      tally_.Report(Finding::kWrong, 0, std::string(verb) + ": " + status.ToString());
  }

  const int index_;
  Tally& tally_;
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> calls_{0}, stored_{0};
  std::thread thread_;  // last: starts when all else is there
};

// Until every client has made so many calls more. Looks again and again: a client that is stuck
// tells nobody.
bool WaitForCalls(const std::vector<std::unique_ptr<Worker>>& workers) {
  for (const auto& worker : workers) {
    const uint64_t goal = worker->calls() + kCallsBetween;
    const auto end = std::chrono::steady_clock::now() + kStall;
    while (worker->calls() < goal) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  return true;
}

TEST(RollingRestart, NoCallOfARetryingClientFails) {
  const uint64_t restarts = Flags().Count(100, 1'000);
  RunSchedules("rolling restart", 1, [restarts](uint64_t, Tally& tally) {
    const TemporaryDirectory directory;
    const auto start = [&](const std::string& address) {
      const std::string& path = directory.path();
      return std::make_unique<Daemon>(
          MNEMED_PATH,
          std::vector<std::string>{"--log.level=warning", "--server.listen=" + address,
                                   "--http.listen=none", "--server.port_file=" + path + "/port",
                                   "--data.dir=" + path + "/data"},
          path + "/port", path + "/log");
    };
    auto daemon = start("127.0.0.1:0");
    if (daemon->port() == 0) return tally.Report(Finding::kWrong, 0, "the daemon did not start");
    const std::string address = daemon->address();
    client::Client client = Connect(address);
    client::MemorySpec spec{.name = "m", .key_dim = kDim};
    spec.model = client::DenseSpec{};
    if (const auto made = client.CreateMemory(spec); !made.ok())
      return tally.Report(Finding::kWrong, 0, "CreateMemory: " + made.status().ToString());
    std::vector<std::unique_ptr<Worker>> workers;
    for (int i = 0; i < kClients; ++i)
      workers.push_back(std::make_unique<Worker>(address, i, tally));
    for (uint64_t i = 0; i < restarts; ++i) {
      if (!WaitForCalls(workers)) return tally.Report(Finding::kWrong, i, "clients are stuck");
      if (const int code = daemon->Stop(SIGTERM); code != 0)
        tally.Report(Finding::kWrong, i, "it stopped with " + std::to_string(code));
      daemon = start(address);
    }
    if (!WaitForCalls(workers)) tally.Report(Finding::kWrong, restarts, "clients are stuck");
    uint64_t calls = 0, stored = 0;
    for (const auto& worker : workers) worker->Stop();
    for (const auto& worker : workers) {
      calls += worker->calls();
      stored += worker->stored();
    }
    workers.clear();
    const auto memory = client.GetMemory("m");
    if (!memory.ok() || memory->state.item_count < stored)
      tally.Report(Finding::kLost, restarts, "items that were acknowledged are gone");
    tally.Note("restarts", restarts);
    tally.Note("calls", calls);
  });
}

}  // namespace
}  // namespace mneme::test
