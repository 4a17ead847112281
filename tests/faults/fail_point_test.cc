// Every fail point: the daemon is loaded until it dies there, or told to stop and dies on the way;
// then it is started again and held against what was acknowledged. A point that the load never
// meets is a finding.
#include <algorithm>

#include "core/base/fail_point.h"
#include "gtest/gtest.h"
#include "tests/faults/live_world.h"

namespace mneme::test {
namespace {

// How many passes of a point the load is sure to make.
uint64_t PassesOf(std::string_view point) {
  if (point.starts_with("commit.")) return 60;
  if (point == "recovery.after_memory" || point == "recovery.replay") return 5;
  if (point == "checkpoint.purge") return 1;
  if (point.starts_with("checkpoint.") || point == "stream.before_ack") return 3;
  if (point == "evict.prepare") return 5;
  return 1;
}

void DieAt(std::string_view point, uint64_t schedule, Tally& tally) {
  Random random(Flags().seed, schedule);
  LiveWorld world(schedule, tally);
  if (!world.Start()) {
    return tally.Report(Finding::kWrong, schedule,
                        "the daemon did not start: " + world.LastWords());
  }
  world.MakeMemories();
  world.Run({.acknowledged = 40 + random.Below(100), .seed = random.Next()});
  // What is of unknown outcome is found out by a daemon that does not die.
  if (!world.Start()) {
    return tally.Report(Finding::kLost, schedule, "it does not start again: " + world.LastWords());
  }
  world.Check();
  const uint64_t pass = 1 + random.Below(PassesOf(point));
  const std::string armed = std::string(point) + "=kill@" + std::to_string(pass);
  bool died = !world.Start(armed);
  if (!died) {
    world.Run({.acknowledged = 100, .all_kinds = true, .end_by = SIGTERM, .seed = random.Next()});
    died = world.died_by_itself() || world.exit_code() == -SIGKILL;
  }
  if (!died) tally.Report(Finding::kWrong, schedule, armed + " was never met");
  tally.Note("died there", died ? 1 : 0);
  for (int restart = 0; restart < 2; ++restart) {
    if (!world.Start())
      return tally.Report(Finding::kLost, schedule,
                          "after " + armed + " it does not start: " + world.LastWords());
    world.Check();
    world.Run({.acknowledged = 20, .seed = random.Next()});
  }
}

TEST(FailPoints, MayEndTheDaemonAndNothingAcknowledgedIsLost) {
  constexpr uint64_t kPoints = kFailPoints.size();
  RunSchedules("fail points", Flags().Count(5 * kPoints, 200 * kPoints),
               [](uint64_t schedule, Tally& tally) {
                 DieAt(kFailPoints[schedule % kFailPoints.size()], schedule, tally);
               });
}

}  // namespace
}  // namespace mneme::test
