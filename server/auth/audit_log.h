// Who did what, and how it ended: one JSON object a line, appended to a file by a thread of its
// own.
//
//   {"time":"2026-01-31T12:00:00.000000Z","who":"ingest","from":"ipv4:10.0.0.7:51234",
//    "verb":"Store","memory":"faces","code":"OK","position":812}
//
// Vectors, payloads and secrets never get here. Entries wait in a queue of kAuditQueueMax; what
// finds it full, or cannot be written (a full disk), is lost: the call goes on, lost() counts it,
// the server's log says so, and a line {"lost":N} in the file marks the place once it can be
// written again. Nothing is synced.
//
// Thread-safe. Write takes a short lock and never waits for the disk.
#ifndef MNEME_SERVER_AUTH_AUDIT_LOG_H_
#define MNEME_SERVER_AUTH_AUDIT_LOG_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/mutex.h"

namespace mneme::server {

inline constexpr size_t kAuditQueueMax = 16'384;

struct AuditEntry {
  int64_t unix_nanos = 0;
  std::string who;   // "" where the server asks nobody
  std::string from;  // address
  std::string verb;
  std::string memory;                // the first that the request names; "" for none
  std::string code;                  // "OK", "NOT_FOUND"
  std::string reason;                // of an error
  std::optional<uint64_t> position;  // of a write in the memory's log
};

std::string FormatAuditEntry(const AuditEntry& entry);  // without the end of the line

class AuditLog {
 public:
  // Makes the file if it is not there, for its owner alone. Unavailable (AUDIT_FILE).
  static absl::StatusOr<std::unique_ptr<AuditLog>> Open(std::string path);
  ~AuditLog();  // writes what waits
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  void Write(AuditEntry entry);
  // Opens the file of that path again, for one that was renamed. Where that fails the old one is
  // written on. Unavailable (AUDIT_FILE).
  absl::Status Reopen();
  // Returns once all that was given to Write before is written or lost.
  void Flush();
  uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }

 private:
  AuditLog(std::string path, int file);
  void Run();
  // The thread's, with a batch; counts what cannot be written.
  void Append(const std::vector<AuditEntry>& entries);
  bool AppendText(const std::string& text);

  const std::string path_;
  std::atomic<uint64_t> lost_{0};
  Mutex mutex_;  // a leaf
  CondVar changed_;
  std::vector<AuditEntry> queue_ ABSL_GUARDED_BY(mutex_);
  uint64_t taken_ ABSL_GUARDED_BY(mutex_) = 0;    // by Write
  uint64_t settled_ ABSL_GUARDED_BY(mutex_) = 0;  // written or lost
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  Mutex file_mutex_;  // while the file is written or changed
  int file_ ABSL_GUARDED_BY(file_mutex_);
  uint64_t marked_ = 0;   // of lost_, told in the file; the thread's
  bool failing_ = false;  // the thread's
  std::thread thread_;    // last: starts when all else is there
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_AUTH_AUDIT_LOG_H_
