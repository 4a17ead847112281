#include <gtest/gtest.h>

#include "mneme/error.h"

namespace mneme::client {
namespace {

std::string Counted(uint64_t first, const std::string& message) {
  const auto counted = CountRowsFrom(first, {.message = message});
  return counted ? counted->message : "none";
}

TEST(CountRowsFrom, FindsTheRowsThatTheServerNames) {
  EXPECT_EQ(Counted(1000, "key of row 3 is the zero vector"), "key of row 1003 is the zero vector");
  EXPECT_EQ(Counted(1000, "rows 4 and 5 have the same id"), "rows 1004 and 1005 have the same id");
  EXPECT_EQ(Counted(1000, "rows 4 to 5: full"), "rows 1004 to 1005: full");
  EXPECT_EQ(Counted(1000, "keys row 7, column 2 is nan"), "keys row 1007, column 2 is nan");
  EXPECT_EQ(Counted(1000, "cue 0 has no known coordinate"), "cue 1000 has no known coordinate");
  EXPECT_EQ(Counted(1000, "key 9 is a zero vector"), "key 1009 is a zero vector");
  EXPECT_EQ(Counted(1000, "ids[12]: an item id of 200 bytes"),
            "ids[1012]: an item id of 200 bytes");
  EXPECT_EQ(Counted(0, "row 3: no"), "row 3: no");
}

TEST(CountRowsFrom, LeavesOtherNumbersAndNamesAlone) {
  EXPECT_EQ(Counted(9, "memory 'f' has 8 columns"), "none");
  EXPECT_EQ(Counted(9, "5 responses for 8 rows"), "none");
  EXPECT_EQ(Counted(9, "arrow 3 and throw 4"), "none");
  EXPECT_EQ(Counted(9, "item 'row 3' is there"), "none");
  EXPECT_EQ(Counted(9, "row 1: item 'row 3' is in memory 'cue 4'"),
            "row 10: item 'row 3' is in memory 'cue 4'");
  EXPECT_EQ(Counted(9, "the memory's row 1"), "the memory's row 10");
  EXPECT_EQ(Counted(9, "candidates[2]: an item id of 0 bytes"), "none");
  EXPECT_EQ(Counted(9, "candidate responses row 3, column 1 is nan"), "none");
  EXPECT_EQ(Counted(9, "row 99999999999999999999"), "row 99999999999999999999");
  EXPECT_EQ(Counted(9, "row "), "none");
  EXPECT_EQ(Counted(9, "row 1 'open"), "row 10 'open");
}

TEST(CountRowsFrom, TakesWhatWasGivenWithIt) {
  const auto counted = CountRowsFrom(
      10, {.message = "row 3: key", .given = "key of row 3", .expected = "that of row 5"});
  ASSERT_TRUE(counted.has_value());
  EXPECT_EQ(counted->given, "key of row 13");
  EXPECT_EQ(counted->expected, "that of row 5") << "may be a row of the memory";
  EXPECT_FALSE(CountRowsFrom(10, {.message = "raced", .given = "the etag of row 3"}).has_value());
}

}  // namespace
}  // namespace mneme::client
