// ENOSPC, EIO, a torn append, a failed sync: at every sort of call on every sort of file of one
// fixed life (making the directory, writing, flushing, compacting, a clean stop with checkpoints,
// opening again, writing on).
//
// However it ends, nothing more is acknowledged after the first write whose outcome is unknown,
// the engine says so once, no failed sync is tried again, and the next start serves all that was
// acknowledged. Where a flush met a full disk, writes come back by themselves once there is room.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/random.h"
#include "core/base/status.h"
#include "gtest/gtest.h"
#include "tests/faults/ledger.h"
#include "tests/faults/machine.h"
#include "tests/faults/schedules.h"

namespace mneme::test {
namespace {

constexpr uint64_t kWritesOfASession = 30;
constexpr int64_t kSecondNanos = 1'000'000'000;  // the engine asks the disk again before that
constexpr std::array kLevels = {engine::Sync::kDisk, engine::Sync::kOs};

// Two sessions on one disk, the second after a clean stop of the first; over when the log stops.
class Life {
 public:
  Life(uint64_t schedule, Tally& tally)
      : schedule_(schedule), tally_(tally), ledger_(schedule, tally), machine_(DiskImage()) {}

  Machine& machine() { return machine_; }
  Ledger& ledger() { return ledger_; }

  void Live() {
    if (!Session(1) || !machine_.Stop().ok()) return;
    ledger_.StoppedCleanly();
    Session(1 + kWritesOfASession);
  }
  // Checked when the life is over, whatever ended it.
  void CheckEnd() {
    // Not every commit is one of ours: that of a checkpoint may be the one that fails.
    if (machine_.fatal_calls() == 1 && !stopped_) ExpectStopped();
    if (machine_.fatal_calls() != (stopped_ ? 1 : 0)) {
      Wrong(absl::StrCat("on_fatal was called ", machine_.fatal_calls(), " times"));
    }
    if (machine_.files().syncs_after_failed_sync() > 0) Wrong("a failed sync was tried again");
  }

 private:
  void Wrong(std::string_view text) { tally_.Report(Finding::kWrong, schedule_, text); }

  void ExpectStopped() {
    if (!machine_.running()) {
      stopped_ = true;
      return;
    }
    const Batch batch(1 + 2 * kWritesOfASession);
    const absl::StatusOr<engine::WriteReply> reply =
        machine_.Store(batch, engine::Sync::kDisk).get();
    ledger_.Ended(Ledger::Kind::kStore, batch.number, engine::Sync::kDisk, reply);
    const std::string reason = ReasonOf(reply.status());
    stopped_ = reason == "LOG_STOPPED" || reason == "DEGRADED";
    if (!stopped_) Wrong("after on_fatal: " + reply.status().ToString());
  }

  void Ended(Ledger::Kind kind, const Batch& batch, engine::Sync level,
             const absl::StatusOr<engine::WriteReply>& reply) {
    ledger_.Ended(kind, batch.number, level, reply);
    const std::string reason = ReasonOf(reply.status());
    if (stopped_ && reason != "LOG_STOPPED" && reason != "DEGRADED") {
      Wrong("after an unknown outcome: " + reply.status().ToString());
    }
    stopped_ = stopped_ || reason == "OUTCOME_UNKNOWN";
    // No disk here is full for more than one call.
    const bool full = reason == "FULL";
    if (full && full_) Wrong("still full after a second: " + reply.status().ToString());
    full_ = full;
    if (!full) return;
    tally_.Note("full");
    machine_.Wait(kSecondNanos);
  }

  // False when the log stopped, or there was no start.
  bool Session(uint64_t first) {
    if (!machine_.Start().ok()) return false;
    if (const absl::Status created = machine_.CreateMemories(); !created.ok()) {
      stopped_ = ReasonOf(created) == "OUTCOME_UNKNOWN";
      return false;
    }
    for (uint64_t n = first; n < first + kWritesOfASession; ++n) {
      const engine::Sync level = kLevels[n % kLevels.size()];
      const Batch batch(n);
      Ended(Ledger::Kind::kStore, batch, level, machine_.Store(batch, level).get());
      const std::vector<uint64_t> held = ledger_.held();
      if (n % 4 != 0 || held.empty()) continue;
      const Batch victim(held[n % held.size()]);
      Ended(Ledger::Kind::kDelete, victim, level, machine_.Delete(victim, level).get());
    }
    return !stopped_;
  }

