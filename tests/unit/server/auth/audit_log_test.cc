// The audit log: its lines, its rotation, and what becomes of what cannot be written.
#include "server/auth/audit_log.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/base/status.h"
#include "gtest/gtest.h"

namespace mneme::server {
namespace {

class AuditLogTest : public ::testing::Test {
 protected:
  AuditLogTest() {
    std::string name = (std::filesystem::temp_directory_path() / "mneme-audit-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) directory_ = name;
    path_ = directory_ + "/audit.jsonl";
  }
  ~AuditLogTest() override { std::filesystem::remove_all(directory_); }

  static std::vector<nlohmann::json> Lines(const std::string& path) {
    std::vector<nlohmann::json> out;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) out.push_back(nlohmann::json::parse(line));
    return out;
  }

  std::string directory_, path_;
};

AuditEntry EntryOf(const std::string& who) {
  return {.unix_nanos = 1'000'000'000, .who = who, .from = "ipv4:1", .verb = "Store", .code = "OK"};
}

TEST_F(AuditLogTest, ALineTellsWhoDidWhatAndHowItEnded) {
  AuditEntry entry = EntryOf("in\"gest\n");
  entry.memory = "faces";
  entry.position = 7;
  EXPECT_EQ(FormatAuditEntry(entry),
            R"({"time":"1970-01-01T00:00:01.000000Z","who":"in\"gest\n","from":"ipv4:1",)"
            R"("verb":"Store","memory":"faces","code":"OK","position":7})");
  entry = EntryOf("\xff");  // what is no UTF-8 does not break the line
  entry.code = "NOT_FOUND";
  entry.reason = "MEMORY_NOT_FOUND";
  EXPECT_EQ(nlohmann::json::parse(FormatAuditEntry(entry))["reason"], "MEMORY_NOT_FOUND");
}

TEST_F(AuditLogTest, EntriesAreAppendedInOrderByItsOwnerAlone) {
  for (int round = 0; round < 2; ++round) {
    const auto log = AuditLog::Open(path_);
    ASSERT_TRUE(log.ok()) << log.status();
    for (int i = 0; i < 100; ++i) (*log)->Write(EntryOf(std::to_string(100 * round + i)));
  }
  const auto lines = Lines(path_);
  ASSERT_EQ(lines.size(), 200u);
  for (size_t i = 0; i < lines.size(); ++i) EXPECT_EQ(lines[i]["who"], std::to_string(i));
  struct stat facts = {};
  ASSERT_EQ(stat(path_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
}

TEST_F(AuditLogTest, ReopenGoesOnInANewFile) {
  const auto log = AuditLog::Open(path_);
  ASSERT_TRUE(log.ok());
  (*log)->Write(EntryOf("before"));
  (*log)->Flush();
  std::filesystem::rename(path_, path_ + ".1");
  ASSERT_TRUE((*log)->Reopen().ok());
  (*log)->Write(EntryOf("after"));
  (*log)->Flush();
  ASSERT_EQ(Lines(path_ + ".1").size(), 1u);
  ASSERT_EQ(Lines(path_).size(), 1u);
  EXPECT_EQ(Lines(path_)[0]["who"], "after");
}

TEST_F(AuditLogTest, AFailedReopenKeepsTheOldFile) {
  const auto log = AuditLog::Open(path_);
  ASSERT_TRUE(log.ok());
  std::filesystem::rename(path_, path_ + ".1");
  std::filesystem::create_directory(path_);
  EXPECT_EQ((*log)->Reopen().code(), absl::StatusCode::kUnavailable);
  (*log)->Write(EntryOf("still"));
  (*log)->Flush();
  EXPECT_EQ(Lines(path_ + ".1").size(), 1u);
}

TEST_F(AuditLogTest, AFullDiskLosesEntriesAndSaysHowMany) {
  // /dev/full answers every write with ENOSPC.
  std::filesystem::create_symlink("/dev/full", path_);
  const auto log = AuditLog::Open(path_);
  ASSERT_TRUE(log.ok()) << log.status();
  for (int i = 0; i < 3; ++i) {
    (*log)->Write(EntryOf("lost"));
    (*log)->Flush();
  }
  EXPECT_EQ((*log)->lost(), 3u);
  std::filesystem::remove(path_);
  ASSERT_TRUE((*log)->Reopen().ok());
  (*log)->Write(EntryOf("kept"));
  (*log)->Flush();
  const auto lines = Lines(path_);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0]["lost"], 3);
  EXPECT_EQ(lines[1]["who"], "kept");
  EXPECT_EQ((*log)->lost(), 3u);
}

TEST_F(AuditLogTest, AFolderIsNoFile) {
  const auto log = AuditLog::Open(directory_);
  EXPECT_EQ(log.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(GetErrorDetail(log.status())->reason, "AUDIT_FILE");
}

}  // namespace
}  // namespace mneme::server
