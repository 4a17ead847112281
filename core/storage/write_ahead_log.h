// Reading RocksDB's write-ahead log without RocksDB: what is in it, and whether what was made
// durable is still there. RocksDB alone takes a damaged end for a crash, and a zeroed stretch for
// room not yet used, and leaves out what stands there or behind it.
//
// A file is cut into blocks of 32 KiB; a physical record is a header (masked CRC-32C, u16 length,
// u8 type) and its bytes, within one block; a commit is one physical record or a first, middles and
// a last. A commit begins with its u64 sequence number and u32 count of entries: the next commit's
// number is the sum.
//
// Pure functions of the files.
#ifndef MNEME_CORE_STORAGE_WRITE_AHEAD_LOG_H_
#define MNEME_CORE_STORAGE_WRITE_AHEAD_LOG_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace rocksdb {
class FileSystem;
}

namespace mneme::storage {

// What storage adds at the end of each commit (WriteBatch::PutLogData), to tell the reader of the
// log what the log alone does not.
struct LogNote {
  bool synced = false;  // a commit without entries: all before it was synced when it was written
  uint64_t oldest_file = 0;  // files with lower numbers were no longer needed by then
};
std::string EncodeLogNote(const LogNote& note);

// One commit as it stands in a file.
struct LoggedCommit {
  uint64_t sequence = 0;
  uint64_t count = 0;
  uint64_t end = 0;  // offset behind it
  LogNote note;
  bool after_damage = false;  // something unreadable lies between the one before and this
  bool after_zeros = false;   // and a sector of it is zeros, as where a page never reached the disk
};

// How a file of the log ends.
enum class LogEnd {
  kWhole,    // behind a commit
  kTorn,     // inside a commit, or with zeros: as a crash leaves it
  kDamaged,  // with something else
};

// The number of a file of the log, by its name; nullopt for other files.
std::optional<uint64_t> LogFileNumber(std::string_view path);

// Calls `visit` for each whole commit of a file, those behind damage too.
absl::StatusOr<LogEnd> ReadLogFile(rocksdb::FileSystem& files, const std::string& path,
                                   const std::function<void(const LoggedCommit&)>& visit);

// Checks all files of the log in `database_path` that are still needed: each commit continues the
// one before. Where one does not, whatever stands behind the hole is looked at: a note there that
// all before it was synced proves damage. Else it is what a power cut leaves of commits that nobody
// was promised (pages of an unsynced end reach the disk in any order); with `repair` the log is
// then cut at the hole, so that it holds a prefix of the commits.
//   DataLoss CORRUPT  naming the file and the offset
absl::Status CheckWriteAheadLog(rocksdb::FileSystem& files, const std::string& database_path,
                                bool repair);

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_WRITE_AHEAD_LOG_H_
