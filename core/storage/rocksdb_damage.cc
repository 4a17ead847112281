#include "core/storage/rocksdb_damage.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "core/base/status.h"
#include "core/storage/rocksdb_status.h"
#include "core/storage/rocksdb_tables.h"

namespace mneme::storage {
namespace {

std::string_view BaseName(std::string_view path) { return path.substr(path.find_last_of('/') + 1); }

// The files that the error names, of those that were compacted; all of them when it names none.
std::vector<std::string_view> DamagedFiles(const rocksdb::CompactionJobInfo& job,
                                           std::string_view error) {
  std::vector<std::string_view> named;
  std::vector<std::string_view> all;
  for (const std::string& path : job.input_files) {
    all.push_back(BaseName(path));
    if (error.find(all.back()) != std::string_view::npos) named.push_back(all.back());
  }
  return named.empty() ? all : named;
}

std::vector<MemoryUid> OwnersOf(rocksdb::DB& db, const std::vector<std::string_view>& files) {
  std::set<MemoryUid> uids;
  for (const Table& table : LiveTables(db)) {
    if (std::find(files.begin(), files.end(), table.name) == files.end()) continue;
    uids.insert(table.uids.begin(), table.uids.end());
  }
  return {uids.begin(), uids.end()};
}

}  // namespace

void DamageListener::Attach(const std::vector<rocksdb::ColumnFamilyHandle*>& families) {
  MutexLock lock(&mutex_);
  for (rocksdb::ColumnFamilyHandle* family : families) {
    families_[family->GetName()] = {.handle = family};
  }
}

void DamageListener::Detach() {
  MutexLock lock(&mutex_);
  families_.clear();
  on_damage_ = nullptr;
}

void DamageListener::Resume(rocksdb::DB& db) {
  MutexLock lock(&mutex_);
  for (auto& [name, family] : families_) {
    if (family.resting && db.EnableAutoCompaction({family.handle}).ok()) family.resting = false;
  }
}

// One that fails before Attach is tried again, a second later.
void DamageListener::OnCompactionCompleted(rocksdb::DB* db, const rocksdb::CompactionJobInfo& job) {
  if (!job.status.IsCorruption()) return;
  MutexLock lock(&mutex_);
  const auto found = families_.find(job.cf_name);
  if (found == families_.end() || found->second.resting) return;
  found->second.resting =
      db->SetOptions(found->second.handle, {{"disable_auto_compactions", "true"}}).ok();
  if (on_damage_ == nullptr) return;
  const std::string error = job.status.ToString();
  on_damage_(FromRocksDb(job.status, absl::StrCat("compacting '", job.cf_name,
                                                  "', which rests until the next start")),
             OwnersOf(*db, DamagedFiles(job, error)));
}

// Else it would stop all writes, of all memories.
void DamageListener::OnBackgroundError(rocksdb::BackgroundErrorReason reason,
                                       rocksdb::Status* error) {
  if (reason == rocksdb::BackgroundErrorReason::kCompaction && error->IsCorruption()) {
    *error = rocksdb::Status::OK();
  }
}

}  // namespace mneme::storage
