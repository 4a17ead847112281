// kill -9 at any moment of a mixed load over gRPC, ten times over one data directory: what was
// acknowledged is there, what was refused or never sent is not, every batch is whole, models answer
// as fresh ones of the same items do, and a write of unknown outcome that is sent again is done
// once. A schedule is ten kills.
#include "gtest/gtest.h"
#include "tests/faults/live_world.h"

namespace mneme::test {
namespace {

constexpr uint64_t kKillsPerSchedule = 10;

TEST(Kill, LosesNothingAcknowledgedAndShowsNothingHalf) {
  RunSchedules("kill -9", Flags().Count(10, 500), [](uint64_t schedule, Tally& tally) {
    Random random(Flags().seed, schedule);
    LiveWorld world(schedule, tally);
    for (uint64_t kill = 0; kill <= kKillsPerSchedule; ++kill) {
      if (!world.Start())
        return tally.Report(Finding::kLost, schedule,
                            "the daemon did not start again: " + world.LastWords());
      if (kill == 0) world.MakeMemories();
      world.Check();
      if (kill == kKillsPerSchedule) break;
      world.Run({.acknowledged = 1 + random.Below(200), .seed = random.Next()});
      if (world.died_by_itself())
        tally.Report(Finding::kWrong, schedule, "the daemon died unasked: " + world.LastWords());
      tally.Note("kills");
    }
    world.Run({.acknowledged = 1, .end_by = SIGTERM, .seed = random.Next()});
    if (world.exit_code() != 0)
      tally.Report(Finding::kWrong, schedule, "told to stop, it left with another code than 0");
    tally.Note("acknowledged", world.acknowledged());
  });
}

}  // namespace
}  // namespace mneme::test
