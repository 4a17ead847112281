#include "tests/faults/ledger.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace mneme::test {
namespace {

constexpr double kTolerance = 1e-5;
constexpr size_t kCuesMax = 32;
constexpr size_t kRetriesMax = 4;  // of acknowledged writes

}  // namespace

void Ledger::Ended(Kind kind, uint64_t batch, engine::Sync asked,
                   const absl::StatusOr<engine::WriteReply>& reply) {
  Entry& entry = entries_[batch];
  Write& write = kind == Kind::kStore ? entry.store : entry.erase;
  if (reply.ok()) {
    if (reply->sync < asked) Report(Finding::kWrong, "acknowledged at a lower level than asked");
    write = {.state = Write::State::kAcknowledged,
             .position = reply->position,
             .level = reply->sync,
             .on_disk = reply->sync == engine::Sync::kDisk};
    return;
  }
  // Refused before anything was written: the log has stopped, what had to be read could not be, or
  // a flush of earlier writes found the disk full.
  constexpr std::array<std::string_view, 5> kNotDone = {"LOG_STOPPED", "STOPPING", "STORAGE_IO",
                                                        "DEGRADED", "FULL"};
  const std::string reason = ReasonOf(reply.status());
  if (reason == "OUTCOME_UNKNOWN") {
    write.state = Write::State::kUnknown;
  } else if (std::count(kNotDone.begin(), kNotDone.end(), reason) == 0) {
    Report(Finding::kWrong, absl::StrCat("batch ", batch, ": ", reply.status().ToString()));
  }
}

std::vector<uint64_t> Ledger::held() const {
  std::vector<uint64_t> out;
  for (const auto& [batch, entry] : entries_) {
    if (entry.store.state == Write::State::kAcknowledged &&
        entry.erase.state == Write::State::kNone) {
      out.push_back(batch);
    }
  }
  return out;
}

void Ledger::StoppedCleanly() { Reached(engine::Sync::kMemory); }

void Ledger::ProcessEnded() { Reached(engine::Sync::kOs); }

void Ledger::Reached(engine::Sync level) {
  for (auto& [batch, entry] : entries_) {
    for (Write* write : {&entry.store, &entry.erase}) {
      write->on_disk |= write->state == Write::State::kAcknowledged && write->level >= level;
    }
  }
}

void Ledger::Check(Machine& machine) {
  // A fresh engine, to be told what survived: what it recalls is right.
  Machine fresh{DiskImage()};
  MNEME_CHECK(fresh.Start().ok() && fresh.CreateMemories().ok());
  for (const MemoryKind& kind : MemoryKinds()) CheckMemory(machine, fresh, kind);
}

void Ledger::CheckMemory(Machine& machine, Machine& fresh, const MemoryKind& kind) {
  const absl::StatusOr<engine::MemoryInfo> info = machine.engine().GetMemory(kind.name);
  if (!info.ok()) {
    const bool expected = std::any_of(entries_.begin(), entries_.end(), [&](const auto& entry) {
      return std::string_view(Batch(entry.first).kind().name) == kind.name &&
             entry.second.store.on_disk;
    });
    if (expected) Report(Finding::kLost, absl::StrCat(kind.name, ": ", info.status().ToString()));
    return;
  }
  if (info->health != engine::Health::kServing) {
    return Report(Finding::kLost, absl::StrCat(kind.name, " is degraded: ", info->health_reason));
  }
  const absl::StatusOr<std::vector<engine::ItemRecord>> items = machine.ListItems(kind.name);
  if (!items.ok()) {
    return Report(Finding::kLost, absl::StrCat(kind.name, ": ", items.status().ToString()));
  }
  CheckPosition(kind, info->position);
  const Found found = Group(kind, *items);
  for (auto& [batch, entry] : entries_) {
    if (std::string_view(Batch(batch).kind().name) != kind.name) continue;
    CheckBatch(batch, entry, found.contains(batch), info->position);
  }
  if (info->stats.items != items->size()) {
    Report(Finding::kWrong, absl::StrCat(kind.name, " counts ", info->stats.items,
                                         " items and lists ", items->size()));
  }
  CheckModel(machine, fresh, kind, found);
}

