#include "core/federation/plan.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>

#include "core/base/crc32c.h"
#include "core/base/random.h"
#include "core/base/status.h"

namespace mneme::federation {
namespace {

// Nodes a - b - c - d on a path, and the tree of b with its branches a and c - d.
Plan Path() {
  return {.epoch = 5,
          .created_by = "a",
          .nodes = {{.name = "a", .address = "10.0.0.1:7413", .incarnation = 3},
                    {.name = "b"},
                    {.name = "c"},
                    {.name = "d"}},
          .trees = {{.root = 1,
                     .nodes = {{.node = 1, .weight = 0.5},
                               {.node = 0, .parent = 1, .depth = 1, .weight = 0.25},
                               {.node = 2, .parent = 1, .depth = 1, .weight = 0},
                               {.node = 3, .parent = 2, .depth = 2, .weight = 0.25}}},
                    {.root = 3,
                     .nodes = {{.node = 3, .weight = 0.5},
                               {.node = 2, .parent = 3, .depth = 1, .weight = 0.5}}}},
          .spec = {.d_k = 4, .d_v = 4},
          .left_out = {{.root = 0, .node = 3, .weight = 0.1}}};
}

TEST(Plan, BytesGiveThePlanBack) {
  const Plan plan = Path();
  ASSERT_TRUE(Check(plan).ok()) << Check(plan);
  const auto back = DecodePlan(Encode(plan));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, plan);
  EXPECT_EQ(Encode(*back), Encode(plan));
}

TEST(Plan, CheckRefusesWhatIsNoPlan) {
  const struct {
    std::string reason, said;
    std::function<void(Plan&)> spoil;
  } cases[] = {
      {"PLAN", "epoch", [](Plan& p) { p.epoch = 0; }},
      {"SPEC", "d_k", [](Plan& p) { p.spec.d_k = 0; }},
      {"PLAN", "transport", [](Plan& p) { p.spec.transport = Transport::kAuto; }},
      {"PLAN", "number of nodes", [](Plan& p) { p.nodes.clear(); }},
      {"PLAN", "name", [](Plan& p) { p.nodes[1].name = ""; }},
      {"PLAN", "sorted", [](Plan& p) { p.nodes[1].name = "a"; }},
      {"PLAN", "sorted", [](Plan& p) { p.nodes[1].name = "x"; }},
      {"PLAN", "address", [](Plan& p) { p.nodes[1].address = std::string(1000, 'x'); }},
      {"PLAN", "root of a tree", [](Plan& p) { p.trees[0].root = 9; }},
      {"PLAN", "first entry", [](Plan& p) { p.trees[0].nodes.clear(); }},
      {"PLAN", "first entry", [](Plan& p) { p.trees[0].nodes[0].parent = 0; }},
      {"PLAN", "node in the tree of b", [](Plan& p) { p.trees[0].nodes[2].node = 99; }},
      {"PLAN", "twice", [](Plan& p) { p.trees[0].nodes[2].node = 0; }},
      {"PLAN", "weight of d", [](Plan& p) { p.trees[0].nodes[3].weight = -0.25; }},
      {"PLAN", "weight of d",
       [](Plan& p) { p.trees[0].nodes[3].weight = std::numeric_limits<double>::quiet_NaN(); }},
      {"PLAN", "weight of d", [](Plan& p) { p.trees[0].nodes[3].weight = 1e20; }},
      {"PLAN", "parent of d", [](Plan& p) { p.trees[0].nodes[3].parent = 77; }},
      {"PLAN", "parent of c", [](Plan& p) { p.trees[1].nodes[1].parent = 0; }},
      {"PLAN", "depth of d", [](Plan& p) { p.trees[0].nodes[3].depth = 1; }},
      {"CYCLE", "cycle",
       [](Plan& p) {
         p.trees[0].nodes[2].parent = 3;
         p.trees[0].nodes[2].depth = 3;
       }},
      {"CYCLE", "cycle", [](Plan& p) { p.trees[0].nodes[1].parent = 0; }},
      {"PLAN", "before its parent",
       [](Plan& p) { std::swap(p.trees[0].nodes[2], p.trees[0].nodes[3]); }},
      {"PLAN", "order of the trees", [](Plan& p) { std::swap(p.trees[0], p.trees[1]); }},
      {"PLAN", "order of the trees", [](Plan& p) { p.trees[1] = p.trees[0]; }},
      {"PLAN", "left-out", [](Plan& p) { p.left_out[0].node = 4; }},
  };
  for (const auto& [reason, said, spoil] : cases) {
    Plan plan = Path();
    spoil(plan);
    const absl::Status status = Check(plan);
    ASSERT_FALSE(status.ok()) << said;
    EXPECT_EQ(GetErrorDetail(status)->reason, reason) << status;
    EXPECT_NE(StdView(status.message()).find(said), std::string_view::npos) << status;
    EXPECT_FALSE(DecodePlan(Encode(plan)).ok()) << said;
  }
}

TEST(Plan, DamagedBytesAreRefused) {
  const std::string bytes = Encode(Path());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodePlan(std::string_view(bytes).substr(0, size)).ok()) << size;
  }
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x40);
    EXPECT_FALSE(DecodePlan(damaged).ok()) << "byte " << i;
  }
}

