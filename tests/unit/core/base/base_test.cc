// Tests of core/base: errors, ids, CRC, random numbers.
#include <cmath>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/crc32c.h"
#include "core/base/ids.h"
#include "core/base/random.h"
#include "core/base/status.h"
#include "gtest/gtest.h"

namespace mneme {
namespace {

TEST(Status, DetailSurvivesAnnotation) {
  absl::Status status = InvalidArgument(
      "127 columns", {.reason = "SHAPE", .given = "127", .expected = "128", .next_step = "Send 128."});
  status = Annotate(status, "cue 3");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "cue 3: 127 columns");
  auto detail = GetErrorDetail(status);
  ASSERT_TRUE(detail.has_value());
  EXPECT_EQ(detail->reason, "SHAPE");
  EXPECT_EQ(detail->given, "127");
  EXPECT_EQ(detail->expected, "128");
  EXPECT_EQ(detail->next_step, "Send 128.");
  EXPECT_EQ(detail->retry_after_ms, -1);
  EXPECT_FALSE(GetErrorDetail(absl::InternalError("x")).has_value());
}

TEST(Crc32c, KnownVectorsAndConcatenation) {
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);              // the check value of the polynomial
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);    // RFC 3720, B.4
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);  // RFC 3720, B.4
  EXPECT_EQ(Crc32c("56789", Crc32c("1234")), Crc32c("123456789"));
}

TEST(ItemId, EncodingKeepsOrder) {
  const std::vector<ItemId> ordered = {ItemId(uint64_t{0}),  ItemId(uint64_t{1}), ItemId(uint64_t{255}),
                                       ItemId(uint64_t{256}), ItemId(~uint64_t{0}), ItemId("a"),
                                       ItemId("a\xc3\xa9"),  ItemId("b")};
  for (size_t i = 0; i < ordered.size(); ++i) {
    auto back = ItemId::Decode(ordered[i].Encode());
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(*back, ordered[i]);
    for (size_t j = 0; j < ordered.size(); ++j) {
      EXPECT_EQ(ordered[i] < ordered[j], i < j);
      EXPECT_EQ(ordered[i].Encode() < ordered[j].Encode(), i < j);
    }
  }
}

TEST(ItemId, RefusesWhatIsNotShortUtf8) {
  EXPECT_FALSE(ItemId::FromText("").ok());
  EXPECT_TRUE(ItemId::FromText(std::string(128, 'x')).ok());
  EXPECT_FALSE(ItemId::FromText(std::string(129, 'x')).ok());
  for (const char* bad : {"\xff", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80", "a\xc3"}) {
    EXPECT_FALSE(ItemId::FromText(bad).ok());
  }
  EXPECT_TRUE(ItemId::FromText("\xf0\x9f\x98\x80").ok());
  EXPECT_FALSE(ItemId::Decode("").ok());
  EXPECT_FALSE(ItemId::Decode("\x01short").ok());
}

TEST(ItemIdGenerator, NeverRepeatsEvenWhenTheClockGoesBack) {
  ManualClock clock(5'000'000'000);
  ItemIdGenerator generator(clock);
  const uint64_t a = generator.Take(10);
  clock.Advance(-4'000'000'000);
  const uint64_t b = generator.Take(1);
  EXPECT_GE(b, a + 10);
  generator.Observe(b + 1000);
  EXPECT_GT(generator.Take(1), b + 1000);
}

TEST(Random, SameSeedSameNumbersAndStreamsDiffer) {
  Random a(7), b(7), c(7, 1), d(8);
  const uint64_t first = a.Next();
  EXPECT_EQ(first, b.Next());
  EXPECT_NE(first, c.Next());
  EXPECT_NE(first, d.Next());
}

TEST(Random, GaussianMomentsAndUnitLength) {
  const uint64_t seed = 11;
  RecordProperty("seed", std::to_string(seed));
  Random random(seed);
  constexpr int kDraws = 200'000;
  double sum = 0, squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double g = random.Gaussian();
    sum += g;
    squares += g * g;
  }
  EXPECT_NEAR(sum / kDraws, 0, 5 / std::sqrt(kDraws));
  EXPECT_NEAR(squares / kDraws, 1, 5 * std::sqrt(2.0 / kDraws));
  std::vector<float> unit(33);
  random.FillUnit(unit);
  double length = 0;
  for (float x : unit) length += static_cast<double>(x) * x;
  EXPECT_NEAR(length, 1, 1e-6);
}

TEST(Random, BelowIsInRangeAndReachesAll) {
  Random random(3);
  std::vector<int> seen(7);
  for (int i = 0; i < 7000; ++i) ++seen[random.Below(7)];
  for (int count : seen) EXPECT_NEAR(count, 1000, 200);
}

}  // namespace
}  // namespace mneme
