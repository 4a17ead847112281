// mnemed upgrade-check.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/base/status.h"
#include "core/engine/catalogue_entry.h"
#include "server/offline/offline.h"

namespace mneme::server {
namespace {

struct Entry {
  std::string name;  // or the uid, where the entry cannot be read
  uint8_t version = 0;
  absl::Status read;
};

bool IsOld(const Entry& entry) { return entry.version < engine::kCatalogueEntryVersion; }

std::string WhatBecomesOf(const Entry& entry) {
  if (!entry.read.ok()) return std::string(entry.read.message());
  if (!IsOld(entry)) return "served as it is";
  return absl::StrCat("served as it is; written as version ", engine::kCatalogueEntryVersion,
                      " when it is changed next");
}

void PrintTable(const std::vector<Entry>& entries, std::ostream& out) {
  size_t width = 6;
  for (const Entry& entry : entries) width = std::max(width, entry.name.size());
  const int name_width = static_cast<int>(width);
  out << absl::StrFormat("%-*s  %7s  %s\n", name_width, "MEMORY", "VERSION", "THIS MNEMED");
  for (const Entry& entry : entries) {
    out << absl::StrFormat("%-*s  %7d  %s\n", name_width, entry.name, entry.version,
                           WhatBecomesOf(entry));
  }
}

nlohmann::json JsonOf(const std::vector<Entry>& entries) {
  nlohmann::json out = nlohmann::json::array();
  for (const Entry& entry : entries) {
    out.push_back({{"memory", entry.name},
                   {"version", entry.version},
                   {"served", entry.read.ok()},
                   {"what", WhatBecomesOf(entry)}});
  }
  return out;
}

}  // namespace

absl::Status RunUpgradeCheck(const storage::Storage& storage, const std::string& directory,
                             bool json, std::ostream& out) {
  MNEME_ASSIGN_OR_RETURN(const auto stored, storage.ReadCatalogue());
  std::vector<Entry> entries;
  for (const storage::Storage::CatalogueEntry& one : stored) {
    const absl::StatusOr<engine::MemoryInfo> info = engine::DecodeCatalogueEntry(one.entry);
    entries.push_back({.name = info.ok() ? info->name : absl::StrFormat("uid %016x", one.uid),
                       .version = engine::CatalogueEntryVersion(one.entry),
                       .read = info.status()});
  }
  std::ranges::sort(entries, {}, &Entry::name);
  const auto failed = std::ranges::find_if(entries, [](const Entry& e) { return !e.read.ok(); });
  const bool served = failed == entries.end();
  const auto old = std::ranges::count_if(entries, IsOld);
  if (json) {
    out << nlohmann::json({{"directory", directory},
                           {"served", served},
                           {"version", engine::kCatalogueEntryVersion},
                           {"memories", JsonOf(entries)}})
               .dump()
        << "\n";
  } else {
    PrintTable(entries, out);
    if (served) {
      out << absl::StrFormat(
          "this mnemed serves %s: %d memories, %d of them written by an earlier version\n",
          directory, entries.size(), old);
    }
  }
  if (served) return absl::OkStatus();
  return FailedPrecondition(
      absl::StrCat("this mnemed cannot serve ", directory),
      {.reason = "FORMAT_VERSION",
       .given = absl::StrCat(failed->name, ", version ", failed->version),
       .expected = absl::StrCat("versions up to ", engine::kCatalogueEntryVersion),
       .next_step = "Start the mnemed that wrote it, or one that is newer."});
}

}  // namespace mneme::server
