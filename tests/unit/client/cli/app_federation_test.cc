// Federations from the command line: lists, trees, status and regret, as text, JSON and pictures.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "grpcpp/grpcpp.h"
#include "mneme/v1/federation_service.grpc.pb.h"
#include "tests/unit/client/cli/app_fixture.h"

namespace mneme::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

// Answers from plain fields; knows one federation, "digits".
class FakeFederations final : public v1::FederationService::Service {
 public:
  FakeFederations() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~FakeFederations() override { server_->Shutdown(); }
  std::string target() const { return "127.0.0.1:" + std::to_string(port_); }

  grpc::Status ListFederations(grpc::ServerContext*, const v1::ListFederationsRequest*,
                               v1::ListFederationsResponse* response) override {
    *response = all;
    return grpc::Status::OK;
  }
  grpc::Status GetFederationPlan(grpc::ServerContext*, const v1::GetFederationPlanRequest* request,
                                 v1::FederationPlan* response) override {
    *response = plan;
    return Known(request->name());
  }
  grpc::Status GetFederationStatus(grpc::ServerContext*,
                                   const v1::GetFederationStatusRequest* request,
                                   v1::FederationStatus* response) override {
    *response = status;
    return Known(request->name());
  }
  grpc::Status GetFederationRegret(grpc::ServerContext*,
                                   const v1::GetFederationRegretRequest* request,
                                   v1::FederationRegret* response) override {
    *response = regret;
    return Known(request->name());
  }

  grpc::Status GetFederation(grpc::ServerContext*, const v1::GetFederationRequest* request,
                             v1::Federation* response) override {
    *response = one;
    return Known(request->name());
  }
  grpc::Status CreateFederation(grpc::ServerContext*, const v1::CreateFederationRequest* request,
                                v1::Federation* response) override {
    created = *request;
    *response = one;
    return grpc::Status::OK;
  }
  grpc::Status JoinFederation(grpc::ServerContext*, const v1::JoinFederationRequest* request,
                              v1::Federation* response) override {
    joined = *request;
    *response = one;
    return Known(request->name());
  }
  grpc::Status LeaveFederation(grpc::ServerContext*, const v1::LeaveFederationRequest* request,
                               v1::Federation* response) override {
    left = *request;
    *response = one;
    return Known(request->name());
  }
  grpc::Status SetInterest(grpc::ServerContext*, const v1::SetInterestRequest* request,
                           v1::Federation* response) override {
    interest = *request;
    *response = one;
    return Known(request->name());
  }
  grpc::Status SetLinks(grpc::ServerContext*, const v1::SetLinksRequest* request,
                        v1::Federation* response) override {
    links = *request;
    *response = one;
    return Known(request->name());
  }

  v1::CreateFederationRequest created;
  v1::JoinFederationRequest joined;
  v1::LeaveFederationRequest left;
  v1::SetInterestRequest interest;
  v1::SetLinksRequest links;
  v1::Federation one;
  v1::ListFederationsResponse all;
  v1::FederationPlan plan;
  v1::FederationStatus status;
  v1::FederationRegret regret;

 private:
  static grpc::Status Known(const std::string& name) {
    if (name == "federations/digits") return grpc::Status::OK;
    return client::testing::MakeRichStatus(grpc::StatusCode::NOT_FOUND,
                                           "there is no federation '" + name + "'",
                                           "FEDERATION_NOT_FOUND");
  }
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

class AppFederationTest : public AppTest {
 protected:
  Outcome Ask(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "federation");
    arguments.insert(arguments.end(), {"--server", federations_.target()});
    return RunBare(std::move(arguments));
  }
  void AddTree(const std::string& root, const std::vector<std::array<std::string, 2>>& nodes) {
    v1::FederationTree& tree = *federations_.plan.add_trees();
    tree.set_root(root);
    tree.set_mean_delay_rounds(3);
    for (const auto& [node, parent] : nodes) {
      v1::FederationTreeNode& one = *tree.add_nodes();
      one.set_node(node);
      one.set_parent(parent);
      one.set_weight(node == "mid" ? 0 : 0.5);
      one.set_depth(parent.empty() ? 0 : parent == root ? 1 : 2);
    }
  }

  FakeFederations federations_;
};

