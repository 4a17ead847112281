#include "core/storage/rocksdb_catalogue.h"

#include <set>
#include <string>

#include "core/base/status.h"
#include "core/storage/keys.h"
#include "core/storage/rocksdb_scan.h"
#include "core/storage/rocksdb_status.h"
#include "rocksdb/snapshot.h"

namespace mneme::storage {
namespace {

// Calls `visit(key, value)` for what the catalogue holds under `prefix`.
template <typename Visit>
absl::Status ScanCatalogue(const Database& database, const rocksdb::ReadOptions& read,
                           const std::string& prefix, std::string_view doing, const Visit& visit) {
  return ScanRange(database, Family::kCatalogue, prefix, PrefixEnd(prefix), read, doing, visit);
}

absl::StatusOr<bool> HasKey(const Database& database, const std::string& key, MemoryUid uid) {
  rocksdb::PinnableSlice value;
  const rocksdb::Status got =
      database.db().Get(rocksdb::ReadOptions(), database[Family::kCatalogue], key, &value);
  if (got.IsNotFound()) return false;
  MNEME_RETURN_IF_ERROR(
      FromRocksDb(got, absl::StrCat("looking ", MemoryName(uid), " up in the catalogue")));
  return true;
}

}  // namespace

absl::StatusOr<std::optional<MemoryCounters>> FindCounters(const Database& database,
                                                           const rocksdb::ReadOptions& read,
                                                           MemoryUid uid) {
  const std::string key = CountersKey(uid);
  const std::string name = absl::StrCat("counters of ", MemoryName(uid));
  rocksdb::PinnableSlice value;
  const rocksdb::Status got = database.db().Get(read, database[Family::kCatalogue], key, &value);
  if (got.IsNotFound()) return std::nullopt;
  MNEME_RETURN_IF_ERROR(FromRocksDb(got, name));
  absl::StatusOr<MemoryCounters> counters = DecodeCounters(key, ToView(value));
  if (!counters.ok()) return Annotate(counters.status(), name);
  return *counters;
}

absl::StatusOr<bool> IsDescribed(const Database& database, MemoryUid uid) {
  return HasKey(database, DescriptionKey(uid), uid);
}

absl::StatusOr<bool> IsUsed(const Database& database, MemoryUid uid) {
  for (const std::string& key : {DescriptionKey(uid), CountersKey(uid), UsedKey(uid)}) {
    MNEME_ASSIGN_OR_RETURN(const bool there, HasKey(database, key, uid));
    if (there) return true;
  }
  return false;
}

absl::StatusOr<MemoryCounters> ReadCounters(const Database& database,
                                            const rocksdb::ReadOptions& read, MemoryUid uid) {
  MNEME_ASSIGN_OR_RETURN(const std::optional<MemoryCounters> counters,
                         FindCounters(database, read, uid));
  return counters.value_or(MemoryCounters{});
}

absl::StatusOr<std::vector<Storage::CatalogueEntry>> ReadCatalogue(const Database& database) {
  rocksdb::ManagedSnapshot snapshot(&database.db());
  rocksdb::ReadOptions read;
  read.snapshot = snapshot.snapshot();
  std::vector<Storage::CatalogueEntry> out;
  const absl::Status scanned =
      ScanCatalogue(database, read, DescriptionPrefix(), "the catalogue",
                    [&](std::string_view key, std::string_view value) -> absl::Status {
                      MNEME_ASSIGN_OR_RETURN(const MemoryUid uid, UidFromCatalogueKey(key));
                      const std::string name = absl::StrCat("description of ", MemoryName(uid));
                      absl::StatusOr<std::string_view> entry = DecodeDescription(key, value);
                      if (!entry.ok()) return Annotate(entry.status(), name);
                      MNEME_ASSIGN_OR_RETURN(const std::optional<MemoryCounters> counters,
                                             FindCounters(database, read, uid));
                      if (!counters.has_value()) return Corrupt(name, "its counters are missing");
                      out.push_back({.uid = uid, .entry = std::string(*entry)});
                      return absl::OkStatus();
                    });
  MNEME_RETURN_IF_ERROR(scanned);
  return out;
}

absl::StatusOr<std::vector<AliasEntry>> ReadAliases(const Database& database) {
  std::vector<AliasEntry> out;
  const absl::Status scanned =
      ScanCatalogue(database, rocksdb::ReadOptions(), AliasPrefix(), "the aliases",
                    [&](std::string_view key, std::string_view value) -> absl::Status {
                      absl::StatusOr<AliasEntry> alias = DecodeAlias(key, value);
                      if (!alias.ok()) return Annotate(alias.status(), "an alias");
                      out.push_back(*std::move(alias));
                      return absl::OkStatus();
                    });
  MNEME_RETURN_IF_ERROR(scanned);
  return out;
}

absl::StatusOr<std::vector<MemoryUid>> FindOrphans(const Database& database) {
  rocksdb::ManagedSnapshot snapshot(&database.db());
  rocksdb::ReadOptions read;
  read.snapshot = snapshot.snapshot();
  std::set<MemoryUid> described;
  std::vector<MemoryUid> orphans;
  const auto uids = [&](const std::string& prefix, const auto& take) {
    return ScanCatalogue(database, read, prefix, "the catalogue",
                         [&](std::string_view key, std::string_view) -> absl::Status {
                           MNEME_ASSIGN_OR_RETURN(const MemoryUid uid, UidFromCatalogueKey(key));
                           take(uid);
                           return absl::OkStatus();
                         });
  };
  MNEME_RETURN_IF_ERROR(uids(DescriptionPrefix(), [&](MemoryUid uid) { described.insert(uid); }));
  MNEME_RETURN_IF_ERROR(uids(CountersPrefix(), [&](MemoryUid uid) {
    if (!described.contains(uid)) orphans.push_back(uid);
  }));
  return orphans;
}

}  // namespace mneme::storage
