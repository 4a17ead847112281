// Against a real etcd, over loopback.
#include "server/peer/etcd_coordinator.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "core/base/status.h"
#include "tests/sim/coordinator_contract.h"
#include "tests/support/certificates.h"
#include "tests/support/etcd_server.h"

namespace mneme::server {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{60};  // longer is a failure
constexpr int kPollMillis = 20;
constexpr int64_t kLeaseSeconds = 2;  // the shortest that etcd grants

// One server for all; each world is a federation of its own.
test::EtcdServer& Server() {
  static test::EtcdServer server;
  return server;
}

template <typename Done>
bool WaitFor(Done done) {
  const auto start = steady_clock::now();
  while (!done()) {
    if (steady_clock::now() - start > kPatience) return false;
    poll(nullptr, 0, kPollMillis);
  }
  return true;
}

class EtcdWorld {
 public:
  EtcdWorld() {
    if (!Server().address().empty()) return;
    ADD_FAILURE() << "etcd does not start: is etcd-server installed (deploy/install-deps test)?";
    std::abort();
  }
  std::unique_ptr<federation::Coordinator> Client() {
    std::shared_ptr<EtcdClient> client = *EtcdClient::Create(Server().address());
    return std::make_unique<EtcdCoordinator>(std::move(client), name_, kLeaseSeconds);
  }
  void Crash(std::unique_ptr<federation::Coordinator> /*client*/) {}
  template <typename Done>
  bool Eventually(Done done) {
    return WaitFor(done);
  }
  void SetUp(bool up) {
    if (up) {
      EXPECT_TRUE(Server().Start());
    } else {
      Server().Kill();
    }
  }
  const std::string& name() const { return name_; }

 private:
  static inline int worlds_ = 0;
  const std::string name_ = absl::StrCat("f", ++worlds_);
};

}  // namespace
}  // namespace mneme::server

namespace mneme::sim {

INSTANTIATE_TYPED_TEST_SUITE_P(Etcd, CoordinatorContract, server::EtcdWorld);

}  // namespace mneme::sim

