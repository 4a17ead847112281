// Nodes of a federation by mutual TLS: who a node is, its certificate says.
#include <sys/stat.h>

#include <chrono>
#include <fstream>
#include <map>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mneme/v1/federation_service.grpc.pb.h"
#include "mneme/v1/peer_service.grpc.pb.h"
#include "tests/integration/live.h"
#include "tests/support/certificates.h"
#include "tests/support/free_port.h"

namespace mneme::test {
namespace {

using ::testing::HasSubstr;

constexpr std::chrono::seconds kPatience{120};   // longer is a failure
constexpr uint64_t kRoundsOfSeveralCalls = 600;  // of 10 ms; a node dials every second

class FederationTlsTest : public ::testing::Test {
 protected:
  FederationTlsTest() {
    std::ofstream(directory_.path() + "/federation.yaml")
        << "federations:\n"
           "  - name: f\n"
           "    memory: m\n"
           "    round_ms: 10\n"
           "    spec: {key_dim: 4, response_dim: 2, min_contributors: 1, min_items: 1}\n"
           "    nodes:\n"
        << "      - {name: north, address: '" << Address("north")
        << "', interest: {north: 1, south: 1}}\n"
        << "      - {name: south, address: '" << Address("south")
        << "', interest: {north: 1, south: 1}}\n";
    ca_ = WriteFile(directory_.path() + "/ca.pem", authority_.certificate());
    for (const std::string name : {"north", "south"}) {
      mkdir((directory_.path() + "/" + name).c_str(), 0700);
      Start(name, For(name));
    }
  }

  std::string Address(const std::string& name) const {
    return "127.0.0.1:" + std::to_string(name == "north" ? north_port_ : south_port_);
  }
  static CertificateRequest For(const std::string& node) {
    return {.name = node, .names = "DNS:" + node + ",DNS:localhost,IP:127.0.0.1"};
  }
  void Start(const std::string& name, const CertificateRequest& certificate) {
    const std::string folder = directory_.path() + "/" + name;
    const CertificateAndKey pair = authority_.Issue(certificate);
    nodes_[name] = Daemon::Mnemed(
        MNEMED_PATH, folder,
        {"--federation.file=" + directory_.path() + "/federation.yaml", "--federation.node=" + name,
         "--peer.listen=" + Address(name), "--log.level=warning",
         "--tls.certificate=" + WriteFile(folder + "/pem", pair.certificate),
         "--tls.key=" + WriteFile(folder + "/key", pair.key), "--tls.client_ca=" + ca_});
    ASSERT_NE(nodes_[name]->port(), 0) << name;
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride(name);
    const auto channel =
        grpc::CreateCustomChannel(nodes_[name]->address(), Credentials(), arguments);
    federations_[name] = v1::FederationService::NewStub(channel);
    v1::CreateMemoryRequest create;
    create.set_memory_id("m");
    create.mutable_memory()->set_key_dim(4);
    create.mutable_memory()->set_response_dim(2);
    create.mutable_memory()->mutable_linear()->set_rule(v1::LINEAR_RULE_FEDERATED);
    v1::Memory memory;
    const auto memories = v1::MemoryService::NewStub(channel);
    const grpc::Status status = MNEME_CALL(memories, CreateMemory, create, &memory);
    ASSERT_TRUE(status.ok() || status.error_code() == grpc::StatusCode::ALREADY_EXISTS)
        << status.error_message();
  }
  std::shared_ptr<grpc::ChannelCredentials> Credentials(const CertificateAndKey& own = {}) const {
    return grpc::SslCredentials({.pem_root_certs = authority_.certificate(),
                                 .pem_private_key = own.key,
                                 .pem_cert_chain = own.certificate});
  }
  v1::FederationStatus Status(const std::string& name) {
    v1::GetFederationStatusRequest request;
    request.set_name("federations/f");
    v1::FederationStatus status;
    const grpc::Status called =
        MNEME_CALL(federations_[name], GetFederationStatus, request, &status);
    EXPECT_TRUE(called.ok()) << called.error_message();
    return status;
  }
  bool IsUp(const std::string& name) {
    const v1::FederationStatus status = Status(name);
    return status.edges_size() == 1 && status.edges(0).up();
  }
  template <typename Done>
  bool Await(Done done) {
    const auto start = std::chrono::steady_clock::now();
    while (!done()) {
      if (std::chrono::steady_clock::now() - start > kPatience) return false;
    }
    return true;
  }
  // How the stream of one who says that he is `node` ends.
  ErrorParts StreamOf(const std::string& node,
                      const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride("south");
    const auto peers = v1::PeerService::NewStub(
        grpc::CreateCustomChannel(Address("south"), credentials, arguments));
    grpc::ClientContext context;
    context.AddMetadata("mneme-federation", "f");
    context.AddMetadata("mneme-node", node);
    const auto stream = peers->Exchange(&context);
    v1::PeerFrame frame;
    while (stream->Read(&frame)) {
    }
    return Unpack(stream->Finish());
  }

  TemporaryDirectory directory_;
  const int north_port_ = FreePort(), south_port_ = FreePort();
  const Authority authority_;
  std::string ca_;
  std::map<std::string, std::unique_ptr<Daemon>> nodes_;
  std::map<std::string, std::unique_ptr<v1::FederationService::Stub>> federations_;
};

TEST_F(FederationTlsTest, NodesWithTheirCertificatesFindEachOther) {
  EXPECT_TRUE(Await([&] { return IsUp("north") && IsUp("south"); }));
}

// A node that dials asks for the name as well: north is called by nobody, it calls south.
TEST_F(FederationTlsTest, ACommonNameAloneIsNoNode) {
  ASSERT_TRUE(Await([&] { return IsUp("north") && IsUp("south"); }));
  nodes_.erase("south");
  Start("south", {.name = "south", .names = ""});
  const uint64_t round = Status("north").round();
  ASSERT_TRUE(Await([&] { return Status("north").round() > round + kRoundsOfSeveralCalls; }));
  EXPECT_FALSE(IsUp("south"));
  // With its name it is heard again.
  nodes_.erase("south");
  Start("south", For("south"));
  EXPECT_TRUE(Await([&] { return IsUp("north") && IsUp("south"); }));
}

TEST_F(FederationTlsTest, WhoIsNotTheNodeThatHeSaysIsRefused) {
  ASSERT_TRUE(Await([&] { return IsUp("north") && IsUp("south"); }));
  const ErrorParts other = StreamOf("north", Credentials(authority_.Issue(For("east"))));
  EXPECT_EQ(other.code, grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(other.reason, "PEER_CERTIFICATE");
  EXPECT_THAT(other.given, HasSubstr("dns:east"));
  EXPECT_EQ(StreamOf("north", Credentials()).code, grpc::StatusCode::UNAVAILABLE);
  const Authority stranger;
  EXPECT_EQ(StreamOf("north", Credentials(stranger.Issue(For("north")))).code,
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(StreamOf("north", grpc::InsecureChannelCredentials()).code,
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(IsUp("south"));
}

}  // namespace
}  // namespace mneme::test
