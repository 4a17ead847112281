// Whose a directory is, in which format, and that nothing is made anew where a database should be.
#include "core/storage/data_directory.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "gtest/gtest.h"
#include "rocksdb/file_system.h"
#include "tests/unit/core/storage/storage_test_util.h"

namespace mneme::storage {
namespace {

namespace fs = std::filesystem;

absl::Status OpenStatus(const std::string& directory) {
  return OpenRocksDbStorage(SmallOptions(directory)).status();
}

void WriteFile(const std::string& path, std::string_view text) { std::ofstream(path) << text; }

std::string ReadFile(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

std::string Replaced(std::string text, std::string_view from, std::string_view to) {
  return text.replace(text.find(from), from.size(), to);
}

TEST(DataDirectory, IsMadeWithItsParentsAndMarkedReady) {
  TempDirectory temp;
  const std::string directory = temp.path() + "/a/b";
  ASSERT_TRUE(OpenStatus(directory).ok());
  const std::string marker = ReadFile(directory + "/MNEME");
  EXPECT_TRUE(marker.starts_with("mneme data directory\nformat 1\ncreated_by ")) << marker;
  EXPECT_TRUE(marker.ends_with("\nstate ready\n")) << marker;
  EXPECT_TRUE(OpenStatus(directory).ok());
}

TEST(DataDirectory, WithForeignFilesIsRefusedAndLeftAlone) {
  TempDirectory temp;
  WriteFile(temp.path() + "/letters.txt", "dear");
  const absl::Status status = OpenStatus(temp.path());
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Reason(status), "NOT_A_DATA_DIRECTORY");
  EXPECT_EQ(std::distance(fs::directory_iterator(temp.path()), fs::directory_iterator()), 1);
}

TEST(DataDirectory, OfAnotherRocksDbIsRefused) {
  TempDirectory temp;
  fs::create_directory(temp.path() + "/db");
  EXPECT_EQ(Reason(OpenStatus(temp.path())), "NOT_A_DATA_DIRECTORY");
}

TEST(DataDirectory, ThatIsAFreshFileSystemIsTaken) {
  TempDirectory temp;
  fs::create_directory(temp.path() + "/lost+found");
  EXPECT_TRUE(OpenStatus(temp.path()).ok());
}

TEST(DataDirectory, OfANewerFormatIsRefusedAndLeftAlone) {
  TempDirectory temp;
  ASSERT_TRUE(OpenStatus(temp.path()).ok());
  const std::string marker = temp.path() + "/MNEME";
  const std::string newer = Replaced(ReadFile(marker), "format 1", "format 2");
  WriteFile(marker, newer);
  const absl::Status status = OpenStatus(temp.path());
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Reason(status), "FORMAT_VERSION");
  EXPECT_EQ(ReadFile(marker), newer);
}

TEST(DataDirectory, WithADamagedMarkerIsDataLoss) {
  TempDirectory temp;
  ASSERT_TRUE(OpenStatus(temp.path()).ok());
  const std::string marker = temp.path() + "/MNEME";
  const std::string good = ReadFile(marker);
  for (const std::string& bad :
       {std::string(), Replaced(good, "mneme", "minim"), Replaced(good, "format 1", "format x"),
        Replaced(good, "state ready", "state sure")}) {
    WriteFile(marker, bad);
    const absl::Status status = OpenStatus(temp.path());
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << bad;
    EXPECT_EQ(Reason(status), "CORRUPT") << bad;
  }
}

TEST(DataDirectory, WhoseDatabaseIsGoneIsNotTakenForAnEmptyOne) {
  TempDirectory temp;
  ASSERT_TRUE(OpenStatus(temp.path()).ok());
  fs::remove_all(temp.path() + "/db");
  EXPECT_EQ(OpenStatus(temp.path()).code(), absl::StatusCode::kDataLoss);
  fs::create_directory(temp.path() + "/db");
  EXPECT_EQ(OpenStatus(temp.path()).code(), absl::StatusCode::kDataLoss);
}

TEST(DataDirectory, WhoseMakingWasCutShortIsFinished) {
  TempDirectory temp;
  const std::shared_ptr<rocksdb::FileSystem> files = rocksdb::FileSystem::Default();
  const auto claimed = ClaimDirectory(*files, temp.path());
  ASSERT_TRUE(claimed.ok()) << claimed.status();
  EXPECT_EQ(*claimed, DirectoryState::kCreating);
  EXPECT_EQ(ClaimDirectory(*files, temp.path()).value(), DirectoryState::kCreating);
  EXPECT_TRUE(OpenStatus(temp.path()).ok());
  EXPECT_EQ(ClaimDirectory(*files, temp.path()).value(), DirectoryState::kReady);
}

TEST(DataDirectory, ThatCannotBeMadeSaysSo) {
  TempDirectory temp;
  WriteFile(temp.path() + "/file", "");
  for (const char* directory : {"/file", "/file/inside", "/file/inside/it"}) {
    const absl::Status status = OpenStatus(temp.path() + directory);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << directory;
    EXPECT_EQ(Reason(status), "NOT_A_DIRECTORY") << directory;
    EXPECT_NE(std::string(StdView(status.message())).find("/file'"), std::string::npos) << status;
  }
}

// A directory in place of the lock's file: it cannot be opened, whoever asks (root may do what
// rights forbid). Nobody else has it.
TEST(DataDirectory, WhoseLockCannotBeTakenSaysWhy) {
  TempDirectory temp;
  ASSERT_TRUE(OpenStatus(temp.path()).ok());
  fs::remove(temp.path() + "/db/LOCK");
  fs::create_directory(temp.path() + "/db/LOCK");
  const absl::Status status = OpenStatus(temp.path());
  EXPECT_EQ(Reason(status), "STORAGE_IO") << status;
  EXPECT_NE(StdView(status.message()).find("Is a directory"), std::string_view::npos) << status;
}

}  // namespace
}  // namespace mneme::storage