TEST_F(AppFederationTest, ListsWhatTheServerTakesPartIn) {
  EXPECT_THAT(Ask({"list"}).out, HasSubstr("--federation.file"));
  v1::Federation& one = *federations_.all.add_federations();
  one.set_name("federations/digits");
  one.set_node("north");
  one.set_memory("memories/m");
  one.mutable_spec()->set_key_dim(784);
  one.mutable_spec()->set_response_dim(10);
  one.mutable_spec()->set_transport(v1::FEDERATION_TRANSPORT_GRADIENT);
  one.mutable_spec()->set_wire_type(v1::FEDERATION_WIRE_TYPE_BFLOAT16);
  (*one.add_nodes()->mutable_interest())["south"] = 0.25;
  const Outcome text = Ask({"list"});
  EXPECT_EQ(text.code, kExitOk) << text.err;
  EXPECT_THAT(text.out, HasSubstr("digits"));
  EXPECT_THAT(text.out, HasSubstr("10 x 784"));
  EXPECT_THAT(text.out, HasSubstr("gradient"));
  const json found = json::parse(Ask({"list", "--json"}).out)["federations"][0];
  EXPECT_EQ(found["memory"], "m");
  EXPECT_EQ(found["spec"]["wire_type"], "bfloat16");
  EXPECT_EQ(found["nodes"][0]["interest"]["south"], 0.25);
}

TEST_F(AppFederationTest, DrawsTheTreesOrOneOfThem) {
  AddTree("north", {{"north", ""}, {"mid", "north"}, {"south", "mid"}, {"east", "north"}});
  AddTree("mid", {{"mid", ""}});
  federations_.plan.set_edge_bytes_down(2048);
  const Outcome all = Ask({"tree", "digits"});
  EXPECT_EQ(all.code, kExitOk) << all.err;
  EXPECT_THAT(all.out, HasSubstr("├─ mid  passes on\n│  └─ south  weight 0.5\n└─ east"));
  EXPECT_THAT(all.out, HasSubstr("2.0 KiB outwards"));
  EXPECT_EQ(json::parse(Ask({"tree", "digits", "--json"}).out)["edge_bytes_at_most"], false);
  federations_.one.mutable_spec()->set_compression(v1::FEDERATION_COMPRESSION_LOW_RANK);
  EXPECT_THAT(Ask({"tree", "digits"}).out, HasSubstr("each round: at most 2.0 KiB outwards"));
  EXPECT_EQ(json::parse(Ask({"tree", "digits", "--json"}).out)["edge_bytes_at_most"], true);
  const Outcome one = Ask({"tree", "digits", "--root", "mid"});
  EXPECT_THAT(one.out, Not(HasSubstr("south")));
  const Outcome none = Ask({"tree", "digits", "--root", "west"});
  EXPECT_EQ(none.code, kExitUsage);
  EXPECT_THAT(none.err, HasSubstr("north, mid"));
  EXPECT_EQ(json::parse(Ask({"tree", "digits", "--json"}).out)["trees"][0]["nodes"].size(), 4u);
}

TEST_F(AppFederationTest, ThePlanSaysWhoIsLeftOut) {
  AddTree("north", {{"north", ""}, {"mid", "north"}, {"south", "mid"}});
  v1::FederationLeftOut& left = *federations_.plan.add_left_out();
  left.set_root("north");
  left.set_node("east");
  left.set_reason("unreachable");
  left.set_weight(0.1);
  federations_.plan.set_epoch(7);
  const Outcome text = Ask({"plan", "digits"});
  EXPECT_THAT(text.out, HasSubstr("epoch 7"));
  EXPECT_THAT(text.out, HasSubstr("2 hops"));
  EXPECT_THAT(text.out, HasSubstr("north does not hear of east (weight 0.1): unreachable"));
  federations_.status.set_node("north");
  federations_.status.set_coverage(1);
  EXPECT_THAT(Ask({"status", "digits"}).out, HasSubstr("left out: north does not hear of east"));
  EXPECT_EQ(json::parse(Ask({"status", "digits", "--json"}).out)["left_out"],
            json::parse(R"([{"root":"north","node":"east","reason":"unreachable","weight":0.1}])"));
  federations_.status.set_node("south");
  EXPECT_THAT(Ask({"status", "digits"}).out, Not(HasSubstr("left out")));
  EXPECT_EQ(json::parse(Ask({"status", "digits", "--json"}).out)["left_out"], json::array());
}

