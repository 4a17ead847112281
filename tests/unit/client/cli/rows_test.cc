#include "client/cli/rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <sstream>

#include "client/cli/context.h"
#include "client/cli/json.h"
#include "client/cli/matrix_file.h"

namespace mneme::cli {
namespace {

using client::GetError;
using client::ItemId;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

absl::StatusOr<Rows> ReadLines(const std::string& text) {
  std::istringstream in(text);
  auto source = OpenRows({.keys = "-"}, in);
  if (!source.ok()) return source.status();
  return (*source)->Read(1000, 1 << 20);
}

TEST(JsonLines, ReadsAllColumns) {
  const auto rows = ReadLines(
      R"({"id": 7, "key": [1, 2.5], "response": [0], "weight": 2, "payload": "p",)"
      R"( "attributes": {"n": 9007199254740993, "x": 1.0, "b": true, "s": "t", "l": ["a"],)"
      R"( "t": {"timestamp": "1970-01-01T00:00:01Z"}}})"
      "\n\n"
      R"({"id": "seven", "key": [3, 4], "response": [1], "payload_base64": "/wA="})");
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(rows->keys.rows, 2u);
  EXPECT_EQ(rows->keys.cols, 2u);
  EXPECT_THAT(rows->keys.data, ElementsAre(1, 2.5, 3, 4));
  EXPECT_THAT(rows->responses.data, ElementsAre(0, 1));
  EXPECT_THAT(rows->ids, ElementsAre(ItemId(7), ItemId("seven")));
  EXPECT_THAT(rows->weights, ElementsAre(2, 1));
  EXPECT_THAT(rows->payloads, ElementsAre("p", std::string("\xff\0", 2)));
  ASSERT_EQ(rows->attributes.size(), 2u);
  const client::Attributes& attributes = rows->attributes[0];
  EXPECT_EQ(std::get<int64_t>(attributes.at("n")), 9007199254740993);
  EXPECT_EQ(std::get<double>(attributes.at("x")), 1.0);
  EXPECT_EQ(std::get<bool>(attributes.at("b")), true);
  EXPECT_EQ(std::get<std::string>(attributes.at("s")), "t");
  EXPECT_THAT(std::get<std::vector<std::string>>(attributes.at("l")), ElementsAre("a"));
  EXPECT_EQ(std::get<client::Timestamp>(attributes.at("t")).time_since_epoch(),
            std::chrono::seconds(1));
  EXPECT_THAT(rows->attributes[1], IsEmpty());
}

TEST(JsonLines, FillsColumnsThatBeginLate) {
  const auto rows = ReadLines("[1]\n[2]\n{\"key\": [3], \"weight\": 4, \"payload\": \"x\"}\n");
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_THAT(rows->keys.data, ElementsAre(1, 2, 3));
  EXPECT_THAT(rows->weights, ElementsAre(1, 1, 4));
  EXPECT_THAT(rows->payloads, ElementsAre("", "", "x"));
  EXPECT_THAT(rows->ids, IsEmpty());
}

TEST(JsonLines, ReadsInBatches) {
  std::istringstream in("[1]\n[2]\n[3]\n");
  auto source = OpenRows({.keys = "-"}, in);
  ASSERT_TRUE(source.ok());
  EXPECT_THAT((*source)->Read(2, 1000)->keys.data, ElementsAre(1, 2));
  EXPECT_THAT((*source)->Read(2, 1000)->keys.data, ElementsAre(3));
  EXPECT_EQ((*source)->Read(2, 1000)->keys.rows, 0u);
}

// As a pipe or a disk that breaks: what came before is there, then no end but an error.
class BrokenStream final : public std::stringbuf {
 public:
  using std::stringbuf::stringbuf;
  int underflow() override {
    const int next = std::stringbuf::underflow();
    return next == traits_type::eof() ? throw std::ios_base::failure("broken") : next;
  }
};

TEST(JsonLines, AStreamThatBreaksIsNotTheEndOfTheRows) {
  BrokenStream broken("[1]\n[2]\n[3");
  std::istream in(&broken);
  auto source = OpenRows({.keys = "-"}, in);
  ASSERT_TRUE(source.ok());
  EXPECT_THAT((*source)->Read(1, 1000)->keys.data, ElementsAre(1));
  const auto rest = (*source)->Read(5, 1000);
  EXPECT_EQ(rest.status().message(), "stdin: could not be read to its end");
  EXPECT_EQ(GetError(rest.status()).given, "an error behind 2 lines");
  EXPECT_EQ(ExitCodeOf(rest.status()), kExitUsage);
}

TEST(JsonLines, NamesTheLineAndWhatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"[1]\n{oops\n", "stdin line 2: is not JSON"},
      {"[1]\n\n[1, 2]\n", "stdin line 3: key has another length"},
      {"{\"id\": 1}\n", "stdin line 1: has no \"key\""},
      {"{\"key\": [1], \"vector\": 3}\n", "unknown field \"vector\""},
      {"{\"key\": [1], \"id\": 1}\n[2]\n", "stdin line 2: has other columns"},
      {"{\"key\": [1], \"id\": -1}\n", "\"id\" is not an id"},
      {"{\"key\": [1], \"id\": \"\"}\n", "\"id\" is not an id"},
      {"{\"key\": [\"a\"]}\n", "something else than numbers"},
      {"{\"key\": 1}\n", "a vector is not an array"},
      {"{\"key\": [1], \"weight\": \"a\"}\n", "\"weight\" is not a number"},
      {"{\"key\": [1], \"payload\": 3}\n", "\"payload\" is not a text"},
      {"{\"key\": [1], \"payload_base64\": \"?\"}\n", "is not base64"},
      {"{\"key\": [1], \"attributes\": 3}\n", "\"attributes\" is not an object"},
      {"{\"key\": [1], \"attributes\": {\"a\": null}}\n", "attribute 'a'"},
      {"{\"key\": [1], \"attributes\": {\"a\": [1, \"b\"]}}\n", "attribute 'a'"},
      {"3\n", "is not JSON"},
  };
  for (const auto& [text, message] : cases) {
    const auto rows = ReadLines(text);
    EXPECT_THAT(GetError(rows.status()).message, HasSubstr(message)) << text;
    EXPECT_EQ(ExitCodeOf(rows.status()), kExitUsage) << text;
  }
}

