// Clients that mean harm, at the level of connections and frames: each is cut off or bounded, the
// daemon keeps its memory, threads and files, and another client sees no failure.
#include <poll.h>

#include <algorithm>
#include <deque>
#include <fstream>
#include <mutex>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "tests/faults/abuse.h"
#include "tests/faults/link_gate.h"
#include "tests/faults/pressure.h"
#include "tests/support/certificates.h"
#include "tests/support/free_port.h"

namespace mneme::test {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr uint64_t kLimit = 400ull << 20;
constexpr int kDim = 64;
constexpr int kRows = 500;
// Patience, not a promise.
constexpr seconds kPatience{60};
constexpr size_t kLastWords = 3;  // lines of its log
constexpr size_t kReads = 50;     // of the good client after each turn
// Connections by the thousand.
constexpr int kCrowd = 5'000;
constexpr int kConnectionsMax = 1'000;
constexpr int kPerAddressMax = 600;
constexpr int kPeersPerAddressMax = 512;
constexpr int kSlow = 200;
// A slow link. A call may hold twice the limit of a message; these are near it, and there are more
// than that at once.
constexpr int kMessageMax = 16 << 20;
constexpr uint64_t kLinkBytesPerSecond = 32 << 20;
constexpr int kUploads = 6;
constexpr int kUploadRows = 60'000;  // 15 MiB
constexpr std::chrono::milliseconds kTooShort{300};
// Threads and files that come and go by themselves.
constexpr uint64_t kOddFiles = 8;
constexpr uint64_t kOddThreads = 8;

template <typename Condition>
bool Await(Condition condition) {
  const auto end = steady_clock::now() + kPatience;
  while (!condition()) {
    if (steady_clock::now() > end) return false;
    poll(nullptr, 0, 10);
  }
  return true;
}

// A daemon with a client that reads without pause.
class World {
 public:
  World(Tally& tally, std::vector<std::string> more = {}) : tally_(tally) {
    more.push_back("--log.level=warning");
    more.push_back("--engine.memory_bytes_max=" + std::to_string(kLimit));
    daemon_ = Daemon::Mnemed(MNEMED_PATH, directory_.path(), std::move(more));
    if (daemon_->port() == 0) {
      Wrong("the daemon did not start");
      return;
    }
    const auto stub = v1::MemoryService::NewStub(daemon_->Connect());
    MakeReadMemory(*stub, "read", kDim, kRows);
    watch_ = std::make_unique<ResidentWatch>(daemon_->pid());
    reader_ = std::make_unique<Reader>(*daemon_, "memories/read", kDim);
    if (!AwaitReads()) Wrong("the good client is not served");
    before_ = HoldingsOf(daemon_->pid());
  }

  bool ok() const { return ok_; }
  Daemon& daemon() { return *daemon_; }
  int port() const { return daemon_->port(); }
  const std::string& directory() const { return directory_.path(); }
  void Wrong(const std::string& what) {
    ok_ = false;
    tally_.Report(Finding::kWrong, 0, what + "; its last words: " + LastWords());
  }
  bool AwaitReads() {
    const size_t until = reader_->times().count() + kReads;
    return Await([&] { return reader_->times().count() >= until || !daemon_->running(); });
  }
  // After the abusers have gone.
  void End() {
    if (!daemon_->running()) {
      return Wrong(absl::StrCat("the daemon ended (", daemon_->exit_code(), ")"));
    }
    if (!AwaitReads()) Wrong("the good client is not served any more");
    Holdings now;
    const bool settled = Await([&] {
      now = HoldingsOf(daemon_->pid());
      return now.files <= before_.files + kOddFiles && now.threads <= before_.threads + kOddThreads;
    });
    if (!settled) {
      Wrong(absl::StrCat("files ", before_.files, " -> ", now.files, ", threads ", before_.threads,
                         " -> ", now.threads));
    }
    reader_->Stop();
    if (reader_->failed() > 0) Wrong(absl::StrCat(reader_->failed(), " good calls failed"));
    tally_.Note("reads", reader_->times().count());
    CheckResident(tally_, *watch_, kLimit);
    reader_.reset();
    if (daemon_->Stop(SIGTERM) != 0) Wrong("it did not stop well");
  }

