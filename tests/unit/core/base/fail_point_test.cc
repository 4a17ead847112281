#include "core/base/fail_point.h"

#include <signal.h>

#include <set>
#include <string>

#include "core/base/status.h"
#include "gtest/gtest.h"

namespace mneme {
namespace {

class FailPoint : public ::testing::Test {
 protected:
  void TearDown() override { ASSERT_TRUE(ArmFailPoints("").ok()); }
};

absl::Status Commit() { return MNEME_FAIL_POINT("commit.before_write"); }

TEST_F(FailPoint, IsPassedWhileNothingIsArmed) {
  EXPECT_TRUE(Commit().ok());
  ASSERT_TRUE(ArmFailPoints("commit.after_write=error").ok());
  EXPECT_TRUE(Commit().ok()) << "another point was armed";
}

TEST_F(FailPoint, FailsAtTheNthPassAndOnlyThen) {
  ASSERT_TRUE(ArmFailPoints("commit.before_write=error@3").ok());
  EXPECT_TRUE(Commit().ok());
  EXPECT_TRUE(Commit().ok());
  const absl::Status third = Commit();
  EXPECT_TRUE(absl::IsUnavailable(third));
  EXPECT_EQ(GetErrorDetail(third)->reason, "FAIL_POINT");
  EXPECT_TRUE(Commit().ok());
}

TEST_F(FailPoint, EndsTheProcessAsKillDoes) {
  EXPECT_EXIT(
      {
        ArmFailPoints("commit.before_write=kill@2").IgnoreError();
        Commit().IgnoreError();
        Commit().IgnoreError();
      },
      ::testing::KilledBySignal(SIGKILL), "");
}

TEST_F(FailPoint, PausesAtEveryPass) {
  ASSERT_TRUE(ArmFailPoints("commit.before_write=pause-0,alias.swap=pause-0@2").ok());
  EXPECT_TRUE(Commit().ok());
  EXPECT_TRUE(Commit().ok());
}

TEST_F(FailPoint, RefusesWhatItDoesNotKnowAndArmsNothing) {
  for (const char* bad : {"commit.before_write", "commit.before_write=", "commit.before_write=die",
                          "commit.before_write=kill@0", "commit.before_write=kill@x",
                          "commit.before_write=pause-x", "nowhere=kill"}) {
    SCOPED_TRACE(bad);
    const absl::Status status = ArmFailPoints(std::string("commit.before_write=error,") + bad);
    ASSERT_TRUE(absl::IsInvalidArgument(status));
    EXPECT_FALSE(GetErrorDetail(status)->given.empty());
    EXPECT_TRUE(Commit().ok());
  }
}

TEST_F(FailPoint, HasEachNameOnce) {
  EXPECT_EQ(std::set<std::string_view>(kFailPoints.begin(), kFailPoints.end()).size(),
            kFailPoints.size());
}

}  // namespace
}  // namespace mneme