TEST(JsonLines, ReadsWhatItemsAreWrittenAs) {
  const client::Item item{.id = ItemId("17"),
                          .key = {0.1f, -2e-8f},
                          .response = {1, 0},
                          .weight = 0.5f,
                          .payload = std::string("\x00\xfe", 2),
                          .attributes = {{"n", int64_t{-3}},
                                         {"x", 2.0},
                                         {"xs", std::vector<double>{1.0, 2.5}},
                                         {"ns", std::vector<int64_t>{1, 2}},
                                         {"t", client::Timestamp(std::chrono::milliseconds(1500))}},
                          .row = 3};
  EXPECT_THAT(Dump(ToJson(item)), HasSubstr("[0.1,-2e-08]"));
  const auto rows = ReadLines(Dump(ToJson(item)) + "\n");
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(rows->keys.data, item.key);
  EXPECT_EQ(rows->responses.data, item.response);
  EXPECT_THAT(rows->ids, ElementsAre(item.id));
  EXPECT_THAT(rows->weights, ElementsAre(item.weight));
  EXPECT_THAT(rows->payloads, ElementsAre(item.payload));
  EXPECT_EQ(rows->attributes.at(0), item.attributes);
}

TEST(OpenRows, RefusesFilesBesideJsonLines) {
  std::istringstream in("[1]\n");
  const auto source = OpenRows({.keys = "-", .ids = "ids.txt"}, in);
  EXPECT_EQ(GetError(source.status()).given, "ids.txt");
}