void Ledger::CheckPosition(const MemoryKind& kind, uint64_t position) {
  uint64_t durable = 0, last = 0, unknown = 0;
  for (const auto& [batch, entry] : entries_) {
    if (std::string_view(Batch(batch).kind().name) != kind.name) continue;
    for (const Write* write : {&entry.store, &entry.erase}) {
      if (write->state == Write::State::kAcknowledged) last = std::max(last, write->position);
      if (write->on_disk) durable = std::max(durable, write->position);
      unknown += write->state == Write::State::kUnknown ? 1 : 0;
    }
  }
  if (position < durable) {
    Report(Finding::kLost,
           absl::StrCat(kind.name, " is at position ", position, ", durable was ", durable));
  }
  if (position > last + unknown) {
    Report(Finding::kGhost, absl::StrCat(kind.name, " is at position ", position, ", of ", last,
                                         " acknowledged and ", unknown, " unknown"));
  }
}

Ledger::Found Ledger::Group(const MemoryKind& kind, const std::vector<engine::ItemRecord>& items) {
  Found found;
  for (const engine::ItemRecord& item : items) {
    found[item.id.number() / kIdsPerBatch].push_back(item);
  }
  for (const auto& [number, rows] : found) {
    const Batch batch(number);
    const std::string name = absl::StrCat(kind.name, ", batch ", number, ": ");
    if (!entries_.contains(number) || batch.kind().name != std::string_view(kind.name)) {
      Report(Finding::kGhost, name + "never sent");
      continue;
    }
    if (rows.size() != batch.keys.rows()) {
      Report(Finding::kGhost,
             absl::StrCat(name, rows.size(), " rows of ", batch.keys.rows(), " are there"));
    }
    for (const engine::ItemRecord& row : rows) {
      const std::string difference = batch.Difference(row, row.id.number() % kIdsPerBatch);
      if (!difference.empty()) Report(Finding::kWrong, name + difference);
    }
  }
  return found;
}

void Ledger::CheckBatch(uint64_t batch, Entry& entry, bool found, uint64_t position) {
  using State = Write::State;
  const auto in_effect = [&](const Write& write) {
    return write.state == State::kAcknowledged && write.position <= position;
  };
  const auto may_be = [&](const Write& write) {
    return in_effect(write) || write.state == State::kUnknown;
  };
  const std::string name = absl::StrCat("batch ", batch, " at position ", position, ": ");
  if (found && !may_be(entry.store)) {
    Report(Finding::kGhost,
           absl::StrCat(name, "there, though not stored by then (", entry.store.position, ")"));
  }
  if (found && in_effect(entry.erase)) Report(Finding::kGhost, name + "deleted and there");
  if (!found && in_effect(entry.store) && !may_be(entry.erase)) {
    Report(Finding::kLost,
           absl::StrCat(name, "acknowledged at position ", entry.store.position, " and gone"));
  }
  // From here on this is how it is.
  const auto settle = [](Write& write, bool happened) {
    if (happened && write.state == State::kUnknown) return;  // its retry will tell the position
    if (happened) {
      write.on_disk = true;
    } else if (write.state == State::kAcknowledged) {
      write = {};
    }
  };
  settle(entry.erase, may_be(entry.erase) && !found);
  settle(entry.store, may_be(entry.store) && (found || may_be(entry.erase)));
}

void Ledger::CheckModel(Machine& machine, Machine& fresh, const MemoryKind& kind,
                        const Found& found) {
  if (found.empty()) return;
  std::vector<std::pair<uint64_t, uint64_t>> order;  // by row: as they were stored
  for (const auto& [batch, rows] : found) order.emplace_back(rows.front().row, batch);
  std::sort(order.begin(), order.end());
  std::vector<ItemId> ids;
  Matrix cues(kCuesMax, kKeyDim);
  for (const auto& [row, number] : order) {
    const Batch batch(number);
    MNEME_CHECK(fresh.Store(batch, engine::Sync::kMemory).get().ok());
    for (size_t i = 0; i < batch.keys.rows() && ids.size() < kCuesMax; ++i) {
      std::copy(batch.keys.row(i).begin(), batch.keys.row(i).end(), cues.row(ids.size()).begin());
      ids.push_back(batch.ids()[i]);
    }
  }
  const MatrixView asked = cues.view().slice(0, ids.size());
  const auto reply = machine.Retrieve(kind.name, asked, 1);
  const auto expected = fresh.Retrieve(kind.name, asked, 1);
  MNEME_CHECK(expected.ok());
  if (!reply.ok()) {
    return Report(Finding::kLost, absl::StrCat(kind.name, ": ", reply.status().ToString()));
  }
  CheckRecalls(kind, *reply, *expected, ids);
}

