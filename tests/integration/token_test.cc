// Tokens of an identity provider against a live daemon, on both of its ports.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/live.h"
#include "tests/support/certificates.h"
#include "tests/support/tokens.h"

namespace mneme::test {
namespace {

using grpc::StatusCode;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr int kDim = 4;
constexpr std::chrono::seconds kPatience{30};

class TokenTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Trust(key_);
    WriteFile(File("auth.yaml"),
              "keys: []\n"
              "anonymous: {grants: [{role: admin, memories: made}]}\n"
              "jwt:\n"
              "  - name: login\n"
              "    issuer: https://i\n"
              "    audience: [mneme, other]\n"
              "    jwks: issuer.jwks\n"
              "    groups: realm.roles\n"
              "    grants:\n"
              "      - {group: ingest, role: admin, memories: \"faces-*\"}\n"
              "      - {role: reader, memories: made}\n"
              "    limits: {calls_per_second: 1000}\n");
    daemon_ =
        Daemon::Mnemed(MNEMED_PATH, directory_.path(),
                       {"--auth.file=" + File("auth.yaml"), "--audit.file=" + File("audit.jsonl"),
                        "--http.listen=127.0.0.1:0", "--http.port_file=" + File("http")});
    ASSERT_NE(daemon_->port(), 0) << "mnemed did not start; see its log";
    stub_ = v1::MemoryService::NewStub(daemon_->Connect());
  }

  std::string File(const std::string& name) const { return directory_.path() + "/" + name; }
  void Trust(const TokenKey& key) { WriteFile(File("issuer.jwks"), KeySet({key.PublicKey()})); }
  static std::string Claims(int seconds = 600, const std::string& audience = "mneme") {
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(
        std::chrono::system_clock::now().time_since_epoch());
    return absl::StrCat(R"({"iss":"https://i","aud":")", audience, R"(","sub":"alice","exp":)",
                        now.count() + seconds, R"(,"realm":{"roles":["ingest"]}})");
  }
  ErrorParts Create(const std::string& token, const std::string& id) {
    grpc::ClientContext context;
    if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
    v1::CreateMemoryRequest create;
    create.set_memory_id(id);
    create.mutable_memory()->set_key_dim(kDim);
    create.mutable_memory()->mutable_dense()->set_beta(1);
    v1::Memory memory;
    return Unpack(stub_->CreateMemory(&context, create, &memory));
  }
  // The whole answer of the HTTP port.
  std::string Post(const std::string& path, const std::string& token, const std::string& body) {
    int port = 0;
    std::ifstream(File("http")) >> port;
    const int client = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(static_cast<uint16_t>(port))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(client, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
    const std::string text = absl::StrCat(
        "POST ", path, " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n", "Authorization: Bearer ",
        token, "\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
    EXPECT_EQ(send(client, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
    std::string out;
    char bytes[4096];
    for (ssize_t got; (got = recv(client, bytes, sizeof(bytes), 0)) > 0;)
      out.append(bytes, static_cast<size_t>(got));
    close(client);
    return out;
  }

  const TokenKey key_{"ES256", "k1"};
  TemporaryDirectory directory_;
  std::unique_ptr<Daemon> daemon_;
  std::unique_ptr<v1::MemoryService::Stub> stub_;
};

TEST_F(TokenTest, BearersMayDoWhatTheirGroupsMay) {
  const std::string token = key_.Sign(Claims());
  EXPECT_EQ(Create(token, "faces-1").code, StatusCode::OK);
  EXPECT_EQ(Create(token, "other").reason, "PERMISSION");
  EXPECT_EQ(Create(key_.Sign(Claims(-600)), "faces-2").reason, "TOKEN_EXPIRED");
  EXPECT_EQ(Create(key_.Sign(Claims(600, "them")), "faces-2").reason, "TOKEN_AUDIENCE");
  EXPECT_EQ(Create(TokenKey("ES256", "k1").Sign(Claims()), "faces-2").reason, "TOKEN");
  EXPECT_EQ(Create(TokenKey("ES256", "k2").Sign(Claims()), "faces-2").reason, "TOKEN_KEY");
  EXPECT_EQ(Create(EncodeBase64Url(R"({"alg":"none"})") + "." + EncodeBase64Url(Claims()) + ".",
                   "faces-2")
                .reason,
            "TOKEN_ALGORITHM");
  EXPECT_EQ(Create("mneme_unknown", "faces-2").reason, "UNKNOWN_KEY");
  // A bad token is not somebody without one.
  EXPECT_EQ(Create("", "made").code, StatusCode::OK);
  EXPECT_EQ(Create("a.b.c", "made").reason, "TOKEN_ISSUER");
  // The bearer is told his own limits.
  grpc::ClientContext context;
  context.AddMetadata("authorization", "Bearer " + token);
  v1::ServerInfo info;
  ASSERT_TRUE(stub_->GetServerInfo(&context, {}, &info).ok());
  uint64_t told = 0;
  for (const v1::NamedLimit& limit : info.all_limits())
    if (limit.name() == "auth.calls_per_second") told = limit.value();
  EXPECT_EQ(told, 1'000u);
}

TEST_F(TokenTest, TheHttpPortTakesTheSame) {
  const std::string create = R"({"memory":{"keyDim":4,"dense":{"beta":1}},"memoryId":)";
  EXPECT_THAT(Post("/v1/memories", key_.Sign(Claims()), create + "\"faces-1\"}"),
              StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Post("/v1/memories", key_.Sign(Claims()), create + "\"other\"}"),
              StartsWith("HTTP/1.1 403"));
  const std::string expired =
      Post("/v1/memories", key_.Sign(Claims(-600)), create + "\"faces-2\"}");
  EXPECT_THAT(expired, StartsWith("HTTP/1.1 401"));
  EXPECT_THAT(expired, HasSubstr("TOKEN_EXPIRED"));
  stub_.reset();
  EXPECT_EQ(daemon_->Stop(SIGTERM), 0);
  std::ifstream file(File("audit.jsonl"));
  std::vector<std::string> told;
  for (std::string line; std::getline(file, line);) {
    const nlohmann::json entry = nlohmann::json::parse(line);
    told.push_back(absl::StrCat(entry["from"].get<std::string>(), " ",
                                entry["who"].get<std::string>(), " ",
                                entry["code"].get<std::string>()));
    EXPECT_THAT(line, Not(HasSubstr("eyJ")));  // no token
  }
  EXPECT_THAT(told,
              ::testing::ElementsAre("http login:alice OK", "http login:alice PERMISSION_DENIED",
                                     "http  UNAUTHENTICATED"));
}

TEST_F(TokenTest, AReloadKnowsTheNewKeysAndForgetsTheOld) {
  const TokenKey next("RS256", "k2");
  const std::string old_token = key_.Sign(Claims()), new_token = next.Sign(Claims());
  ASSERT_EQ(Create(old_token, "faces-1").code, StatusCode::OK);
  ASSERT_EQ(Create(new_token, "faces-2").reason, "TOKEN_KEY");
  Trust(next);
  kill(daemon_->pid(), SIGHUP);
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (Create(new_token, "faces-2").reason == "TOKEN_KEY" &&
         std::chrono::steady_clock::now() < end) {
    poll(nullptr, 0, 20);
  }
  EXPECT_EQ(Create(new_token, "faces-3").code, StatusCode::OK);
  EXPECT_EQ(Create(old_token, "faces-4").reason, "TOKEN_KEY");  // though it was remembered
}

}  // namespace
}  // namespace mneme::test