TEST(ParseId, TellsNumbersFromTexts) {
  EXPECT_EQ(ParseId("17"), ItemId(17));
  EXPECT_EQ(ParseId("text:17"), ItemId("17"));
  EXPECT_EQ(ParseId("number:17"), ItemId(17));
  EXPECT_EQ(ParseId("anna"), ItemId("anna"));
  EXPECT_EQ(ParseId("-1"), ItemId("-1"));
  EXPECT_EQ(ParseId("18446744073709551615"), ItemId(~0ull));
  EXPECT_EQ(ParseId("18446744073709551616"), ItemId("18446744073709551616"));
  EXPECT_EQ(ParseId("number:x"), ItemId("number:x"));
}

TEST(FormatId, IsReadBackAsTheSameId) {
  for (const ItemId& id : {ItemId(17), ItemId("17"), ItemId("anna"), ItemId("text:a"),
                           ItemId("number:3"), ItemId("número")}) {
    EXPECT_EQ(ParseId(FormatId(id)), id) << FormatId(id);
  }
  EXPECT_EQ(FormatId(ItemId("anna")), "anna");
}

TEST(ParseNumbers, ReadsNumbersWithCommas) {
  EXPECT_THAT(*ParseNumbers("0.5,-2, 1e3"), ElementsAre(0.5, -2, 1000));
  EXPECT_FALSE(ParseNumbers("1,,2").ok());
  EXPECT_FALSE(ParseNumbers("1 2").ok());
  EXPECT_FALSE(ParseNumbers("").ok());
}

// The server can count the rows of a request alone; who reads the message has the file.
TEST(OpenRows, NumbersThatAreNoneAreNamedByTheirRowOfTheFile) {
  const std::string keys = ::testing::TempDir() + "rows_test_nan.npy";
  std::vector<float> numbers(7 * 2, 1);
  numbers[5 * 2 + 1] = std::numeric_limits<float>::quiet_NaN();
  auto writer = NpyWriter::Create(keys);
  ASSERT_TRUE((*writer)->Write({numbers.data(), 7, 2}).ok());
  ASSERT_TRUE((*writer)->Finish().ok());
  std::istringstream none;
  auto source = OpenRows({.keys = keys}, none);
  ASSERT_TRUE(source.ok()) << source.status();
  ASSERT_TRUE((*source)->Read(4, 1 << 20).ok());
  const auto rest = (*source)->Read(4, 1 << 20);
  EXPECT_EQ(rest.status().message(), keys + " row 5, column 1 is nan");
}

// Three keys with the ids of a text file.
class IdLines : public ::testing::Test {
 protected:
  absl::StatusOr<std::vector<ItemId>> Read(const std::string& text) {
    const std::vector<float> numbers(3, 1);
    auto writer = NpyWriter::Create(keys_);
    EXPECT_TRUE((*writer)->Write({numbers.data(), 3, 1}).ok());
    EXPECT_TRUE((*writer)->Finish().ok());
    std::ofstream(ids_, std::ios::binary) << text;
    std::istringstream none;
    auto source = OpenRows({.keys = keys_, .ids = ids_}, none);
    if (!source.ok()) return source.status();
    auto rows = (*source)->Read(3, 1000);
    if (!rows.ok()) return rows.status();
    return rows->ids;
  }

  const std::string keys_ = ::testing::TempDir() + "rows_test_ids.npy";
  const std::string ids_ = ::testing::TempDir() + "rows_test_ids.txt";
};

TEST_F(IdLines, ABlankLineIsNamed) {
  for (const char* text : {"a\n\nc\n", "a\r\n\r\nc\r\n"}) {
    EXPECT_EQ(Read(text).status().message(), ids_ + ": line 2 is blank");
  }
}

TEST_F(IdLines, EndAsWindowsEndsThemToo) {
  const auto ids = Read("17\r\nanna\r\na\rb\r\n");
  ASSERT_TRUE(ids.ok()) << ids.status();
  EXPECT_THAT(*ids, ElementsAre(ItemId(17), ItemId("anna"), ItemId("a\rb")));
}

}  // namespace
}  // namespace mneme::cli
