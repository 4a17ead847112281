#include "core/federation/records.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/base/status.h"

namespace mneme::federation {
namespace {

std::string ReasonOf(const absl::Status& status) {
  const auto detail = GetErrorDetail(status);
  return detail.has_value() ? detail->reason : "";
}

TEST(Records, TextGivesValuesBack) {
  const Description description{.spec = {.d_k = 784, .d_v = 10, .loss = Loss::kHuber},
                                .round_micros = 12'345,
                                .objective = Objective::kShared,
                                .interest_floor = 0.1,
                                .items_per_round = 3.5};
  EXPECT_EQ(*DecodeDescription(Encode(description)), description);
  const Membership membership{.memory = "m", .address = "10.0.0.1:7413"};
  EXPECT_EQ(*DecodeMembership(Encode(membership)), membership);
  const Announcement announcement{.address = "unix:/run/x.sock", .incarnation = ~uint64_t{0}};
  EXPECT_EQ(*DecodeAnnouncement(Encode(announcement)), announcement);
  const InterestRow row = {{"a", 0}, {"b", 1e-25}, {"c.d-e_f", 0.1}, {"z", kWeightMax}};
  EXPECT_EQ(*DecodeInterest(EncodeInterest(row)), row);
  EXPECT_EQ(DecodeInterest("")->size(), 0u);
}

TEST(Records, LinksAreSortedAndEachPairOnce) {
  const std::string text = EncodeLinks({{.a = "b", .b = "a", .delay_micros = 7},
                                        {.a = "a", .b = "c"},
                                        {.a = "a", .b = "b", .delay_micros = 9}});
  EXPECT_EQ(text, "9\ta\tb\n1000\ta\tc\n");
  const auto links = *DecodeLinks(text);
  ASSERT_EQ(links.size(), 2u);
  EXPECT_EQ(links[0].b, "b");
  EXPECT_EQ(links[0].delay_micros, 9);
}

TEST(Records, WeightsThatAreNoneAreRefused) {
  for (const double weight :
       {-1e-25, 1e20, std::nan(""), -0.5, std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ(ReasonOf(CheckInterest({{"a", weight}})), "INTEREST") << weight;
  }
  EXPECT_EQ(ReasonOf(CheckInterest({{"a b", 1}})), "NAME");
  EXPECT_TRUE(CheckInterest({}).ok());
  EXPECT_TRUE(CheckInterest({{"a", 0}}).ok());
  InterestRow many;
  for (size_t i = 0; i <= kPlanNodesMax; ++i) many[absl::StrCat("n", i)] = 1;
  EXPECT_EQ(ReasonOf(CheckInterest(many)), "INTEREST");
}

TEST(Records, DescriptionsThatCannotBeAreRefused) {
  const Description good{.spec = {.d_k = 2, .d_v = 2}};
  EXPECT_TRUE(Check(good).ok());
  Description bad = good;
  bad.spec.d_k = 0;
  EXPECT_EQ(ReasonOf(Check(bad)), "SPEC");
  for (const int64_t micros : {int64_t{0}, int64_t{-1}, int64_t{999}, kRoundMicrosMax + 1}) {
    bad = good;
    bad.round_micros = micros;
    EXPECT_EQ(ReasonOf(Check(bad)), "OPTIONS") << micros;
  }
  for (const double value : {-1.0, 1.0, std::nan("")}) {
    bad = good;
    bad.interest_floor = value;
    EXPECT_EQ(ReasonOf(Check(bad)), "OPTIONS") << value;
  }
  for (const double value : {-1.0, 1e20, std::nan("")}) {
    bad = good;
    bad.items_per_round = value;
    EXPECT_EQ(ReasonOf(Check(bad)), "OPTIONS") << value;
  }
  bad = good;
  bad.objective = static_cast<Objective>(9);
  EXPECT_EQ(ReasonOf(Check(bad)), "OPTIONS");
}

TEST(Records, TextThatIsNoneIsRefused) {
  const std::string whole = Encode(Description{.spec = {.d_k = 2, .d_v = 2}});
  for (size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(DecodeDescription(whole.substr(0, length)).ok()) << length;
  for (const char* text : {"", "m", "m\n", "\nx\n", "m\nx\ny\n"})
    EXPECT_EQ(ReasonOf(DecodeMembership(text).status()), "RECORD") << text;
  for (const char* text : {"", "1", "x\n1\n", "-1\nx\n", "1\nx\ny\n", "99999999999999999999\nx\n"})
    EXPECT_EQ(ReasonOf(DecodeAnnouncement(text).status()), "RECORD") << text;
  for (const char* text : {"1", "1 a\n", "x\ta\n", "1\ta\n2\ta\n", "1\ta\tb\n"})
    EXPECT_EQ(ReasonOf(DecodeInterest(text).status()), "RECORD") << text;
  EXPECT_EQ(ReasonOf(DecodeInterest("nan\ta\n").status()), "INTEREST");
  EXPECT_EQ(ReasonOf(DecodeInterest("-1\ta\n").status()), "INTEREST");
  for (const char* text :
       {"1", "1\ta\n", "0\ta\tb\n", "1\tb\ta\n", "1\ta\ta\n", "x\ta\tb\n", "3600000001\ta\tb\n"}) {
    EXPECT_EQ(ReasonOf(DecodeLinks(text).status()), "RECORD") << text;
  }
  for (const char* text : {"", "-1", "1 ", "1.5", "x"})
    EXPECT_FALSE(DecodeCount(text).ok()) << text;
  EXPECT_EQ(*DecodeCount("18446744073709551615"), ~uint64_t{0});
}

TEST(Records, NamesAreWhatAKeyCanHold) {
  EXPECT_TRUE(CheckName("node", "north-1.a_B").ok());
  for (const std::string& name :
       {std::string(), std::string("a/b"), std::string("a b"), std::string("\xff"),
        std::string("a\0b", 3), std::string(kNodeNameBytesMax + 1, 'a')}) {
    EXPECT_EQ(ReasonOf(CheckName("node", name)), "NAME") << name;
  }
}

}  // namespace
}  // namespace mneme::federation