TEST(Plan, HugeCountsWithARightChecksumTakeNoMemory) {
  Random random(3);
  const std::string bytes = Encode(Path());
  for (int trial = 0; trial < 3000; ++trial) {
    std::string body = bytes.substr(0, bytes.size() - 4);
    for (int i = 0; i < 4; ++i) body[8 + random.Below(body.size() - 8)] = '\xff';
    uint32_t crc = Crc32c(body);
    body.append(reinterpret_cast<const char*>(&crc), sizeof(crc));
    const auto plan = DecodePlan(body);
    EXPECT_TRUE(!plan.ok() || Check(*plan).ok()) << "trial " << trial;
  }
}

TEST(Plan, APlaceKnowsItsRolesAndNeighbours) {
  const Plan plan = Path();
  const Place c = PlaceOf(plan, 2);
  ASSERT_EQ(c.roles.size(), 2u);
  EXPECT_EQ(c.RoleIn(1)->parent, 1u);
  EXPECT_EQ(c.RoleIn(1)->children, std::vector<NodeIndex>{3});
  EXPECT_EQ(c.RoleIn(1)->height, 1u);
  EXPECT_EQ(c.RoleIn(1)->weight, 0);
  EXPECT_EQ(c.RoleIn(3)->weight, 0.5);
  EXPECT_EQ(c.RoleIn(0), nullptr);
  EXPECT_EQ(c.neighbours, (std::vector<NodeIndex>{1, 3}));
  const Place b = PlaceOf(plan, 1);
  EXPECT_TRUE(b.RoleIn(1)->is_root());
  EXPECT_EQ(b.RoleIn(1)->children, (std::vector<NodeIndex>{0, 2}));
  EXPECT_EQ(b.RoleIn(1)->height, 2u);
  EXPECT_TRUE(b.IsNeighbour(2));
  EXPECT_FALSE(b.IsNeighbour(3));
}

TEST(Plan, FindsNodesAndMeasuresTrees) {
  const Plan plan = Path();
  EXPECT_EQ(FindNode(plan, "c"), 2u);
  EXPECT_EQ(FindNode(plan, "cc"), std::nullopt);
  EXPECT_EQ(FindTree(plan, 0), nullptr);
  const Tree* tree = FindTree(plan, 1);
  ASSERT_NE(tree, nullptr);
  EXPECT_DOUBLE_EQ(MeanDepth(*tree), 0.75);
  EXPECT_EQ(DepthOf(*tree), 2u);
  EXPECT_EQ(DelayOf(Transport::kGradient, 2), 4u);
  EXPECT_EQ(DelayOf(Transport::kFactor, 2), 2u);
  EXPECT_EQ(MeanDepth(Tree{}), 0);
}

}  // namespace
}  // namespace mneme::federation
