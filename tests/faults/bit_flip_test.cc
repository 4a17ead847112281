// One bit of one file of a data directory at rest is flipped. Either the directory is refused as
// damaged, or it opens; then every read of every memory gives what it gave before, or says that
// the data is damaged. Nothing gives another answer.
//
//   --files=log,table   only files of these kinds (log, table, manifest, current, options,
//                       identity, marker, other)
//
// Half of the directories are those of a server that stopped cleanly, whose items lie in tables;
// half those of one that was killed, whose last writes, acknowledged at level DISK, lie in the log.
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/random.h"
#include "core/base/status.h"
#include "gtest/gtest.h"
#include "tests/faults/machine.h"
#include "tests/faults/schedules.h"

namespace mneme::test {
namespace {

constexpr uint64_t kBatches = 240;
constexpr uint64_t kLateBatches = 40;
constexpr uint64_t kMemoryBytes = 2u << 20;
constexpr size_t kItemsAsked = 3;  // of each memory, by id
constexpr size_t kCues = 8;

// What one memory answers.
struct Answers {
  engine::MemoryInfo info;
  std::vector<engine::ItemRecord> items;
  std::vector<engine::ItemRecord> asked;
  std::vector<float> recalls;
  std::vector<ItemId> best;
};

struct Directory {
  DiskImage image;
  std::vector<Answers> answers;  // as MemoryKinds
  uint64_t last_batch = 0;
  std::vector<std::pair<std::string, uint64_t>> files;  // and their bits
  uint64_t bits = 0;
};

absl::StatusOr<Answers> Read(Machine& machine, const MemoryKind& kind) {
  Answers out;
  MNEME_ASSIGN_OR_RETURN(out.info, machine.engine().GetMemory(kind.name));
  if (out.info.health != engine::Health::kServing) return absl::DataLossError("degraded");
  MNEME_ASSIGN_OR_RETURN(out.items, machine.ListItems(kind.name));
  for (size_t i = 0; i < kItemsAsked && i < out.items.size(); ++i) {
    const ItemId id = out.items[i * out.items.size() / kItemsAsked].id;
    MNEME_ASSIGN_OR_RETURN(engine::ItemRecord item, machine.GetItem(kind.name, id));
    out.asked.push_back(std::move(item));
  }
  Random random(3);
  Matrix cues(kCues, kKeyDim);
  for (size_t i = 0; i < kCues; ++i) random.FillUnit(cues.row(i));
  MNEME_ASSIGN_OR_RETURN(const engine::QueryReply reply,
                         machine.Retrieve(kind.name, cues.view(), 1));
  const auto recalls = reply.answer.recalls.flat();
  out.recalls.assign(recalls.begin(), recalls.end());
  for (const auto& cue : reply.answer.cues) {
    if (!cue.top.empty()) out.best.push_back(cue.top[0].id);
  }
  return out;
}

bool Same(const engine::ItemRecord& a, const engine::ItemRecord& b) {
  return a.id == b.id && a.row == b.row && a.weight == b.weight && a.key == b.key &&
         a.response == b.response && a.payload.payload == b.payload.payload &&
         a.payload.attributes == b.payload.attributes;
}

// Empty when equal, else what differs.
std::string Difference(const Answers& a, const Answers& b) {
  if (a.info.uid != b.info.uid || a.info.position != b.info.position ||
      a.info.revision != b.info.revision || a.info.stats.items != b.info.stats.items ||
      a.info.create_unix_nanos != b.info.create_unix_nanos ||
      a.info.labels.description != b.info.labels.description) {
    return absl::StrCat("description: position ", a.info.position, ", items ", a.info.stats.items,
                        "; before ", b.info.position, ", ", b.info.stats.items);
  }
  const auto same = [](const auto& x, const auto& y) { return Same(x, y); };
  if (!std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), same)) {
    return absl::StrCat("list: ", a.items.size(), " items, before ", b.items.size());
  }
  if (!std::equal(a.asked.begin(), a.asked.end(), b.asked.begin(), b.asked.end(), same)) {
    return "an item";
  }
  if (a.best != b.best) return "the best item of a cue";
  for (size_t i = 0; i < b.recalls.size(); ++i) {
    if (!(std::fabs(a.recalls[i] - b.recalls[i]) <= 1e-5)) return "a recall";
  }
  return "";
}

uint64_t Fill(Machine& machine, uint64_t first, uint64_t count, engine::Sync sync) {
  for (uint64_t n = first; n < first + count; ++n) {
    MNEME_CHECK(machine.Store(Batch(n), sync).get().ok());
    if (n % 8 == 0) MNEME_CHECK(machine.Delete(Batch(n - 4), sync).get().ok());
  }
  return first + count - 1;
}

