#include "tests/sim/memory_coordinator.h"

#include <algorithm>
#include <vector>

#include "core/base/status.h"
#include "gtest/gtest.h"
#include "tests/sim/coordinator_contract.h"

namespace mneme::sim {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int kSecondsMax = 60;

class MemoryWorld {
 public:
  std::unique_ptr<federation::Coordinator> Client() {
    auto client = std::make_unique<MemoryCoordinator>(engine_);
    alive_.push_back(client.get());
    return client;
  }
  void Crash(std::unique_ptr<federation::Coordinator> client) { std::erase(alive_, client.get()); }
  template <typename Done>
  bool Eventually(Done done) {
    for (int second = 0; second < kSecondsMax && !done(); ++second) {
      for (federation::Coordinator* client : alive_)
        static_cast<MemoryCoordinator*>(client)->KeepAlive();
      engine_.AdvanceTo(now_ += kSecond);
    }
    return done();
  }
  void SetUp(bool up) { engine_.SetUp(up); }

 private:
  MemoryEngine engine_;
  int64_t now_ = 0;
  std::vector<federation::Coordinator*> alive_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Memory, CoordinatorContract, MemoryWorld);

TEST(MemoryCoordinator, ALeaseLastsTenSecondsAndItsNodeComesBackAsItWas) {
  MemoryEngine engine;
  MemoryCoordinator node(engine);
  EXPECT_EQ(*node.Register("a", "x:1"), 1U);
  engine.AdvanceTo(9 * kSecond);
  EXPECT_TRUE(node.KeepAlive());
  engine.AdvanceTo(18 * kSecond);
  EXPECT_TRUE(engine.contents().records.contains("nodes/a"));
  engine.AdvanceTo(19 * kSecond);
  EXPECT_FALSE(engine.contents().records.contains("nodes/a"));
  EXPECT_FALSE(node.KeepAlive());
  EXPECT_EQ(engine.contents().records.at("nodes/a").value, "1\nx:1\n");
}

TEST(MemoryCoordinator, AWatchOfThePastIsLost) {
  MemoryEngine engine;
  MemoryCoordinator node(engine);
  ASSERT_TRUE(node.Put("interest/a", "1", federation::Lifetime::kForEver).ok());
  ASSERT_TRUE(node.Put("interest/a", "2", federation::Lifetime::kForEver).ok());
  bool lost = false;
  ASSERT_TRUE(node.StartWatch(
                      1, [](const federation::Change&) {}, [&] { lost = true; })
                  .ok());
  EXPECT_TRUE(lost) << "changes were missed";
}

}  // namespace
}  // namespace mneme::sim
