// Whether RocksDB has stopped writing because a flush found the disk full: it goes on when it is
// told to (Database::GoOn), and until then a commit is refused before anything of it is written. A
// compaction that finds no room stops nothing: it is tried again where there is some.
//
// Thread-safe; RocksDB calls it on its threads.
#ifndef MNEME_CORE_STORAGE_ROCKSDB_SPACE_H_
#define MNEME_CORE_STORAGE_ROCKSDB_SPACE_H_

#include <atomic>

#include "rocksdb/listener.h"

namespace mneme::storage {

class SpaceListener final : public rocksdb::EventListener {
 public:
  // A flush found no room, and has not gone on since.
  bool full() const { return full_.load(); }
  // A commit failed, or something that cannot be repeated.
  bool failed() const { return failed_.load(); }

  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* error) override {
    if (error->ok()) return;
    if (error->IsNoSpace() && reason == rocksdb::BackgroundErrorReason::kCompaction) return;
    const bool of_a_commit = reason == rocksdb::BackgroundErrorReason::kWriteCallback ||
                             reason == rocksdb::BackgroundErrorReason::kMemTable;
    (error->IsNoSpace() && !of_a_commit ? full_ : failed_).store(true);
  }
  // By itself RocksDB would look every five seconds, and wait for a whole write buffer's room.
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status error,
                            bool* auto_recovery) override {
    if (error.IsNoSpace() && error.severity() == rocksdb::Status::Severity::kHardError) {
      *auto_recovery = false;
    }
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