 private:
  std::string LastWords() const {
    std::ifstream log(directory_.path() + "/log");
    std::deque<std::string> last;
    for (std::string line; std::getline(log, line);) {
      last.push_back(line);
      if (last.size() > kLastWords) last.pop_front();
    }
    return last.empty() ? "none" : absl::StrJoin(last, " / ");
  }

  Tally& tally_;
  bool ok_ = true;
  TemporaryDirectory directory_;
  std::unique_ptr<Daemon> daemon_;
  std::unique_ptr<ResidentWatch> watch_;
  std::unique_ptr<Reader> reader_;
  Holdings before_;
};

// Sends bursts until the server has had enough; whether it had.
bool RunFlood(const Abuse& abuse, RawConnection& connection) {
  connection.Send(Preface() + abuse.opening);
  const auto end = steady_clock::now() + kPatience;
  for (uint64_t number = 0; steady_clock::now() < end; ++number) {
    // It may have stopped reading before it closes.
    if (!connection.Send(abuse.burst(number))) return connection.WaitForEnd(kPatience);
  }
  return connection.IsClosed();
}

TEST(Abuse, FloodsOfFramesAreCutOffAndHarmNobodyElse) {
  RunSchedules("floods", Floods().size(), [](uint64_t schedule, Tally& tally) {
    const Abuse& abuse = Floods()[schedule];
    World world(tally);
    if (!world.ok()) return;
    RawConnection connection(world.port(), kAbuser);
    if (!RunFlood(abuse, connection)) world.Wrong(abuse.name + ": is not cut off");
    if (abuse.goaway >= 0 && connection.goaway() != static_cast<uint32_t>(abuse.goaway)) {
      world.Wrong(abuse.name + ": another code");
    }
    if (!connection.goaway().has_value()) {  // it was not gRPC that closed it
      // Its address has to wait; others have not.
      RawConnection again(world.port(), kAbuser);
      again.Send(Preface());
      if (!again.WaitForEnd(seconds(5))) world.Wrong(abuse.name + ": comes back at once");
    }
    {
      // Closed before the daemon is stopped: it answers no ping, and would be waited for.
      RawConnection other(world.port());
      other.Send(Preface());
      if (other.WaitForEnd(std::chrono::milliseconds(100)))
        world.Wrong(abuse.name + ": others are refused too");
    }
    world.End();
  });
}

// Not abuse, and must not be taken for it.
TEST(Abuse, HonestUploadsOverASlowLinkAreNot) {
  RunSchedules("slow link", 1, [](uint64_t, Tally& tally) {
    World world(tally, {absl::StrCat("--limits.message_bytes_max=", kMessageMax)});
    if (!world.ok()) return;
    const std::string path = world.directory() + "/link";
    const LinkGate link(path, world.port(), kLinkBytesPerSecond);
    const auto stub = v1::MemoryService::NewStub(
        grpc::CreateChannel("unix:" + path, grpc::InsecureChannelCredentials()));
    v1::StoreRequest store;
    store.set_memory("memories/missing");
    SetMatrix(UnitRows(5, kUploadRows, kDim), kDim, store.mutable_keys());
    const auto upload = [&](std::optional<std::chrono::milliseconds> within) {
      grpc::ClientContext context;
      if (within.has_value()) context.set_deadline(std::chrono::system_clock::now() + *within);
      v1::StoreResponse stored;
      return stub->Store(&context, store, &stored);
    };
    // All at once, so that all are half there for most of the time.
    std::vector<std::thread> uploads;
    std::mutex mutex;
    for (int i = 0; i < kUploads; ++i) {
      uploads.emplace_back([&] {
        const grpc::Status status = upload(std::nullopt);
        const std::lock_guard<std::mutex> lock(mutex);
        if (status.error_code() != grpc::StatusCode::NOT_FOUND) {
          world.Wrong("an upload is cut off: " + status.error_message());
        }
      });
    }
    for (std::thread& each : uploads) each.join();
    // One after the other, each given up half-way.
    for (int i = 0; i < kUploads; ++i) {
      const grpc::Status status = upload(kTooShort);
      if (status.error_code() != grpc::StatusCode::DEADLINE_EXCEEDED) {
        world.Wrong("an upload that takes too long: " + status.error_message());
      }
    }
    v1::ListMemoriesResponse page;
    const grpc::Status after = MNEME_CALL(stub, ListMemories, {}, &page);
    if (!after.ok()) world.Wrong("then it is cut off: " + after.error_message());
    world.End();
  });
}

TEST(Abuse, ACrowdOfIdleConnectionsIsBoundedByAddressAndInAll) {
  RunSchedules("crowd", 1, [](uint64_t, Tally& tally) {
    World world(tally, {absl::StrCat("--server.connections_max=", kConnectionsMax),
                        absl::StrCat("--server.connections_per_address_max=", kPerAddressMax)});
    if (!world.ok()) return;
    std::vector<RawConnection> crowd;
    const auto open = [&] {
      return std::count_if(crowd.begin(), crowd.end(), [](auto& each) { return !each.IsClosed(); });
    };
    for (int i = 0; i < kCrowd; ++i) crowd.emplace_back(world.port(), kAbuser).Send(Preface());
    if (!Await([&] { return open() <= kPerAddressMax; })) world.Wrong("an address has too many");
    if (open() < kPerAddressMax) world.Wrong("connections within the limit were closed");
    // Somebody else still comes in, until all places are taken.
    const auto other = v1::MemoryService::NewStub(world.daemon().Connect());
    v1::ListMemoriesResponse page;
    if (!MNEME_CALL(other, ListMemories, {}, &page).ok()) world.Wrong("others are kept out");
    for (int i = 0; i < kCrowd / 5; ++i)
      crowd.emplace_back(world.port(), "127.0.0.3").Send(Preface());
    if (!Await([&] { return open() <= kConnectionsMax; })) world.Wrong("there are too many in all");
    if (!MNEME_CALL(other, ListMemories, {}, &page).ok()) world.Wrong("those inside are cut off");
    tally.Note("held open", static_cast<uint64_t>(open()));
    crowd.clear();
    world.End();
  });
}

TEST(Abuse, HandshakesThatDoNotEndAreEnded) {
  RunSchedules("slow handshakes", 2, [](uint64_t schedule, Tally& tally) {
    const bool tls = schedule == 1;
    TemporaryDirectory files;
    std::vector<std::string> more;
    if (tls) {
      const CertificateAndKey pair = Authority().Issue();
      more = {"--tls.certificate=" + WriteFile(files.path() + "/c.pem", pair.certificate),
              "--tls.key=" + WriteFile(files.path() + "/k.pem", pair.key)};
    }
    const TemporaryDirectory directory;
    more.push_back("--log.level=error");
    const auto daemon = Daemon::Mnemed(MNEMED_PATH, directory.path(), more);
    if (daemon->port() == 0) return tally.Report(Finding::kWrong, 0, "it did not start");
    const Holdings before = HoldingsOf(daemon->pid());
    // The first bytes of a ClientHello, or the preface, one by one.
    const std::string slow = tls ? std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11)
                                 : Preface().substr(0, 20);
    std::vector<RawConnection> clients;
    for (int i = 0; i < kSlow; ++i) clients.emplace_back(daemon->port(), kAbuser);
    size_t sent = 0;
    const bool ended = Await([&] {
      bool all = true;
      // Every second one says nothing at all.
      for (size_t i = 0; i < clients.size(); ++i) {
        if (i % 2 == 0 && sent < slow.size()) clients[i].Send(slow.substr(sent, 1));
        all = clients[i].IsClosed() && all;
      }
      ++sent;
      poll(nullptr, 0, 400);
      return all;
    });
    if (!ended) tally.Report(Finding::kWrong, 0, "a handshake goes on for ever");
    const bool settled = Await([&] {
      return HoldingsOf(daemon->pid()).files <= before.files + kOddFiles &&
             HoldingsOf(daemon->pid()).threads <= before.threads + kOddThreads;
    });
    if (!settled) tally.Report(Finding::kWrong, 0, "files or threads are kept");
    if (daemon->Stop(SIGTERM) != 0) tally.Report(Finding::kWrong, 0, "it did not stop well");
  });
}

