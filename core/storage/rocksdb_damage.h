// What happens when compaction meets a damaged table file: the owner is told whose it is, and the
// family's compactions rest, so that the file is not read again and again; everything else goes on.
// RocksDB alone would stop all writes.
//
// Thread-safe; RocksDB calls it on its background threads.
#ifndef MNEME_CORE_STORAGE_ROCKSDB_DAMAGE_H_
#define MNEME_CORE_STORAGE_ROCKSDB_DAMAGE_H_

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "core/base/mutex.h"
#include "core/storage/storage.h"
#include "rocksdb/db.h"
#include "rocksdb/listener.h"

namespace mneme::storage {

class DamageListener final : public rocksdb::EventListener {
 public:
  using OnDamage = std::function<void(const absl::Status&, const std::vector<MemoryUid>&)>;

  explicit DamageListener(OnDamage on_damage) : on_damage_(std::move(on_damage)) {}

  // Once the database is open: its families, which must stay valid until Detach returns.
  void Attach(const std::vector<rocksdb::ColumnFamilyHandle*>& families);
  // Nothing is called or touched any more when this returns.
  void Detach();
  // Lets compactions go on: what was damaged may be gone.
  void Resume(rocksdb::DB& db);

  void OnCompactionCompleted(rocksdb::DB* db, const rocksdb::CompactionJobInfo& job) override;
  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* error) override;

 private:
  struct FamilyState {
    rocksdb::ColumnFamilyHandle* handle = nullptr;
    bool resting = false;
  };

  Mutex mutex_;  // held over `on_damage_`
  OnDamage on_damage_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, FamilyState> families_ ABSL_GUARDED_BY(mutex_);  // empty: not attached
};

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_ROCKSDB_DAMAGE_H_
