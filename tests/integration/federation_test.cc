// Three daemons in a federation, over real sockets: north and south want each other's items, and
// only mid lies between them.
#include <chrono>
#include <fstream>
#include <map>

#include "gtest/gtest.h"
#include "mneme/v1/federation_service.grpc.pb.h"
#include "mneme/v1/peer_service.grpc.pb.h"
#include "tests/integration/federation_sites.h"

namespace mneme::test {
namespace {

using std::chrono::steady_clock;

const std::vector<std::string> kNodes = {"mid", "north", "south"};

class FederationTest : public FederationSites {
 protected:
  FederationTest() {
    std::ofstream(file()) << Description();
    for (const std::string& name : kNodes) {
      Start(name);
      Create(name);
    }
  }

  void Start(const std::string& name) {
    FederationSites::Start(name, {"--federation.file=" + file()});
  }
  std::string file() const { return directory_.path() + "/federation.yaml"; }
  std::string Description() const {
    std::string text =
        "federations:\n"
        "  - name: f\n"
        "    memory: m\n"
        "    round_ms: 10\n"
        "    spec: {key_dim: 8, response_dim: 4, min_contributors: 1, min_items: 1,\n"
        "           wire_type: float32, step_scale: 4, checkpoint_rounds: 20, probe_rounds: 20}\n"
        "    nodes:\n";
    const std::map<std::string, std::string> interest = {
        {"mid", "{mid: 1}"}, {"north", "{north: 1, south: 1}"}, {"south", "{north: 1, south: 1}"}};
    for (const auto& [name, wants] : interest) {
      text += "      - {name: " + name + ", address: '" + address(name) + "', interest: " + wants +
              "}\n";
    }
    return text +
           "    links:\n"
           "      - {between: [north, mid]}\n"
           "      - {between: [mid, south]}\n";
  }
};

TEST_F(FederationTest, ANodeRecallsItemsThatOnlyAnotherStoredAndGoesOnAfterAKill) {
  ASSERT_TRUE(StoreUntil({"north", "south"}, [&] {
    return Error("north", "south") < 0.1 && Error("south", "north") < 0.1;
  }));
  // Nobody told mid: it passes sums on, and wants its own items only.
  EXPECT_GT(Error("mid", "north"), 0.9);
  v1::FederationStatus north = Status("north");
  EXPECT_EQ(north.node(), "north");
  EXPECT_EQ(north.waiting_for(), "");
  EXPECT_EQ(north.epoch(), 1u);
  EXPECT_EQ(north.coverage(), 1);
  ASSERT_EQ(north.edges_size(), 1);
  EXPECT_EQ(north.edges(0).node(), "mid");
  EXPECT_TRUE(north.edges(0).up());
  EXPECT_GT(north.edges(0).wire_bytes_sent(), north.edges(0).payload_bytes_sent());

  const uint64_t before = Status("south").incarnation();
  sites_["south"].daemon->Stop(SIGKILL);
  EXPECT_LT(Error("north", "south"), 0.2) << "north lost what it had learned";
  Store("north");
  Start("south");
  EXPECT_LT(Error("south", "north"), 0.5) << "south lost more than since its checkpoint";
  ASSERT_TRUE(StoreUntil({"north", "south"}, [&] {
    return Status("south").incarnation() > before && Status("north").coverage() == 1 &&
           Error("south", "north") < 0.1 && Error("north", "south") < 0.1;
  }));
}

TEST_F(FederationTest, AMemoryThatIsDeletedAndMadeAnewIsLearnedFromItsFirstItem) {
  ASSERT_TRUE(StoreUntil({"north", "south"}, [&] { return Error("north", "south") < 0.1; }));
  const uint64_t before = Status("north").incarnation();
  v1::DeleteMemoryRequest remove;
  remove.set_name("memories/m");
  google::protobuf::Empty removed;
  ASSERT_TRUE(MNEME_CALL(sites_["north"].memories, DeleteMemory, remove, &removed).ok());
  Create("north");
  Store("north");  // once: one small step of it is to be seen
  const auto start = steady_clock::now();
  while (Error("north", "north") > 0.99 && steady_clock::now() - start < kPatience) {
  }
  EXPECT_LT(Error("north", "north"), 0.99);
  EXPECT_GT(Status("north").incarnation(), before);
  ASSERT_TRUE(StoreUntil({"north", "south"}, [&] {
    return Error("north", "south") < 0.1 && Error("south", "north") < 0.1;
  }));
}

TEST_F(FederationTest, ThePlanAndTheDescriptionAreTheSameOnAllNodes) {
  v1::GetFederationPlanRequest request;
  request.set_name("federations/f");
  std::string first;
  for (const std::string& name : kNodes) {
    v1::FederationPlan plan;
    const grpc::Status called =
        MNEME_CALL(sites_[name].federations, GetFederationPlan, request, &plan);
    ASSERT_TRUE(called.ok()) << called.error_message();
    ASSERT_EQ(plan.trees_size(), 3);
    EXPECT_EQ(plan.trees(1).root(), "north");
    ASSERT_EQ(plan.trees(1).nodes_size(), 3);
    EXPECT_EQ(plan.trees(1).nodes(2).node(), "south");
    EXPECT_EQ(plan.trees(1).nodes(2).parent(), "mid");
    EXPECT_EQ(plan.trees(1).nodes(2).weight(), 0.5);
    EXPECT_EQ(plan.edge_bytes_up(), kDim * kResponseDim * sizeof(float));
    if (first.empty()) first = plan.SerializeAsString();
    EXPECT_EQ(plan.SerializeAsString(), first);
    v1::ListFederationsResponse all;
    ASSERT_TRUE(
        MNEME_CALL(sites_[name].federations, ListFederations, v1::ListFederationsRequest(), &all)
            .ok());
    ASSERT_EQ(all.federations_size(), 1);
    EXPECT_EQ(all.federations(0).node(), name);
    EXPECT_EQ(all.federations(0).memory(), "memories/m");
    EXPECT_EQ(all.federations(0).nodes_size(), 3);
  }
}

TEST_F(FederationTest, WhatAFileDescribesIsChangedThere) {
  const auto& stub = sites_["north"].federations;
  v1::Federation federation;
  v1::CreateFederationRequest create;
  create.set_federation_id("g");
  create.mutable_spec()->set_key_dim(2);
  create.mutable_spec()->set_response_dim(2);
  v1::JoinFederationRequest join;
  join.set_name("federations/f");
  join.set_memory("memories/m");
  v1::LeaveFederationRequest leave;
  leave.set_name("federations/f");
  v1::SetInterestRequest interest;
  interest.set_name("federations/f");
  v1::SetLinksRequest links;
  links.set_name("federations/f");
  for (const grpc::Status& status : {MNEME_CALL(stub, CreateFederation, create, &federation),
                                     MNEME_CALL(stub, JoinFederation, join, &federation),
                                     MNEME_CALL(stub, LeaveFederation, leave, &federation),
                                     MNEME_CALL(stub, SetInterest, interest, &federation),
                                     MNEME_CALL(stub, SetLinks, links, &federation)}) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
    EXPECT_EQ(Unpack(status).reason, "STATIC_FEDERATION");
  }
}

TEST_F(FederationTest, RegretIsMeasured) {
  ASSERT_TRUE(StoreUntil({"north", "south"}, [&] { return Status("north").has_regret(); }));
  v1::GetFederationRegretRequest request;
  request.set_name("federations/f");
  v1::FederationRegret regret;
  ASSERT_TRUE(MNEME_CALL(sites_["north"].federations, GetFederationRegret, request, &regret).ok());
  ASSERT_GT(regret.points_size(), 0);
  const v1::FederationRegretPoint& last = regret.points(regret.points_size() - 1);
  EXPECT_GT(last.round(), 0u);
  EXPECT_GT(last.loss(), last.best_loss());
}

TEST_F(FederationTest, StrangersAndUnknownFederationsAreRefusedByName) {
  v1::GetFederationStatusRequest request;
  request.set_name("federations/g");
  v1::FederationStatus status;
  EXPECT_EQ(
      Unpack(MNEME_CALL(sites_["north"].federations, GetFederationStatus, request, &status)).reason,
      "FEDERATION_NOT_FOUND");
  request.set_name("g");
  EXPECT_EQ(
      Unpack(MNEME_CALL(sites_["north"].federations, GetFederationStatus, request, &status)).reason,
      "NAME");
  // A door for nodes only: a stranger's stream ends at once.
  const auto channel = grpc::CreateChannel(address("south"), grpc::InsecureChannelCredentials());
  const auto peers = v1::PeerService::NewStub(channel);
  const auto refusal = [&](const std::string& federation, const std::string& node) {
    grpc::ClientContext context;
    context.AddMetadata("mneme-federation", federation);
    context.AddMetadata("mneme-node", node);
    const auto stream = peers->Exchange(&context);
    v1::PeerFrame frame;
    while (stream->Read(&frame)) {
    }
    return Unpack(stream->Finish());
  };
  ASSERT_TRUE(StoreUntil({"south"}, [&] { return Status("south").epoch() == 1; }));
  EXPECT_EQ(refusal("f", "north").reason, "NOT_A_NEIGHBOUR");
  EXPECT_EQ(refusal("f", "east").reason, "NOT_A_NEIGHBOUR");
  EXPECT_EQ(refusal("g", "mid").reason, "FEDERATION_NOT_FOUND");
  EXPECT_EQ(refusal("", "").reason, "FEDERATION_NOT_FOUND");
}

TEST_F(FederationTest, FramesThatAreNoneEndTheStreamAndChangeNothing) {
  ASSERT_TRUE(StoreUntil({"north", "south"}, [&] { return Error("north", "south") < 0.1; }));
  // As mid, which south takes for the real one: its stream is closed, and the real one comes back.
  const auto channel = grpc::CreateChannel(address("south"), grpc::InsecureChannelCredentials());
  const auto peers = v1::PeerService::NewStub(channel);
  for (int kind = 0; kind < 3; ++kind) {
    grpc::ClientContext context;
    context.AddMetadata("mneme-federation", "f");
    context.AddMetadata("mneme-node", "mid");
    const auto stream = peers->Exchange(&context);
    v1::PeerFrame frame;
    if (kind == 1) frame.set_federation(std::string(16, 'x'));
    if (kind == 2) {
      frame.set_federation(std::string(16, 'x'));
      frame.mutable_grad_up()->mutable_values()->set_data(std::string(1'000'000, '\xff'));
      frame.mutable_grad_up()->set_form(static_cast<v1::PeerGradientForm>(77));
    }
    stream->Write(frame);
    context.TryCancel();
    stream->Finish();
  }
  EXPECT_LT(Error("south", "north"), 0.3);
  ASSERT_TRUE(StoreUntil({"north", "south"}, [&] {
    return Status("south").edges_size() == 1 && Status("south").edges(0).up() &&
           Error("south", "north") < 0.1;
  }));
}

TEST_F(FederationTest, BytesSentDoNotFallWhenANeighbourComesAgain) {
  constexpr uint64_t kBytesLeast = 50'000;  // more than a new stream begins with
  ASSERT_TRUE(StoreUntil({"north", "south"}, [&] {
    const v1::FederationStatus north = Status("north");
    return north.edges_size() == 1 && north.edges(0).wire_bytes_sent() > kBytesLeast;
  }));
  const uint64_t before = Status("north").edges(0).wire_bytes_sent();
  sites_["mid"].daemon->Stop(SIGKILL);
  Start("mid");  // it opens the stream to north
  ASSERT_TRUE(StoreUntil({"north"}, [&] {
    const v1::FederationStatus mid = Status("mid");
    return mid.edges_size() == 2 && mid.edges(0).up() && mid.edges(1).up();
  }));
  EXPECT_GE(Status("north").edges(0).wire_bytes_sent(), before);
}

TEST(FederationAlone, AServerWithoutAFileSaysSo) {
  const TemporaryDirectory directory;
  const auto daemon = Daemon::Mnemed(MNEMED_PATH, directory.path());
  const auto stub = v1::FederationService::NewStub(daemon->Connect());
  v1::ListFederationsResponse all;
  ASSERT_TRUE(MNEME_CALL(stub, ListFederations, v1::ListFederationsRequest(), &all).ok());
  EXPECT_EQ(all.federations_size(), 0);
  v1::GetFederationRequest request;
  request.set_name("federations/f");
  v1::Federation federation;
  const ErrorParts error = Unpack(MNEME_CALL(stub, GetFederation, request, &federation));
  EXPECT_EQ(error.reason, "FEDERATION_NOT_FOUND");
  EXPECT_NE(error.next_step.find("federation.file"), std::string::npos) << error.next_step;
}

}  // namespace
}  // namespace mneme::test
