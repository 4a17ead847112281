// How mnemed is lived with: its configuration read again while it serves, draining before it stops,
// the check before an upgrade.
#include <signal.h>
#include <sys/wait.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <thread>

#include "gmock/gmock.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"
#include "mneme/client.h"
#include "mneme/v1/admin_service.grpc.pb.h"
#include "tests/integration/live.h"

namespace mneme::test {
namespace {

using ::testing::HasSubstr;

constexpr std::chrono::seconds kLongest{30};

// Whether it becomes true in time. Looks again and again: what is waited for happens in another
// process.
template <typename Condition>
bool Comes(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + kLongest;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

std::string ReadFile(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

class ReloadTest : public ::testing::Test {
 protected:
  void Configure(const std::string& yaml) { std::ofstream(file_) << yaml; }
  grpc::Status Reload(v1::ReloadConfigResponse* response) {
    const auto stub = v1::AdminService::NewStub(daemon_->Connect());
    return MNEME_CALL(stub, ReloadConfig, v1::ReloadConfigRequest(), response);
  }

  const TemporaryDirectory directory_;
  const std::string file_ = directory_.path() + "/mneme.yaml";
  std::unique_ptr<Daemon> daemon_;
};

TEST_F(ReloadTest, TellsWhatChangedAndWhatWaitsForARestart) {
  Configure("log: {level: info}\nlimits: {cues_max: 7}\n");
  daemon_ = Daemon::Mnemed(MNEMED_PATH, directory_.path(), {"--config=" + file_});
  v1::ReloadConfigResponse response;
  ASSERT_TRUE(Reload(&response).ok());
  EXPECT_EQ(response.changed_size(), 0);

  Configure("log: {level: debug}\nlimits: {cues_max: 8}\n");
  ASSERT_TRUE(Reload(&response).ok());
  ASSERT_EQ(response.changed_size(), 1) << response.DebugString();
  EXPECT_EQ(response.changed(0).name(), "log.level");
  EXPECT_EQ(response.changed(0).now(), "debug");
  ASSERT_EQ(response.needs_restart_size(), 1) << response.DebugString();
  EXPECT_EQ(response.needs_restart(0).name(), "limits.cues_max");
  EXPECT_EQ(response.needs_restart(0).was(), "7");
  // What waits is told again; what changed is not.
  response.Clear();
  ASSERT_TRUE(Reload(&response).ok());
  EXPECT_EQ(response.changed_size(), 0);
  EXPECT_EQ(response.needs_restart_size(), 1);
}

TEST_F(ReloadTest, AWrongConfigurationChangesNothing) {
  Configure("log: {level: info}\n");
  daemon_ = Daemon::Mnemed(MNEMED_PATH, directory_.path(), {"--config=" + file_});
  Configure("log: {level: loud}\n");
  v1::ReloadConfigResponse response;
  const ErrorParts error = Unpack(Reload(&response));
  EXPECT_EQ(error.code, grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(error.message, HasSubstr("log.level"));
  Configure("log: {level: info}\n");
  ASSERT_TRUE(Reload(&response).ok());
  EXPECT_EQ(response.changed_size(), 0);
}

TEST_F(ReloadTest, ComesWithSighupToo) {
  Configure("log: {level: info}\n");
  daemon_ = Daemon::Mnemed(MNEMED_PATH, directory_.path(), {"--config=" + file_});
  Configure("log: {level: info}\nserver: {grace_seconds: 3}\n");
  kill(daemon_->pid(), SIGHUP);
  EXPECT_TRUE(Comes([&] {
    return ReadFile(directory_.path() + "/log").find("server.grace_seconds from '20' to '3'") !=
           std::string::npos;
  }));
  EXPECT_EQ(daemon_->Stop(SIGTERM), 0);
}

TEST(Drain, ServesUntilItIsOverWhileHealthSaysNo) {
  const TemporaryDirectory directory;
  const auto daemon =
      Daemon::Mnemed(MNEMED_PATH, directory.path(), {"--server.drain_seconds=3600"});
  ASSERT_NE(daemon->port(), 0);
  client::Client client({.target = daemon->address()});
  ASSERT_EQ(*client.CheckHealth(), client::ServingStatus::kServing);
  kill(daemon->pid(), SIGTERM);
  EXPECT_TRUE(Comes([&] {
    const auto status = client.CheckHealth();
    return status.ok() && *status == client::ServingStatus::kNotServing;
  }));
  client::Client newcomer({.target = daemon->address()});
  EXPECT_TRUE(newcomer.GetServerInfo().ok());
  EXPECT_EQ(daemon->Stop(SIGTERM), 0);  // the second one: no hour is waited
}

struct Output {
  int code = 0;
  std::string text;
};

Output UpgradeCheck(const std::string& arguments) {
  Output out;
  FILE* pipe =
      popen((std::string(MNEMED_PATH) + " upgrade-check " + arguments + " 2>&1").c_str(), "r");
  char buffer[4096];
  for (size_t n; (n = fread(buffer, 1, sizeof(buffer), pipe)) > 0;) out.text.append(buffer, n);
  out.code = WEXITSTATUS(pclose(pipe));
  return out;
}

TEST(UpgradeCheck, TellsOfEachMemoryAndRefusesWhatIsNewer) {
  const TemporaryDirectory directory;
  const std::string data = directory.path() + "/data";
  {
    const auto daemon = Daemon::Mnemed(MNEMED_PATH, directory.path());
    client::Client client({.target = daemon->address()});
    client::MemorySpec spec{.name = "faces", .key_dim = 3};
    spec.model = client::DenseSpec{};
    ASSERT_TRUE(client.CreateMemory(spec).ok());
    EXPECT_EQ(UpgradeCheck(data).code, 3);  // a daemon has it open
    ASSERT_EQ(daemon->Stop(SIGTERM), 0);
  }
  Output out = UpgradeCheck(data);
  EXPECT_EQ(out.code, 0) << out.text;
  EXPECT_THAT(out.text, HasSubstr("faces"));
  EXPECT_THAT(out.text, HasSubstr("1 memories, 0 of them written by an earlier version"));
  EXPECT_THAT(UpgradeCheck(data + " --json").text, HasSubstr("\"served\":true"));

  std::string marker = ReadFile(data + "/MNEME");
  marker.replace(marker.find("format 1"), 8, "format 9");
  std::ofstream(data + "/MNEME") << marker;
  out = UpgradeCheck(data);
  EXPECT_EQ(out.code, 3);
  EXPECT_THAT(out.text, HasSubstr("format"));
  EXPECT_EQ(UpgradeCheck("/nowhere").code, 3);
}

}  // namespace
}  // namespace mneme::test
