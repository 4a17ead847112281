// Named places in our own code at which a test can end the process, make a call fail or hold it up.
//
// A place that can return an error writes
// MNEME_RETURN_IF_ERROR(MNEME_FAIL_POINT("commit.before_write")); any other one
// MNEME_PASS_FAIL_POINT("commit.before_apply"). The name must stand in kFailPoints; else it does
// not compile. Nothing armed: one relaxed load a pass.
//
// The table is the process's: a place deep in the storage must be reached by a flag of the daemon
// without a parameter through everything between. Arm before there are other threads; passing is
// thread-safe.
#ifndef MNEME_CORE_BASE_FAIL_POINT_H_
#define MNEME_CORE_BASE_FAIL_POINT_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <string_view>

#include "absl/status/status.h"

namespace mneme {

inline constexpr auto kFailPoints = std::to_array<std::string_view>({
    "commit.before_write",       // a commit is checked, nothing of it is on its way to the disk
    "commit.after_write",        // it is written (and synced, if it asked to)
    "commit.before_apply",       // durable, not yet in the models
    "commit.before_publish",     // in the models, not yet seen by readers
    "commit.before_answer",      // seen by readers, not yet acknowledged
    "checkpoint.before_commit",  // a checkpoint is made, not yet committed
    "checkpoint.after_commit",   // committed; what it replaces is still there
    "checkpoint.purge",          // between two batches of rows that need not be kept
    "recovery.after_memory",     // one memory is read, others are not
    "recovery.replay",           // a record of the log is applied again, others are not
    "expire.prepare",            // items whose time has come are found
    "evict.prepare",             // items that make room are found
    "alias.swap",                // an alias is changed on disk, not yet for callers
    "memory.drop",               // a memory is dropped on disk, not yet for callers
    "copy.rows",                 // a part of a copy (clone, restore) is written
    "copy.before_install",       // a copy is whole, its name is not known yet
    "backup.copied",             // a backup's files are there, its manifest is not
    "backup.before_manifest",    // the manifest is made, not yet written
    "restore.copied",            // a memory is copied out of a backup, not yet compared
    "close.begin",               // told to stop: nothing saved yet
    "close.before_flush",        // checkpoints are written, the log is not flushed yet
    "stream.before_ack",         // a chunk of a stream is stored, its ack is not sent
    "port_file.before_rename",   // the port is written beside, not yet under its name
});

// What one or more points are to do: "NAME=ACTION[@N],..."; the action is taken at the N-th pass
// (the first), then never again.
//   kill        the process ends at once, as by kill -9
//   error       Unavailable (FAIL_POINT), where the place can return an error; else nothing
//   pause-MS    the pass takes MS milliseconds longer; this one at every pass from the N-th on
// InvalidArgument (FAIL_POINT) for anything else; then nothing is armed.
absl::Status ArmFailPoints(std::string_view points);

namespace internal {

inline std::atomic<bool> fail_points_armed{false};

consteval size_t FailPointIndex(std::string_view name) {
  for (size_t i = 0; i < kFailPoints.size(); ++i) {
    if (kFailPoints[i] == name) return i;
  }
  throw "no such fail point: add it to kFailPoints";
}

absl::Status MeetFailPoint(size_t index);

inline absl::Status PassFailPoint(size_t index) {
  if (!fail_points_armed.load(std::memory_order_relaxed)) return absl::OkStatus();
  return MeetFailPoint(index);
}

}  // namespace internal
}  // namespace mneme

#define MNEME_FAIL_POINT(name) \
  ::mneme::internal::PassFailPoint(::mneme::internal::FailPointIndex(name))
#define MNEME_PASS_FAIL_POINT(name) MNEME_FAIL_POINT(name).IgnoreError()

#endif  // MNEME_CORE_BASE_FAIL_POINT_H_
