// TLS and the gate on real connections: what is refused and how, and what a reload changes.
#include "server/auth/security.h"

#include <grpcpp/health_check_service_interface.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "google/protobuf/wrappers.pb.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "gtest/gtest.h"
#include "mneme/v1/memory_service.grpc.pb.h"
#include "tests/support/certificates.h"
#include "tests/support/daemon.h"

namespace mneme::server {
namespace {

using test::Authority;
using test::CertificateAndKey;
using test::TemporaryDirectory;
using test::WriteFile;
using ::testing::HasSubstr;

// A server with gRPC's health service behind the port of a Security, and clients of it.
class SecurityTest : public ::testing::Test {
 protected:
  SecurityTest() {
    config_.tls_certificate = File("server.pem");
    config_.tls_key = File("server.key");
    PutServer(authority_.Issue());
  }
  ~SecurityTest() override {
    if (server_ != nullptr) server_->Shutdown();
  }

  std::string File(const std::string& name) const { return directory_.path() + "/" + name; }
  void PutServer(const CertificateAndKey& pair) {
    WriteFile(config_.tls_certificate, pair.certificate);
    WriteFile(config_.tls_key, pair.key);
  }
  void AskClients(const std::string& how) {
    config_.tls_client_ca = WriteFile(File("ca.pem"), authority_.certificate());
    config_.tls_client_certificates = how;
  }
  absl::Status Open() {
    auto security = Security::Open(config_, Clock::Real());
    if (security.ok()) security_ = *std::move(security);
    return security.status();
  }
  void Start() {
    const absl::Status opened = Open();
    ASSERT_TRUE(opened.ok()) << opened;
    grpc::EnableDefaultHealthCheckService(true);
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", security_->ClientPortCredentials(), &port_);
    builder.RegisterService(&service_);  // gRPC starts nothing without one of ours
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }
  std::shared_ptr<grpc::Channel> Connect(
      const std::shared_ptr<grpc::ChannelCredentials>& credentials,
      const std::string& host = "") const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    if (!host.empty()) arguments.SetSslTargetNameOverride(host);
    return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port_), credentials, arguments);
  }
  std::shared_ptr<grpc::ChannelCredentials> Trusting(const Authority& authority,
                                                     const CertificateAndKey& own = {}) const {
    return grpc::SslCredentials({.pem_root_certs = authority.certificate(),
                                 .pem_private_key = own.key,
                                 .pem_cert_chain = own.certificate});
  }
  static grpc::Status Check(const std::shared_ptr<grpc::Channel>& channel) {
    grpc::TemplatedGenericStub<google::protobuf::StringValue, google::protobuf::Int32Value> stub(
        channel);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    const google::protobuf::StringValue request;
    google::protobuf::Int32Value response;
    std::promise<grpc::Status> done;
    stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", {}, &request, &response,
                   [&done](grpc::Status status) { done.set_value(std::move(status)); });
    return done.get_future().get();
  }
  void ExpectServed(const std::shared_ptr<grpc::Channel>& channel) {
    const grpc::Status status = Check(channel);
    EXPECT_TRUE(status.ok()) << status.error_message();
  }
  void ExpectRefused(const std::shared_ptr<grpc::Channel>& channel) {
    EXPECT_EQ(Check(channel).error_code(), grpc::StatusCode::UNAVAILABLE);
  }

  TemporaryDirectory directory_;
  Config config_;
  const Authority authority_, stranger_{"another authority"};
  std::unique_ptr<Security> security_;
  v1::MemoryService::CallbackService service_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

TEST_F(SecurityTest, ARenewedCertificateIsTakenUpAndABadOneIsNot) {
  Start();
  EXPECT_FALSE(security_->RenewCertificate()->has_value());  // nothing new
  PutServer(stranger_.Issue());
  const auto renewed = security_->RenewCertificate();
  ASSERT_TRUE(renewed.ok()) << renewed.status();
  EXPECT_THAT(renewed->value(), HasSubstr("valid until"));
  EXPECT_FALSE(security_->RenewCertificate()->has_value());
  ExpectServed(Connect(Trusting(stranger_)));
  WriteFile(config_.tls_key, authority_.Issue().key);  // of another certificate
  EXPECT_EQ(GetErrorDetail(security_->RenewCertificate().status())->reason, "TLS_FILES");
  ExpectServed(Connect(Trusting(stranger_)));
}

TEST_F(SecurityTest, WhoTrustsTheAuthorityIsServedByTls) {
  Start();
  ExpectServed(Connect(Trusting(authority_)));
}

TEST_F(SecurityTest, PlainTextAWrongAuthorityAndAWrongHostAreRefused) {
  Start();
  ExpectRefused(Connect(grpc::InsecureChannelCredentials()));
  ExpectRefused(Connect(Trusting(stranger_)));
  ExpectRefused(Connect(Trusting(authority_), "elsewhere.example.org"));
  ExpectServed(Connect(Trusting(authority_)));
}

TEST_F(SecurityTest, RequiredClientCertificatesMustBeOfTheAuthorityAndValid) {
  AskClients("required");
  Start();
  ExpectRefused(Connect(Trusting(authority_)));
  ExpectRefused(Connect(Trusting(authority_, stranger_.Issue())));
  ExpectRefused(Connect(Trusting(
      authority_, authority_.Issue({.valid_from_seconds = -100, .valid_to_seconds = -50}))));
  ExpectServed(Connect(Trusting(authority_, authority_.Issue())));
}