namespace mneme::server {
namespace {

TEST(EtcdCoordinator, ANodeComesBackWithItsIncarnationAfterAnOutage) {
  EtcdWorld world;
  auto node = world.Client();
  ASSERT_EQ(*node->Register("a", "x:1"), 1U);
  world.SetUp(false);
  ASSERT_TRUE(absl::IsUnavailable(node->ReadAll().status()));
  world.SetUp(true);
  ASSERT_TRUE(WaitFor([&] { return sim::Holds(*node, "nodes/a"); }));
  EXPECT_EQ(node->ReadAll()->records.at("nodes/a").value, "1\nx:1\n");
  EXPECT_EQ(*world.Client()->Register("a", "x:1"), 2U);
}

TEST(EtcdCoordinator, ALeaseThatRanOutIsGrantedAgainAndTheNodeAnnouncedAsTheSameStart) {
  EtcdWorld world;
  auto node = world.Client();
  ASSERT_EQ(*node->Register("a", "x:1"), 1U);
  const uint64_t before = node->ReadAll()->records.at("nodes/a").create_revision;
  // As an expiry does it: the lease is gone, and its keys with it.
  const auto channel = grpc::CreateChannel(Server().address(), grpc::InsecureChannelCredentials());
  const auto kv = etcdserverpb::KV::NewStub(channel);
  const auto leases = etcdserverpb::Lease::NewStub(channel);
  etcdserverpb::RangeRequest range;
  range.set_key("/mneme/federations/" + world.name() + "/nodes/a");
  etcdserverpb::RangeResponse found;
  grpc::ClientContext range_context;
  ASSERT_TRUE(kv->Range(&range_context, range, &found).ok());
  etcdserverpb::LeaseRevokeRequest revoke;
  revoke.set_id(found.kvs(0).lease());
  etcdserverpb::LeaseRevokeResponse revoked;
  grpc::ClientContext revoke_context;
  ASSERT_TRUE(leases->LeaseRevoke(&revoke_context, revoke, &revoked).ok());
  ASSERT_TRUE(WaitFor([&] {
    const auto contents = node->ReadAll();
    return contents.ok() && contents->records.contains("nodes/a") &&
           contents->records.at("nodes/a").create_revision > before;
  }));
  EXPECT_EQ(node->ReadAll()->records.at("nodes/a").value, "1\nx:1\n");
  // But not over a later start of the same node.
  auto later = world.Client();
  ASSERT_EQ(*later->Register("a", "x:2"), 2U);
  EXPECT_EQ(later->ReadAll()->records.at("nodes/a").value, "2\nx:2\n");
}

TEST(EtcdCoordinator, ACompactedWatchIsLostAndAReadingGoesOn) {
  EtcdWorld world;
  auto node = world.Client();
  ASSERT_TRUE(node->Put("interest/a", "1", federation::Lifetime::kForEver).ok());
  const uint64_t old = node->ReadAll()->revision;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(node->Put("interest/a", absl::StrCat(i), federation::Lifetime::kForEver).ok());
  }
  const auto client = *EtcdClient::Create(Server().address());
  etcdserverpb::CompactionRequest compact;
  compact.set_revision(static_cast<int64_t>(node->ReadAll()->revision));
  ASSERT_TRUE(client->Compact(compact).ok());
  const auto seen = std::make_shared<sim::Seen>();
  const auto watch = node->StartWatch(
      old, [seen](const federation::Change& change) { seen->Add(change); },
      [seen] { seen->Lose(); });
  ASSERT_TRUE(watch.ok());
  EXPECT_TRUE(WaitFor([&] { return seen->IsLost(); }));
  EXPECT_EQ(node->ReadAll()->records.at("interest/a").value, "4");
}

TEST(EtcdCoordinator, AWatchIsLostWhenTheEngineIsKilled) {
  EtcdWorld world;
  auto node = world.Client();
  const auto seen = std::make_shared<sim::Seen>();
  const auto watch = node->StartWatch(
      node->ReadAll()->revision, [seen](const federation::Change& change) { seen->Add(change); },
      [seen] { seen->Lose(); });
  ASSERT_TRUE(node->Put("interest/a", "1", federation::Lifetime::kForEver).ok());
  ASSERT_TRUE(WaitFor([&] { return seen->Get().size() == 1; }));
  EXPECT_FALSE(seen->IsLost());
  world.SetUp(false);
  EXPECT_TRUE(WaitFor([&] { return seen->IsLost(); }));
  world.SetUp(true);
}

TEST(EtcdCoordinator, AsksTheNextEndpointWhereOneDoesNotAnswer) {
  EtcdWorld world;
  std::shared_ptr<EtcdClient> client = *EtcdClient::Create("127.0.0.1:1," + Server().address());
  EtcdCoordinator node(std::move(client), world.name(), kLeaseSeconds);
  EXPECT_EQ(*node.Register("a", "x:1"), 1U);
  EXPECT_TRUE(sim::Holds(node, "nodes/a"));
}

TEST(EtcdCoordinator, ListsFederationsThatHaveADescription) {
  EtcdWorld with, without;
  ASSERT_TRUE(with.Client()->PutIf("spec", "x", 0).ok());
  ASSERT_TRUE(without.Client()->Put("interest/spec", "x", federation::Lifetime::kForEver).ok());
  const auto client = *EtcdClient::Create(Server().address());
  const auto names = *EtcdCoordinator::ListFederations(*client);
  EXPECT_NE(std::ranges::find(names, with.name()), names.end());
  EXPECT_EQ(std::ranges::find(names, without.name()), names.end());
}

int CountKeys(const std::string& prefix) {
  const auto client = *EtcdClient::Create(Server().address());
  etcdserverpb::RangeRequest range;
  range.set_key(prefix);
  range.set_range_end(EndOfPrefix(prefix));
  range.set_keys_only(true);
  return client->Range(range)->kvs_size();
}

TEST(EtcdCoordinator, PartsOfPlansThatWereReplacedAreGone) {
  EtcdWorld world;
  auto node = world.Client();
  const std::string parts = "/mneme/plan-parts/" + world.name() + "/";
  ASSERT_TRUE(node->Register("a", "x:1").ok());
  federation::PlanGuard guard{.planner_revision = *node->BecomePlanner("a")};
  federation::Plan plan = sim::LongPlan();
  guard.plan_revision = *node->CommitPlan(guard, plan);
  const int of_one = CountKeys(parts);
  EXPECT_GE(of_one, 2);
  plan.created_by = "b";
  guard.plan_revision = *node->CommitPlan(guard, plan);
  EXPECT_EQ(CountKeys(parts), of_one);
  guard.plan_revision = *node->CommitPlan(guard, sim::OneNodePlan());
  EXPECT_EQ(CountKeys(parts), 0);
}

constexpr char kPartsName[] = "00112233445566ff";

// As whoever may write to etcd could: part `part` of the plan kPartsName.
std::string PartKey(const EtcdWorld& world, size_t part) {
  return absl::StrFormat("/mneme/plan-parts/%s/%s/%04d", world.name(), kPartsName, part);
}

// The record of a plan in parts, put anew, as `reader` reads it then.
federation::Record ReadParts(federation::Coordinator& reader) {
  EXPECT_TRUE(
      reader.Put("plan", absl::StrCat("parts ", kPartsName), federation::Lifetime::kForEver).ok());
  absl::StatusOr<federation::Contents> contents;
  EXPECT_TRUE(WaitFor([&] {
    contents = reader.ReadAll();
    return contents.ok();
  })) << contents.status();
  return contents->records.at("plan");
}

TEST(EtcdCoordinator, PartsAreJoinedUpToTheLengthOfAPlan) {
  EtcdWorld world;
  const auto client = *EtcdClient::Create(Server().address());
  const auto put = [&](size_t part, char byte, size_t size) {
    etcdserverpb::PutRequest request;
    request.set_key(PartKey(world, part));
    request.set_value(std::string(size, byte));
    ASSERT_TRUE(WaitFor([&] { return client->Put(request).ok(); })) << part;
  };
  constexpr size_t kParts = federation::kPlanBytesMax / kEtcdValueBytesMax;
  for (size_t part = 0; part < kParts; ++part) {
    put(part, static_cast<char>('a' + part % 26), kEtcdValueBytesMax);
  }
  const auto reader = world.Client();
  const std::string longest = ReadParts(*reader).value;
  ASSERT_EQ(longest.size(), federation::kPlanBytesMax);
  for (size_t part = 0; part < kParts; ++part) {
    const std::string_view joined = std::string_view(longest).substr(part * kEtcdValueBytesMax);
    EXPECT_EQ(joined.substr(0, kEtcdValueBytesMax).find_first_not_of(joined[0]),
              std::string_view::npos);
    EXPECT_EQ(joined[0], static_cast<char>('a' + part % 26)) << "in their order";
  }
  // A byte more: nothing is kept of what is no plan, and the reading says so where it is used.
  put(kParts, 'x', 1);
  const federation::Record refused = ReadParts(*reader);
  EXPECT_EQ(refused.value, "");
  EXPECT_FALSE(PlanOf(refused).ok());
  EXPECT_TRUE(sim::Holds(*reader, "plan")) << "and once more, of what was joined before";
}

TEST(EtcdCoordinator, PartsOfAPlanThatAreNotAllThereAreNoPlan) {
  EtcdWorld world;
  const auto node = world.Client();
  ASSERT_TRUE(node->Register("a", "x:1").ok());
  const federation::PlanGuard guard{.planner_revision = *node->BecomePlanner("a")};
  ASSERT_TRUE(node->CommitPlan(guard, sim::LongPlan()).ok());
  const federation::Record whole = node->ReadAll()->records.at("plan");
  ASSERT_TRUE(PlanOf(whole).ok());
  const auto client = *EtcdClient::Create(Server().address());
  for (const size_t missing : {size_t{0}, size_t{1}}) {
    for (size_t part = 0; part * kEtcdValueBytesMax < whole.value.size(); ++part) {
      etcdserverpb::PutRequest put;
      put.set_key(PartKey(world, part));
      put.set_value(whole.value.substr(part * kEtcdValueBytesMax, kEtcdValueBytesMax));
      ASSERT_TRUE(client->Put(put).ok());
    }
    EXPECT_TRUE(PlanOf(ReadParts(*node)).ok());
    etcdserverpb::DeleteRangeRequest gone;
    gone.set_key(PartKey(world, missing));
    ASSERT_TRUE(client->Delete(gone).ok());
    EXPECT_FALSE(PlanOf(ReadParts(*node)).ok()) << "without part " << missing;
  }
  // None at all, and a name that is none of a plan's.
  ASSERT_TRUE(node->Put("plan", "parts ../../federations", federation::Lifetime::kForEver).ok());
  EXPECT_EQ(node->ReadAll()->records.at("plan").value, "");
}

EtcdAccess AccessOf(const test::Authority& authority, const std::string& user,
                    const std::string& password) {
  const test::CertificateAndKey own = authority.Issue({.name = "node"});
  return {.credentials = grpc::SslCredentials({.pem_root_certs = authority.certificate(),
                                               .pem_private_key = own.key,
                                               .pem_cert_chain = own.certificate}),
          .server_name = "localhost",
          .user = user,
          .password = password};
}

TEST(EtcdCoordinator, ComesByTlsWithAUserAndRenewsItsToken) {
  test::EtcdServer server;
  ASSERT_NE(server.address(), "");
  const test::Authority authority, stranger;
  server.UseTls(authority);
  ASSERT_TRUE(server.AskForUsers("mneme", "secret"));
  server.Kill();
  ASSERT_TRUE(server.Start());
  std::shared_ptr<EtcdClient> client =
      *EtcdClient::Create(server.address(), AccessOf(authority, "mneme", "secret"));
  EtcdCoordinator node(client, "f", kLeaseSeconds);
  absl::Status registered;
  ASSERT_TRUE(WaitFor([&] {
    registered = node.Register("a", "x:1").status();
    return registered.ok();
  })) << registered
      << " " << GetErrorDetail(registered).value_or(ErrorDetail{}).given;
  EXPECT_TRUE(sim::Holds(node, "nodes/a"));
  const auto seen = std::make_shared<sim::Seen>();
  const auto watch = node.StartWatch(
      node.ReadAll()->revision, [seen](const federation::Change& change) { seen->Add(change); },
      [seen] { seen->Lose(); });
  ASSERT_TRUE(node.Put("interest/a", "1", federation::Lifetime::kForEver).ok());
  EXPECT_TRUE(WaitFor([&] { return seen->Get().size() == 1; }));
  // Started again, it has forgotten all tokens.
  server.Kill();
  ASSERT_TRUE(server.Start());
  EXPECT_TRUE(WaitFor([&] { return sim::Holds(node, "interest/a"); }));

  const auto reading = [&](const EtcdAccess& access) {
    client->Use(access);
    return node.ReadAll().status();
  };
  for (const auto& [user, password] :
       {std::pair("mneme", "wrong"), std::pair("nobody", "secret"), std::pair("", "")}) {
    const absl::Status refused = reading(AccessOf(authority, user, password));
    const auto detail = GetErrorDetail(refused);
    ASSERT_TRUE(detail.has_value()) << user << ": " << refused;
    EXPECT_EQ(detail->reason, "COORDINATOR_REFUSES") << user;
    EXPECT_NE(detail->next_step.find("federation.etcd_user"), std::string::npos) << user;
  }
  EXPECT_TRUE(absl::IsUnavailable(reading(AccessOf(stranger, "mneme", "secret"))));
  EXPECT_TRUE(absl::IsUnavailable(reading({.user = "mneme", .password = "secret"})));
  EXPECT_TRUE(reading(AccessOf(authority, "mneme", "secret")).ok());
}

TEST(EtcdCoordinator, AUserIsNoHindranceWhereNobodyIsAskedForOne) {
  EtcdWorld world;
  const std::shared_ptr<EtcdClient> client =
      *EtcdClient::Create(Server().address(), {.user = "mneme", .password = "secret"});
  EtcdCoordinator node(client, world.name(), kLeaseSeconds);
  EXPECT_EQ(*node.Register("a", "x:1"), 1U);
}

TEST(EtcdCoordinator, RefusesWhatNoKeyCanHold) {
  EtcdWorld world;
  for (const char* name : {"", "a/b", "a b", "\n"}) {
    EXPECT_EQ(GetErrorDetail(world.Client()->Register(name, "x:1").status())->reason, "NAME");
  }
}

TEST(EtcdClient, RefusesEndpointsThatAreNone) {
  for (const char* endpoints : {"", ",", "host", ":1", "host:", "http://host:1", "a:1,b"}) {
    const auto made = EtcdClient::Create(endpoints);
    ASSERT_FALSE(made.ok()) << endpoints;
    EXPECT_EQ(GetErrorDetail(made.status())->reason, "CONFIG_VALUE");
  }
  EXPECT_TRUE(EtcdClient::Create("a:1, b:2").ok());
}

}  // namespace
}  // namespace mneme::server
