// The power goes at any moment of a mixed load of stores and deletions at all three levels of
// safety: pages that were not synced are gone or not as chance has it, names too. What was
// acknowledged at level DISK is there, everything else is there in order and whole or not at all.
#include <deque>
#include <map>
#include <utility>

#include "core/base/random.h"
#include "core/base/status.h"
#include "gtest/gtest.h"
#include "tests/faults/ledger.h"
#include "tests/faults/machine.h"
#include "tests/faults/schedules.h"

namespace mneme::test {
namespace {

constexpr uint64_t kCutsPerSchedule = 2;
constexpr uint64_t kWritesMax = 120;
constexpr uint64_t kInFlightMax = 6;

// Some loads hardly ever ask for DISK: then many pages are at stake when the power goes.
engine::Sync RandomLevel(uint64_t one_in_on_disk, Random& random) {
  if (random.Below(one_in_on_disk) == 0) return engine::Sync::kDisk;
  return random.Below(2) == 0 ? engine::Sync::kOs : engine::Sync::kMemory;
}

// Stores and deletes until `writes` were sent or one of them did not end well.
void Load(Machine& machine, Ledger& ledger, uint64_t& next_batch, uint64_t writes, Random& random) {
  struct Pending {
    Ledger::Kind kind;
    engine::Sync sync;
    Batch batch;
    std::future<absl::StatusOr<engine::WriteReply>> end;
  };
  const uint64_t one_in_on_disk = random.Below(2) == 0 ? 2 : 30;
  bool well = true;
  for (uint64_t sent = 0; well && sent < writes;) {
    std::deque<Pending> pending;
    std::vector<uint64_t> held = ledger.held();
    for (uint64_t wave = 1 + random.Below(kInFlightMax); wave > 0; --wave, ++sent) {
      const engine::Sync sync = RandomLevel(one_in_on_disk, random);
      if (!held.empty() && random.Below(4) == 0) {
        std::swap(held[random.Below(held.size())], held.back());
        pending.push_back({Ledger::Kind::kDelete, sync, Batch(held.back()), {}});
        held.pop_back();
        pending.back().end = machine.Delete(pending.back().batch, sync);
      } else {
        pending.push_back({Ledger::Kind::kStore, sync, Batch(next_batch++), {}});
        pending.back().end = machine.Store(pending.back().batch, sync);
      }
    }
    for (Pending& write : pending) {
      const absl::StatusOr<engine::WriteReply> reply = write.end.get();
      well = well && reply.ok();
      ledger.Ended(write.kind, write.batch.number, write.sync, reply);
    }
  }
}

TEST(PowerCut, WhatWasAcknowledgedOnDiskSurvivesAndNothingIsHalfThere) {
  RunSchedules("power cut", Flags().Count(50, 2'000), [](uint64_t schedule, Tally& tally) {
    Random random(Flags().seed, schedule);
    Ledger ledger(schedule, tally);
    DiskImage image;
    uint64_t next_batch = 1;
    for (uint64_t cut = 0; cut < kCutsPerSchedule; ++cut) {
      Machine machine(image);
      // From the very first call on: making the directory, opening, replaying, flushing.
      const uint64_t calls = random.Below(3) == 0 ? 150 : 1'000;
      machine.files().Inject({.kind = Fault::Kind::kPowerCut, .nth = 1 + random.Below(calls)});
      if (machine.Start().ok() && machine.CreateMemories().ok()) {
        Load(machine, ledger, next_batch, 1 + random.Below(kWritesMax), random);
        if (random.Below(4) == 0 && machine.Stop().ok()) ledger.StoppedCleanly();
      }
      tally.Note(machine.files().fired() ? "cuts in the midst" : "cuts at the end");
      image = machine.LosePower(random);

      Machine after(image);
      if (const absl::Status started = after.Start(); !started.ok()) {
        return tally.Report(Finding::kLost, schedule, "after the cut: " + started.ToString());
      }
      ledger.Check(after);
      if (const absl::Status created = after.CreateMemories(); !created.ok()) {
        return tally.Report(Finding::kWrong, schedule, created.ToString());
      }
      ledger.RetryAndCheck(after);
      image = after.LosePower(random);
    }
  });
}

}  // namespace
}  // namespace mneme::test
