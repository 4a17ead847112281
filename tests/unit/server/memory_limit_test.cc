// Who says how much memory there is: a false / for each kind of machine and container.
#include "server/config/memory_limit.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace mneme::server {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kGiB = 1 << 30;

class MemoryLimitTest : public ::testing::Test {
 protected:
  MemoryLimitTest() {
    std::string name = (std::filesystem::temp_directory_path() / "mneme-root-XXXXXX").string();
    root_ = mkdtemp(name.data());
    Write("/proc/meminfo", "MemTotal:       16777216 kB\nMemFree: 1 kB\n");
  }
  ~MemoryLimitTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  void Expect(uint64_t available, const std::string& source) {
    const MemoryLimit limit = ChooseMemoryLimit(0, root_);
    EXPECT_EQ(limit.bytes, available / 10 * 8);
    EXPECT_EQ(limit.source, source);
  }

  std::string root_;
};

TEST_F(MemoryLimitTest, WhatIsConfiguredWins) {
  const MemoryLimit limit = ChooseMemoryLimit(kGiB, root_);
  EXPECT_EQ(limit.bytes, kGiB);
  EXPECT_EQ(limit.source, "configuration");
}

TEST_F(MemoryLimitTest, TheMachineWhereNoGroupSaysLess) {
  Expect(16 * kGiB, "machine");
  Write("/proc/self/cgroup", "0::/\n");
  Write("/sys/fs/cgroup/memory.max", "max\n");
  Expect(16 * kGiB, "machine");
  Write("/sys/fs/cgroup/memory.max", "68719476736\n");  // more than there is
  Expect(16 * kGiB, "machine");
}

TEST_F(MemoryLimitTest, VersionTwoTakesTheTightestOfAllGroupsAbove) {
  Write("/proc/self/cgroup", "0::/a.slice/b.service\n");
  Write("/sys/fs/cgroup/a.slice/b.service/memory.max", "max\n");
  Write("/sys/fs/cgroup/a.slice/memory.max", "2147483648\n");
  Expect(2 * kGiB, "cgroup");
  Write("/sys/fs/cgroup/a.slice/b.service/memory.max", "1073741824\n");
  Expect(kGiB, "cgroup");
}

TEST_F(MemoryLimitTest, AContainerSeesItsGroupAsTheRoot) {
  Write("/proc/self/cgroup", "0::/docker/0123\n");  // a path of the host
  Write("/sys/fs/cgroup/memory.max", "4294967296\n");
  Expect(4 * kGiB, "cgroup");
}

TEST_F(MemoryLimitTest, VersionOneHasAHierarchyForMemory) {
  Write("/proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/user/y\n1:name=systemd:/z\n");
  Write("/sys/fs/cgroup/memory/user/y/memory.limit_in_bytes", "9223372036854771712\n");
  Expect(16 * kGiB, "machine");
  Write("/sys/fs/cgroup/memory/user/memory.limit_in_bytes", "3221225472\n");
  Expect(3 * kGiB, "cgroup");
}

TEST_F(MemoryLimitTest, NothingToGoBy) {
  std::filesystem::remove_all(root_ + "/proc");
  EXPECT_EQ(ChooseMemoryLimit(0, root_).bytes, 0u);
}

TEST(SplitMemory, LeavesRoomForMemoriesUnderAnyLimit) {
  for (uint64_t limit : {64 * kMiB, 256 * kMiB, kGiB, 64 * kGiB}) {
    const MemoryShares shares = SplitMemory(limit, 256 * kMiB);
    EXPECT_EQ(shares.calls, limit / 4);
    EXPECT_LE(shares.storage, limit / 4);
    EXPECT_LE(shares.reserved, limit / 8 * 5) << limit;
    EXPECT_GE(shares.reserved, shares.calls + shares.storage);
  }
  EXPECT_EQ(SplitMemory(kGiB * 64, 256 * kMiB).storage, 256 * kMiB);
}

}  // namespace
}  // namespace mneme::server