Directory MakeDirectory(bool clean, const std::vector<FileKind>& kinds) {
  Directory out;
  {
    Machine machine{DiskImage(), kMemoryBytes};
    MNEME_CHECK(machine.Start().ok() && machine.CreateMemories().ok());
    out.last_batch = Fill(machine, 1, kBatches, engine::Sync::kOs);
    MNEME_CHECK(machine.Stop().ok());
    // Opening moves what is in the log into tables.
    MNEME_CHECK(machine.Start().ok());
    if (!clean) {
      out.last_batch = Fill(machine, out.last_batch + 1, kLateBatches, engine::Sync::kDisk);
      out.image = machine.files().Image();
    } else {
      MNEME_CHECK(machine.Stop().ok());
      out.image = machine.files().Image();
    }
  }
  Machine machine{out.image, kMemoryBytes};
  MNEME_CHECK(machine.Start().ok());
  for (const MemoryKind& kind : MemoryKinds()) {
    absl::StatusOr<Answers> answers = Read(machine, kind);
    MNEME_CHECK(answers.ok());
    out.answers.push_back(*std::move(answers));
  }
  for (const auto& [path, bytes] : out.image.files()) {
    if (!kinds.empty() && std::count(kinds.begin(), kinds.end(), KindOfFile(path)) == 0) continue;
    out.files.emplace_back(path, bytes->size() * 8);
    out.bits += bytes->size() * 8;
  }
  return out;
}

// Half of the flips go to a file whatever its size, half to a bit wherever it is. No path: nothing
// to flip.
std::pair<std::string, uint64_t> PickBit(const Directory& directory, Random& random) {
  std::vector<std::pair<std::string, uint64_t>> files;
  for (const auto& file : directory.files) {
    if (file.second > 0) files.push_back(file);
  }
  if (files.empty()) return {};
  if (random.Below(2) == 0) {
    const auto& [path, bits] = files[random.Below(files.size())];
    return {path, random.Below(bits)};
  }
  uint64_t bit = random.Below(directory.bits);
  for (const auto& [path, bits] : files) {
    if (bit < bits) return {path, bit};
    bit -= bits;
  }
  return {files.back().first, 0};
}

bool SaysDamaged(const absl::Status& status) {
  return absl::IsDataLoss(status) || ReasonOf(status) == "DEGRADED";
}

void CheckFlip(const Directory& directory, const std::string& path, uint64_t bit, uint64_t schedule,
               Tally& tally) {
  const std::string where =
      absl::StrCat("bit ", bit, " of ", path, " (", directory.image.Read(path).size(), " bytes): ");
  const std::string kind_of_file = absl::StrCat(FileKindName(KindOfFile(path)), " ");
  DiskImage image = directory.image;
  image.FlipBit(path, bit);
  Machine machine(image, kMemoryBytes);
  if (const absl::Status started = machine.Start(); !started.ok()) {
    tally.Note(kind_of_file + "refused to open");
    // A directory that says it is of another version, or no longer says whose it is, is refused in
    // other words.
    const std::string reason = ReasonOf(started);
    if (!absl::IsDataLoss(started) && reason != "FORMAT_VERSION" &&
        reason != "NOT_A_DATA_DIRECTORY") {
      tally.Report(Finding::kWrong, schedule, where + started.ToString());
    }
    return;
  }
  size_t degraded = 0;
  for (size_t i = 0; i < MemoryKinds().size(); ++i) {
    const MemoryKind& kind = MemoryKinds()[i];
    const absl::StatusOr<Answers> answers = Read(machine, kind);
    if (answers.ok()) {
      const std::string difference = Difference(*answers, directory.answers[i]);
      if (!difference.empty()) {
        tally.Report(Finding::kWrong, schedule, absl::StrCat(where, kind.name, ": ", difference));
      }
    } else {
      ++degraded;
      if (!SaysDamaged(answers.status())) {
        tally.Report(Finding::kWrong, schedule,
                     absl::StrCat(where, kind.name, ": ", answers.status().ToString()));
      }
    }
  }
  // The outcome of a write is data too: it is not done again.
  const auto again = machine.Store(Batch(directory.last_batch), engine::Sync::kOs).get();
  if (again.ok() ? !again->replayed : !SaysDamaged(again.status())) {
    tally.Report(Finding::kWrong, schedule,
                 where + "the last store tried again: " + again.status().ToString());
  }
  if (degraded == 0) {
    tally.Note(kind_of_file + "harmless");
  } else {
    tally.Note(kind_of_file + (degraded == MemoryKinds().size() ? "all memories degraded"
                                                                : "some degraded, others serve"));
  }
}

TEST(BitFlip, IsDetectedBeforeItReachesAnAnswer) {
  std::array<std::optional<Directory>, 2> directories;
  RunSchedules("bit flips", Flags().Count(500, 100'000), [&](uint64_t schedule, Tally& tally) {
    const bool clean = schedule % 2 == 0;
    std::optional<Directory>& directory = directories[clean ? 0 : 1];
    if (!directory.has_value()) directory = MakeDirectory(clean, Flags().files);
    Random random(Flags().seed, schedule);
    const auto [path, bit] = PickBit(*directory, random);
    if (path.empty()) return tally.Note("no such file");
    CheckFlip(*directory, path, bit, schedule, tally);
  });
}

}  // namespace
}  // namespace mneme::test