void Ledger::CheckRecalls(const MemoryKind& kind, const engine::QueryReply& reply,
                          const engine::QueryReply& expected, const std::vector<ItemId>& ids) {
  if (!kind.repeatable) return;
  const auto recalls = reply.answer.recalls.flat(), fresh = expected.answer.recalls.flat();
  double worst = recalls.size() == fresh.size() ? 0 : 1;
  for (size_t i = 0; worst < 1 && i < recalls.size(); ++i) {
    worst = std::max(worst, static_cast<double>(std::fabs(recalls[i] - fresh[i])));
  }
  if (!(worst <= kTolerance)) {
    Report(Finding::kWrong, absl::StrCat(kind.name, ": a recall is ", worst,
                                         " away from that of a fresh memory of the same items"));
  }
  for (size_t i = 0; i < ids.size(); ++i) {
    const auto& top = reply.answer.cues[i].top;
    const auto& top_expected = expected.answer.cues[i].top;
    const bool same =
        top.size() == top_expected.size() &&
        (top.empty() || (top[0].id == top_expected[0].id &&
                         std::fabs(top[0].score - top_expected[0].score) <= kTolerance));
    const bool itself = kind.associates() || (!top.empty() && top[0].id == ids[i]);
    if (!same || !itself) {
      Report(Finding::kWrong,
             absl::StrCat(kind.name, ": the key of ", ids[i].ToString(), " finds another item"));
    }
  }
}

void Ledger::RetryAndCheck(Machine& machine) {
  std::map<uint64_t, bool> there;
  for (const MemoryKind& kind : MemoryKinds()) {
    const auto items = machine.ListItems(kind.name);
    if (!items.ok()) continue;
    for (const engine::ItemRecord& item : *items) there[item.id.number() / kIdsPerBatch] = true;
  }
  size_t again = 0;
  for (auto it = entries_.rbegin(); it != entries_.rend(); ++it) {
    const auto& [batch, entry] = *it;
    if (!machine.engine().GetMemory(Batch(batch).kind().name).ok()) continue;
    const bool found = there.contains(batch);
    if (entry.store.state == Write::State::kUnknown) {
      Retry(machine, Kind::kStore, batch, found);
    } else if (entry.erase.state == Write::State::kUnknown) {
      Retry(machine, Kind::kDelete, batch, !found);
    } else if (entry.store.state == Write::State::kAcknowledged && again++ < kRetriesMax) {
      Retry(machine, Kind::kStore, batch, true);
    }
  }
  Check(machine);
}

void Ledger::Retry(Machine& machine, Kind kind, uint64_t number, bool in_effect) {
  const Batch batch(number);
  const bool store = kind == Kind::kStore;
  const Write before = store ? entries_[number].store : entries_[number].erase;
  const absl::StatusOr<engine::WriteReply> reply =
      store ? machine.Store(batch, engine::Sync::kDisk).get()
            : machine.Delete(batch, engine::Sync::kDisk).get();
  const std::string name =
      absl::StrCat(store ? "store" : "delete", " of batch ", number, " tried again: ");
  if (!reply.ok()) return Report(Finding::kWrong, name + reply.status().ToString());
  if (reply->replayed != in_effect) {
    Report(Finding::kWrong, name + (in_effect ? "done twice" : "not done, though it was not yet"));
  }
  if (before.state == Write::State::kAcknowledged && reply->position != before.position) {
    Report(Finding::kWrong, name + "another position than the first time");
  }
  Ended(kind, number, engine::Sync::kMemory, reply);
}

}  // namespace mneme::test
