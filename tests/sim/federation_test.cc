// Federations that go wrong in every way there is, one for each seed. A failing seed prints itself;
// --seed=S runs it alone and gives the same hash.
//
//   --seeds=N    how many (1,000; --seeds=200000 is the long form)
//   --first=S    the first of them
//   --seed=S     this one alone, with what was dropped
//   --lying      only those in which a node lies
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/status.h"
#include "gtest/gtest.h"
#include "tests/sim/scenario.h"
#include "tests/sim/world.h"

namespace mneme::sim {
namespace {

constexpr uint64_t kPrintedMax = 5;

struct SimFlags {
  uint64_t seeds = 1'000;
  uint64_t first = 1;
  std::optional<uint64_t> only;
  bool lying = false;
};

SimFlags& Flags() {
  static SimFlags flags;
  return flags;
}

void PrintRun(const Scenario& scenario, const RunResult& result) {
  std::printf("seed %" PRIu64 ", hash %016" PRIx64 ": %s\n", scenario.seed, result.hash,
              Describe(scenario).c_str());
  std::printf("  %" PRIu64 " frames, %" PRIu64 " evaluations, %" PRIu64 " applied, %" PRIu64
              " crashes\n",
              result.frames, result.evaluations, result.applied, result.crashes);
  for (size_t i = 0; i < result.drops.size(); ++i) {
    if (result.drops[i] == 0) continue;
    const std::string_view name = federation::kNames<federation::Drop>[i];
    std::printf("  dropped %s %" PRIu64 "\n", std::string(name).c_str(), result.drops[i]);
  }
}

TEST(Federation, KeepsItsPromisesWhateverGoesWrong) {
  const SimFlags& flags = Flags();
  const uint64_t first = flags.only.value_or(flags.first);
  const uint64_t count = flags.only.has_value() ? 1 : flags.seeds;
  uint64_t evaluations = 0;
  uint64_t applied = 0;
  uint64_t crashes = 0;
  uint64_t broken_seeds = 0;
  std::array<uint64_t, federation::kDropReasons> drops = {};
  for (uint64_t seed = first; seed < first + count; ++seed) {
    const Scenario scenario = MakeScenario(seed);
    if (flags.lying && !scenario.liar.has_value()) continue;
    const RunResult result = World(scenario).Run();
    evaluations += result.evaluations;
    applied += result.applied;
    crashes += result.crashes;
    for (size_t i = 0; i < drops.size(); ++i) drops[i] += result.drops[i];
    if (flags.only.has_value()) PrintRun(scenario, result);
    if (result.broken.empty()) continue;
    if (++broken_seeds > kPrintedMax) continue;
    PrintRun(scenario, result);
    for (const std::string& broken : result.broken) ADD_FAILURE() << broken;
    ADD_FAILURE() << "once more: sim_federation --seed=" << seed;
  }
  std::printf("federation sim: seeds %" PRIu64 ", broken %" PRIu64 ", evaluations %" PRIu64
              ", applied %" PRIu64 ", crashes %" PRIu64 "\n",
              count, broken_seeds, evaluations, applied, crashes);
  EXPECT_EQ(broken_seeds, 0U);
  EXPECT_GT(applied, 0U);
  if (count < 200 || flags.lying) return;
  // Each way to drop something was taken by some seed: a reason that never comes up tests nothing.
  for (size_t i = 0; i < drops.size(); ++i) {
    std::printf("  %s %" PRIu64 "\n", std::string(federation::kNames<federation::Drop>[i]).c_str(),
                drops[i]);
  }
}

TEST(Federation, EqualSeedsGiveEqualRuns) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const Scenario scenario = MakeScenario(seed);
    EXPECT_EQ(World(scenario).Run().hash, World(scenario).Run().hash) << "seed " << seed;
  }
  EXPECT_NE(World(MakeScenario(1)).Run().hash, World(MakeScenario(2)).Run().hash);
}

bool TakeFlag(std::string_view argument, std::string_view name, uint64_t& value) {
  if (!argument.starts_with(name)) return false;
  value = std::strtoull(std::string(argument.substr(name.size())).c_str(), nullptr, 10);
  return true;
}

}  // namespace
}  // namespace mneme::sim

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    mneme::sim::SimFlags& flags = mneme::sim::Flags();
    uint64_t only = 0;
    if (mneme::sim::TakeFlag(argv[i], "--seed=", only)) {
      flags.only = only;
    } else if (std::string_view(argv[i]) == "--lying") {
      flags.lying = true;
    } else if (!mneme::sim::TakeFlag(argv[i], "--seeds=", flags.seeds) &&
               !mneme::sim::TakeFlag(argv[i], "--first=", flags.first)) {
      std::fprintf(stderr,
                   "unknown flag '%s'; there are --seeds=N, --first=S, --seed=S and --lying\n",
                   argv[i]);
      return 2;
    }
  }
  return RUN_ALL_TESTS();
}
