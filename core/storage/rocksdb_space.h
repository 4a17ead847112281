// Whether RocksDB has stopped writing because the disk is full: it goes on by itself once there is
// room, and until then a commit is refused before anything of it is written.
//
// Thread-safe; RocksDB calls it on its threads.
#ifndef MNEME_CORE_STORAGE_ROCKSDB_SPACE_H_
#define MNEME_CORE_STORAGE_ROCKSDB_SPACE_H_

#include <atomic>

#include "rocksdb/listener.h"

namespace mneme::storage {

class SpaceListener final : public rocksdb::EventListener {
 public:
  // A flush or a compaction found no room, and has not gone on since.
  bool full() const { return full_.load(); }
  // A commit failed, or something that cannot be repeated.
  bool failed() const { return failed_.load(); }

  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* error) override {
    if (error->ok()) return;
    const bool of_a_commit = reason == rocksdb::BackgroundErrorReason::kWriteCallback ||
                             reason == rocksdb::BackgroundErrorReason::kMemTable;
    (error->IsNoSpace() && !of_a_commit ? full_ : failed_).store(true);
  }
  void OnErrorRecoveryEnd(const rocksdb::BackgroundErrorRecoveryInfo& info) override {
    if (info.new_bg_error.ok()) full_.store(false);
  }

 private:
  std::atomic<bool> full_{false};
  std::atomic<bool> failed_{false};
};

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_ROCKSDB_SPACE_H_
