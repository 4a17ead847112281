// What a node says of its items: noise on contributions.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "core/federation/node.h"
#include "tests/unit/core/federation/federated.h"

namespace mneme::federation {
namespace {

constexpr int kRounds = 2'000;

// What b contributes to the root a, one item along axis 0 each time, at a memory of zeros:
// the gradient is -1 at place 0.
std::vector<std::vector<float>> Contributions(const Spec& spec) {
  Driven b("b", spec);
  b.Plan(LinePlan(spec));
  Peer a(0);
  b.Handle(StreamUp{.peer = "a"});
  b.Handle(FrameIn{.peer = "a", .frame = a.HelloOf(spec)});
  std::vector<std::vector<float>> out;
  for (int round = 0; round < kRounds; ++round) {
    b.Handle(b.ItemAt(static_cast<uint64_t>(round), 0, 4));
    ParamDown down{.root = 0, .root_incarnation = 1, .tag = static_cast<uint64_t>(round + 1)};
    down.base_tag = down.tag;
    down.memory = Pack(std::vector<float>(kDim * kDim), WireType::kFloat32);
    a.header().ack_seq = 0;
    b.Handle(FrameIn{.peer = "a", .frame = a.Counted(down)});
    for (const Send& send : AllOf<Send>(b.Handle(Tick{}))) {
      if (const auto* stat = std::get_if<StatUp>(&send.frame.body)) {
        EXPECT_TRUE(stat->squares.bytes.empty()) << "sums of items without noise";
      }
      const auto* up = std::get_if<GradUp>(&send.frame.body);
      if (up == nullptr || send.peer != "a") continue;
      EXPECT_EQ(up->form, GradientForm::kDense);
      std::vector<float> values(kDim * kDim);
      EXPECT_TRUE(Unpack(up->values, values));
      out.push_back(values);
      a.header().ack_seq = send.frame.header.edge_seq;
      b.Handle(FrameIn{.peer = "a", .frame = a.Plain(Ack{})});
    }
  }
  return out;
}

TEST(NodeEvaluate, ContributionsAreShortenedAndTheirNoiseHasTheMeanZeroAndItsSize) {
  Spec spec = SmallSpec();
  spec.probe_rounds = 10;
  spec.noise = {.clip = 1.5, .sigma = 0.4};
  const auto sums = Contributions(spec);
  ASSERT_GT(sums.size(), kRounds / 2U);
  const auto count = static_cast<double>(sums.size());
  for (size_t place = 0; place < kDim * kDim; ++place) {
    double mean = 0, square = 0;
    for (const auto& sum : sums) mean += static_cast<double>(sum[place]) / count;
    for (const auto& sum : sums)
      square += std::pow(static_cast<double>(sum[place]) - mean, 2) / count;
    // Weight 1/3; -4 was shortened to -1.5.
    const double deviation = 0.4 * 1.5 / 3;
    EXPECT_NEAR(mean, place == 0 ? -0.5 : 0, 5 * deviation / std::sqrt(count)) << place;
    EXPECT_NEAR(std::sqrt(square), deviation, 0.1 * deviation) << place;
  }
  spec.noise.sigma = 0;
  for (const auto& sum : Contributions(spec)) EXPECT_NEAR(sum[0], -0.5, 1e-6);
}

TEST(NodeEvaluate, ANodesOwnStepsHaveNoNoise) {
  Spec spec = SmallSpec();
  spec.noise = {.clip = 1.5, .sigma = 0.4};
  Driven noisy("b", spec), plain("b");
  for (Driven* node : {&noisy, &plain}) {
    node->Handle(node->ItemAt(0, 0, 4));
    node->Handle(Tick{});
  }
  EXPECT_EQ(noisy->memory(), plain->memory());
}

}  // namespace
}  // namespace mneme::federation
