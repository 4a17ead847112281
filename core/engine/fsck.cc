#include "core/engine/fsck.h"

#include <algorithm>
#include <utility>

#include "core/base/ids.h"
#include "core/base/status.h"
#include "core/engine/catalogue_entry.h"
#include "core/engine/digest.h"
#include "core/engine/recovery.h"

namespace mneme::engine {
namespace {

// A directory that is one ruin is not told of value by value.
constexpr size_t kDamagesPerMemoryMax = 20;

void Add(std::vector<std::string>& damage, std::string what) {
  if (damage.size() < kDamagesPerMemoryMax) damage.push_back(std::move(what));
}

class Fsck {
 public:
  Fsck(storage::Storage& storage, const Clock& clock, const FsckProgress& progress)
      : storage_(storage), item_ids_(clock), progress_(progress) {}

  absl::StatusOr<FsckReport> Run() {
    MNEME_RETURN_IF_ERROR(ReadCatalogue());
    MNEME_RETURN_IF_ERROR(storage_.Verify(
        [this](const storage::Damage& damage) { Note(damage); },
        [this](uint64_t done, uint64_t total) { return Report("checksums", done, total); }));
    for (size_t i = 0; i < infos_.size(); ++i) {
      Report("memories", i, infos_.size());
      CheckMemory(infos_[i], report_.memories[i]);
    }
    CheckAliases();
    if (const auto orphans = storage_.FindOrphans(); orphans.ok())
      report_.orphans = orphans->size();
    return std::move(report_);
  }

 private:
  bool Report(std::string_view phase, uint64_t done, uint64_t total) const {
    const double whole = static_cast<double>(std::max<uint64_t>(1, total));
    progress_(phase, std::min(1.0, static_cast<double>(done) / whole));
    return true;
  }

  absl::Status ReadCatalogue() {
    const auto entries = storage_.ReadCatalogue();
    if (absl::IsDataLoss(entries.status())) {
      Add(report_.shared, std::string(entries.status().message()));
      return absl::OkStatus();
    }
    MNEME_RETURN_IF_ERROR(entries.status());
    for (const storage::Storage::CatalogueEntry& entry : *entries) {
      absl::StatusOr<MemoryInfo> info = DecodeCatalogueEntry(entry.entry);
      if (info.ok()) {
        infos_.push_back(*std::move(info));
      } else {
        Add(report_.shared, absl::StrFormat("the catalogue entry of memory %016x: %s", entry.uid,
                                            info.status().message()));
      }
    }
    std::sort(infos_.begin(), infos_.end(),
              [](const MemoryInfo& a, const MemoryInfo& b) { return a.name < b.name; });
    for (const MemoryInfo& info : infos_)
      report_.memories.push_back({.name = info.name, .uid = info.uid});
    return absl::OkStatus();
  }

  void Note(const storage::Damage& damage) {
    std::string what = absl::StrCat(damage.what, ": ", damage.how);
    for (CheckedMemory& memory : report_.memories) {
      if (damage.uid == memory.uid) return Add(memory.damage, std::move(what));
    }
    Add(report_.shared, std::move(what));
  }

  void CheckMemory(const MemoryInfo& info, CheckedMemory& out) {
    Memory memory(info, nullptr);
    if (absl::Status read = RecoverMemory(storage_, memory, item_ids_, {.write = false});
        !read.ok()) {
      return Add(out.damage, absl::StrCat("it cannot be read: ", read.message()));
    }
    const Memory::Published published = memory.published();
    out.items = published.view->stats().items;
    out.position = published.position;
    out.checkpoint_position = memory.checkpoint_position;
    uint64_t live = 0;
    const absl::StatusOr<MemoryDigest> digest = DigestMemory(
        storage_, info.uid, memory.keeps_ids(), [&](const storage::RowView&) { ++live; }, nullptr);
    if (!digest.ok()) {
      Add(out.damage, std::string(digest.status().message()));
    } else if (memory.keeps_ids() && live != out.items) {
      Add(out.damage,
          absl::StrFormat("its model holds %d items, the storage %d rows", out.items, live));
    }
  }

  void CheckAliases() {
    const auto aliases = storage_.ReadAliases();
    if (!aliases.ok()) return Add(report_.shared, std::string(aliases.status().message()));
    report_.aliases = aliases->size();
    for (const storage::AliasEntry& alias : *aliases) {
      const bool there = std::any_of(infos_.begin(), infos_.end(), [&](const MemoryInfo& info) {
        return info.name == alias.memory;
      });
      if (there) continue;
      Add(report_.shared, absl::StrFormat("alias '%s' stands for memory '%s', which is not there",
                                          alias.alias, alias.memory));
    }
  }

  storage::Storage& storage_;
  ItemIdGenerator item_ids_;
  const FsckProgress& progress_;
  std::vector<MemoryInfo> infos_;
  FsckReport report_;
};

}  // namespace

bool FsckReport::clean() const {
  return shared.empty() && std::all_of(memories.begin(), memories.end(),
                                       [](const auto& memory) { return memory.damage.empty(); });
}

absl::StatusOr<FsckReport> CheckDataDirectory(storage::Storage& storage, const Clock& clock,
                                              const FsckProgress& progress) {
  return Fsck(storage, clock, progress).Run();
}

}  // namespace mneme::engine
