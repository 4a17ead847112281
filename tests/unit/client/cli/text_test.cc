#include "client/cli/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "client/cli/progress.h"

namespace mneme::cli {
namespace {

TEST(Format, IsForPeople) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1234567), "1,234,567");
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(1536), "1.5 KiB");
  EXPECT_EQ(FormatBytes(uint64_t{1} << 41), "2.0 TiB");
  EXPECT_EQ(FormatNumber(-0.0), "0");
  EXPECT_EQ(FormatNumber(-0.5), "-0.5");
  EXPECT_EQ(FormatPercent(0), "0 %");
  EXPECT_EQ(FormatPercent(0.754), "75 %");
  EXPECT_EQ(FormatPercent(1), "100 %");
  EXPECT_EQ(FormatPercent(0.999), "99.9 %");
  EXPECT_EQ(FormatPercent(0.99998), "99.998 %");
  EXPECT_EQ(FormatPercent(0.00004), "0.004 %");
  EXPECT_EQ(FormatPercent(1.5), "150 %");
  EXPECT_EQ(FormatBar(0.5, 4), "██░░");
  EXPECT_EQ(FormatBar(2, 2), "██");
  EXPECT_EQ(FormatRate(950), "950");
  EXPECT_EQ(FormatRate(12345), "12.3k");
  EXPECT_EQ(FormatTimeLeft(std::chrono::seconds(65)), "1:05");
  EXPECT_EQ(FormatTimeLeft(std::chrono::seconds(7322)), "2:02:02");
  const std::vector<float> numbers{0.5, 1, 2, 3, 4};
  EXPECT_EQ(FormatVector(numbers), "[0.5, 1, 2, 3, ... 5 numbers]");
  EXPECT_EQ(FormatTime(client::Timestamp(std::chrono::milliseconds(1500))),
            "1970-01-01T00:00:01.5Z");
  EXPECT_EQ(FormatSeconds(client::Timestamp(std::chrono::milliseconds(1500))),
            "1970-01-01 00:00:01 UTC");
}

TEST(Table, AlignsByWhatIsSeenNotByBytes) {
  Table table({{"NAME"}, {"N", Table::Align::kRight}, {"X"}});
  table.Add({"é", "10", "a"});
  table.Add({"long", "5", ""});
  std::ostringstream out;
  table.Print(out);
  EXPECT_EQ(out.str(),
            "NAME   N  X\n"
            "é     10  a\n"
            "long   5\n");
}

class ProgressTest : public ::testing::Test {
 protected:
  ProgressBar::Now Clock() {
    return [this] { return now_; };
  }
  static Columns Wide() {
    return [] { return size_t{200}; };
  }
  ProgressBar::TimePoint now_;
  std::ostringstream err_;
};

TEST_F(ProgressTest, ShowsShareRateAndTimeLeft) {
  ProgressBar bar(err_, Wide(), "storing", "rows", 1000, Clock());
  now_ += std::chrono::seconds(2);
  bar.Update(250);
  EXPECT_NE(
      err_.str().find("storing ██████░░░░░░░░░░░░░░░░░░  25% 250/1,000 rows, 125/s, 0:06 left"),
      std::string::npos)
      << err_.str();
}

TEST_F(ProgressTest, FitsIntoANarrowTerminal) {
  for (size_t columns = 0; columns <= 80; ++columns) {
    err_.str("");
    ProgressBar bar(
        err_, [columns] { return columns; }, "storing", "rows", 1000, Clock());
    now_ += std::chrono::seconds(2);
    bar.Update(250);
    const std::string line = err_.str().substr(std::string("\r\x1b[K").size());
    EXPECT_LT(Width(line), std::max<size_t>(columns, 2)) << line;
    if (columns >= 52) {
      EXPECT_THAT(line, ::testing::HasSubstr("0:06 left")) << columns;
    }
  }
  err_.str("");
  ProgressBar bar(
      err_, [] { return size_t{60}; }, "storing", "rows", 1000, Clock());
  now_ += std::chrono::seconds(2);
  bar.Update(250);
  EXPECT_THAT(err_.str(),
              ::testing::HasSubstr("storing ███░░░░░░░░░░  25% 250/1,000 rows, 125/s, 0:06 left"))
      << "the bar gives way to the figures";
}

TEST(Cut, CountsCharactersAndNotBytes) {
  EXPECT_EQ(Cut("aé█b", 0), "");
  EXPECT_EQ(Cut("aé█b", 3), "aé█");
  EXPECT_EQ(Cut("aé█b", 9), "aé█b");
}

TEST_F(ProgressTest, DrawsTenTimesASecondAndAtTheEnd) {
  ProgressBar bar(err_, Wide(), "storing", "rows", 1000, Clock());
  bar.Update(1);
  const size_t first = err_.str().size();
  now_ += std::chrono::milliseconds(99);
  bar.Update(2);
  EXPECT_EQ(err_.str().size(), first);
  now_ += std::chrono::milliseconds(1);
  bar.Update(3);
  const size_t second = err_.str().size();
  EXPECT_GT(second, first);
  bar.Update(1000);
  EXPECT_GT(err_.str().size(), second);
}

TEST_F(ProgressTest, HasNoShareWhenTheTotalIsNotKnown) {
  ProgressBar bar(err_, Wide(), "storing", "rows", 0, Clock());
  now_ += std::chrono::seconds(1);
  bar.Update(1500);
  EXPECT_NE(err_.str().find("storing 1,500 rows, 1.5k/s"), std::string::npos) << err_.str();
  EXPECT_EQ(err_.str().find("left"), std::string::npos);
}

TEST_F(ProgressTest, WipesItselfAndIsSilentWithoutATerminal) {
  { ProgressBar(err_, Wide(), "a", "b", 2, Clock()).Update(1); }
  EXPECT_TRUE(err_.str().ends_with("\r\x1b[K"));
  err_.str("");
  { ProgressBar(err_, Columns(), "a", "b", 2, Clock()).Update(2); }
  EXPECT_EQ(err_.str(), "");
}

}  // namespace
}  // namespace mneme::cli
