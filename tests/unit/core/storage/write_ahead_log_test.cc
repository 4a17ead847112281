// What the check of the write-ahead log lets pass, cuts and refuses.
#include "core/storage/write_ahead_log.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "gtest/gtest.h"
#include "rocksdb/file_system.h"
#include "tests/unit/core/storage/storage_test_util.h"

namespace mneme::storage {
namespace {

namespace fs = std::filesystem;

constexpr MemoryUid kUid = 7;
constexpr uint64_t kCommits = 12;
constexpr uint64_t kRowsPerCommit = 20;
constexpr size_t kColumns = 64;  // some 6 KB a commit: several blocks in all

std::string ReadBytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void WriteBytes(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// A data directory whose commits are all in the write-ahead log; its log can be put back changed.
class LoggedDirectory {
 public:
  explicit LoggedDirectory(Sync sync) {
    {
      std::unique_ptr<Storage> storage = OpenOrDie(directory_.path());
      for (uint64_t n = 1; n <= kCommits; ++n) {
        EXPECT_TRUE(
            CommitStore(*storage, kUid, n, (n - 1) * kRowsPerCommit, kRowsPerCommit, sync, kColumns)
                .ok());
      }
    }
    for (const auto& entry : fs::directory_iterator(directory_.path() + "/db")) {
      if (entry.path().extension() == ".log" && entry.file_size() > 0) log_ = entry.path();
    }
    bytes_ = ReadBytes(log_);
    const absl::StatusOr<LogEnd> end =
        ReadLogFile(*rocksdb::FileSystem::Default(), log_.string(),
                    [&](const LoggedCommit& commit) { commits_.push_back(commit); });
    EXPECT_TRUE(end.ok() && *end == LogEnd::kWhole);
  }

  const std::string& bytes() const { return bytes_; }
  const std::vector<LoggedCommit>& commits() const { return commits_; }

  // Opens a copy whose log is `bytes`. The number of commits served, or the error.
  absl::StatusOr<uint64_t> CommitsServed(const std::string& bytes) const {
    TempDirectory copy;
    fs::copy(directory_.path(), copy.path(),
             fs::copy_options::recursive | fs::copy_options::overwrite_existing);
    WriteBytes(copy.path() / fs::relative(log_, directory_.path()), bytes);
    MNEME_ASSIGN_OR_RETURN(std::unique_ptr<Storage> storage,
                           OpenRocksDbStorage(SmallOptions(copy.path())));
    const uint64_t served = AllRecords(*storage, kUid).size();
    EXPECT_EQ(AllRows(*storage, kUid).size(), served * kRowsPerCommit);
    EXPECT_TRUE(CommitStore(*storage, kUid, served + 1, served * kRowsPerCommit, 1).ok());
    return served;
  }

 private:
  TempDirectory directory_;
  fs::path log_;
  std::string bytes_;
  std::vector<LoggedCommit> commits_;
};

TEST(WriteAheadLog, IsReadAsCommitsThatFollowOneAnotherWithANoteBehindEachThatWasSynced) {
  const LoggedDirectory directory(Sync::kDisk);
  ASSERT_EQ(directory.commits().size(), 2 * kCommits);
  uint64_t next = directory.commits()[0].sequence;
  for (size_t i = 0; i < directory.commits().size(); ++i) {
    EXPECT_EQ(directory.commits()[i].sequence, next);
    EXPECT_EQ(directory.commits()[i].note.synced, i % 2 == 1);
    next += directory.commits()[i].count;
  }
  EXPECT_EQ(directory.commits().back().end, directory.bytes().size());
  EXPECT_EQ(directory.CommitsServed(directory.bytes()).value(), kCommits);
}

TEST(WriteAheadLog, AFlippedBitInWhatWasSyncedIsDataLoss) {
  const LoggedDirectory directory(Sync::kDisk);
  const uint64_t synced = directory.commits()[2 * kCommits - 2].end;  // but for the last note
  Random random(1);
  for (int i = 0; i < 24; ++i) {
    std::string bytes = directory.bytes();
    const uint64_t bit = i < 8 ? (synced - 1 - 8 * i) * 8 : random.Below(synced * 8);
    SCOPED_TRACE(::testing::Message() << "seed 1, bit " << bit);
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    const absl::Status status = directory.CommitsServed(bytes).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_EQ(Reason(status), "CORRUPT");
  }
}

// Nothing says that it was synced; but no crash flips a bit.
TEST(WriteAheadLog, AFlippedBitInWhatWasNotSyncedIsDataLoss) {
  const LoggedDirectory directory(Sync::kOs);
  Random random(2);
  for (int i = 0; i < 12; ++i) {
    std::string bytes = directory.bytes();
    // But for the last commit's length, whose damage looks like an end that never was written.
    const uint64_t bit = random.Below(directory.commits()[kCommits - 2].end * 8);
    SCOPED_TRACE(::testing::Message() << "seed 2, bit " << bit);
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(directory.CommitsServed(bytes).status().code(), absl::StatusCode::kDataLoss);
  }
  std::string bytes = directory.bytes();
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  EXPECT_EQ(directory.CommitsServed(bytes).status().code(), absl::StatusCode::kDataLoss);
}

TEST(WriteAheadLog, ADamagedLengthThatPointsBeyondTheEndIsDataLoss) {
  const LoggedDirectory directory(Sync::kDisk);
  const uint64_t last = directory.commits()[2 * kCommits - 3].end;  // where the last commit begins
  std::string bytes = directory.bytes();
  bytes[last + 5] = '\x7f';
  EXPECT_EQ(directory.CommitsServed(bytes).status().code(), absl::StatusCode::kDataLoss);
}

TEST(WriteAheadLog, ZerosFromARecordOnAreDataLossWhereSyncedCommitsFollow) {
  const LoggedDirectory directory(Sync::kDisk);
  for (size_t n : {size_t{1}, size_t{7}, size_t{2 * kCommits - 3}}) {
    std::string bytes = directory.bytes();
    const uint64_t start = directory.commits()[n].end;
    const uint64_t length = directory.commits()[n + 1].end - start;
    bytes.replace(start, length, length, '\0');
    EXPECT_EQ(directory.CommitsServed(bytes).status().code(), absl::StatusCode::kDataLoss) << n;
  }
}

TEST(WriteAheadLog, ARepeatedOrLeftOutCommitIsDataLoss) {
  const LoggedDirectory directory(Sync::kDisk);
  const uint64_t first = directory.commits()[1].end;
  const uint64_t second = directory.commits()[3].end;
  const std::string& good = directory.bytes();
  // Within the first block, so that what follows keeps its place in its block.
  ASSERT_LT(2 * second - first, 32u << 10);
  const std::string repeated =
      good.substr(0, second) + good.substr(first, second - first) + good.substr(second);
  EXPECT_EQ(directory.CommitsServed(repeated).status().code(), absl::StatusCode::kDataLoss);
  const std::string left_out = good.substr(0, first) + good.substr(second);
  EXPECT_EQ(directory.CommitsServed(left_out).status().code(), absl::StatusCode::kDataLoss);
}

// Pages of what was never synced reach the disk in any order.
TEST(WriteAheadLog, AnUnsyncedEndWithHolesIsCutAtTheFirst) {
  const LoggedDirectory directory(Sync::kOs);
  ASSERT_EQ(directory.commits().size(), kCommits);
  constexpr uint64_t kPage = 4096;
  for (uint64_t page = 1; (page + 1) * kPage < directory.bytes().size(); page += 3) {
    SCOPED_TRACE(page);
    std::string bytes = directory.bytes();
    bytes.replace(page * kPage, kPage, kPage, '\0');
    uint64_t whole = 0;
    while (directory.commits()[whole].end <= page * kPage) ++whole;
    const absl::StatusOr<uint64_t> served = directory.CommitsServed(bytes);
    ASSERT_TRUE(served.ok()) << served.status();
    EXPECT_EQ(*served, whole);
  }
}

TEST(WriteAheadLog, CutAtAnyByteServesItsWholeCommits) {
  const LoggedDirectory directory(Sync::kDisk);
  for (uint64_t length = 0; length <= directory.bytes().size(); length += 3989) {
    uint64_t whole = 0;
    while (2 * whole < directory.commits().size() && directory.commits()[2 * whole].end <= length) {
      ++whole;
    }
    const absl::StatusOr<uint64_t> served =
        directory.CommitsServed(directory.bytes().substr(0, length));
    ASSERT_TRUE(served.ok()) << length << " " << served.status();
    EXPECT_EQ(*served, whole) << length;
  }
}

}  // namespace
}  // namespace mneme::storage
