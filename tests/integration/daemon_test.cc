// mnemed as an administrator meets it: flags, configuration, signals, exit codes, health,
// reflection, locks; and data that is there again after a restart.
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <atomic>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/live.h"

namespace mneme::test {
namespace {

using ::testing::HasSubstr;

struct Output {
  int code = 0;
  std::string text;
};

Output Shell(const std::string& command) {
  Output out;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  char buffer[4096];
  for (size_t n; (n = fread(buffer, 1, sizeof(buffer), pipe)) > 0;) out.text.append(buffer, n);
  out.code = WEXITSTATUS(pclose(pipe));
  return out;
}

const std::string kMnemed = MNEMED_PATH;

TEST(Configuration, AnUnknownKeyIsAnErrorWithASuggestion) {
  const TemporaryDirectory directory;
  const std::string file = directory.path() + "/mneme.yaml";
  std::ofstream(file) << "data:\n  dir: /tmp/x\n  storage_memory_byte: 64M\n";
  Output out = Shell(kMnemed + " config check --config " + file);
  EXPECT_EQ(out.code, 2);
  EXPECT_THAT(out.text, HasSubstr("line 3"));
  EXPECT_THAT(out.text, HasSubstr("did you mean 'data.storage_memory_bytes'?"));
  out = Shell("MNEME_LOG_LEVL=debug " + kMnemed + " config check");
  EXPECT_EQ(out.code, 2);
  EXPECT_THAT(out.text, HasSubstr("log.level"));
  EXPECT_EQ(Shell(kMnemed + " --no.such.flag=1").code, 2);
}

TEST(Configuration, FlagsWinOverTheEnvironmentAndThatOverTheFile) {
  const TemporaryDirectory directory;
  const std::string file = directory.path() + "/mneme.yaml";
  std::ofstream(file) << "log: {level: debug, format: json}\nlimits: {cues_max: 7}\n";
  const Output out = Shell("MNEME_LOG_LEVEL=error MNEME_LIMITS_CUES_MAX=8 " + kMnemed +
                           " config print --limits.cues_max=9 --config " + file);
  EXPECT_EQ(out.code, 0) << out.text;
  EXPECT_THAT(out.text, HasSubstr("cues_max: 9"));
  EXPECT_THAT(out.text, HasSubstr("level: error"));
  EXPECT_THAT(out.text, HasSubstr("format: json"));
  // What print prints is a configuration.
  std::ofstream(file) << out.text;
  EXPECT_EQ(Shell(kMnemed + " config check --config " + file).code, 0);
}

TEST(Configuration, ValuesOutOfRangeAndPublicAddressesAreRefused) {
  EXPECT_EQ(Shell(kMnemed + " config check --limits.cues_max=0").code, 2);
  EXPECT_EQ(Shell(kMnemed + " config check --log.format=xml").code, 2);
  const Output out = Shell(kMnemed + " config check --server.listen=0.0.0.0:7411");
  EXPECT_EQ(out.code, 2);
  EXPECT_THAT(out.text, HasSubstr("loopback"));
  EXPECT_EQ(Shell(kMnemed + " config check --config /nowhere.yaml").code, 2);
}

TEST(Exit, OneDirectoryServesOneDaemonAndForeignDirectoriesNone) {
  const TemporaryDirectory directory;
  const auto first = Daemon::Mnemed(kMnemed, directory.path());
  ASSERT_NE(first->port(), 0);
  Output out = Shell(kMnemed + " --server.listen=127.0.0.1:0 --http.listen=none --data.dir=" +
                     directory.path() + "/data");
  EXPECT_EQ(out.code, 3);
  EXPECT_THAT(out.text, HasSubstr("another"));
  std::filesystem::create_directory(directory.path() + "/photos");
  std::ofstream(directory.path() + "/photos/cat.jpg") << "x";
  out = Shell(kMnemed + " --server.listen=127.0.0.1:0 --http.listen=none --data.dir=" +
              directory.path() + "/photos");
  EXPECT_EQ(out.code, 3);
  EXPECT_TRUE(std::filesystem::exists(directory.path() + "/photos/cat.jpg"));
  out = Shell(kMnemed + " --server.listen=" + first->address() +
              " --http.listen=none --data.dir=" + directory.path() + "/other");
  EXPECT_EQ(out.code, 4);
  EXPECT_EQ(first->Stop(SIGTERM), 0);
}

// gRPC would remove the socket, and the one who listens on it would not be found any more.
TEST(Exit, NoPortTakesOverASocketThatSomebodyListensOn) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/living";
  const int living = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un at = {};
  at.sun_family = AF_UNIX;
  ASSERT_LT(path.copy(at.sun_path, sizeof(at.sun_path) - 1), sizeof(at.sun_path) - 1);
  ASSERT_EQ(bind(living, reinterpret_cast<const sockaddr*>(&at), sizeof(at)), 0);
  ASSERT_EQ(listen(living, 8), 0);
  std::ofstream(directory.path() + "/federation.yaml")
      << "federations:\n"
         "  - name: f\n"
         "    memory: m\n"
         "    spec: {key_dim: 4, response_dim: 2}\n"
         "    nodes:\n"
         "      - {name: north, address: 'unix:"
      << path << "', interest: {north: 1}}\n";
  const std::string federated =
      " --federation.file=" + directory.path() +
      "/federation.yaml --federation.node=north --peer.listen=unix:" + path +
      " --server.listen=127.0.0.1:0";
  for (const std::string& flags : {" --server.listen=unix:" + path, federated}) {
    const Output out =
        Shell(kMnemed + flags + " --http.listen=none --data.dir=" + directory.path() + "/data");
    EXPECT_EQ(out.code, 4) << flags;
    EXPECT_THAT(out.text, HasSubstr("somebody does")) << flags;
    EXPECT_TRUE(std::filesystem::exists(path)) << flags;
  }
  close(living);
}

TEST(Exit, AFileIsNoDataDirectory) {
  const TemporaryDirectory directory;
  std::ofstream(directory.path() + "/file") << "x";
  for (const char* command : {"", " fsck", " upgrade-check"}) {
    const Output out = Shell(kMnemed + command + " --data.dir=" + directory.path() + "/file");
    EXPECT_EQ(out.code, 3) << command;
    EXPECT_THAT(out.text, ::testing::Not(HasSubstr("our fault"))) << command;
  }
}

class DaemonTest : public ::testing::TestWithParam<int> {
 protected:
  TemporaryDirectory directory_;
};

TEST_P(DaemonTest, AfterARestartItAnswersAsBefore) {
  std::string before_dense, before_linear;
  const auto ask = [](v1::MemoryService::Stub& stub, const std::string& memory) {
    v1::RetrieveRequest request;
    request.set_memory(memory);
    SetMatrix(UnitRows(9, 5, 16), 16, request.mutable_cues());
    request.set_top(3);
    v1::RetrieveResponse response;
    const grpc::Status status = MNEME_CALL(&stub, Retrieve, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  };
  v1::RetrieveResponse dense, linear;
  {
    const auto daemon = Daemon::Mnemed(kMnemed, directory_.path());
    ASSERT_NE(daemon->port(), 0);
    const auto stub = v1::MemoryService::NewStub(daemon->Connect());
    for (const char* id : {"dense", "linear"}) {
      v1::CreateMemoryRequest create;
      create.set_memory_id(id);
      create.mutable_memory()->set_key_dim(16);
      create.mutable_memory()->set_response_dim(4);
      if (id == std::string("dense")) {
        create.mutable_memory()->mutable_dense();
      } else {
        create.mutable_memory()->mutable_linear();
      }
      v1::Memory memory;
      ASSERT_TRUE(MNEME_CALL(stub, CreateMemory, create, &memory).ok());
      v1::StoreRequest store;
      store.set_memory(memory.name());
      SetMatrix(UnitRows(1, 300, 16), 16, store.mutable_keys());
      SetMatrix(UnitRows(2, 300, 4), 4, store.mutable_responses());
      v1::StoreResponse stored;
      ASSERT_TRUE(MNEME_CALL(stub, Store, store, &stored).ok());
      EXPECT_EQ(stored.durability(), v1::DURABILITY_DISK);
    }
    dense = ask(*stub, "memories/dense");
    linear = ask(*stub, "memories/linear");
    EXPECT_EQ(daemon->Stop(GetParam()), GetParam() == SIGKILL ? -SIGKILL : 0);
  }
  const auto daemon = Daemon::Mnemed(kMnemed, directory_.path());
  ASSERT_NE(daemon->port(), 0);
  const auto stub = v1::MemoryService::NewStub(daemon->Connect());
  const auto same = [](const v1::RetrieveResponse& a, const v1::RetrieveResponse& b) {
    ASSERT_EQ(a.recalls().data().size(), b.recalls().data().size());
    const auto* x = reinterpret_cast<const float*>(a.recalls().data().data());
    const auto* y = reinterpret_cast<const float*>(b.recalls().data().data());
    for (size_t i = 0; i < a.recalls().data().size() / sizeof(float); ++i)
      EXPECT_NEAR(x[i], y[i], 1e-5);
    EXPECT_EQ(a.epoch().SerializeAsString(), b.epoch().SerializeAsString());
    for (int i = 0; i < a.results_size(); ++i) {
      ASSERT_EQ(a.results(i).top_size(), b.results(i).top_size());
      for (int j = 0; j < a.results(i).top_size(); ++j)
        EXPECT_EQ(a.results(i).top(j).id().number(), b.results(i).top(j).id().number());
    }
  };
  same(dense, ask(*stub, "memories/dense"));
  same(linear, ask(*stub, "memories/linear"));
}

INSTANTIATE_TEST_SUITE_P(Stops, DaemonTest, ::testing::Values(SIGTERM, SIGINT, SIGKILL),
                         [](const auto& param) {
                           return param.param == SIGKILL  ? "Kill"
                                  : param.param == SIGINT ? "Interrupt"
                                                          : "Terminate";
                         });

TEST(Log, JsonLinesAreJson) {
  const TemporaryDirectory directory;
  const auto daemon = Daemon::Mnemed(kMnemed, directory.path(), {"--log.format=json"});
  ASSERT_NE(daemon->port(), 0);
  EXPECT_EQ(daemon->Stop(SIGTERM), 0);
  std::ifstream log(directory.path() + "/log");
  int lines = 0;
  for (std::string line; std::getline(log, line); ++lines) {
    EXPECT_EQ(line.front(), '{') << line;
    EXPECT_EQ(line.back(), '}') << line;
    EXPECT_THAT(line, HasSubstr("\"level\":")) << line;
  }
  EXPECT_GE(lines, 3);
}

TEST(Groups, SixtyFourClientsShareFsyncs) {
  const TemporaryDirectory directory;
  const auto daemon = Daemon::Mnemed(kMnemed, directory.path());
  ASSERT_NE(daemon->port(), 0);
  const auto stub = v1::MemoryService::NewStub(daemon->Connect());
  v1::CreateMemoryRequest create;
  create.set_memory_id("m");
  create.mutable_memory()->set_key_dim(8);
  create.mutable_memory()->mutable_dense();
  v1::Memory memory;
  ASSERT_TRUE(MNEME_CALL(stub, CreateMemory, create, &memory).ok());
  const auto counters = [&] {
    v1::ServerInfo info;
    EXPECT_TRUE(MNEME_CALL(stub, GetServerInfo, {}, &info).ok());
    return info.counters();
  };
  const v1::Counters before = counters();
  constexpr int kStores = 1000, kClients = 64;
  std::atomic<int> next{0}, failed{0};
  std::vector<std::thread> clients;
  for (int c = 0; c < kClients; ++c) {
    clients.emplace_back([&] {
      for (int i = next++; i < kStores; i = next++) {
        v1::StoreRequest store;
        store.set_memory("memories/m");
        SetMatrix(UnitRows(static_cast<uint64_t>(i), 1, 8), 8, store.mutable_keys());
        v1::StoreResponse stored;
        failed += !MNEME_CALL(stub, Store, store, &stored).ok();
      }
    });
  }
  for (std::thread& client : clients) client.join();
  const v1::Counters after = counters();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(after.writes() - before.writes(), static_cast<uint64_t>(kStores));
  const uint64_t syncs = after.syncs() - before.syncs();
  std::printf(
      "%d Stores by %d clients: %llu fsyncs, %.1f Stores a group on average, %llu at most\n",
      kStores, kClients, static_cast<unsigned long long>(syncs),
      static_cast<double>(kStores) / static_cast<double>(syncs),
      static_cast<unsigned long long>(after.group_writes_max()));
  EXPECT_LT(syncs, kStores / 3u);
}

}  // namespace
}  // namespace mneme::test
