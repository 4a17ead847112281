// A daemon with little main memory and more work than it can do; and clients that ask and never
// read. It stays within its limit, refuses in the words that were promised, answers what it let in,
// and loses nothing of it.
#include <poll.h>

#include "gtest/gtest.h"
#include "tests/faults/abuse.h"
#include "tests/faults/pressure.h"

namespace mneme::test {
namespace {

using std::chrono::steady_clock;

constexpr uint64_t kLimit = 400ull << 20;
constexpr int kDim = 256;
constexpr int kRows = 64;
constexpr int kOverload = 4;
constexpr int kStuck = 500;
constexpr size_t kOutstandingMax = 2'000;  // of our own main memory

// Stores a second that two clients reach that wait for their answers.
double SustainableRate(const Daemon& daemon) {
  constexpr size_t kCalls = 200;
  Flood flood(daemon, "memories/warm", kRows, kDim, 2);
  const auto start = steady_clock::now();
  while (flood.sent() < kCalls) {
    if (!flood.Send(2)) std::this_thread::yield();
  }
  flood.Wait();
  return kCalls / std::chrono::duration<double>(steady_clock::now() - start).count();
}

void CheckFlood(const Flood& flood, v1::MemoryService::Stub& stub, Tally& tally) {
  if (!flood.wrong().empty()) tally.Report(Finding::kWrong, 0, "a refusal: " + flood.wrong());
  if (flood.unknown() > 0) tally.Report(Finding::kWrong, 0, "calls ended without an answer");
  if (flood.acknowledged() == 0) tally.Report(Finding::kWrong, 0, "no Store was let in");
  const uint64_t lost = flood.CountLost(stub);
  if (lost > 0) tally.Report(Finding::kLost, 0, std::to_string(lost) + " acknowledged Stores");
  tally.Note("sent", flood.sent());
  tally.Note("acknowledged", flood.acknowledged());
  tally.Note("busy", flood.refused("BUSY"));
  tally.Note("full", flood.refused("FULL"));
  NoteMillis(tally, "store", flood.times());
}

TEST(Overload, ShedsWhatIsTooMuchAndStaysWithinItsMemory) {
  RunSchedules("overload", 1, [](uint64_t, Tally& tally) {
    const TemporaryDirectory directory;
    const auto daemon = Daemon::Mnemed(
        MNEMED_PATH, directory.path(),
        {"--log.level=warning", "--engine.memory_bytes_max=" + std::to_string(kLimit)});
    if (daemon->port() == 0) return tally.Report(Finding::kWrong, 0, "the daemon did not start");
    const auto stub = v1::MemoryService::NewStub(daemon->Connect());
    for (const char* id : {"m", "warm"}) MakeReadMemory(*stub, id, kDim, 0);
    MakeReadMemory(*stub, "read", kDim, 1'000);
    const double rate = kOverload * SustainableRate(*daemon);
    tally.Note("offered a second", static_cast<uint64_t>(rate));
    const ResidentWatch watch(daemon->pid());
    Flood flood(*daemon, "memories/m", kRows, kDim, 8);
    Reader reader(*daemon, "memories/read", kDim);
    const auto start = steady_clock::now();
    const auto seconds = SuiteSeconds();
    while (daemon->running() && steady_clock::now() - start < seconds) {
      const double due = rate * std::chrono::duration<double>(steady_clock::now() - start).count();
      bool sent = true;
      while (sent && static_cast<double>(flood.sent()) < due) sent = flood.Send(kOutstandingMax);
      poll(nullptr, 0, 1);
    }
    flood.Wait();
    reader.Stop();
    if (!daemon->running()) return tally.Report(Finding::kWrong, 0, "the daemon died");
    if (reader.failed() > 0) tally.Report(Finding::kWrong, 0, "reads failed");
    NoteMillis(tally, "read", reader.times());
    CheckFlood(flood, *stub, tally);
    CheckResident(tally, watch, kLimit);
    if (daemon->Stop(SIGTERM) != 0) tally.Report(Finding::kWrong, 0, "it did not stop well");
  });
}

// A client that asks for a page of items, and never reads nor widens its window.
RawConnection AskAndFallSilent(int port, const v1::ListItemsRequest& request) {
  RawConnection client(port);
  client.Send(Preface() +
              Frame(kHeaders, kEndHeaders, 1, CallHeaders("/mneme.v1.MemoryService/ListItems")) +
              Frame(kData, kEndStream, 1, CallMessage(request.SerializeAsString())));
  return client;
}

TEST(Overload, IsNotHeldUpByReadersThatNeverRead) {
  RunSchedules("stuck readers", 1, [](uint64_t, Tally& tally) {
    const TemporaryDirectory directory;
    const auto daemon = Daemon::Mnemed(MNEMED_PATH, directory.path(),
                                       {"--log.level=error", "--server.answer_seconds=2",
                                        "--engine.memory_bytes_max=" + std::to_string(kLimit)});
    if (daemon->port() == 0) return tally.Report(Finding::kWrong, 0, "the daemon did not start");
    const auto stub = v1::MemoryService::NewStub(daemon->Connect());
    MakeReadMemory(*stub, "m", kDim, 4'000);
    MakeReadMemory(*stub, "read", kDim, 1'000);
    v1::ListItemsRequest list;
    list.set_memory("memories/m");
    list.set_page_size(4'000);
    list.set_include_vectors(true);
    const ResidentWatch watch(daemon->pid());
    std::vector<RawConnection> clients;
    for (int i = 0; i < kStuck; ++i) clients.push_back(AskAndFallSilent(daemon->port(), list));
    Reader reader(*daemon, "memories/read", kDim);
    Flood flood(*daemon, "memories/m", 1, kDim, 1);
    const auto start = steady_clock::now();
    const auto seconds = SuiteSeconds();
    while (daemon->running() && steady_clock::now() - start < seconds) {
      flood.Send(4);
      poll(nullptr, 0, 5);
    }
    flood.Wait();
    reader.Stop();
    const size_t stuck = clients.size();
    clients.clear();
    if (!daemon->running()) return tally.Report(Finding::kWrong, 0, "the daemon died");
    if (reader.failed() > 0 || reader.times().count() == 0)
      tally.Report(Finding::kWrong, 0, "other clients were not served");
    tally.Note("stuck", stuck);
    tally.Note("reads", reader.times().count());
    NoteMillis(tally, "read", reader.times());
    CheckFlood(flood, *stub, tally);
    CheckResident(tally, watch, kLimit);
    if (daemon->Stop(SIGTERM) != 0) tally.Report(Finding::kWrong, 0, "it did not stop well");
  });
}

}  // namespace
}  // namespace mneme::test
