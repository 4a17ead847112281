// Tests of core/filter/parse_filter and scanner: precedence, the one spelling, errors and columns.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "core/base/random.h"
#include "core/base/status.h"
#include "core/filter/filter.h"
#include "gtest/gtest.h"
#include "tests/unit/core/filter/attribute_bytes.h"

namespace mneme::filter {
namespace {

std::string TextOf(std::string_view text) {
  const auto filter = ParseFilter(text);
  return filter.ok() ? filter->text() : std::string(filter.status().message());
}

// An item whose attributes are those of the letters that stand in `present`.
std::string Letters(std::string_view present) {
  std::map<std::string, AttributeValue> out;
  for (const char c : present) out[std::string(1, c)] = true;
  return AttributeBytes(out);
}

// Which of the eight sets of a, b, c pass, as a string of 0 and 1, {} first and {a, b, c} last.
std::string TruthTable(std::string_view text) {
  const auto filter = ParseFilter(text);
  if (!filter.ok()) return std::string(filter.status().message());
  std::string out;
  for (const char* present : {"", "a", "b", "ab", "c", "ac", "bc", "abc"}) {
    const auto passes = filter->Matches(Letters(present));
    EXPECT_TRUE(passes.ok()) << passes.status();
    out += passes.value_or(false) ? '1' : '0';
  }
  return out;
}

TEST(ParseFilter, OrBindsTighterThanAnd) {
  EXPECT_EQ(TruthTable("a:* OR b:* AND c:*"), TruthTable("(a:* OR b:*) AND c:*"));
  EXPECT_EQ(TruthTable("a:* AND b:* OR c:*"), TruthTable("a:* AND (b:* OR c:*)"));
  EXPECT_EQ(TruthTable("a:* OR b:* AND c:*"), "00000111");
  EXPECT_EQ(TruthTable("a:* OR (b:* AND c:*)"), "01010111");
}

TEST(ParseFilter, NotBindsTightest) {
  EXPECT_EQ(TruthTable("NOT a:* OR b:*"), "10111011");
  EXPECT_EQ(TruthTable("NOT a:* AND b:*"), "00100010");
  EXPECT_EQ(TruthTable("NOT (a:* OR b:*)"), "10001000");
  EXPECT_EQ(TruthTable("-a:* AND b:*"), TruthTable("NOT a:* AND b:*"));
  EXPECT_EQ(TruthTable("- (a:* AND b:*)"), TruthTable("NOT (a:* AND b:*)"));
  EXPECT_EQ(TruthTable("NOT (NOT a:*)"), TruthTable("a:*"));
}

TEST(ParseFilter, OneSpellingForAllWaysToWriteIt) {
  EXPECT_EQ(TextOf("a=1"), "a = 1");
  EXPECT_EQ(TextOf(" \t a  >=\n1  "), "a >= 1");
  EXPECT_EQ(TextOf("((a=1))"), "a = 1");
  EXPECT_EQ(TextOf("-a=-1"), "NOT a = -1");
  EXPECT_EQ(TextOf("a-b=-1"), "a-b = -1");
  EXPECT_EQ(TextOf("a:\"x\" AND (b:2 AND c:*)"), "a:\"x\" AND b:2 AND c:*");
  EXPECT_EQ(TextOf("(a=1 OR b=2) AND c=3"), "a = 1 OR b = 2 AND c = 3");
  EXPECT_EQ(TextOf("a=1 OR (b=2 AND c=3)"), "a = 1 OR (b = 2 AND c = 3)");
  EXPECT_EQ(TextOf("NOT(a=1 OR b=2)"), "NOT (a = 1 OR b = 2)");
  EXPECT_EQ(TextOf("NOT(NOT(a=1))"), "NOT (NOT a = 1)");
  EXPECT_EQ(TextOf("NOT((a=1))"), "NOT a = 1");
  EXPECT_EQ(TextOf("\"a\"=true"), "a = true");
  EXPECT_EQ(TextOf("\"NOT\" = false"), "\"NOT\" = false");
  EXPECT_EQ(TextOf("\"größe\" != \"\\\"\\\\\n\\t\""), R"("größe" != "\"\\\n\t")");
  EXPECT_EQ(TextOf("a=007"), "a = 7");
  EXPECT_EQ(TextOf("a=1.50"), "a = 1.5");
  EXPECT_EQ(TextOf("a=.5"), "a = 0.5");
  EXPECT_EQ(TextOf("a=3."), "a = 3.0");
  EXPECT_EQ(TextOf("a=1e5"), "a = 1e+05");
  EXPECT_EQ(TextOf("a=-1E+300"), "a = -1e+300");
  EXPECT_EQ(TextOf("a=-9223372036854775808"), "a = -9223372036854775808");
  EXPECT_EQ(TextOf("a<timestamp( \"2026-01-02T03:04:05.50+09:00\" )"),
            "a < timestamp(\"2026-01-01T18:04:05.5Z\")");
  EXPECT_EQ(TextOf("timestamp = true AND true = false"), "timestamp = true AND true = false");
  EXPECT_EQ(TextOf("a=1 AND NOTE=2"), "a = 1 AND NOTE = 2");
}

struct Wrong {
  const char* text;
  int column;
  const char* found;
  const char* expected;  // a part of it
};

TEST(ParseFilter, ErrorsNameTheColumnAndWhatWasExpected) {
  const Wrong cases[] = {
      {"", 1, "the end", "the name of an attribute"},
      {"   ", 4, "the end", "the name of an attribute"},
      {"a", 2, "the end", "= != < <= > >= or :"},
      {"a = red", 5, "'red'", "in double quotes"},
      {"a = 'red'", 5, "'''", "in double quotes"},
      {"a == 3", 4, "'='", "a value"},
      {"a = ", 5, "the end", "a value"},
      {"a = 1 b = 2", 7, "'b'", "AND, OR or the end"},
      {"a = 1 and b = 2", 7, "'and'", "AND, OR or the end"},
      {"a = 1 AND", 10, "the end", "the name of an attribute"},
      {"AND = 1", 1, "'AND'", "in double quotes"},
      {"NOT NOT a = 1", 5, "'NOT'", "the name of an attribute"},
      {"(a = 1", 7, "the end", "AND, OR or ')'"},
      {"a = 1)", 6, "')'", "AND, OR or the end"},
      {"()", 2, "')'", "the name of an attribute"},
      {"3 = a", 1, "'3'", "the name of an attribute"},
      {"\"\" = 1", 1, "'\"'", "at least one character"},
      {"a = \"x", 7, "the end", "ends the text"},
      {"a = \"\\x\"", 7, "'x'", "an escape"},
      {"a = \"ä\" x", 9, "'x'", "AND, OR or the end"},
      {"a = 3abc", 5, "'3'", "a number such as"},
      {"a = 1.2.3", 5, "'1'", "a number such as"},
      {"a = -", 5, "'-'", "a number such as"},
      {"a = 1e", 5, "'1'", "a number such as"},
      {"a = 9223372036854775808", 5, "'9223372036854775808'", "within int64"},
      {"a = 1e999", 5, "'1e999'", "within a double's range"},
      {"a = nan", 5, "'nan'", "a value"},
      {"a < true", 5, "'true'", "= or !="},
      {"a:true", 3, "'true'", "lists hold nothing else"},
      {"a:timestamp(\"2026-01-02T03:04:05Z\")", 3, "'timestamp'", "lists hold nothing else"},
      {"a = *", 5, "'*'", "a value"},
      {"a = timestamp", 14, "the end", "'(' after timestamp"},
      {"a = timestamp(3)", 15, "'3'", "a text in double quotes"},
      {"a = timestamp(\"soon\")", 15, "'\"'", "RFC 3339"},
      {"a = timestamp(\"2026-01-02T03:04:05Z\"", 37, "the end", "')'"},
      {"a = TRUE", 5, "'TRUE'", "a value"},
      {"a = 1 AND \xff", 11, "a byte that is no text", "UTF-8"},
      {"a = \"\xc3\xa9\xed\xa0\x80\"", 7, "a byte that is no text", "UTF-8"},
      {"a;b = 1", 2, "';'", "= != <"},
      {"über = 1", 1, "'ü'", "odd names in double quotes"},
  };
  for (const Wrong& wrong : cases) {
    SCOPED_TRACE(wrong.text);
    const auto filter = ParseFilter(wrong.text);
    ASSERT_TRUE(absl::IsInvalidArgument(filter.status())) << filter.status();
    const auto detail = GetErrorDetail(filter.status());
    ASSERT_TRUE(detail.has_value());
    EXPECT_EQ(detail->reason, "FILTER");
    EXPECT_EQ(detail->given, absl::StrCat(wrong.found, " at column ", wrong.column));
    EXPECT_NE(detail->expected.find(wrong.expected), std::string::npos) << detail->expected;
    EXPECT_NE(detail->next_step.find("OR binds tighter than AND"), std::string::npos);
  }
}

TEST(ParseFilter, QuotesOnlyTheBeginningOfALongWord) {
  const auto filter = ParseFilter("a = " + std::string(1000, 'x'));
  EXPECT_EQ(GetErrorDetail(filter.status()).value().given,
            "'" + std::string(24, 'x') + "...' at column 5");
}

TEST(ParseFilter, HoldsItsBounds) {
  const std::vector<std::string> terms(kFilterTermsMax, "a = 1");
  EXPECT_TRUE(ParseFilter(absl::StrJoin(terms, " AND ")).ok());
  EXPECT_EQ(TextOf(absl::StrJoin(terms, " OR ") + " OR b = 1"),
            "filter, column 577: found 'b', expected at most 64 comparisons");

  const auto nested = [](size_t depth) {
    return std::string(depth, '(') + "a = 1" + std::string(depth, ')');
  };
  EXPECT_TRUE(ParseFilter(nested(kFilterDepthMax)).ok());
  EXPECT_EQ(TextOf(nested(kFilterDepthMax + 1)),
            "filter, column 17: found '(', expected parentheses at most 16 inside each other");

  const auto of_bytes = [](size_t bytes) { return "a = \"" + std::string(bytes - 6, 'x') + "\""; };
  EXPECT_TRUE(ParseFilter(of_bytes(kFilterBytesMax)).ok());
  EXPECT_EQ(GetErrorDetail(ParseFilter(of_bytes(kFilterBytesMax + 1)).status()).value().given,
            "4097 bytes");
  // Written without blanks it fits, in the one spelling it does not.
  EXPECT_TRUE(absl::IsInvalidArgument(
      ParseFilter("a=\"" + std::string(kFilterBytesMax - 4, 'x') + "\"").status()));
}

TEST(ParseFilter, DeepestNestingKeepsItsMeaning) {
  // a OR (b AND (a OR (b AND ... c))) and its negations: as deep as the stack of truths gets.
  std::string text = "c:*";
  for (size_t i = 0; i < kFilterDepthMax; ++i) {
    text = std::string(i % 2 == 0 ? "a:* OR NOT b:* AND " : "a:* AND b:* OR ") + "(" + text + ")";
  }
  const auto filter = ParseFilter(text);
  ASSERT_TRUE(filter.ok()) << filter.status();
  for (int present = 0; present < 8; ++present) {
    const bool a = (present & 1) != 0, b = (present & 2) != 0, c = (present & 4) != 0;
    bool expected = c;
    for (size_t i = 0; i < kFilterDepthMax; ++i) {
      expected = i % 2 == 0 ? (a || !b) && expected : a && (b || expected);
    }
    const std::string letters = std::string(a ? "a" : "") + (b ? "b" : "") + (c ? "c" : "");
    EXPECT_EQ(*filter->Matches(Letters(letters)), expected) << letters;
  }
}

// A filter at random over a, b, c with as many parentheses as it likes, and what it should say.
class RandomFilter {
 public:
  explicit RandomFilter(Random& random) : random_(random) {}

