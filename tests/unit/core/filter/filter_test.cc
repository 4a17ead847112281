// Tests of core/filter/filter: what each comparison says of each type, and the typed errors.
#include "core/filter/filter.h"

#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/base/status.h"
#include "gtest/gtest.h"
#include "tests/unit/core/filter/attribute_bytes.h"

namespace mneme::filter {
namespace {

using Attributes = std::map<std::string, AttributeValue>;

absl::StatusOr<bool> Ask(std::string_view text, const Attributes& attributes) {
  MNEME_ASSIGN_OR_RETURN(const Filter filter, ParseFilter(text));
  return filter.Matches(AttributeBytes(attributes));
}

bool Passes(std::string_view text, const Attributes& attributes) {
  const auto passes = Ask(text, attributes);
  EXPECT_TRUE(passes.ok()) << text << ": " << passes.status();
  return passes.value_or(false);
}

// What = != < <= > >= say of value x against the literal, as 0 and 1.
std::string Orders(const AttributeValue& value, const std::string& literal) {
  std::string out;
  for (const char* symbol : {"=", "!=", "<", "<=", ">", ">="}) {
    out += Passes(std::string("x ") + symbol + " " + literal, {{"x", value}}) ? '1' : '0';
  }
  return out;
}

constexpr char kEqual[] = "100101";
constexpr char kLess[] = "011100";
constexpr char kGreater[] = "010011";
constexpr char kUnordered[] = "010000";

TEST(Filter, ComparesTextsBytewise) {
  EXPECT_EQ(Orders("b", "\"b\""), kEqual);
  EXPECT_EQ(Orders("a", "\"b\""), kLess);
  EXPECT_EQ(Orders("b", "\"a\""), kGreater);
  EXPECT_EQ(Orders("", "\"a\""), kLess);
  EXPECT_EQ(Orders("b", "\"B\""), kGreater);
  EXPECT_EQ(Orders("ä", "\"z\""), kGreater);
  EXPECT_EQ(Orders("a*", "\"a*\""), kEqual);
  EXPECT_EQ(Orders("ab", "\"a*\""), kGreater);  // a star is a star
}

TEST(Filter, ComparesNumbersAsNumbers) {
  EXPECT_EQ(Orders(3, "3"), kEqual);
  EXPECT_EQ(Orders(-4, "3"), kLess);
  EXPECT_EQ(Orders(3, "3.0"), kEqual);
  EXPECT_EQ(Orders(3, "3.5"), kLess);
  EXPECT_EQ(Orders(2.5, "2.5"), kEqual);
  EXPECT_EQ(Orders(2.5, "2"), kGreater);
  EXPECT_EQ(Orders(2.0, "2"), kEqual);
  EXPECT_EQ(Orders((int64_t{1} << 53) + 1, "9007199254740992.0"), kGreater);
  EXPECT_EQ(Orders(9007199254740992.0, "9007199254740993"), kLess);
  EXPECT_EQ(Orders(NAN, "3"), kUnordered);
  EXPECT_EQ(Orders(NAN, "3.0"), kUnordered);
  EXPECT_EQ(Orders(INFINITY, "9223372036854775807"), kGreater);
}

TEST(Filter, ComparesMoments) {
  EXPECT_EQ(Orders(Timestamp{.seconds = 10}, "timestamp(\"1970-01-01T00:00:10Z\")"), kEqual);
  EXPECT_EQ(Orders(Timestamp{.seconds = 10}, "timestamp(\"1970-01-01T00:00:10.001Z\")"), kLess);
  EXPECT_EQ(Orders(Timestamp{.seconds = 253'402'300'800}, "timestamp(\"9999-12-31T23:59:59Z\")"),
            kGreater);
}

TEST(Filter, ComparesTrueAndFalse) {
  EXPECT_TRUE(Passes("x = true", {{"x", true}}));
  EXPECT_FALSE(Passes("x = true", {{"x", false}}));
  EXPECT_TRUE(Passes("x != true", {{"x", false}}));
  EXPECT_FALSE(Passes("x != false", {{"x", false}}));
}

TEST(Filter, TheColonAsksListsForAnElement) {
  const Attributes lists = {{"d", std::vector<double>{0.5, 2}},
                            {"e", std::vector<std::string>{}},
                            {"i", std::vector<int64_t>{-3, 7}},
                            {"n", std::vector<int64_t>{}},
                            {"s", std::vector<std::string>{"jazz", ""}}};
  EXPECT_TRUE(Passes("s:\"jazz\"", lists));
  EXPECT_TRUE(Passes("s:\"\"", lists));
  EXPECT_FALSE(Passes("s:\"jaz\"", lists));
  EXPECT_FALSE(Passes("e:\"jazz\"", lists));
  EXPECT_TRUE(Passes("i:-3", lists));
  EXPECT_TRUE(Passes("i:7.0", lists));
  EXPECT_FALSE(Passes("i:7.5", lists));
  EXPECT_FALSE(Passes("n:7", lists));
  EXPECT_TRUE(Passes("d:0.5", lists));
  EXPECT_TRUE(Passes("d:2", lists));
  EXPECT_FALSE(Passes("d:3", lists));
}

TEST(Filter, PresenceTakesEveryType) {
  const AttributeValue values[] = {"",
                                   0,
                                   0.0,
                                   false,
                                   Timestamp{},
                                   std::vector<std::string>{},
                                   std::vector<int64_t>{},
                                   std::vector<double>{}};
  for (const AttributeValue& value : values) {
    EXPECT_TRUE(Passes("x:*", {{"x", value}})) << value.index();
    EXPECT_FALSE(Passes("y:*", {{"x", value}})) << value.index();
  }
}

TEST(Filter, WithoutTheAttributeEveryComparisonIsFalse) {
  for (const char* text : {"y = 1", "y != 1", "y < 1", "y <= 1", "y > 1", "y >= 1", "y:1", "y:*",
                           "y = \"a\"", "y != true", "y = timestamp(\"2026-01-02T03:04:05Z\")"}) {
    for (const Attributes& attributes : {Attributes{}, Attributes{{"x", 1}, {"z", "a"}}}) {
      EXPECT_FALSE(Passes(text, attributes)) << text;
      EXPECT_TRUE(Passes(std::string("NOT ") + text, attributes)) << text;
    }
  }
}

TEST(Filter, ANameMayBeAskedSeveralTimes) {
  EXPECT_TRUE(Passes("x >= 1 AND x < 3 AND x != 1", {{"w", true}, {"x", 2}, {"y", "a"}}));
  EXPECT_FALSE(Passes("x >= 1 AND x < 3 AND x != 2", {{"w", true}, {"x", 2}, {"y", "a"}}));
  EXPECT_TRUE(Passes("z:* OR a = \"q\" OR m = 2", {{"a", "p"}, {"m", 2}}));
}

TEST(Filter, AnotherTypeIsAnErrorForEveryPairThatDoesNotCompare) {
  const std::pair<std::string, AttributeValue> values[] = {
      {"string", "3"},
      {"int64", 3},
      {"double", 3.0},
      {"bool", true},
      {"timestamp", Timestamp{}},
      {"list of string", std::vector<std::string>{"3"}},
      {"list of int64", std::vector<int64_t>{3}},
      {"list of double", std::vector<double>{3}}};
  const std::pair<const char*, std::vector<std::string>> comparisons[] = {
      {"x = \"3\"", {"string"}},
      {"x = 3", {"int64", "double"}},
      {"x = 3.0", {"int64", "double"}},
      {"x = true", {"bool"}},
      {"x = timestamp(\"1970-01-01T00:00:00Z\")", {"timestamp"}},
      {"x:\"3\"", {"list of string"}},
      {"x:3", {"list of int64", "list of double"}},
      {"x:3.0", {"list of int64", "list of double"}}};
  for (const auto& [text, fitting] : comparisons) {
    for (const auto& [type, value] : values) {
      SCOPED_TRACE(std::string(text) + " of a " + type);
      const auto passes = Ask(text, {{"x", value}});
      if (std::find(fitting.begin(), fitting.end(), type) != fitting.end()) {
        EXPECT_TRUE(passes.ok() && *passes) << passes.status();
        continue;
      }
      ASSERT_TRUE(absl::IsInvalidArgument(passes.status())) << passes.status();
      const auto detail = GetErrorDetail(passes.status());
      EXPECT_EQ(detail->reason, "FILTER_TYPE");
      EXPECT_EQ(detail->given, "x of type " + type);
    }
  }
}

TEST(Filter, TypeErrorsNameAttributeTypesAndTheNextStep) {
  const auto year = Ask("year >= 1999", {{"year", "1999"}}).status();
  EXPECT_EQ(year.message(),
            "attribute 'year' is of type string, the filter compares it with a whole number");
  EXPECT_EQ(GetErrorDetail(year).value().next_step,
            "Compare year with a value that fits string, or store it with one type in all items.");
  const auto list = Ask("tags = \"red\"", {{"tags", std::vector<std::string>{"red"}}}).status();
  EXPECT_EQ(GetErrorDetail(list).value().next_step,
            "Ask the list for an element, tags:value, or whether it is there, tags:*.");
  const auto colon = Ask("tag:\"red\"", {{"tag", "red"}}).status();
  EXPECT_EQ(
      colon.message(),
      "attribute 'tag' is of type string, the filter asks whether it is a list that has a text");
  EXPECT_EQ(GetErrorDetail(colon).value().next_step,
            "Compare with tag = value: the colon asks a list for an element.");
}

TEST(Filter, AWrongTypeIsNeverHiddenByTheOtherComparisons) {
  const Attributes item = {{"a", 1}, {"b", "text"}, {"c", 1}};
  for (const char* text : {"a = 2 AND b = 3", "b = 3 AND a = 2", "a = 1 OR b = 3", "b = 3 OR a = 1",
                           "c = 1 OR NOT b < 3", "NOT (a = 1 OR b = 3)"}) {
    EXPECT_EQ(ErrorReason(Ask(text, item).status()), "FILTER_TYPE") << text;
  }
}

TEST(Filter, DamagedBytesAreDataLossEvenBehindWhatWasAsked) {
  const auto filter = ParseFilter("a = 1");
  const std::string good = AttributeBytes({{"a", 1}, {"b", 2}});
  const auto passes = filter->Matches(good.substr(0, good.size() - 1));
  EXPECT_TRUE(absl::IsDataLoss(passes.status()));
  const auto typed = ParseFilter("a = \"x\"")->Matches(good.substr(0, good.size() - 1));
  EXPECT_TRUE(absl::IsDataLoss(typed.status()));
}

}  // namespace
}  // namespace mneme::filter