// A daemon that is a node, with a port for others.
class NodeWorld {
 public:
  explicit NodeWorld(Tally& tally)
      : world_(tally, {"--federation.file=" + Description(), "--federation.node=north",
                       absl::StrCat("--peer.listen=127.0.0.1:", port_)}) {}
  World& world() { return world_; }
  int port() const { return port_; }

 private:
  std::string Description() const {
    return WriteFile(files_.path() + "/federation.yaml",
                     absl::StrCat("federations:\n  - name: f\n    memory: m\n"
                                  "    spec: {key_dim: 4, response_dim: 2, min_contributors: 1, "
                                  "min_items: 1}\n"
                                  "    nodes:\n"
                                  "      - {name: north, address: '127.0.0.1:",
                                  port_,
                                  "', interest: {north: 1, south: 1}}\n"
                                  "      - {name: south, address: 'unix:",
                                  files_.path(), "/s', interest: {north: 1, south: 1}}\n"));
  }

  const TemporaryDirectory files_;
  const int port_ = FreePort();
  World world_;
};

TEST(Abuse, FloodsOfThePortForOtherNodesAreCutOffToo) {
  RunSchedules("floods of peers", Floods().size(), [](uint64_t schedule, Tally& tally) {
    const Abuse& abuse = Floods()[schedule];
    NodeWorld node(tally);
    if (!node.world().ok()) return;
    RawConnection connection(node.port(), kAbuser);
    if (!RunFlood(abuse, connection)) node.world().Wrong(abuse.name + ": is not cut off");
    node.world().End();
  });
}