TEST_F(SecurityTest, OptionalClientCertificatesMayBeLeftOutButNotBeFalse) {
  AskClients("optional");
  Start();
  ExpectServed(Connect(Trusting(authority_)));
  ExpectServed(Connect(Trusting(authority_, authority_.Issue())));
  ExpectRefused(Connect(Trusting(authority_, stranger_.Issue())));
}

TEST_F(SecurityTest, AReloadCountsForNewConnectionsAndLeavesOldOnes) {
  Start();
  const auto old = Connect(Trusting(authority_));
  ExpectServed(old);
  PutServer(stranger_.Issue({.name = "renewed"}));
  const auto reloaded = security_->Reload();
  ASSERT_TRUE(reloaded.ok()) << reloaded.status();
  EXPECT_THAT(*reloaded, HasSubstr("CN=renewed"));
  ExpectServed(old);
  ExpectServed(Connect(Trusting(stranger_)));
  ExpectRefused(Connect(Trusting(authority_)));
}

TEST_F(SecurityTest, ABadReloadIsRefusedWithAReasonAndTheOldCertificateIsKept) {
  Start();
  const CertificateAndKey good = authority_.Issue(), other = authority_.Issue();
  const CertificateAndKey expired =
      authority_.Issue({.valid_from_seconds = -100, .valid_to_seconds = -50});
  const CertificateAndKey future = authority_.Issue({.valid_from_seconds = 1000});
  const struct {
    CertificateAndKey pair;
    const char* says;
  } cases[] = {
      {{good.certificate, other.key}, "does not fit the certificate"},
      {expired, "has expired on"},
      {future, "is not valid before"},
      {{"", good.key}, "cannot be read, or is empty"},
      {{good.certificate, "no PEM"}, "holds no private key"},
      {{"no PEM", good.key}, "holds no certificate"},
      {{good.certificate, good.certificate}, "holds no private key"},
  };
  for (const auto& one : cases) {
    PutServer(one.pair);
    const absl::Status status = security_->Reload().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(one.says));
    EXPECT_EQ(GetErrorDetail(status)->reason, "TLS_FILES");
    ExpectServed(Connect(Trusting(authority_)));
  }
  std::filesystem::remove(config_.tls_key);
  EXPECT_FALSE(security_->Reload().ok());
  ExpectServed(Connect(Trusting(authority_)));
}

TEST_F(SecurityTest, AReloadTakesAllOrNothing) {
  config_.auth_file =
      WriteFile(File("auth.yaml"), "anonymous: {grants: [{role: reader, memories: x}]}");
  Start();
  // A good certificate beside a bad auth.file: neither.
  PutServer(stranger_.Issue());
  WriteFile(config_.auth_file, "keys: none");
  EXPECT_EQ(GetErrorDetail(security_->Reload().status())->reason, "AUTH_FILE");
  ExpectServed(Connect(Trusting(authority_)));
  EXPECT_TRUE(security_->authenticator().Identify("").ok());
  // A bad certificate beside a good auth.file: neither.
  WriteFile(config_.auth_file, "");
  WriteFile(config_.tls_key, "");
  EXPECT_FALSE(security_->Reload().ok());
  EXPECT_TRUE(security_->authenticator().Identify("").ok());
  // Both good.
  PutServer(authority_.Issue());
  ASSERT_TRUE(security_->Reload().ok());
  EXPECT_FALSE(security_->authenticator().Identify("").ok());
}

TEST_F(SecurityTest, WhatCannotWorkDoesNotStart) {
  WriteFile(config_.tls_key, authority_.Issue().key);
  EXPECT_EQ(GetErrorDetail(Open())->reason, "TLS_FILES");
  PutServer(authority_.Issue());
  config_.tls_client_ca = WriteFile(File("ca.pem"), "no PEM");
  EXPECT_THAT(std::string(Open().message()), HasSubstr("tls.client_ca"));
  // Each of several authorities is looked at, and named.
  const std::string good =
      authority_.certificate() + "text between them\n" + authority_.certificate();
  WriteFile(config_.tls_client_ca, good);
  EXPECT_TRUE(Open().ok());
  std::string damaged = authority_.certificate();
  damaged[damaged.size() / 2] = '!';
  WriteFile(config_.tls_client_ca, good + damaged);
  EXPECT_THAT(std::string(Open().message()), HasSubstr("certificate 3"));
  const std::string whole = authority_.certificate();
  WriteFile(config_.tls_client_ca, good + whole.substr(0, whole.size() / 2));
  EXPECT_THAT(std::string(Open().message()), HasSubstr("certificate 3"));
  const CertificateAndKey old = authority_.Issue(
      {.name = "old authority", .valid_from_seconds = -7200, .valid_to_seconds = -3600});
  WriteFile(config_.tls_client_ca, whole + old.certificate + whole);
  const std::string expired(Open().message());
  EXPECT_THAT(expired, HasSubstr("certificate 2"));
  EXPECT_THAT(expired, HasSubstr("old authority"));
  EXPECT_THAT(expired, HasSubstr("has expired on"));
  config_.tls_client_ca.clear();
  config_.auth_file = File("none.yaml");
  EXPECT_EQ(GetErrorDetail(Open())->reason, "AUTH_FILE");
  config_.auth_file.clear();
  config_.audit_file = directory_.path();
  EXPECT_EQ(GetErrorDetail(Open())->reason, "AUDIT_FILE");
}

TEST_F(SecurityTest, WithoutAnythingThereIsNothingToReload) {
  config_ = Config();
  ASSERT_TRUE(Open().ok());
  const auto reloaded = security_->Reload();
  ASSERT_TRUE(reloaded.ok());
  EXPECT_THAT(*reloaded, HasSubstr("no certificate"));
}

}  // namespace
}  // namespace mneme::server