  // Truth table as bits, {} lowest.
  std::pair<std::string, uint8_t> Sequence(int depth) { return Joined(depth, true); }

 private:
  std::pair<std::string, uint8_t> Joined(int depth, bool is_and) {
    auto [text, table] = is_and ? Joined(depth, false) : Term(depth);
    for (uint64_t more = random_.Below(3); more > 0; --more) {
      const auto [next, next_table] = is_and ? Joined(depth, false) : Term(depth);
      text += (is_and ? " AND " : " OR ") + next;
      table = static_cast<uint8_t>(is_and ? table & next_table : table | next_table);
    }
    return {text, table};
  }

  std::pair<std::string, uint8_t> Term(int depth) {
    const bool negated = random_.Below(3) == 0;
    std::string text;
    uint8_t table = 0;
    if (depth > 0 && random_.Below(3) == 0) {
      std::tie(text, table) = Sequence(depth - 1);
      text = "(" + text + ")";
    } else {
      constexpr uint8_t kTables[] = {0b10101010, 0b11001100, 0b11110000};
      const uint64_t letter = random_.Below(3);
      text = std::string(1, static_cast<char>('a' + letter)) + ":*";
      table = kTables[letter];
    }
    if (!negated) return {text, table};
    return {(random_.Below(2) == 0 ? "NOT " : "-") + text, static_cast<uint8_t>(~table)};
  }

