// mnemed without serving (fsck, dump), and serving without memories (--recovery).
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/live.h"

namespace mneme::test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

struct Outcome {
  int code = -1;
  std::string out;  // stdout, then stderr
  std::vector<json> lines() const {
    std::vector<json> parsed;
    std::istringstream text(out);
    for (std::string line; std::getline(text, line);) parsed.push_back(json::parse(line));
    return parsed;
  }
};

Outcome RunMnemed(const std::string& arguments) {
  Outcome outcome;
  // One that should have refused would serve for ever.
  const std::string command = std::string("timeout 60 ") + MNEMED_PATH + " " + arguments + " 2>&1";
  std::FILE* pipe = popen(command.c_str(), "r");
  std::array<char, 4096> buffer;
  while (const size_t n = fread(buffer.data(), 1, buffer.size(), pipe))
    outcome.out.append(buffer.data(), n);
  const int status = pclose(pipe);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

class OfflineTest : public ::testing::Test {
 protected:
  void Start(std::vector<std::string> more = {}) {
    daemon_ = Daemon::Mnemed(MNEMED_PATH, directory_.path(), std::move(more));
    ASSERT_NE(daemon_->port(), 0);
    memories_ = v1::MemoryService::NewStub(daemon_->Connect());
  }
  void Create(const std::string& name) {
    v1::CreateMemoryRequest request;
    request.set_memory_id(name);
    request.mutable_memory()->set_key_dim(8);
    request.mutable_memory()->mutable_dense();
    v1::Memory memory;
    const grpc::Status status = MNEME_CALL(memories_, CreateMemory, request, &memory);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  void Store(const std::string& name, int rows) {
    v1::StoreRequest request;
    request.set_memory("memories/" + name);
    SetMatrix(UnitRows(5, rows, 8), 8, request.mutable_keys());
    v1::StoreResponse response;
    const grpc::Status status = MNEME_CALL(memories_, Store, request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  grpc::Status Delete(const std::string& name) {
    v1::DeleteMemoryRequest request;
    request.set_name("memories/" + name);
    google::protobuf::Empty nothing;
    return MNEME_CALL(memories_, DeleteMemory, request, &nothing);
  }
  std::optional<v1::Memory> Get(const std::string& name) {
    v1::GetMemoryRequest request;
    request.set_name("memories/" + name);
    v1::Memory memory;
    if (!MNEME_CALL(memories_, GetMemory, request, &memory).ok()) return std::nullopt;
    return memory;
  }
  std::string Data() const { return "--data.dir=" + directory_.path() + "/data"; }

  TemporaryDirectory directory_;
  std::unique_ptr<Daemon> daemon_;
  std::unique_ptr<v1::MemoryService::Stub> memories_;
};

TEST_F(OfflineTest, FsckAndDumpReadWhatADaemonLeft) {
  Start();
  Create("a");
  Create("b");
  Store("a", 20);  // its beta is saved, and the log before it trimmed
  Store("a", 1);
  // Which looks at all files of the directory.
  v1::ServerInfo info;
  ASSERT_TRUE(MNEME_CALL(memories_, GetServerInfo, {}, &info).ok());
  const Outcome locked = RunMnemed("fsck " + Data());
  EXPECT_EQ(locked.code, 3);
  EXPECT_THAT(locked.out, HasSubstr("in use by another process"));
  EXPECT_EQ(RunMnemed("dump " + Data()).code, 3);
  const Outcome second = RunMnemed(Data() + " --server.listen=127.0.0.1:0 --http.listen=none");
  EXPECT_NE(second.code, 0);
  EXPECT_THAT(second.out, HasSubstr("in use by another process"));
  EXPECT_EQ(daemon_->Stop(SIGTERM), 0);

  const Outcome table = RunMnemed("fsck " + Data());
  EXPECT_EQ(table.code, 0) << table.out;
  EXPECT_THAT(table.out, HasSubstr("MEMORY"));
  const Outcome checked = RunMnemed("fsck --json " + Data());
  ASSERT_EQ(checked.code, 0) << checked.out;
  const json report = checked.lines().at(0);
  EXPECT_TRUE(report.at("clean"));
  EXPECT_EQ(report.at("memories").at(0).at("memory"), "a");
  EXPECT_EQ(report.at("memories").at(0).at("items"), 21);
  EXPECT_EQ(report.at("memories").at(0).at("position"), 2);

  const std::vector<json> catalogue = RunMnemed("dump " + Data()).lines();
  ASSERT_EQ(catalogue.size(), 2u);
  const std::vector<json> items =
      RunMnemed("dump --memory=a --what=items --vectors --limit=7 " + Data()).lines();
  ASSERT_EQ(items.size(), 7u);
  EXPECT_EQ(items[6].at("row"), 6);
  EXPECT_EQ(items[6].at("key").size(), 8u);
  const std::vector<json> log = RunMnemed("dump --memory=a --what=log " + Data()).lines();
  ASSERT_EQ(log.size(), 1u);
  EXPECT_EQ(log[0].at("kind"), "store");
  EXPECT_EQ(log[0].at("row_count"), 1);
  EXPECT_EQ(RunMnemed("dump --what=state --memory=b " + Data()).lines().size(), 1u);
  EXPECT_EQ(RunMnemed("dump --what=nonsense " + Data()).code, 2);
  EXPECT_EQ(RunMnemed("dump --memory=c " + Data()).code, 3);

  Start();  // nothing was changed by any of these
  EXPECT_EQ(Get("a")->state().item_count(), 21u);
  EXPECT_EQ(daemon_->Stop(SIGTERM), 0);
}

TEST_F(OfflineTest, ForRecoveryOnlyMemoriesAreListedAndDeletedNotLoaded) {
  Start();
  Create("a");
  Create("b");
  Store("a", 20);
  EXPECT_EQ(daemon_->Stop(SIGKILL), -SIGKILL);

  Start({"--recovery"});
  EXPECT_EQ(Get("a")->state().health(), v1::HEALTH_UNLOADED);
  v1::StoreRequest request;
  request.set_memory("memories/a");
  SetMatrix(UnitRows(5, 1, 8), 8, request.mutable_keys());
  v1::StoreResponse response;
  const ErrorParts refused = Unpack(MNEME_CALL(memories_, Store, request, &response));
  EXPECT_EQ(refused.code, grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(refused.reason, "RECOVERY_MODE");
  EXPECT_TRUE(Delete("b").ok());
  EXPECT_EQ(daemon_->Stop(SIGTERM), 0);

  Start();
  EXPECT_EQ(Get("a")->state().item_count(), 20u);
  EXPECT_EQ(Get("a")->state().health(), v1::HEALTH_SERVING);
  EXPECT_FALSE(Get("b").has_value());
  EXPECT_EQ(daemon_->Stop(SIGTERM), 0);
}

// A stream that its client leaves open is ended when the grace is over.
TEST_F(OfflineTest, AnOpenStreamDoesNotKeepTheDaemonFromStopping) {
  Start({"--server.grace_seconds=1"});
  Create("a");
  Store("a", 20);
  grpc::ClientContext context;
  auto stream = memories_->StoreStream(&context);
  v1::StoreStreamRequest open;
  open.mutable_open()->set_memory("memories/a");
  open.mutable_open()->set_session_id("left-open");
  ASSERT_TRUE(stream->Write(open));
  v1::StoreStreamResponse opened;
  ASSERT_TRUE(stream->Read(&opened));
  EXPECT_EQ(daemon_->Stop(SIGTERM), 0);
  EXPECT_FALSE(stream->Read(&opened));
  EXPECT_FALSE(stream->Finish().ok());
  Start();
  EXPECT_EQ(Get("a")->state().item_count(), 20u);
}

// A flipped bit in the tables: fsck names the memory and leaves with 3.
TEST_F(OfflineTest, FsckNamesTheMemoryThatAFlippedBitIsIn) {
  Start();
  Create("well");
  Create("struck");
  Store("well", 10);
  for (int i = 0; i < 40; ++i) Store("struck", 500);
  EXPECT_EQ(daemon_->Stop(SIGTERM), 0);
  // Start again so that the log becomes tables.
  Start();
  EXPECT_EQ(daemon_->Stop(SIGTERM), 0);
  std::filesystem::path largest;
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path() + "/data/db")) {
    if (entry.path().extension() != ".sst") continue;
    if (largest.empty() || entry.file_size() > std::filesystem::file_size(largest))
      largest = entry.path();
  }
  ASSERT_FALSE(largest.empty());
  {
    std::fstream file(largest, std::ios::in | std::ios::out | std::ios::binary);
    const auto middle = static_cast<std::streamoff>(std::filesystem::file_size(largest) / 2);
    file.seekg(middle);
    const char byte = static_cast<char>(file.get());
    file.seekp(middle);
    file.put(static_cast<char>(byte ^ 4));
  }
  const Outcome checked = RunMnemed("fsck --json " + Data());
  EXPECT_EQ(checked.code, 3) << checked.out;
  const json report = json::parse(checked.out.substr(0, checked.out.find('\n')));
  EXPECT_FALSE(report.at("clean"));
  for (const json& memory : report.at("memories")) {
    EXPECT_EQ(memory.at("damage").empty(), memory.at("memory") == "well") << memory;
  }
  EXPECT_THAT(RunMnemed("fsck " + Data()).out, HasSubstr("mnemectl restore"));
}

}  // namespace
}  // namespace mneme::test