TEST_F(AppFederationTest, StatusShowsWhatIsWrong) {
  v1::FederationStatus& status = federations_.status;
  status.set_waiting_for("there is no memory 'm'");
  EXPECT_THAT(Ask({"status", "digits"}).out, HasSubstr("waiting: there is no memory 'm'"));
  status.set_waiting_for("");
  status.set_node("north");
  status.set_round(12'000);
  status.set_coverage(0.5);
  status.set_regret(3.25);
  status.set_regret_slope(0.97);
  v1::FederationSource& source = *status.add_sources();
  source.set_node("south");
  source.set_arrival_share(0.75);
  v1::FederationEdge& edge = *status.add_edges();
  edge.set_node("mid");
  edge.set_payload_bytes_sent(4096);
  edge.set_closed_reason("connection refused");
  (*status.mutable_drops())["too_old"] = 4;
  status.set_coordination("etcd does not answer");
  const Outcome text = Ask({"status", "digits"});
  EXPECT_EQ(text.code, kExitOk) << text.err;
  EXPECT_THAT(text.out, HasSubstr("coordination: etcd does not answer"));
  EXPECT_THAT(text.out, HasSubstr("round 12,000"));
  EXPECT_THAT(text.out, HasSubstr("coverage 50 %"));
  EXPECT_THAT(text.out, HasSubstr("near 1: something biases it"));
  EXPECT_THAT(text.out, HasSubstr("never"));
  EXPECT_THAT(text.out, HasSubstr("75 %"));
  EXPECT_THAT(text.out, HasSubstr("down"));
  EXPECT_THAT(text.out, HasSubstr("no stream to mid: connection refused"));
  EXPECT_THAT(text.out, HasSubstr("dropped, too_old: 4"));
  const json found = json::parse(Ask({"status", "digits", "--json"}).out);
  EXPECT_EQ(found["regret"], 3.25);
  EXPECT_EQ(found["edges"][0]["payload_bytes_sent"], 4096);
  EXPECT_EQ(found["edges"][0]["closed_reason"], "connection refused");
  EXPECT_EQ(found["drops"]["too_old"], 4);
}

TEST_F(AppFederationTest, RegretAsATableAndAsAPicture) {
  EXPECT_THAT(Ask({"regret", "digits"}).out, ::testing::StartsWith("no regret was measured yet"));
  const Outcome nothing = Ask({"regret", "digits", "--plot", "-"});
  EXPECT_EQ(nothing.code, kExitError);
  EXPECT_THAT(nothing.err, HasSubstr("no regret was measured yet"));
  for (int i = 1; i <= 20; ++i) {
    v1::FederationRegretPoint& point = *federations_.regret.add_points();
    point.set_round(100 * i);
    point.set_loss(10 + i);
    point.set_best_loss(10);
  }
  EXPECT_THAT(Ask({"regret", "digits"}).out, HasSubstr("best fixed memory"));
  const std::string file = folder_ + "/regret.svg";
  const Outcome drawn = Ask({"regret", "digits", "--plot", file});
  EXPECT_EQ(drawn.code, kExitOk) << drawn.err;
  std::stringstream svg;
  svg << std::ifstream(file).rdbuf();
  EXPECT_THAT(svg.str(), HasSubstr("slope 1/2"));
  EXPECT_EQ(json::parse(Ask({"regret", "digits", "--json"}).out)["points"][19]["regret"], 20);
}

TEST_F(AppFederationTest, MakesAFederationOfTheDefaultsAndOfWhatIsSaid) {
  federations_.one.set_name("federations/digits");
  federations_.one.set_coordinator("etcd");
  Outcome made = Ask({"create", "digits", "--dim", "784", "--response-dim", "10"});
  EXPECT_EQ(made.code, kExitOk) << made.err;
  EXPECT_THAT(made.out, HasSubstr("kept in etcd, no plan yet"));
  EXPECT_EQ(federations_.created.federation_id(), "digits");
  EXPECT_EQ(federations_.created.spec().key_dim(), 784u);
  EXPECT_FALSE(federations_.created.spec().has_min_contributors());
  EXPECT_EQ(federations_.created.spec().loss(), v1::FEDERATION_LOSS_UNSPECIFIED);
  made = Ask({"create",
              "digits",
              "--dim",
              "4",
              "--response-dim",
              "2",
              "--loss",
              "huber",
              "--transport",
              "auto",
              "--schedule",
              "adaptive",
              "--wire-type",
              "float32",
              "--planner",
              "shared",
              "--min-contributors",
              "1",
              "--min-items",
              "0",
              "--round-ms",
              "20",
              "--step-scale",
              "0.5",
              "--share-items",
              "--no-stability-cap",
              "--lag-max",
              "512",
              "--compression",
              "topk",
              "--dp-clip",
              "2.5"});
  EXPECT_EQ(made.code, kExitOk) << made.err;
  const v1::FederationSpec& spec = federations_.created.spec();
  EXPECT_EQ(spec.loss(), v1::FEDERATION_LOSS_HUBER);
  EXPECT_EQ(spec.transport(), v1::FEDERATION_TRANSPORT_AUTO);
  EXPECT_EQ(spec.schedule(), v1::FEDERATION_SCHEDULE_ADAPTIVE);
  EXPECT_EQ(spec.wire_type(), v1::FEDERATION_WIRE_TYPE_FLOAT32);
  EXPECT_EQ(federations_.created.planner(), v1::FEDERATION_PLANNER_SHARED);
  EXPECT_EQ(spec.min_contributors(), 1u);
  EXPECT_TRUE(spec.has_min_items());
  EXPECT_EQ(spec.min_items(), 0u);
  EXPECT_EQ(federations_.created.round_millis(), 20);
  EXPECT_EQ(spec.step_scale(), 0.5);
  EXPECT_TRUE(spec.share_items());
  EXPECT_TRUE(spec.has_stability_cap());
  EXPECT_FALSE(spec.stability_cap());
  EXPECT_EQ(spec.lag_max(), 512u);
  EXPECT_EQ(spec.compression(), v1::FEDERATION_COMPRESSION_TOPK);
  EXPECT_EQ(spec.dp_clip(), 2.5);
  EXPECT_EQ(Ask({"create", "digits", "--dim", "4"}).code, kExitUsage);
  EXPECT_EQ(Ask({"create", "digits", "--dim", "4", "--response-dim", "2", "--loss", "x"}).code,
            kExitUsage);
}

// What the wire knows and the table of settings does not could not be said.
TEST(FederationSettings, AreAllThatTheWireHas) {
  std::vector<std::string> keys = {"key_dim", "response_dim"};
  const client::FederationSpec none;
  client::VisitSettings(none, [&](const std::string& key, const auto&, const std::string& help) {
    keys.push_back(key);
    EXPECT_FALSE(help.empty()) << key;
    // Its words are in its help.
    for (const std::string& choice : client::ChoicesOf(key)) {
      EXPECT_THAT(help, HasSubstr(choice)) << key;
    }
  });
  std::vector<std::string> fields;
  const auto* spec = v1::FederationSpec::descriptor();
  for (int i = 0; i < spec->field_count(); ++i) fields.push_back(spec->field(i)->name());
  EXPECT_THAT(keys, ::testing::UnorderedElementsAreArray(fields));
}

TEST_F(AppFederationTest, JoinsAndLeaves) {
  federations_.one.set_name("federations/digits");
  federations_.one.set_node("north");
  federations_.one.set_memory("memories/m");
  const Outcome joined = Ask({"join", "digits", "--memory", "m"});
  EXPECT_EQ(joined.code, kExitOk) << joined.err;
  EXPECT_EQ(federations_.joined.memory(), "memories/m");
  EXPECT_THAT(joined.out, HasSubstr("this server is node north, with memory m"));
  EXPECT_EQ(Ask({"join", "digits"}).code, kExitOk);
  EXPECT_EQ(federations_.joined.memory(), "memories/digits");
  EXPECT_EQ(Ask({"join", "faces"}).code, kExitNotFound);
  EXPECT_EQ(Ask({"leave", "digits", "--node", "south"}).code, kExitOk);
  EXPECT_EQ(federations_.left.node(), "south");
  EXPECT_EQ(json::parse(Ask({"leave", "digits", "--json"}).out)["name"], "digits");
  EXPECT_EQ(federations_.left.node(), "");
}

TEST_F(AppFederationTest, SetsRowsOfInterestAndLinks) {
  federations_.one.set_name("federations/digits");
  v1::FederationNode& node = *federations_.one.add_nodes();
  node.set_name("south");
  node.set_away(true);
  (*node.mutable_interest())["north"] = 0.5;
  const Outcome set = Ask({"interest", "digits", "north=1", "south=2.5e-1", "--node", "south"});
  EXPECT_EQ(set.code, kExitOk) << set.err;
  EXPECT_EQ(federations_.interest.node(), "south");
  EXPECT_EQ(federations_.interest.interest().at("south"), 0.25);
  EXPECT_THAT(set.out, HasSubstr("away"));
  EXPECT_THAT(set.out, HasSubstr("north=0.5"));
  EXPECT_EQ(Ask({"links", "digits", "mid=2.5"}).code, kExitOk);
  EXPECT_EQ(federations_.links.link_millis().at("mid"), 2.5);
  EXPECT_EQ(Ask({"links", "digits", "--none"}).code, kExitOk);
  EXPECT_EQ(federations_.links.link_millis_size(), 0);
  for (const char* word : {"north", "=1", "north=", "north=x", "north=1x"}) {
    const Outcome bad = Ask({"interest", "digits", word});
    EXPECT_EQ(bad.code, kExitUsage) << word;
    EXPECT_THAT(bad.err, HasSubstr("NODE=WEIGHT"));
  }
  EXPECT_EQ(Ask({"interest", "digits", "a=1", "a=2"}).code, kExitUsage);
  EXPECT_THAT(Ask({"interest", "digits"}).err, HasSubstr("--none"));
  EXPECT_THAT(Ask({"describe", "digits"}).out, HasSubstr("south"));
}

TEST_F(AppFederationTest, AnUnknownFederationEndsWithItsOwnExitCode) {
  const Outcome outcome = Ask({"status", "faces"});
  EXPECT_EQ(outcome.code, kExitNotFound);
  EXPECT_THAT(outcome.err, HasSubstr("faces"));
}

}  // namespace
}  // namespace mneme::cli
