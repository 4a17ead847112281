// Three daemons and a real etcd: a federation that is made, joined and changed while they run.
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "gtest/gtest.h"
#include "mneme/v1/federation_service.grpc.pb.h"
#include "tests/integration/federation_sites.h"
#include "tests/support/certificates.h"
#include "tests/support/etcd_server.h"

namespace mneme::test {
namespace {

using std::chrono::steady_clock;

constexpr int kPollMillis = 50;

class EtcdFederationTest : public FederationSites {
 protected:
  explicit EtcdFederationTest(size_t members = 1) : etcd_(members) {}
  void SetUp() override {
    ASSERT_NE(etcd_.address(), "") << "is etcd-server installed (deploy/install-deps test)?";
  }

  void Start(const std::string& name) {
    // Short periods: the tests wait for what they bring about.
    std::vector<std::string> flags = {
        "--federation.etcd=" + etcd_.address(), "--federation.lease_seconds=2",
        "--federation.debounce_millis=100", "--federation.epoch_millis=500"};
    flags.insert(flags.end(), access_.begin(), access_.end());
    FederationSites::Start(name, std::move(flags));
  }
  void StartWithMemory(const std::string& name) {
    Start(name);
    Create(name);
  }
  grpc::Status CreateFederation(const std::string& at, int dim = kDim) {
    v1::CreateFederationRequest create;
    create.set_federation_id("f");
    create.set_round_millis(10);
    v1::FederationSpec& spec = *create.mutable_spec();
    spec.set_key_dim(dim);
    spec.set_response_dim(kResponseDim);
    spec.set_min_contributors(1);
    spec.set_min_items(1);
    spec.set_wire_type(v1::FEDERATION_WIRE_TYPE_FLOAT32);
    spec.set_step_scale(4);
    return MNEME_CALL(sites_[at].federations, CreateFederation, create, &federation_);
  }
  grpc::Status Join(const std::string& at, const std::string& memory = "m") {
    v1::JoinFederationRequest join;
    join.set_name("federations/f");
    join.set_memory("memories/" + memory);
    return MNEME_CALL(sites_[at].federations, JoinFederation, join, &federation_);
  }
  grpc::Status Leave(const std::string& at, const std::string& node = "") {
    v1::LeaveFederationRequest leave;
    leave.set_name("federations/f");
    leave.set_node(node);
    return MNEME_CALL(sites_[at].federations, LeaveFederation, leave, &federation_);
  }
  grpc::Status Want(const std::string& at, const std::map<std::string, double>& row,
                    const std::string& node = "") {
    v1::SetInterestRequest set;
    set.set_name("federations/f");
    set.set_node(node);
    set.mutable_interest()->insert(row.begin(), row.end());
    return MNEME_CALL(sites_[at].federations, SetInterest, set, &federation_);
  }
  grpc::Status Link(const std::string& at, const std::map<std::string, double>& millis) {
    v1::SetLinksRequest set;
    set.set_name("federations/f");
    set.mutable_link_millis()->insert(millis.begin(), millis.end());
    return MNEME_CALL(sites_[at].federations, SetLinks, set, &federation_);
  }
  v1::Federation Get(const std::string& at) {
    v1::GetFederationRequest request;
    request.set_name("federations/f");
    v1::Federation federation;
    const grpc::Status status =
        MNEME_CALL(sites_[at].federations, GetFederation, request, &federation);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return federation;
  }
  std::string WrittenFor(const std::string& at, int node) {
    return Get(at).nodes(node).SerializeAsString();
  }
  // Names of the nodes that the plan has trees of.
  std::vector<std::string> Roots(const std::string& at) {
    v1::GetFederationPlanRequest request;
    request.set_name("federations/f");
    v1::FederationPlan plan;
    MNEME_CALL(sites_[at].federations, GetFederationPlan, request, &plan);
    std::vector<std::string> roots;
    for (const v1::FederationTree& tree : plan.trees()) roots.push_back(tree.root());
    return roots;
  }
  template <typename Done>
  static bool Eventually(Done done) {
    const auto start = steady_clock::now();
    while (!done()) {
      if (steady_clock::now() - start > kPatience) return false;
      poll(nullptr, 0, kPollMillis);
    }
    return true;
  }
  // Once more while etcd does not answer, as it may be busy after its start.
  template <typename Call>
  static grpc::Status Patiently(Call call) {
    grpc::Status status;
    Eventually([&] {
      status = call();
      return status.error_code() != grpc::StatusCode::UNAVAILABLE;
    });
    return status;
  }
  // All three, joined, that want each other's items.
  void Federate() {
    for (const char* name : {"east", "north", "south"}) StartWithMemory(name);
    ASSERT_TRUE(Patiently([&] { return CreateFederation("north"); }).ok());
    for (const char* name : {"east", "north", "south"}) {
      const grpc::Status status = Patiently([&] { return Join(name); });
      ASSERT_TRUE(status.ok()) << status.error_message();
    }
    ASSERT_TRUE(Want("north", {{"north", 1}, {"south", 1}}).ok());
    ASSERT_TRUE(Want("south", {{"north", 1}, {"south", 1}}).ok());
  }
  bool Both(double error) {
    return Error("north", "south") < error && Error("south", "north") < error;
  }

