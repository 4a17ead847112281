#include "core/storage/write_ahead_log.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "absl/strings/numbers.h"
#include "core/base/crc32c.h"
#include "core/base/status.h"
#include "core/storage/bytes.h"
#include "core/storage/files.h"
#include "core/storage/rocksdb_status.h"
#include "rocksdb/file_system.h"

namespace mneme::storage {
namespace {

using rocksdb::IOOptions;

constexpr size_t kBlockBytes = 32u << 10;
constexpr size_t kSectorBytes = 512;
constexpr size_t kHeaderBytes = 7;
constexpr size_t kTypeOffset = 6;
constexpr size_t kFileBytesMax = size_t{1} << 32;
// How a note stands at the end of a batch: RocksDB's tag of log data, its length, ours, a flag, the
// number of the oldest file.
constexpr std::string_view kNoteTag = "\x03\x0emneme";
constexpr size_t kNoteBytes = kNoteTag.size() + 1 + sizeof(uint64_t);
enum : uint8_t { kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

// RocksDB stores checksums in this form, because it checksums what holds checksums.
uint32_t Masked(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

struct Piece {
  uint8_t type = 0;
  std::string_view bytes;
};

// The physical record at the start of `block`, the rest of a block; nullopt when none stands there.
std::optional<Piece> ReadPiece(std::string_view block) {
  Reader header(block);
  const auto crc = header.LittleEndian<uint32_t>();
  const auto length = header.LittleEndian<uint16_t>();
  const auto type = header.LittleEndian<uint8_t>();
  if (!header.ok() || type == 0 || length > header.Rest().size()) return std::nullopt;
  if (Masked(Crc32c(block.substr(kTypeOffset, length + size_t{1}))) != crc) return std::nullopt;
  return Piece{.type = type, .bytes = block.substr(kHeaderBytes, length)};
}

// Puts commits together from their pieces.
class CommitReader {
 public:
  explicit CommitReader(const std::function<void(const LoggedCommit&)>& visit) : visit_(visit) {}

  void Take(const Piece& piece, uint64_t end) {
    const bool begins = piece.type == kFull || piece.type == kFirst;
    if (piece.type > kLast) return;  // of a newer RocksDB: about the file, no commit
    if (begins == open_) Damage();   // a commit without its end, or an end without its commit
    if (begins) {
      head_.clear();
      tail_.clear();
      open_ = true;
    }
    if (!open_) return;
    head_ += piece.bytes.substr(0, kBatchHeaderBytes - head_.size());
    tail_ += piece.bytes.substr(piece.bytes.size() - std::min(piece.bytes.size(), kNoteBytes));
    tail_.erase(0, tail_.size() - std::min(tail_.size(), kNoteBytes));
    if (piece.type == kFull || piece.type == kLast) Finish(end);
  }
  void Damage() {
    damaged_ = true;
    open_ = false;
  }
  // Zeros were found in what is unreadable; or it leads beyond the end of the file.
  void Zeros() { zeros_ = true; }
  void BeyondEnd(bool beyond) { beyond_end_ = beyond; }
  LogEnd End() const {
    if (!damaged_) return open_ ? LogEnd::kTorn : LogEnd::kWhole;
    return zeros_ || beyond_end_ ? LogEnd::kTorn : LogEnd::kDamaged;
  }

 private:
  static constexpr size_t kBatchHeaderBytes = 12;

  void Finish(uint64_t end) {
    open_ = false;
    Reader reader(head_);
    LoggedCommit commit{.end = end, .after_damage = damaged_, .after_zeros = zeros_};
    commit.sequence = reader.LittleEndian<uint64_t>();
    commit.count = reader.LittleEndian<uint32_t>();
    if (!reader.ok()) return Damage();
    if (tail_.starts_with(kNoteTag)) {
      Reader note(std::string_view(tail_).substr(kNoteTag.size()));
      commit.note.synced = note.LittleEndian<uint8_t>() != 0;
      commit.note.oldest_file = note.LittleEndian<uint64_t>();
    }
    damaged_ = false;
    zeros_ = false;
    visit_(commit);
  }

  const std::function<void(const LoggedCommit&)>& visit_;
  std::string head_;
  std::string tail_;
  bool open_ = false;
  bool damaged_ = false;
  bool zeros_ = false;
  bool beyond_end_ = false;
};

// Zeros from `at` to where the sector or the block ends. Blocks begin with a sector.
bool IsZeroToSectorEnd(std::string_view block, size_t at) {
  const std::string_view rest = block.substr(at, kSectorBytes - at % kSectorBytes);
  return rest.find_first_not_of('\0') == std::string_view::npos;
}

// A header cut off, or one whose record would go on behind what is there.
bool LeadsBeyondEnd(std::string_view rest) {
  Reader header(rest);
  header.LittleEndian<uint32_t>();
  const auto length = header.LittleEndian<uint16_t>();
  header.LittleEndian<uint8_t>();
  return !header.ok() || length > header.Rest().size();
}

// One block. Behind something unreadable every offset is tried: the length that would lead on is
// not to be trusted.
void ReadBlock(std::string_view block, uint64_t block_offset, CommitReader& commits) {
  const bool whole = block.size() == kBlockBytes;
  bool damaged = false;
  for (size_t at = 0; at < block.size();) {
    if (whole && !damaged && block.size() - at < kHeaderBytes) return;  // no room for a header
    const std::optional<Piece> piece = ReadPiece(block.substr(at));
    if (!piece.has_value()) {
      if (!damaged) {
        commits.Damage();
        commits.BeyondEnd(!whole && LeadsBeyondEnd(block.substr(at)));
      }
      if ((!damaged || at % kSectorBytes == 0) && IsZeroToSectorEnd(block, at)) commits.Zeros();
      damaged = true;
      ++at;
      continue;
    }
    damaged = false;
    at += kHeaderBytes + piece->bytes.size();
    commits.Take(*piece, block_offset + at);
  }
}

constexpr std::string_view kNoCrash = "a commit is damaged, not as a crash leaves it";

absl::Status Damaged(const std::string& path, uint64_t offset, std::string_view how) {
  return DataLoss(
      absl::StrCat("write-ahead log '", path, "' at offset ", offset, ": ", AbslView(how)),
      {.reason = "CORRUPT",
       .given = absl::StrCat(path, " at offset ", offset),
       .expected = "the log as it was made durable",
       .next_step = "Check the disk, then restore the data directory from a backup: commits that "
                    "were acknowledged are missing from the log."});
}

// Follows the commits over all files.
class LogChecker {
 public:
  LogChecker(rocksdb::FileSystem& files, const std::vector<std::string>& paths)
      : files_(files), paths_(paths) {}

  absl::Status Check() {
    for (file_ = 0; file_ < paths_.size(); ++file_) {
      first_in_file_ = true;
      const std::function<void(const LoggedCommit&)> take = [&](const LoggedCommit& commit) {
        if (damage_.ok()) damage_ = Take(commit);
        first_in_file_ = false;
      };
      MNEME_ASSIGN_OR_RETURN(const LogEnd end, ReadLogFile(files_, paths_[file_], take));
      MNEME_RETURN_IF_ERROR(damage_);
      if (end == LogEnd::kDamaged) {
        return Damaged(paths_[file_], kept_.contains(file_) ? kept_[file_] : 0, kNoCrash);
      }
      if (end == LogEnd::kTorn && !next_.has_value()) hole_ = LastKept();  // of nothing
    }
    return absl::OkStatus();
  }
  // Takes what stands behind holes away: the ends of files, whole files.
  absl::Status Cut() const;

 private:
  struct Place {
    size_t file = 0;
    uint64_t offset = 0;
  };

  absl::Status Take(const LoggedCommit& commit);
  void Keep(const LoggedCommit& commit) {
    next_ = commit.sequence + commit.count;
    kept_[file_] = commit.end;
  }
  Place LastKept() const {
    return kept_.empty() ? Place{.file = file_}
                         : Place{kept_.rbegin()->first, kept_.rbegin()->second};
  }

  rocksdb::FileSystem& files_;
  const std::vector<std::string>& paths_;
  size_t file_ = 0;
  bool first_in_file_ = true;
  absl::Status damage_;
  std::optional<uint64_t> next_;     // the sequence number that the next commit must have
  std::map<size_t, uint64_t> kept_;  // file: how much of it is the prefix
  std::optional<Place> hole_;        // where the prefix ends, once something does not continue it
  std::map<size_t, uint64_t> left_;  // file: how much of it stays, where some of it must go
};

absl::Status LogChecker::Take(const LoggedCommit& commit) {
  const bool continues = next_.has_value() ? commit.sequence == *next_ : !hole_.has_value();
  // A new file that continues the prefix: after a hole it is what was written once recovery had cut
  // the log there.
  if (continues && !commit.after_damage && (!hole_.has_value() || first_in_file_)) {
    hole_.reset();
    Keep(commit);
    return absl::OkStatus();
  }
  if (!hole_.has_value()) {
    hole_ = LastKept();
    if (!commit.after_damage && !first_in_file_) {  // nothing tears a file like that
      return Damaged(
          paths_[file_], hole_->offset,
          absl::StrCat("commit ", commit.sequence, " stands where ", next_.value_or(0), " should"));
    }
  }
  if (commit.after_damage && !commit.after_zeros) {
    return Damaged(paths_[file_], kept_.contains(file_) ? kept_[file_] : 0, kNoCrash);
  }
  left_[file_] = kept_.contains(file_) ? kept_[file_] : 0;
  left_[hole_->file] = hole_->offset;
  if (!commit.note.synced) return absl::OkStatus();
  return Damaged(paths_[hole_->file], hole_->offset,
                 "a commit that was durable is damaged or missing here");
}

absl::Status LogChecker::Cut() const {
  for (const auto& [file, length] : left_) {
    const std::string& path = paths_[file];
    if (length == 0) {
      MNEME_RETURN_IF_ERROR(FromRocksDb(files_.DeleteFile(path, IOOptions(), nullptr),
                                        absl::StrCat("deleting '", path, "'")));
      continue;
    }
    MNEME_ASSIGN_OR_RETURN(const std::string bytes, ReadWhole(files_, path, kFileBytesMax));
    MNEME_RETURN_IF_ERROR(WriteWhole(files_, path, std::string_view(bytes).substr(0, length)));
  }
  return absl::OkStatus();
}

// By number, which is the order they were written in.
absl::StatusOr<std::map<uint64_t, std::string>> LogFiles(rocksdb::FileSystem& files,
                                                         const std::string& database_path) {
  std::vector<std::string> names;
  MNEME_RETURN_IF_ERROR(FromRocksDb(files.GetChildren(database_path, IOOptions(), &names, nullptr),
                                    absl::StrCat("listing directory '", database_path, "'")));
  std::map<uint64_t, std::string> out;
  for (const std::string& name : names) {
    const std::optional<uint64_t> number = LogFileNumber(name);
    if (number.has_value()) out[*number] = JoinPath(database_path, name);
  }
  return out;
}

// Without those that a crash left undeleted: nothing in them counts, whole or not.
absl::StatusOr<std::vector<std::string>> NeededLogFiles(rocksdb::FileSystem& files,
                                                        const std::string& database_path) {
  MNEME_ASSIGN_OR_RETURN(auto numbered, LogFiles(files, database_path));
  uint64_t oldest = 0;
  const std::function<void(const LoggedCommit&)> take = [&](const LoggedCommit& commit) {
    oldest = std::max(oldest, commit.note.oldest_file);
  };
  for (const auto& [number, path] : numbered) {
    MNEME_RETURN_IF_ERROR(ReadLogFile(files, path, take).status());
  }
  std::vector<std::string> needed;
  for (const auto& [number, path] : numbered) {
    if (number >= oldest) needed.push_back(path);
  }
  return needed;
}

}  // namespace

std::string EncodeLogNote(const LogNote& note) {
  std::string bytes(kNoteTag.substr(2));
  AppendLittleEndian(bytes, static_cast<uint8_t>(note.synced));
  AppendLittleEndian(bytes, note.oldest_file);
  return bytes;
}

std::optional<uint64_t> LogFileNumber(std::string_view path) {
  constexpr std::string_view kSuffix = ".log";
  if (!path.ends_with(kSuffix)) return std::nullopt;
  path.remove_suffix(kSuffix.size());
  uint64_t number = 0;
  if (!absl::SimpleAtoi(AbslView(path.substr(path.rfind('/') + 1)), &number)) return std::nullopt;
  return number;
}

absl::StatusOr<LogEnd> ReadLogFile(rocksdb::FileSystem& files, const std::string& path,
                                   const std::function<void(const LoggedCommit&)>& visit) {
  const std::string doing = absl::StrCat("reading '", path, "'");
  std::unique_ptr<rocksdb::FSSequentialFile> file;
  MNEME_RETURN_IF_ERROR(
      FromRocksDb(files.NewSequentialFile(path, rocksdb::FileOptions(), &file, nullptr), doing));
  CommitReader commits(visit);
  std::string buffer(kBlockBytes, '\0');
  for (uint64_t offset = 0;; offset += kBlockBytes) {
    rocksdb::Slice block;
    MNEME_RETURN_IF_ERROR(
        FromRocksDb(file->Read(kBlockBytes, IOOptions(), &block, buffer.data(), nullptr), doing));
    ReadBlock(ToView(block), offset, commits);
    if (block.size() < kBlockBytes) return commits.End();
  }
}

absl::Status CheckWriteAheadLog(rocksdb::FileSystem& files, const std::string& database_path,
                                bool repair) {
  MNEME_ASSIGN_OR_RETURN(const std::vector<std::string> paths,
                         NeededLogFiles(files, database_path));
  LogChecker checker(files, paths);
  MNEME_RETURN_IF_ERROR(checker.Check());
  return repair ? checker.Cut() : absl::OkStatus();
}

}  // namespace mneme::storage