  const uint64_t schedule_;
  Tally& tally_;
  Ledger ledger_;
  Machine machine_;
  bool stopped_ = false;
  bool full_ = false;  // the last write was refused for want of room
};

void LiveWithFault(const Fault& fault, uint64_t schedule, Tally& tally) {
  Random random(Flags().seed, schedule);
  Life life(schedule, tally);
  life.machine().files().Inject(fault);
  life.Live();
  life.CheckEnd();
  if (!life.machine().files().fired()) return tally.Note("not met");
  tally.Note("faults met");
  const bool power_stays = random.Below(2) == 0;
  if (power_stays) life.ledger().ProcessEnded();
  DiskImage image = life.machine().files().Image();
  const DiskImage survivors = life.machine().LosePower(random);
  if (!power_stays) image = survivors;

  Machine after(image);
  if (const absl::Status started = after.Start(); !started.ok()) {
    return tally.Report(
        Finding::kLost, schedule,
        absl::StrCat(CallName(fault.call.value_or(Call::kOpen)), " of ",
                     FileKindName(fault.file.value_or(FileKind::kOther)), " number ", fault.nth,
                     power_stays ? "" : ", power lost", ", next start: ", started.ToString()));
  }
  life.ledger().Check(after);
  if (const absl::Status created = after.CreateMemories(); !created.ok()) {
    return tally.Report(Finding::kWrong, schedule, created.ToString());
  }
  life.ledger().RetryAndCheck(after);
}

using Counts = std::array<std::array<uint64_t, kFileKinds>, kCalls>;

// Calls of a life without a fault. Background threads make them vary a little.
Counts CountCalls(Tally& tally) {
  Life life(0, tally);
  life.Live();
  Counts counts;
  for (int call = 0; call < kCalls; ++call) {
    for (int file = 0; file < kFileKinds; ++file) {
      counts[static_cast<size_t>(call)][static_cast<size_t>(file)] =
          life.machine().files().calls(static_cast<Call>(call), static_cast<FileKind>(file));
    }
  }
  return counts;
}

// How a call goes wrong, in three ways.
constexpr uint64_t kVariants = 3;
Fault FaultOf(Call call, FileKind file, uint64_t nth, uint64_t variant, Random& random) {
  Fault fault{.kind = Fault::Kind::kIoError, .call = call, .file = file, .nth = nth};
  const bool writes = call == Call::kAppend || call == Call::kCreate || call == Call::kSync ||
                      call == Call::kRename || call == Call::kMakeDirectory ||
                      call == Call::kSyncDirectory;
  if (variant == 1 && writes) fault.kind = Fault::Kind::kNoSpace;
  if (variant == 2 && call == Call::kAppend) {
    fault.kind = Fault::Kind::kTear;
    fault.torn_bytes = random.Below(600);
  } else {
    fault.from_then_on = variant == 2;
  }
  return fault;
}

TEST(CallSite, EachSortOfCallFailsAndNothingAcknowledgedIsLost) {
  constexpr uint64_t kOccurrences = 3;  // the first, the last, and one between
  constexpr uint64_t kAll = kCalls * kFileKinds * kOccurrences * kVariants;
  Counts counts = {};
  bool counted = false;
  RunSchedules("call sites", Flags().Count(kAll, kAll), [&](uint64_t schedule, Tally& tally) {
    if (!std::exchange(counted, true)) counts = CountCalls(tally);
    const uint64_t variant = schedule % kVariants;
    const uint64_t occurrence = schedule / kVariants % kOccurrences;
    const uint64_t file = schedule / kVariants / kOccurrences % kFileKinds;
    const uint64_t call = schedule / kVariants / kOccurrences / kFileKinds;
    const uint64_t count = counts[call][file];
    const uint64_t nth = occurrence * (count - 1) / (kOccurrences - 1) + 1;
    if (count == 0 ||
        (occurrence > 0 && nth == (occurrence - 1) * (count - 1) / (kOccurrences - 1) + 1)) {
      return tally.Note("no such call");
    }
    Random random(Flags().seed, schedule);
    LiveWithFault(
        FaultOf(static_cast<Call>(call), static_cast<FileKind>(file), nth, variant, random),
        schedule, tally);
  });
}

TEST(CallSite, AnyCallFailsAndNothingAcknowledgedIsLost) {
  Counts counts = {};
  bool counted = false;
  RunSchedules("random faults", Flags().Count(50, 1'000), [&](uint64_t schedule, Tally& tally) {
    if (!std::exchange(counted, true)) counts = CountCalls(tally);
    Random random(Flags().seed, schedule + 1'000'000);
    std::vector<std::pair<Call, FileKind>> all;
    for (int call = 0; call < kCalls; ++call) {
      for (int file = 0; file < kFileKinds; ++file) {
        if (counts[static_cast<size_t>(call)][static_cast<size_t>(file)] > 0) {
          all.emplace_back(static_cast<Call>(call), static_cast<FileKind>(file));
        }
      }
    }
    const auto [call, file] = all[random.Below(all.size())];
    const uint64_t nth =
        1 + random.Below(counts[static_cast<size_t>(call)][static_cast<size_t>(file)]);
    LiveWithFault(FaultOf(call, file, nth, random.Below(kVariants), random), schedule, tally);
  });
}

}  // namespace
}  // namespace mneme::test
