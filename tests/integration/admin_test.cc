// The administrator's calls against a live daemon: aliases, usage, clones, backups and restores,
// what GetServerInfo says; and what becomes of clients that ask for much and read nothing.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>

#include "gmock/gmock.h"
#include "google/longrunning/operations.grpc.pb.h"
#include "gtest/gtest.h"
#include "mneme/v1/admin_service.grpc.pb.h"
#include "tests/integration/live.h"

namespace mneme::test {
namespace {

using google::longrunning::Operation;
using grpc::StatusCode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kDim = 8;

class AdminTest : public ::testing::Test {
 protected:
  void SetUp() override { Start({}); }
  void Start(std::vector<std::string> flags) {
    daemon_ = Daemon::Mnemed(MNEMED_PATH, directory_.path(), std::move(flags));
    ASSERT_NE(daemon_->port(), 0) << "mnemed did not start; see its log";
    const auto channel = daemon_->Connect();
    stub_ = v1::MemoryService::NewStub(channel);
    admin_ = v1::AdminService::NewStub(channel);
    operations_ = google::longrunning::Operations::NewStub(channel);
  }

  void Create(const std::string& id, int items) {
    v1::CreateMemoryRequest create;
    create.set_memory_id(id);
    create.mutable_memory()->set_key_dim(kDim);
    create.mutable_memory()->mutable_dense()->set_similarity(v1::SIMILARITY_DOT);
    v1::Memory memory;
    ASSERT_TRUE(MNEME_CALL(stub_, CreateMemory, create, &memory).ok());
    if (items == 0) return;
    v1::StoreRequest store;
    store.set_memory("memories/" + id);
    SetMatrix(UnitRows(5, items, kDim), kDim, store.mutable_keys());
    for (int i = 0; i < items; ++i) store.add_ids()->set_number(static_cast<uint64_t>(i));
    v1::StoreResponse stored;
    ASSERT_TRUE(MNEME_CALL(stub_, Store, store, &stored).ok());
  }
  ErrorParts SetAlias(const std::string& alias, const std::string& memory,
                      const std::string& expected = "") {
    v1::SetAliasRequest request;
    request.mutable_alias()->set_name("memories/" + alias);
    request.mutable_alias()->set_memory("memories/" + memory);
    if (!expected.empty()) request.set_expected_memory("memories/" + expected);
    v1::Alias response;
    return Unpack(MNEME_CALL(admin_, SetAlias, request, &response));
  }
  std::string Drop(const std::string& id) {
    v1::DeleteMemoryRequest request;
    request.set_name("memories/" + id);
    google::protobuf::Empty empty;
    return Unpack(MNEME_CALL(stub_, DeleteMemory, request, &empty)).reason;
  }
  // Name and count of the memory that a name leads to.
  v1::Memory Get(const std::string& id) {
    v1::GetMemoryRequest request;
    request.set_name("memories/" + id);
    v1::Memory memory;
    const grpc::Status status = MNEME_CALL(stub_, GetMemory, request, &memory);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return memory;
  }
  v1::ListwiseQueryResponse Lists(const std::string& id) {
    v1::ListwiseQueryRequest request;
    request.set_memory("memories/" + id);
    SetMatrix(UnitRows(6, 4, kDim), kDim, request.mutable_cues());
    request.set_k(5);
    v1::ListwiseQueryResponse response;
    const grpc::Status status = MNEME_CALL(stub_, ListwiseQuery, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    response.clear_epoch();
    return response;
  }
  // Waits for the end of long work.
  Operation Wait(Operation operation) {
    while (!operation.done()) {
      google::longrunning::WaitOperationRequest request;
      request.set_name(operation.name());
      const grpc::Status status = MNEME_CALL(operations_, WaitOperation, request, &operation);
      EXPECT_TRUE(status.ok()) << status.error_message();
      if (!status.ok()) break;
    }
    return operation;
  }
  static v1::AdminMetadata Metadata(const Operation& operation) {
    v1::AdminMetadata metadata;
    EXPECT_TRUE(operation.metadata().UnpackTo(&metadata));
    return metadata;
  }
  v1::ServerInfo Info() {
    v1::ServerInfo info;
    const grpc::Status status = MNEME_CALL(stub_, GetServerInfo, v1::GetServerInfoRequest(), &info);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return info;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Daemon> daemon_;
  std::unique_ptr<v1::MemoryService::Stub> stub_;
  std::unique_ptr<v1::AdminService::Stub> admin_;
  std::unique_ptr<google::longrunning::Operations::Stub> operations_;
};

TEST_F(AdminTest, AnAliasStandsForAMemoryAndIsSwappedAtOnce) {
  Create("x-v1", 1);
  Create("x-v2", 2);
  ASSERT_EQ(SetAlias("x", "x-v1").code, StatusCode::OK);
  EXPECT_EQ(Get("x").name(), "memories/x-v1");
  EXPECT_EQ(SetAlias("x", "x-v2", "x-v2").reason, "ALIAS_RACED");
  ASSERT_EQ(SetAlias("x", "x-v2", "x-v1").code, StatusCode::OK);
  EXPECT_EQ(Get("x").state().item_count(), 2u);
  EXPECT_EQ(Lists("x").SerializeAsString(), Lists("x-v2").SerializeAsString());

  EXPECT_EQ(SetAlias("x-v1", "x-v2").code, StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(SetAlias("y", "nobody").code, StatusCode::NOT_FOUND);
  EXPECT_EQ(SetAlias("Not A Name", "x-v1").code, StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Drop("x-v2"), "HAS_ALIASES");

  ASSERT_EQ(SetAlias("a", "x-v1").code, StatusCode::OK);
  v1::ListAliasesRequest list;
  list.set_page_size(1);
  v1::ListAliasesResponse page;
  ASSERT_TRUE(MNEME_CALL(admin_, ListAliases, list, &page).ok());
  ASSERT_EQ(page.aliases_size(), 1);
  EXPECT_EQ(page.aliases(0).name(), "memories/a");
  list.set_page_token(page.next_page_token());
  ASSERT_TRUE(MNEME_CALL(admin_, ListAliases, list, &page).ok());
  ASSERT_EQ(page.aliases_size(), 1);
  EXPECT_EQ(page.aliases(0).name(), "memories/x");
  EXPECT_EQ(page.aliases(0).memory(), "memories/x-v2");
  EXPECT_GT(page.aliases(0).update_time().seconds(), 0);
  EXPECT_TRUE(page.next_page_token().empty());

  v1::DeleteAliasRequest remove;
  remove.set_name("memories/x");
  google::protobuf::Empty empty;
  ASSERT_TRUE(MNEME_CALL(admin_, DeleteAlias, remove, &empty).ok());
  EXPECT_EQ(MNEME_CALL(admin_, DeleteAlias, remove, &empty).error_code(), StatusCode::NOT_FOUND);
  remove.set_allow_missing(true);
  EXPECT_TRUE(MNEME_CALL(admin_, DeleteAlias, remove, &empty).ok());
  EXPECT_EQ(Drop("x-v2"), "");
}

TEST_F(AdminTest, UsageAddsUp) {
  Create("m", 500);
  v1::GetMemoryUsageRequest request;
  request.set_name("memories/m");
  v1::MemoryUsage usage;
  ASSERT_TRUE(MNEME_CALL(admin_, GetMemoryUsage, request, &usage).ok());
  EXPECT_EQ(usage.items(), 500u);
  uint64_t memory = 0;
  for (const v1::ByteAccount& part : usage.memory()) memory += part.bytes();
  EXPECT_EQ(usage.memory_bytes(), memory);
  EXPECT_GE(memory, 500u * kDim * sizeof(float));
  EXPECT_GT(usage.memory_bytes_twice(), usage.memory_bytes());
  request.set_name("memories/nobody");
  EXPECT_EQ(MNEME_CALL(admin_, GetMemoryUsage, request, &usage).error_code(),
            StatusCode::NOT_FOUND);
}

TEST_F(AdminTest, ACloneAnswersLikeItsSource) {
  Create("m", 300);
  v1::CloneMemoryRequest request;
  request.set_source("memories/m");
  request.set_memory_id("copy");
  Operation operation;
  ASSERT_TRUE(MNEME_CALL(admin_, CloneMemory, request, &operation).ok());
  operation = Wait(operation);
  ASSERT_TRUE(operation.has_response()) << operation.error().message();
  EXPECT_EQ(Metadata(operation).kind(), "clone");
  v1::CloneMemoryResponse response;
  ASSERT_TRUE(operation.response().UnpackTo(&response));
  EXPECT_EQ(response.memory().name(), "memories/copy");
  EXPECT_EQ(response.memory().state().item_count(), 300u);
  EXPECT_NE(response.memory().uid(), Get("m").uid());
  EXPECT_EQ(Lists("copy").SerializeAsString(), Lists("m").SerializeAsString());
  Operation again;
  const grpc::Status taken = MNEME_CALL(admin_, CloneMemory, request, &again);
  EXPECT_EQ(taken.ok() ? Wait(again).error().code() : static_cast<int>(taken.error_code()),
            static_cast<int>(StatusCode::ALREADY_EXISTS));
}

TEST_F(AdminTest, ABackupBringsAMemoryBack) {
  Create("m", 300);
  Create("other", 10);
  const std::string before = Lists("m").SerializeAsString();
  v1::CreateBackupRequest create;
  create.set_description("before the change");
  Operation operation;
  const grpc::Status begun = MNEME_CALL(admin_, CreateBackup, create, &operation);
  ASSERT_TRUE(begun.ok()) << begun.error_message();
  operation = Wait(operation);
  ASSERT_TRUE(operation.has_response()) << operation.error().message();
  EXPECT_EQ(Metadata(operation).kind(), "backup");
  v1::CreateBackupResponse made;
  ASSERT_TRUE(operation.response().UnpackTo(&made));
  EXPECT_EQ(made.backup().description(), "before the change");
  ASSERT_EQ(made.backup().memories_size(), 2);
  std::map<std::string, uint64_t> positions;
  for (const v1::BackupMemory& memory : made.backup().memories()) {
    positions[memory.name()] = memory.position();
    EXPECT_GT(memory.samples(), 0u);
  }
  EXPECT_EQ(positions["memories/m"], Get("m").state().position());

  ASSERT_EQ(Drop("m"), "");
  v1::RestoreBackupRequest restore;
  restore.set_name(made.backup().name());
  restore.add_memories("memories/m");
  ASSERT_TRUE(MNEME_CALL(admin_, RestoreBackup, restore, &operation).ok());
  operation = Wait(operation);
  ASSERT_TRUE(operation.has_response()) << operation.error().message();
  v1::RestoreBackupResponse restored;
  ASSERT_TRUE(operation.response().UnpackTo(&restored));
  EXPECT_GT(restored.samples_compared(), 0u);
  EXPECT_EQ(Lists("m").SerializeAsString(), before);

  v1::ListBackupsResponse backups;
  ASSERT_TRUE(MNEME_CALL(admin_, ListBackups, v1::ListBackupsRequest(), &backups).ok());
  ASSERT_EQ(backups.backups_size(), 1);
  v1::GetBackupRequest get;
  get.set_name(backups.backups(0).name());
  v1::Backup backup;
  ASSERT_TRUE(MNEME_CALL(admin_, GetBackup, get, &backup).ok());
  EXPECT_EQ(backup.SerializeAsString(), backups.backups(0).SerializeAsString());
  v1::DeleteBackupRequest remove;
  remove.set_name(backup.name());
  google::protobuf::Empty empty;
  ASSERT_TRUE(MNEME_CALL(admin_, DeleteBackup, remove, &empty).ok());
  EXPECT_EQ(MNEME_CALL(admin_, GetBackup, get, &backup).error_code(), StatusCode::NOT_FOUND);
  get.set_name("backups/x");
  EXPECT_EQ(Unpack(MNEME_CALL(admin_, GetBackup, get, &backup)).reason, "BACKUP_NAME");
}

TEST_F(AdminTest, TheServerTellsItsBoundsAndItsResources) {
  const v1::ServerInfo info = Info();
  EXPECT_TRUE(info.startup().done());
  EXPECT_GT(info.resources().memory_bytes_max(), 0u);
  EXPECT_THAT(info.resources().memory_limit_source(), ::testing::AnyOf("cgroup", "machine"));
  EXPECT_GT(info.resources().resident_bytes(), 1u << 20);
  EXPECT_GT(info.resources().disk_bytes_free(), 0u);
  EXPECT_EQ(info.resources().disk_bytes_reserve(), 256u << 20);
  std::map<std::string, v1::NamedLimit> limits;
  for (const v1::NamedLimit& limit : info.all_limits()) {
    EXPECT_FALSE(limit.description().empty()) << limit.name();
    EXPECT_FALSE(limit.unit().empty()) << limit.name();
    EXPECT_TRUE(limits.emplace(limit.name(), limit).second) << limit.name() << " stands twice";
  }
  EXPECT_EQ(limits["limits.cues_max"].value(), info.limits().cues_max());
  EXPECT_TRUE(limits["limits.cues_max"].configurable());
  EXPECT_EQ(limits["stream_window"].value(), 1024u);
  EXPECT_FALSE(limits["streams_max"].configurable());
  EXPECT_EQ(limits["server.connections_max"].value(), 4096u);
  EXPECT_EQ(limits["server.connections_per_address_max"].value(), 512u);
}

// An answer whose client does not read: with the transport's window full it stays with us, until
// the time for it is over.
TEST_F(AdminTest, AnAnswerThatIsNotTakenIsDropped) {
  daemon_->Stop(SIGTERM);
  Start({"--server.answer_seconds=1", "--engine.memory_bytes_max=256M"});
  Create("m", 0);
  v1::StoreRequest store;
  store.set_memory("memories/m");
  SetMatrix(UnitRows(5, 3, kDim), kDim, store.mutable_keys());
  for (int i = 0; i < 3; ++i) store.add_payloads(std::string(1'000'000, 'x'));
  v1::StoreResponse stored;
  ASSERT_TRUE(MNEME_CALL(stub_, Store, store, &stored).ok());

  // A raw HTTP/2 client that asks and then falls silent: it never widens its window of 65,535
  // bytes.
  const int socket_fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(daemon_->port()));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(connect(socket_fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  const auto frame = [](char type, char flags, char stream, const std::string& body) {
    const size_t n = body.size();
    std::string out = {static_cast<char>(n >> 16),
                       static_cast<char>(n >> 8),
                       static_cast<char>(n),
                       type,
                       flags,
                       0,
                       0,
                       0,
                       stream};
    return out + body;
  };
  const auto header = [](const std::string& name, const std::string& value) {
    return std::string(1, '\0') + static_cast<char>(name.size()) + name +
           static_cast<char>(value.size()) + value;  // literal, not indexed
  };
  v1::ListItemsRequest list;
  list.set_memory("memories/m");
  list.set_include_payloads(true);
  const std::string body = list.SerializeAsString();
  const std::string message = std::string("\0\0\0\0", 4) + static_cast<char>(body.size()) + body;
  const std::string bytes = std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") + frame(4, 0, 0, "") +
                            frame(1, 4, 1,
                                  header(":method", "POST") + header(":scheme", "http") +
                                      header(":path", "/mneme.v1.MemoryService/ListItems") +
                                      header(":authority", "localhost") + header("te", "trailers") +
                                      header("content-type", "application/grpc")) +
                            frame(0, 1, 1, message);
  ASSERT_EQ(send(socket_fd, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));

  // Read up to the end of the stream: RST_STREAM (type 3), or GOAWAY and the end of the connection.
  std::string received;
  char buffer[4'096];
  bool dropped = false;
  while (!dropped) {
    const ssize_t n = recv(socket_fd, buffer, sizeof(buffer), 0);
    if (n <= 0) break;
    received.append(buffer, static_cast<size_t>(n));
    for (size_t at = 0; at + 9 <= received.size();) {
      const auto byte = [&](size_t i) {
        return static_cast<size_t>(static_cast<unsigned char>(received[at + i]));
      };
      const size_t end = at + 9 + (byte(0) << 16 | byte(1) << 8 | byte(2));
      if (end > received.size()) break;
      dropped = dropped || received[at + 3] == 3;
      at = end;
    }
  }
  EXPECT_TRUE(dropped);
  EXPECT_GT(received.size(), 60'000u) << "the answer did begin";
  EXPECT_LT(received.size(), 200'000u) << "nor was all of it sent";
  close(socket_fd);
  EXPECT_EQ(Get("m").state().item_count(), 3u) << "and the server goes on";
}

}  // namespace
}  // namespace mneme::test
