#include "client/cli/units.h"

#include <gtest/gtest.h>

#include "client/cli/context.h"

namespace mneme::cli {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

TEST(Units, LifetimesKnowDays) {
  EXPECT_EQ(*ParseLifetime("30d"), hours(720));
  EXPECT_EQ(*ParseLifetime("1d12h"), hours(36));
  EXPECT_EQ(*ParseLifetime("1h30m"), minutes(90));
  for (const char* bad : {"", "d", "30", "-1h", "0s", "1e9d", "3x"}) {
    EXPECT_EQ(ExitCodeOf(ParseLifetime(bad).status()), kExitUsage) << bad;
  }
  EXPECT_EQ(FormatLifetime(hours(720)), "30d");
  EXPECT_EQ(FormatLifetime(minutes(90)), "1h30m");
}

TEST(Units, BytesTakeAUnit) {
  EXPECT_EQ(*ParseBytes("0"), 0u);
  EXPECT_EQ(*ParseBytes("64k"), 65536u);
  EXPECT_EQ(*ParseBytes("2G"), 2147483648u);
  for (const char* bad : {"", "M", "1.5M", "-1", "99999999999999999999", "17179869184G"}) {
    EXPECT_EQ(ExitCodeOf(ParseBytes(bad).status()), kExitUsage) << bad;
  }
}

TEST(Units, TimesAreRfc3339) {
  EXPECT_EQ(ParseTime("2030-01-01T00:00:00Z")->time_since_epoch(),
            std::chrono::seconds(1893456000));
  EXPECT_FALSE(ParseTime("tomorrow").ok());
}

}  // namespace
}  // namespace mneme::cli