  Random& random_;
};

TEST(ParseFilter, TheOneSpellingKeepsMeaningAndParsesToItself) {
  const uint64_t seed = 160;
  RecordProperty("seed", std::to_string(seed));
  Random random(seed);
  int accepted = 0;
  for (int round = 0; round < 2000; ++round) {
    const auto [text, table] = RandomFilter(random).Sequence(3);
    const auto filter = ParseFilter(text);
    if (!filter.ok()) continue;  // too many terms
    ++accepted;
    std::string expected;
    for (int present = 0; present < 8; ++present) expected += (table >> present & 1) ? '1' : '0';
    ASSERT_EQ(TruthTable(text), expected) << "round " << round << ": " << text;
    ASSERT_EQ(TruthTable(filter->text()), expected) << filter->text();
    ASSERT_EQ(TextOf(filter->text()), filter->text());
  }
  EXPECT_GT(accepted, 1000);
}

TEST(ParseFilter, AnyBytesAreAFilterOrAnError) {
  const uint64_t seed = 4096;
  RecordProperty("seed", std::to_string(seed));
  Random random(seed);
  constexpr std::string_view kPieces[] = {
      "a",     "=",          "!=",   "<=",    ">",        ":",    "*",  "(",  ")",
      "\"",    "\\",         "AND ", "OR ",   "NOT ",     "-",    "3",  ".5", "1e",
      "true ", "timestamp(", " ",    "\"x\"", "\xc3\xa9", "\xff", "b:*"};
  for (int round = 0; round < 50'000; ++round) {
    std::string text;
    for (uint64_t pieces = random.Below(12); pieces > 0; --pieces) {
      text += kPieces[random.Below(std::size(kPieces))];
    }
    const auto filter = ParseFilter(text);
    if (filter.ok()) {
      ASSERT_EQ(TextOf(filter->text()), filter->text()) << text;
    } else {
      ASSERT_EQ(ErrorReason(filter.status()), "FILTER") << text;
    }
  }
}

}  // namespace
}  // namespace mneme::filter
