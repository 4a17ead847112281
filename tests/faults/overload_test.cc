// A daemon with little main memory and more work than it can do; and clients that ask and never
// read. It stays within its limit, refuses in the words that were promised, answers what it let in,
// and loses nothing of it.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "gtest/gtest.h"
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

void MakeMemory(v1::MemoryService::Stub& stub, const char* id) {
  v1::CreateMemoryRequest create;
  create.set_memory_id(id);
  create.mutable_memory()->set_key_dim(kDim);
  create.mutable_memory()->mutable_dense()->set_beta(16);
  v1::Memory memory;
  const grpc::Status status = MNEME_CALL(&stub, CreateMemory, create, &memory);
  ASSERT_TRUE(status.ok()) << status.error_message();
}

void StoreRows(v1::MemoryService::Stub& stub, const std::string& memory, int rows) {
  v1::StoreRequest store;
  store.set_memory(memory);
  SetMatrix(UnitRows(3, rows, kDim), kDim, store.mutable_keys());
  v1::StoreResponse stored;
  const grpc::Status status = MNEME_CALL(&stub, Store, store, &stored);
  ASSERT_TRUE(status.ok()) << status.error_message();
}

// One cue at a time until it is told to stop.
class Reader {
 public:
  Reader(const Daemon& daemon, std::string memory)
      : stub_(v1::MemoryService::NewStub(daemon.Connect())),
        thread_([this, memory] { Run(memory); }) {}
  ~Reader() { Stop(); }
  void Stop() {
    over_ = true;
    if (thread_.joinable()) thread_.join();
  }
  const Times& times() const { return times_; }
  uint64_t failed() const { return failed_.load(); }

 private:
  void Run(const std::string& memory) {
    v1::RetrieveRequest retrieve;
    retrieve.set_memory(memory);
    retrieve.set_top(1);
    SetMatrix(UnitRows(4, 1, kDim), kDim, retrieve.mutable_cues());
    while (!over_) {
      const auto start = steady_clock::now();
      v1::RetrieveResponse recalled;
      const grpc::Status status = MNEME_CALL(stub_, Retrieve, retrieve, &recalled);
      if (status.ok()) times_.Add(start);
      if (!status.ok() && status.error_code() != grpc::StatusCode::RESOURCE_EXHAUSTED) ++failed_;
    }
  }

  const std::unique_ptr<v1::MemoryService::Stub> stub_;
  Times times_;
  std::atomic<uint64_t> failed_{0};
  std::atomic<bool> over_{false};
  std::thread thread_;  // last
};

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
    for (const char* id : {"m", "warm", "read"}) MakeMemory(*stub, id);
    StoreRows(*stub, "memories/read", 1'000);
    const double rate = kOverload * SustainableRate(*daemon);
    tally.Note("offered a second", static_cast<uint64_t>(rate));
    const ResidentWatch watch(daemon->pid());
    Flood flood(*daemon, "memories/m", kRows, kDim, 8);
    Reader reader(*daemon, "memories/read");
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

// An HTTP/2 client that asks for a page of items, and never reads nor widens its window.
int AskAndFallSilent(int port, const v1::ListItemsRequest& request) {
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(client, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) return client;
  const auto frame = [](int type, int flags, int stream, const std::string& body) {
    std::string out(9, '\0');
    out[1] = static_cast<char>(body.size() >> 8);
    out[2] = static_cast<char>(body.size());
    out[3] = static_cast<char>(type);
    out[4] = static_cast<char>(flags);
    out[8] = static_cast<char>(stream);
    return out + body;
  };
  const auto header = [](const std::string& name, const std::string& value) {
    return std::string(1, '\0') + static_cast<char>(name.size()) + name +
           static_cast<char>(value.size()) + value;
  };
  const std::string body = request.SerializeAsString();
  const std::string message = std::string(4, '\0') + static_cast<char>(body.size()) + body;
  const std::string bytes = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, "") +
                            frame(1, 4, 1,
                                  header(":method", "POST") + header(":scheme", "http") +
                                      header(":path", "/mneme.v1.MemoryService/ListItems") +
                                      header(":authority", "localhost") + header("te", "trailers") +
                                      header("content-type", "application/grpc")) +
                            frame(0, 1, 1, message);
  static_cast<void>(send(client, bytes.data(), bytes.size(), MSG_NOSIGNAL));
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
    MakeMemory(*stub, "m");
    MakeMemory(*stub, "read");
    StoreRows(*stub, "memories/m", 4'000);
    StoreRows(*stub, "memories/read", 1'000);
    v1::ListItemsRequest list;
    list.set_memory("memories/m");
    list.set_page_size(4'000);
    list.set_include_vectors(true);
    const ResidentWatch watch(daemon->pid());
    std::vector<int> clients;
    for (int i = 0; i < kStuck; ++i) clients.push_back(AskAndFallSilent(daemon->port(), list));
    Reader reader(*daemon, "memories/read");
    Flood flood(*daemon, "memories/m", 1, kDim, 1);
    const auto start = steady_clock::now();
    const auto seconds = SuiteSeconds();
    while (daemon->running() && steady_clock::now() - start < seconds) {
      flood.Send(4);
      poll(nullptr, 0, 5);
    }
    flood.Wait();
    reader.Stop();
    for (const int client : clients) close(client);
    if (!daemon->running()) return tally.Report(Finding::kWrong, 0, "the daemon died");
    if (reader.failed() > 0 || reader.times().count() == 0)
      tally.Report(Finding::kWrong, 0, "other clients were not served");
    tally.Note("stuck", clients.size());
    tally.Note("reads", reader.times().count());
    NoteMillis(tally, "read", reader.times());
    CheckFlood(flood, *stub, tally);
    CheckResident(tally, watch, kLimit);
    if (daemon->Stop(SIGTERM) != 0) tally.Report(Finding::kWrong, 0, "it did not stop well");
  });
}

}  // namespace
}  // namespace mneme::test
