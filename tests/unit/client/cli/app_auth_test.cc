// mnemectl auth, and the flags that say who calls and how the connection is secured.
#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "gmock/gmock.h"
#include "tests/support/certificates.h"
#include "tests/unit/client/cli/app_fixture.h"

namespace mneme::cli {
namespace {

using test::Authority;
using test::CertificateAndKey;
using test::WriteFile;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class AuthAppTest : public AppTest {
 protected:
  std::string File(const std::string& name, const std::string& text) {
    return WriteFile(folder_ + "/" + name, text);
  }
};

// A server behind TLS that serves nothing: whoever gets an answer was let in.
class TlsServer {
 public:
  TlsServer(const CertificateAndKey& pair, const std::string& client_ca = "") {
    grpc::SslServerCredentialsOptions options(
        client_ca.empty() ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                          : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    options.pem_key_cert_pairs.push_back({.private_key = pair.key, .cert_chain = pair.certificate});
    options.pem_root_certs = client_ca;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(options), &port_);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
  }
  ~TlsServer() { server_->Shutdown(); }
  std::string target() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  int port_ = 0;
  v1::MemoryService::Service service_;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(AuthAppTest, MakeKeyPrintsTheKeyOnceAndItsEntry) {
  const Outcome made = RunBare({"auth", "make-key", "in \"gest", "--role", "writer", "--memories",
                                "faces-*", "digits", "--days", "30"});
  ASSERT_EQ(made.code, kExitOk) << made.err;
  EXPECT_EQ(made.out.substr(0, 6), "mneme_");
  EXPECT_EQ(std::ranges::count(made.out, '\n'), 1);
  EXPECT_GE(made.out.size(), 6 + 43u);  // 256 bits
  EXPECT_THAT(made.err, HasSubstr("- name: \"in \\\"gest\"\n    sha256: "));
  EXPECT_THAT(made.err, HasSubstr("{role: writer, memories: \"faces-*\"}"));
  EXPECT_THAT(made.err, HasSubstr("{role: writer, memories: \"digits\"}"));
  EXPECT_THAT(made.err, HasSubstr("not_after: 20"));
  EXPECT_THAT(made.err, Not(HasSubstr(made.out.substr(0, 40))));
  EXPECT_NE(made.out, RunBare({"auth", "make-key", "again"}).out);
}

TEST_F(AuthAppTest, MakeKeyAsJsonHoldsAll) {
  const Outcome made = RunBare({"auth", "make-key", "ingest", "--json"});
  const nlohmann::json json = nlohmann::json::parse(made.out);
  EXPECT_EQ(json["name"], "ingest");
  EXPECT_EQ(json["sha256"].get<std::string>().size(), 64u);
  EXPECT_THAT(json["entry"].get<std::string>(), HasSubstr(json["sha256"].get<std::string>()));
  EXPECT_THAT(json["entry"].get<std::string>(), HasSubstr("{role: reader, memories: \"*\"}"));
}

TEST_F(AuthAppTest, AKeyFileIsForItsOwnerAloneAndNeverWrittenOver) {
  const std::string path = folder_ + "/new.key";
  const Outcome made = RunBare({"auth", "make-key", "ingest", "--key-file", path});
  ASSERT_EQ(made.code, kExitOk) << made.err;
  EXPECT_EQ(made.out.substr(0, 19), "  - name: \"ingest\"\n");
  std::string key;
  std::ifstream(path) >> key;
  EXPECT_EQ(key.substr(0, 6), "mneme_");
  EXPECT_THAT(made.out + made.err, Not(HasSubstr(key)));
  EXPECT_EQ(std::filesystem::status(path).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  const Outcome again = RunBare({"auth", "make-key", "ingest", "--key-file", path});
  EXPECT_EQ(again.code, kExitUsage);
  std::string kept;
  std::ifstream(path) >> kept;
  EXPECT_EQ(kept, key);
}

TEST_F(AuthAppTest, MakeKeyRefusesWhatTheServerWould) {
  EXPECT_EQ(RunBare({"auth", "make-key"}).code, kExitUsage);
  EXPECT_EQ(RunBare({"auth", "make-key", ""}).code, kExitUsage);
  EXPECT_EQ(RunBare({"auth", "make-key", "x", "--role", "owner"}).code, kExitUsage);
  EXPECT_EQ(RunBare({"auth", "make-key", "x", "--days", "-1"}).code, kExitUsage);
  EXPECT_EQ(RunBare({"auth"}).code, kExitUsage);
}

TEST_F(AuthAppTest, TheKeyOfAFileGoesWithEachCall) {
  std::string header;
  server_.on_retrieve = [&](grpc::ServerContext& context) {
    const auto found = context.client_metadata().find("authorization");
    if (found != context.client_metadata().end())
      header.assign(found->second.data(), found->second.size());
  };
  const std::string cues = SaveNpy("cues.npy", 1, 4);
  const std::string key = File("key", "mneme_abc\n");
  const Outcome outcome = Run({"retrieve", "m", cues, "--api-key-file", key});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(header, "Bearer mneme_abc");
  const std::string token = File("token", "eyJ" + std::string(5'000, 'x') + ".a.b\n");
  EXPECT_EQ(Run({"retrieve", "m", cues, "--token-file", token}).code, kExitOk);
  EXPECT_EQ(header.size(), std::string("Bearer eyJ.a.b").size() + 5'000);
  EXPECT_EQ(Run({"retrieve", "m", cues, "--token-file", token, "--api-key-file", key}).code,
            kExitUsage);
}

TEST_F(AuthAppTest, AnEmptyVariableOfATokenDoesNotHideTheKeysVariable) {
  std::vector<std::string> headers;
  server_.on_retrieve = [&](grpc::ServerContext& context) {
    const auto found = context.client_metadata().find("authorization");
    if (found != context.client_metadata().end())
      headers.emplace_back(found->second.data(), found->second.size());
  };
  const std::string cues = SaveNpy("cues.npy", 1, 4);
  setenv("MNEME_API_KEY", "of-the-key", 1);
  for (const char* token : {"", "of-the-token"}) {
    setenv("MNEME_TOKEN", token, 1);
    EXPECT_EQ(Run({"retrieve", "m", cues}).code, kExitOk);
  }
  unsetenv("MNEME_TOKEN");
  unsetenv("MNEME_API_KEY");
  EXPECT_THAT(headers, ElementsAre("Bearer of-the-key", "Bearer of-the-token"));
}

TEST_F(AuthAppTest, AKeyFileThatHoldsNoKeyIsAMistakeOfTheUser) {
  for (const std::string& bad : {folder_ + "/none", folder_, File("empty", ""), File("nl", "\n"),
                                 File("two", "a\nb\n"), File("blank", "a b\n")}) {
    const Outcome outcome = Run({"info", "--api-key-file", bad});
    EXPECT_EQ(outcome.code, kExitUsage) << bad << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("next step"));
  }
}

TEST_F(AuthAppTest, AKeyDoesNotGoToAnotherMachineInPlainText) {
  const std::string key = File("key", "mneme_abc");
  const std::vector<std::string> call = {"info",        "--timeout",      "100ms", "--server",
                                         "192.0.2.1:1", "--api-key-file", key};
  const Outcome outcome = RunBare(call);
  EXPECT_EQ(outcome.code, kExitUsage);
  EXPECT_THAT(outcome.err, HasSubstr("plain text"));
  EXPECT_THAT(outcome.err, HasSubstr("--tls-ca"));
  EXPECT_THAT(outcome.err, Not(HasSubstr("mneme_abc")));
  std::vector<std::string> allowed = call;
  allowed.push_back("--allow-plaintext-key");
  EXPECT_EQ(RunBare(allowed).code, kExitUnavailable);
  // By TLS it does.
  allowed.back() = "--tls";
  EXPECT_EQ(RunBare(allowed).code, kExitUnavailable);
}

TEST_F(AuthAppTest, FilesOfTlsThatWillNotDoAreMistakesOfTheUser) {
  const std::string pem = File("ca.pem", Authority().certificate());
  for (const std::vector<std::string>& flags :
       std::vector<std::vector<std::string>>{{"--tls-ca", folder_ + "/none"},
                                             {"--tls-ca", File("text", "no PEM")},
                                             {"--tls-ca", pem, "--tls-certificate", pem},
                                             {"--tls-ca", pem, "--tls-key", pem}}) {
    std::vector<std::string> call = {"info"};
    call.insert(call.end(), flags.begin(), flags.end());
    const Outcome outcome = Run(call);
    EXPECT_EQ(outcome.code, kExitUsage) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("next step"));
  }
}

TEST_F(AuthAppTest, WhoTrustsTheAuthorityReachesTheServer) {
  const Authority authority;
  const TlsServer tls(authority.Issue());
  const std::string ca = File("ca.pem", authority.certificate());
  // Which has no services.
  const std::string err = RunBare({"info", "--server", tls.target(), "--tls-ca", ca}).err;
  EXPECT_THAT(err, HasSubstr("UNKNOWN_METHOD"));
  EXPECT_THAT(err, HasSubstr("does not know this call, or could not read the request"));
}

TEST_F(AuthAppTest, WhatKeepsATlsConnectionFromBeingMadeIsToldInASentence) {
  const Authority authority, stranger("stranger");
  const std::string ca = File("ca.pem", authority.certificate());
  const std::string other_ca = File("other.pem", stranger.certificate());
  const TlsServer good(authority.Issue());
  const TlsServer elsewhere(authority.Issue({.names = "DNS:elsewhere.example.org"}));
  const TlsServer expired(authority.Issue({.valid_from_seconds = -100, .valid_to_seconds = -50}));
  const TlsServer asking(authority.Issue(), authority.certificate());
  const struct {
    std::string target, ca;
    const char* says;
  } cases[] = {{good.target(), other_ca, "is not trusted"},
               {elsewhere.target(), ca, "is not for this name"},
               {expired.target(), ca, "is not valid now"},
               {asking.target(), ca, "--tls-certificate"},
               {server_.target(), ca, "does not speak TLS"}};
  for (const auto& one : cases) {
    const Outcome outcome =
        RunBare({"info", "--server", one.target, "--tls-ca", one.ca, "--timeout", "5s"});
    EXPECT_EQ(outcome.code, kExitUnavailable) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(one.says)) << one.target;
    EXPECT_THAT(outcome.err, HasSubstr("next step"));
  }
  // The other way round.
  const Outcome plain = RunBare({"info", "--server", good.target(), "--timeout", "5s"});
  EXPECT_EQ(plain.code, kExitUnavailable);
  EXPECT_THAT(plain.err, HasSubstr("--tls-ca"));
}

}  // namespace
}  // namespace mneme::cli
