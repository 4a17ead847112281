// The write-ahead log cut at every byte of its last 64 KiB, and with sectors of it zeroed, repeated
// and swapped.
//
// A cut log is a crash while writing: the commits that lie wholly before the cut are served,
// exactly those. Damage inside a log whose every commit was acknowledged as durable must be seen:
// the open is refused with DATA_LOSS, or nothing is missing. Only where no whole commit follows the
// damage is it like a cut.
#include <algorithm>
#include <map>
#include <string>

#include "core/base/random.h"
#include "core/base/status.h"
#include "gtest/gtest.h"
#include "tests/faults/durable_log.h"
#include "tests/faults/schedules.h"

namespace mneme::test {
namespace {

constexpr uint64_t kSectorBytes = 512;
constexpr uint64_t kCutsPerSchedule = 64;
// Behind a commit the storage may note that it was synced: the commit is whole without the note.
constexpr uint64_t kNoteBytesMax = 64;

// The log of a number, made when it is first asked for; only the last one is kept.
class Logs {
 public:
  const DurableLog& Get(uint64_t number, LogShape shape) {
    if (!logs_.contains(number)) {
      logs_.clear();
      logs_.try_emplace(number, Flags().seed + number, shape);
    }
    return logs_.at(number);
  }

 private:
  std::map<uint64_t, DurableLog> logs_;
};

void CheckCut(const DurableLog& log, uint64_t cut, uint64_t schedule, Tally& tally) {
  DiskImage damaged = log.image();
  damaged.Truncate(log.path(), cut);
  const DurableLog::Verdict verdict = log.Judge(damaged);
  const uint64_t expected = log.CommitsBefore(cut);
  const std::string where = absl::StrCat("cut at byte ", cut, " of ", log.bytes(), ", ", expected,
                                         " commits before it: ");
  tally.Note("cuts");
  if (!verdict.status.ok()) {
    tally.Report(Finding::kWrong, schedule, where + verdict.status.ToString());
  } else if (!verdict.prefix.has_value()) {
    tally.Report(Finding::kGhost, schedule, where + "what is served is no prefix");
  } else if (*verdict.prefix < expected) {
    tally.Report(Finding::kLost, schedule, absl::StrCat(where, *verdict.prefix, " served"));
  } else if (*verdict.prefix > log.CommitsBefore(cut + kNoteBytesMax)) {
    tally.Report(Finding::kGhost, schedule, absl::StrCat(where, *verdict.prefix, " served"));
  }
}

TEST(LogDamage, ALogCutAnywhereServesExactlyTheCommitsBeforeTheCut) {
  constexpr uint64_t kSchedulesPerLog = kTailBytes / kCutsPerSchedule;
  Logs logs;
  RunSchedules("log cut at every byte", Flags().Count(kSchedulesPerLog, 50 * kSchedulesPerLog),
               [&](uint64_t schedule, Tally& tally) {
                 const uint64_t number = schedule / kSchedulesPerLog;
                 // Every second log of the long form holds checkpoints: their compaction makes each
                 // open slow.
                 const DurableLog& log = logs.Get(
                     number, {.with_states = number % 2 == 1, .block_aligned = number % 4 >= 2});
                 const uint64_t first =
                     log.bytes() - kTailBytes + schedule % kSchedulesPerLog * kCutsPerSchedule;
                 for (uint64_t cut = first; cut < first + kCutsPerSchedule; ++cut) {
                   CheckCut(log, cut, schedule, tally);
                 }
               });
}

// One way of damaging a log at rest, and the bytes that it may touch.
struct Damage {
  std::string what;
  DiskImage image;
  uint64_t first = 0;
  uint64_t end = 0;
};

// The ways: a sector zeroed, overwritten by its neighbour, swapped with another; a page zeroed; the
// rest of a log block zeroed from where a commit begins (so that no record looks torn); a bit of a
// record's length flipped (so that it may reach past the end of the file).
constexpr uint64_t kWays = 6;
constexpr uint64_t kLogHeaderBytes = 7;  // checksum, length, type

Damage Hurt(const DurableLog& log, uint64_t way, uint64_t sector, Random& random) {
  Damage out{
      .image = log.image(), .first = sector * kSectorBytes, .end = (sector + 1) * kSectorBytes};
  const uint64_t other = random.Below(log.bytes() / kSectorBytes);
  switch (way) {
    case 0:
      out.what = "zeroed sector";
      out.image.Zero(log.path(), out.first, kSectorBytes);
      break;
    case 1:
      out.what = "repeated sector";
      out.image.Repeat(log.path(), (sector == 0 ? 1 : sector - 1) * kSectorBytes, out.first,
                       kSectorBytes);
      break;
    case 2:
      out.what = "swapped sectors";
      out.image.Swap(log.path(), out.first, other * kSectorBytes, kSectorBytes);
      out.first = std::min(sector, other) * kSectorBytes;
      out.end = (std::max(sector, other) + 1) * kSectorBytes;
      break;
    case 3:
      out.what = "zeroed page";
      out.first = out.first / kPageBytes * kPageBytes;
      out.end = std::min(out.first + kPageBytes, log.bytes());
      out.image.Zero(log.path(), out.first, out.end - out.first);
      break;
    case 4:
      out.what = "block zeroed from a commit on";
      out.first = log.end(log.CommitsBefore(out.first));
      out.end = std::min((out.first / kLogBlockBytes + 1) * kLogBlockBytes, log.bytes());
      out.image.Zero(log.path(), out.first, out.end - out.first);
      break;
    default: {
      const uint64_t begin = log.end(log.CommitsBefore(out.first));
      const uint64_t room = kLogBlockBytes - begin % kLogBlockBytes;
      out.what = "flipped length";
      out.first = (room < kLogHeaderBytes ? begin + room : begin) + 4;
      out.end = out.first + 2;
      out.image.FlipBit(log.path(), out.first * 8 + random.Below(16));
      break;
    }
  }
  return out;
}

// `whole_follows`: commits that the damage did not touch lie behind it.
void CheckDamage(const DurableLog& log, const Damage& damage, uint64_t first_commit,
                 bool whole_follows, uint64_t schedule, Tally& tally) {
  const DurableLog::Verdict verdict = log.Judge(damage.image);
  const std::string where =
      absl::StrCat(damage.what, ", bytes ", damage.first, " to ", damage.end, ", from commit ",
                   first_commit + 1, " of ", log.commits(), " on: ");
  if (!verdict.status.ok()) {
    tally.Note(damage.what + " refused");
    if (!absl::IsDataLoss(verdict.status)) {
      tally.Report(Finding::kWrong, schedule, where + verdict.status.ToString());
    }
  } else if (!verdict.prefix.has_value()) {
    tally.Report(Finding::kGhost, schedule, where + "what is served is no prefix");
  } else if (*verdict.prefix == log.commits()) {
    tally.Note(damage.what + " harmless");
  } else if (whole_follows || *verdict.prefix < first_commit) {
    tally.Report(Finding::kLost, schedule,
                 absl::StrCat(where, "the first ", *verdict.prefix, " are served"));
  } else {
    tally.Note(damage.what + " like a cut");
  }
}

TEST(LogDamage, DamageBeforeReadableCommitsIsRefusedAndNeverServedAsLess) {
  constexpr uint64_t kSectors = kTailBytes / kSectorBytes;
  constexpr uint64_t kSchedulesPerLog = kSectors * kWays;
  Logs logs;
  RunSchedules("log sectors damaged", Flags().Count(2 * kSchedulesPerLog, 50 * kSchedulesPerLog),
               [&](uint64_t schedule, Tally& tally) {
                 const uint64_t number = schedule / kSchedulesPerLog;
                 const DurableLog& log =
                     logs.Get(number, {.with_states = true, .block_aligned = number % 2 == 1});
                 Random random(Flags().seed, schedule);
                 const uint64_t sector =
                     log.bytes() / kSectorBytes - kSectors + schedule % kSchedulesPerLog / kWays;
                 const Damage damage = Hurt(log, schedule % kWays, sector, random);
                 const uint64_t last_touched = log.CommitsBefore(damage.end - 1) + 1;
                 CheckDamage(log, damage, log.CommitsBefore(damage.first),
                             last_touched < log.commits(), schedule, tally);
               });
}

// RocksDB keeps a log until all column families have been flushed past it, so there may be several.
// Only the last of them may end early by a crash.
TEST(LogDamage, AnOlderLogCutShortIsRefused) {
  constexpr uint64_t kSchedulesPerLog = 50;
  Logs logs;
  RunSchedules("older log cut", Flags().Count(2 * kSchedulesPerLog, 50 * kSchedulesPerLog),
               [&](uint64_t schedule, Tally& tally) {
                 const DurableLog& log =
                     logs.Get(schedule / kSchedulesPerLog, {.several_logs = true});
                 Random random(Flags().seed, schedule);
                 const std::vector<std::string> files = log.image().FilesOfKind(FileKind::kLog);
                 const std::string& file = files[random.Below(files.size() - 1)];
                 const uint64_t bytes = log.image().Read(file).size();
                 Damage damage{.what = "older log cut", .image = log.image(), .end = bytes};
                 damage.first = random.Below(bytes);
                 damage.image.Truncate(file, damage.first);
                 CheckDamage(log, damage, log.commits(), /*whole_follows=*/true, schedule, tally);
               });
}

}  // namespace
}  // namespace mneme::test
