// Tests of core/filter/timestamp: RFC 3339 in, moments out, and back.
#include "core/filter/timestamp.h"

#include <string>

#include "gtest/gtest.h"

namespace mneme::filter {
namespace {

TEST(ParseTimestamp, ReadsMomentsOfTheCalendar) {
  EXPECT_EQ(ParseTimestamp("1970-01-01T00:00:00Z"), (Timestamp{}));
  EXPECT_EQ(ParseTimestamp("2026-01-02T03:04:05Z"), (Timestamp{.seconds = 1'767'323'045}));
  EXPECT_EQ(ParseTimestamp("1969-12-31T23:59:59.25Z"),
            (Timestamp{.seconds = -1, .nanos = 250'000'000}));
  EXPECT_EQ(ParseTimestamp("2000-02-29T12:00:00.123456789Z"),
            (Timestamp{.seconds = 951'825'600, .nanos = 123'456'789}));
  EXPECT_EQ(ParseTimestamp("0001-01-01T00:00:00Z"), (Timestamp{.seconds = -62'135'596'800}));
  EXPECT_EQ(ParseTimestamp("9999-12-31T23:59:59Z"), (Timestamp{.seconds = 253'402'300'799}));
}

TEST(ParseTimestamp, OffsetsAreTakenOff) {
  const auto utc = ParseTimestamp("2026-01-01T18:04:05Z");
  ASSERT_TRUE(utc.has_value());
  EXPECT_EQ(ParseTimestamp("2026-01-02T03:04:05+09:00"), utc);
  EXPECT_EQ(ParseTimestamp("2026-01-01T14:34:05-03:30"), utc);
}

TEST(ParseTimestamp, RefusesEverythingElse) {
  for (const char* text : {"",
                           "2026",
                           "2026-01-02",
                           "2026-01-02T03:04:05",
                           "2026-01-02 03:04:05Z",
                           "2026-01-02t03:04:05z",
                           "2026-1-2T03:04:05Z",
                           "2026-13-02T03:04:05Z",
                           "2026-00-02T03:04:05Z",
                           "2026-02-29T03:04:05Z",
                           "2026-01-32T03:04:05Z",
                           "2026-01-02T24:00:00Z",
                           "2026-01-02T03:60:05Z",
                           "2026-01-02T03:04:60Z",
                           "2026-01-02T03:04:05.Z",
                           "2026-01-02T03:04:05.1234567890Z",
                           "2026-01-02T03:04:05+0900",
                           "2026-01-02T03:04:05+24:00",
                           "2026-01-02T03:04:05+09:60",
                           "2026-01-02T03:04:05Z ",
                           " 2026-01-02T03:04:05Z",
                           "0000-12-31T23:59:59Z",
                           "0001-01-01T00:00:00+00:01",
                           "9999-12-31T23:59:59-00:01",
                           "-026-01-02T03:04:05Z",
                           "2026-01-02T03:04:05ZZ"}) {
    EXPECT_FALSE(ParseTimestamp(text).has_value()) << text;
  }
}

TEST(FormatTimestamp, WritesTheShortestTextOfTheSameMoment) {
  const auto again = [](const char* text) { return FormatTimestamp(*ParseTimestamp(text)); };
  EXPECT_EQ(again("2026-01-02T03:04:05Z"), "2026-01-02T03:04:05Z");
  EXPECT_EQ(again("2026-01-02T03:04:05.500000000Z"), "2026-01-02T03:04:05.5Z");
  EXPECT_EQ(again("2026-01-02T03:04:05.000000001+09:00"), "2026-01-01T18:04:05.000000001Z");
  EXPECT_EQ(again("1969-12-31T23:59:59.25Z"), "1969-12-31T23:59:59.25Z");
  EXPECT_EQ(again("0001-01-01T00:00:00.0Z"), "0001-01-01T00:00:00Z");
}

TEST(Timestamp, ComparesMomentsHoweverTheyAreWritten) {
  EXPECT_EQ((Timestamp{.seconds = 1, .nanos = -1}),
            (Timestamp{.seconds = 0, .nanos = 999'999'999}));
  EXPECT_LT((Timestamp{.seconds = 5, .nanos = 0}),
            (Timestamp{.seconds = 4, .nanos = 1'500'000'000}));
  EXPECT_LT((Timestamp{.seconds = INT64_MIN, .nanos = INT32_MIN}),
            (Timestamp{.seconds = INT64_MAX, .nanos = INT32_MAX}));
}

}  // namespace
}  // namespace mneme::filter