  EtcdServer etcd_;
  std::vector<std::string> access_;  // flags of those who start from now on
  v1::Federation federation_;
};

// An etcd that lets nobody in without a certificate and a password.
class GuardedEtcdTest : public EtcdFederationTest {
 protected:
  void SetUp() override {
    EtcdFederationTest::SetUp();
    etcd_.UseTls(authority_);
    ASSERT_TRUE(etcd_.AskForUsers("mneme", "secret"));
    etcd_.Kill();
    ASSERT_TRUE(etcd_.Start()) << etcd_.log();
    const CertificateAndKey own = authority_.Issue({.name = "node"});
    access_ = {"--federation.etcd_tls_ca=" + Written("ca.pem", authority_.certificate()),
               "--federation.etcd_tls_certificate=" + Written("own.pem", own.certificate),
               "--federation.etcd_tls_key=" + Written("own.key", own.key),
               "--federation.etcd_tls_server_name=localhost",
               "--federation.etcd_user=mneme",
               "--federation.etcd_password_file=" + Written("password", "secret\n")};
  }
  std::string Written(const std::string& name, const std::string& text) const {
    return WriteFile(directory_.path() + "/" + name, text);
  }

  const Authority authority_;
};

TEST_F(GuardedEtcdTest, NodesComeByTlsWithAUserAndAWrongPasswordIsSaidAndMended) {
  for (const char* name : {"north", "south"}) StartWithMemory(name);
  const grpc::Status created = Patiently([&] { return CreateFederation("north"); });
  ASSERT_TRUE(created.ok()) << created.error_message();
  for (const char* name : {"north", "south"}) {
    const grpc::Status joined = Patiently([&] { return Join(name); });
    ASSERT_TRUE(joined.ok()) << joined.error_message();
  }
  ASSERT_TRUE(Want("north", {{"north", 1}, {"south", 1}}).ok());
  ASSERT_TRUE(Want("south", {{"north", 1}, {"south", 1}}).ok());
  ASSERT_TRUE(StoreUntil({"north", "south"}, [&] { return Both(0.2); }));

  access_.back() = "--federation.etcd_password_file=" + Written("wrong", "guess\n");
  StartWithMemory("east");
  ErrorParts refused;
  ASSERT_TRUE(Eventually([&] {
    refused = Unpack(Join("east"));
    return refused.reason == "COORDINATOR_REFUSES";
  })) << refused.reason
      << " " << refused.given;
  EXPECT_NE(refused.next_step.find("federation.etcd_user"), std::string::npos);
  EXPECT_EQ(Get("north").nodes_size(), 2);
  Written("wrong", "secret\n");
  ASSERT_EQ(kill(sites_["east"].daemon->pid(), SIGHUP), 0);
  grpc::Status joined;
  ASSERT_TRUE(Eventually([&] {
    joined = Join("east");
    return joined.ok();
  })) << joined.error_message();
}

// An etcd of three.
class EtcdClusterTest : public EtcdFederationTest {
 protected:
  EtcdClusterTest() : EtcdFederationTest(3) {}
};

using Names = std::vector<std::string>;

TEST_F(EtcdClusterTest, GoesOnWithoutTheLeaderAndSaysSoWithoutAMajority) {
  for (const char* name : {"north", "south"}) StartWithMemory(name);
  ASSERT_TRUE(Patiently([&] { return CreateFederation("north"); }).ok());
  for (const char* name : {"north", "south"}) {
    const grpc::Status joined = Patiently([&] { return Join(name); });
    ASSERT_TRUE(joined.ok()) << joined.error_message();
    for (const v1::FederationNode& node : federation_.nodes()) {
      EXPECT_FALSE(node.away()) << node.name() << ": Join answers once it is announced";
    }
  }
  ASSERT_TRUE(Want("north", {{"north", 1}, {"south", 1}}).ok());
  ASSERT_TRUE(Want("south", {{"north", 1}, {"south", 1}}).ok());
  ASSERT_TRUE(StoreUntil({"north", "south"}, [&] { return Both(0.2); }));
  const uint64_t epoch = Status("north").epoch();

  const std::optional<size_t> leader = etcd_.Leader();
  ASSERT_TRUE(leader.has_value());
  etcd_.Kill(*leader);
  const uint64_t steps = Status("north").steps();
  ASSERT_TRUE(StoreUntil({"north", "south"}, [&] { return Status("north").steps() > steps + 20; }));
  // Two of three elect another leader, and take changes.
  ASSERT_TRUE(Eventually([&] { return Want("north", {{"north", 1}, {"south", 2}}).ok(); }));
  ASSERT_TRUE(Eventually([&] { return Status("south").epoch() > epoch; }));

  const size_t next = (*leader + 1) % 3;
  etcd_.Kill(next);
  ErrorParts refused;
  ASSERT_TRUE(Eventually([&] {
    const grpc::Status status = Want("north", {{"north", 1}, {"south", 3}});
    refused = Unpack(status);
    return status.error_message().find("most of its members are out of reach") != std::string::npos;
  })) << refused.given;
  EXPECT_EQ(refused.code, grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(refused.reason, "COORDINATOR");
  ASSERT_TRUE(StoreUntil({"north", "south"}, [&] { return Both(0.1); }));
  EXPECT_EQ(Status("north").waiting_for(), "") << "it learns by the plan in hand";

  ASSERT_TRUE(etcd_.Start(next));
  ASSERT_TRUE(Eventually([&] { return Want("north", {{"north", 1}, {"south", 3}}).ok(); }));
  ASSERT_TRUE(Eventually([&] { return Status("north").coordination() == ""; }));
  ASSERT_TRUE(etcd_.Start(*leader));
}

TEST_F(EtcdFederationTest, NodesThatJoinLearnFromEachOtherAndAKilledOneIsPlannedOutAndInAgain) {
  Federate();
  ASSERT_TRUE(StoreUntil({"north", "south"}, [&] { return Both(0.1); }));
  EXPECT_EQ(Status("north").coordination(), "");
  const v1::Federation before = Get("east");
  EXPECT_EQ(before.coordinator(), "etcd");
  ASSERT_EQ(before.nodes_size(), 3);
  EXPECT_EQ(before.node(), "east");
  EXPECT_EQ(before.memory(), "memories/m");
  EXPECT_EQ(before.nodes(1).interest().at("south"), 1);
  EXPECT_EQ(Roots("east"), (Names{"east", "north", "south"}));

  sites_["south"].daemon->Stop(SIGKILL);
  ASSERT_TRUE(Eventually([&] { return Roots("north") == Names{"east", "north"}; }));
  const v1::Federation away = Get("north");
  ASSERT_EQ(away.nodes_size(), 3) << "it is still a member";
  EXPECT_TRUE(away.nodes(2).away());
  EXPECT_EQ(away.nodes(1).interest().at("south"), 1) << "the interest in it stays";
  EXPECT_LT(Error("north", "south"), 0.3) << "north lost what it had learned";

  Start("south");  // with no word of any federation but etcd's
  ASSERT_TRUE(Eventually([&] { return Roots("south") == Names({"east", "north", "south"}); }));
  ASSERT_TRUE(StoreUntil({"north", "south"}, [&] { return Both(0.1); }));
  EXPECT_GT(Get("north").plan_epoch(), away.plan_epoch());
}

TEST_F(EtcdFederationTest, WithoutEtcdLearningGoesOnAndChangesGoThroughWhenItIsBack) {
  Federate();
  ASSERT_TRUE(StoreUntil({"north", "south"}, [&] { return Both(0.2); }));
  const uint64_t epoch = Status("north").epoch();
  etcd_.Kill();
  ASSERT_TRUE(Eventually([&] { return Status("north").coordination() != ""; }));
  const uint64_t steps = Status("north").steps();
  ASSERT_TRUE(StoreUntil({"north", "south"},
                         [&] { return Both(0.1) && Status("north").steps() > steps + 20; }));
  EXPECT_EQ(Status("north").epoch(), epoch);
  EXPECT_EQ(Status("north").waiting_for(), "");
  const ErrorParts error = Unpack(Want("north", {{"east", 1}}));
  EXPECT_EQ(error.code, grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(error.reason, "COORDINATOR");
  EXPECT_EQ(Get("north").nodes_size(), 3) << "as it was read last";
  v1::ListFederationsResponse all;
  EXPECT_TRUE(
      MNEME_CALL(sites_["north"].federations, ListFederations, v1::ListFederationsRequest(), &all)
          .ok());
  EXPECT_EQ(all.federations_size(), 1);
  // A server that starts now serves its memory, and takes part once etcd is back.
  sites_["east"].daemon->Stop(SIGTERM);
  Start("east");
  Store("east");
  v1::GetFederationStatusRequest request;
  request.set_name("federations/f");
  v1::FederationStatus status;
  EXPECT_EQ(
      Unpack(MNEME_CALL(sites_["east"].federations, GetFederationStatus, request, &status)).reason,
      "COORDINATOR");

  ASSERT_TRUE(etcd_.Start());
  ASSERT_TRUE(Eventually([&] { return Want("north", {{"east", 1}, {"north", 1}}).ok(); }));
  ASSERT_TRUE(Eventually([&] {
    const v1::FederationStatus now = Status("north");
    return now.epoch() > epoch && now.sources_size() > 0 &&
           std::ranges::any_of(now.sources(), [](const auto& one) { return one.node() == "east"; });
  }));
  ASSERT_TRUE(Eventually([&] { return Status("east").waiting_for() == ""; }));
  EXPECT_EQ(Status("north").coordination(), "");
}

TEST_F(EtcdFederationTest, WhoLeavesIsPlannedOutAndJoinsAgainOnlyWhenAsked) {
  Federate();
  ASSERT_TRUE(Eventually([&] { return Roots("north") == Names({"east", "north", "south"}); }));
  ASSERT_TRUE(Leave("east").ok());
  EXPECT_EQ(federation_.nodes_size(), 2);
  EXPECT_EQ(federation_.node(), "");
  EXPECT_EQ(Unpack(Leave("east")).reason, "NOT_JOINED");
  ASSERT_TRUE(Eventually([&] { return Roots("north") == Names({"north", "south"}); }));
  // One that is gone for good, by another's word; it hears of it.
  ASSERT_TRUE(Leave("north", "south").ok());
  v1::GetFederationStatusRequest request;
  request.set_name("federations/f");
  v1::FederationStatus status;
  ASSERT_TRUE(Eventually([&] {
    return Unpack(MNEME_CALL(sites_["south"].federations, GetFederationStatus, request, &status))
               .reason == "NOT_JOINED";
  }));
  sites_["east"].daemon->Stop(SIGTERM);
  Start("east");
  EXPECT_EQ(Get("east").node(), "");
  ASSERT_TRUE(Join("east").ok());
  EXPECT_EQ(federation_.node(), "east");
}

TEST_F(EtcdFederationTest, AMemoryThatLearnedUnderAnotherSpecSaysWhatToDo) {
  StartWithMemory("north");
  ASSERT_TRUE(CreateFederation("north").ok());
  ASSERT_TRUE(Join("north").ok());
  ASSERT_TRUE(StoreUntil({"north"}, [&] { return Status("north").steps() > 0; }));
  ASSERT_TRUE(Leave("north").ok());
  v1::CreateFederationRequest create;
  create.set_federation_id("g");
  create.mutable_spec()->set_key_dim(kDim);
  create.mutable_spec()->set_response_dim(kResponseDim);
  create.mutable_spec()->set_loss(v1::FEDERATION_LOSS_HUBER);
  const auto& stub = sites_["north"].federations;
  ASSERT_TRUE(MNEME_CALL(stub, CreateFederation, create, &federation_).ok());
  v1::JoinFederationRequest join;
  join.set_name("federations/g");
  join.set_memory("memories/m");
  ASSERT_TRUE(MNEME_CALL(stub, JoinFederation, join, &federation_).ok());
  v1::GetFederationStatusRequest request;
  request.set_name("federations/g");
  v1::FederationStatus status;
  ASSERT_TRUE(Eventually([&] {
    MNEME_CALL(stub, GetFederationStatus, request, &status);
    return status.waiting_for().find("another spec") != std::string::npos;
  })) << status.waiting_for();
  EXPECT_NE(status.waiting_for().find("mnemectl memory delete m"), std::string::npos);
  // One memory learns in one federation.
  EXPECT_EQ(Unpack(Join("north")).reason, "MEMORY_TAKEN");
}

TEST_F(EtcdFederationTest, BadInputIsRefusedWithAReasonAndChangesNothing) {
  StartWithMemory("north");
  StartWithMemory("south");
  EXPECT_EQ(Unpack(Join("north")).reason, "FEDERATION_NOT_FOUND");
  EXPECT_EQ(Unpack(CreateFederation("north", 0)).reason, "SPEC");
  ASSERT_TRUE(CreateFederation("north").ok());
  EXPECT_EQ(federation_.nodes_size(), 0);
  EXPECT_EQ(Unpack(CreateFederation("south")).reason, "FEDERATION_EXISTS");
  EXPECT_EQ(Unpack(Join("north", "none")).code, grpc::StatusCode::NOT_FOUND);
  v1::CreateMemoryRequest other;
  other.set_memory_id("other");
  other.mutable_memory()->set_key_dim(kDim + 1);
  other.mutable_memory()->set_response_dim(kResponseDim);
  other.mutable_memory()->mutable_linear()->set_rule(v1::LINEAR_RULE_FEDERATED);
  v1::Memory made;
  ASSERT_TRUE(MNEME_CALL(sites_["north"].memories, CreateMemory, other, &made).ok());
  EXPECT_EQ(Unpack(Join("north", "other")).reason, "MEMORY_DIFFERS");
  EXPECT_EQ(Unpack(Want("north", {{"north", 1}})).reason, "NOT_JOINED");
  v1::GetFederationPlanRequest plan;
  plan.set_name("federations/f");
  v1::FederationPlan none;
  EXPECT_EQ(Unpack(MNEME_CALL(sites_["north"].federations, GetFederationPlan, plan, &none)).reason,
            "NO_PLAN");
  ASSERT_TRUE(Join("north").ok());
  EXPECT_EQ(Unpack(Join("north")).reason, "JOINED_ALREADY");
  ASSERT_TRUE(Join("south").ok());

  const std::string before = WrittenFor("north", 0);
  const double nan = std::nan("");
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double weight : {-1.0, -1e-25, nan, infinity, 1e20})
    EXPECT_EQ(Unpack(Want("north", {{"south", weight}})).reason, "INTEREST") << weight;
  EXPECT_EQ(Unpack(Want("north", {{"west", 1}})).reason, "INTEREST");
  EXPECT_EQ(Unpack(Want("north", {{"south", 1}}, "west")).reason, "INTEREST");
  for (const double millis : {-1.0, 0.0, 1e-25, nan, infinity, 1e20})
    EXPECT_EQ(Unpack(Link("north", {{"south", millis}})).reason, "LINKS") << millis;
  EXPECT_EQ(Unpack(Link("north", {{"north", 1}})).reason, "LINKS");
  EXPECT_EQ(Unpack(Link("north", {{"west", 1}})).reason, "LINKS");
  EXPECT_EQ(WrittenFor("north", 0), before);

  ASSERT_TRUE(Link("north", {{"south", 2.5}}).ok());
  ASSERT_EQ(federation_.nodes_size(), 2);
  EXPECT_EQ(federation_.nodes(1).link_millis().at("north"), 2.5) << "both ends";
  ASSERT_TRUE(Link("south", {}).ok());
  EXPECT_EQ(federation_.nodes(0).link_millis_size(), 0);
}

}  // namespace
}  // namespace mneme::test