TEST(Abuse, ACrowdAtThePortForOtherNodesIsBoundedToo) {
  RunSchedules("crowd of peers", 1, [](uint64_t, Tally& tally) {
    NodeWorld node(tally);
    if (!node.world().ok()) return;
    std::vector<RawConnection> crowd;
    const auto open = [&] {
      return std::count_if(crowd.begin(), crowd.end(), [](auto& each) { return !each.IsClosed(); });
    };
    for (int i = 0; i < kCrowd / 5; ++i) crowd.emplace_back(node.port(), kAbuser).Send(Preface());
    if (!Await([&] { return open() <= kPeersPerAddressMax; })) {
      node.world().Wrong("an address has too many");
    }
    tally.Note("held open", static_cast<uint64_t>(open()));
    crowd.clear();
    node.world().End();
  });
}

TEST(Abuse, TheHttpPortIsBoundedToo) {
  RunSchedules("http", 1, [](uint64_t, Tally& tally) {
    TemporaryDirectory files;
    const std::string port_file = files.path() + "/http";
    World world(tally, {"--http.listen=127.0.0.1:0", "--http.port_file=" + port_file,
                        "--http.request_seconds=2", "--http.connections_max=300",
                        "--http.connections_per_address_max=200"});
    if (!world.ok()) return;
    int port = 0;
    std::ifstream(port_file) >> port;
    // Headers and bodies that come byte by byte, and headers that are too large.
    const std::string drip = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ";
    const std::string body =
        "POST /v1/memories/read:retrieve HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Length: 1000\r\n\r\n{";
    std::vector<RawConnection> slow;
    for (int i = 0; i < kSlow / 2; ++i) slow.emplace_back(port, kAbuser).Send(i % 2 ? drip : body);
    const bool ended = Await([&] {
      bool all = true;
      for (RawConnection& each : slow) {
        each.Send("x");
        all = each.IsClosed() && all;
      }
      poll(nullptr, 0, 100);
      return all;
    });
    if (!ended) world.Wrong("a request may take for ever");
    RawConnection large(port, kAbuser);
    large.Send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n");
    if (!large.WaitForEnd(kPatience)) world.Wrong("a large header is read for ever");
    if (large.received().find(" 4") == std::string::npos && !large.received().empty()) {
      world.Wrong("a large header is answered otherwise");
    }
    std::vector<RawConnection> crowd;
    for (int i = 0; i < kCrowd / 10; ++i) crowd.emplace_back(port, kAbuser);
    const auto open = [&] {
      return std::count_if(crowd.begin(), crowd.end(), [](auto& each) { return !each.IsClosed(); });
    };
    if (!Await([&] { return open() <= 200; })) world.Wrong("the HTTP port has too many");
    RawConnection other(port);
    other.Send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    other.WaitForEnd(kPatience);
    if (other.received().find(" 200 ") == std::string::npos) world.Wrong("others are kept out");
    crowd.clear();
    world.End();
  });
}

}  // namespace
}  // namespace mneme::test
