#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>
#include <vector>

#include "core/base/status.h"
#include "tests/bench/lists.h"
#include "tests/bench/load.h"
#include "tests/bench/output.h"
#include "tests/bench/page.h"
#include "tests/bench/race.h"
#include "tests/support/daemon.h"

namespace mneme::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Percentile, LiesBetweenNeighboursByAStraightLine) {
  EXPECT_DOUBLE_EQ(Percentile({30, 10, 20}, 0.5), 20);
  EXPECT_DOUBLE_EQ(Percentile({10, 20}, 0.25), 12.5);
  EXPECT_DOUBLE_EQ(Percentile({}, 0.5), 0);
}

TEST(Race, RunsContendersInTurnsAndDividesWithinRounds) {
  std::string order;
  Race race;  // both slow down with each round, which cancels out of the quotients
  race.Add("a", "1/s", [&]() -> absl::StatusOr<double> {
    order += 'a';
    return 6 / std::ceil(static_cast<double>(order.size()) / 2);
  });
  race.Add("b", "1/s", [&]() -> absl::StatusOr<double> {
    order += 'b';
    return 2 / std::ceil(static_cast<double>(order.size()) / 2);
  });
  ASSERT_TRUE(race.Go(2).ok());
  EXPECT_EQ(order, "baabba");  // the first round is not counted
  EXPECT_THAT(race.Of("a"), ElementsAre(3, 2));
  EXPECT_DOUBLE_EQ(race.Quotient("a", "b").median, 3);
  EXPECT_EQ(race.Quotient("a", "b").repeats, 2u);
}

TEST(Race, EndsWithTheErrorOfTheContenderThatFailed) {
  Race race;
  race.Add("broken", "1/s", []() -> absl::StatusOr<double> { return Internal("no luck"); });
  EXPECT_THAT(std::string(race.Go(1).message()), HasSubstr("broken"));
}

// The first call keeps the sender from sending while the others fall due; each of these is answered
// as soon as it is sent.
TEST(OpenLoop, CountsAStallAgainstEveryCallThatWasDueMeanwhile) {
  constexpr size_t kCalls = 50;          // due within 10 ms, by the loop's seed
  constexpr double kStallMicros = 20e3;  // from the first call on
  const auto load = OpenLoop(10'000, kCalls, [](size_t i, const Done& done) {
    const double start = NowMicros();
    while (i == 0 && NowMicros() - start < kStallMicros) {
    }
    done(grpc::Status::OK);
  });
  ASSERT_TRUE(load.ok());
  ASSERT_EQ(load->micros.size(), kCalls);
  for (const double micros : load->micros) EXPECT_GE(micros, kStallMicros - 10e3);
}

TEST(ClosedLoop, KeepsTheNumberInFlight) {
  std::vector<Done> waiting;
  size_t started = 0, most = 0;
  const auto load = ClosedLoop(4, 20, [&](size_t, Done done) {
    ++started;
    waiting.push_back(std::move(done));
    most = std::max(most, waiting.size());
    // The fourth call answers the first, and so on; the last ones answer all.
    if (waiting.size() == 4) {
      const Done first = std::move(waiting.front());
      waiting.erase(waiting.begin());
      first(grpc::Status::OK);
    }
    if (started == 20) {
      std::vector<Done> rest = std::move(waiting);
      waiting.clear();
      for (const Done& answer : rest) answer(grpc::Status::OK);
    }
  });
  ASSERT_TRUE(load.ok()) << load.status();
  EXPECT_EQ(started, 20u);
  EXPECT_EQ(load->calls, 20u);
  EXPECT_LE(most, 4u);
}

TEST(ClosedLoop, EndsWithTheFirstError) {
  size_t started = 0;
  const auto load = ClosedLoop(1, 100, [&](size_t i, Done done) {
    ++started;
    done(i == 3 ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone") : grpc::Status::OK);
  });
  EXPECT_TRUE(absl::IsUnavailable(load.status()));
  EXPECT_EQ(started, 4u);
}

// Rows 0 and 1 are equal but for one unit in the last place, row 2 is another.
Dataset NearTwins() {
  Dataset out{.similarity = models::Similarity::kDot, .rows = Matrix(3, 2), .cues = Matrix(1, 2)};
  out.rows.at(0, 0) = 1;
  out.rows.at(1, 0) = std::nextafter(1.0f, 0.0f);
  out.rows.at(2, 0) = 0.5f;
  out.cues.at(0, 0) = 1;
  return out;
}

TEST(Compare, LetsOnlyScoresWithinRoundingSwap) {
  const Dataset dataset = NearTwins();
  EXPECT_EQ(Compare(dataset, 0, {{0, 1, 2}}, {{0, 1, 2}}).identical, 1u);
  const Agreement swapped = Compare(dataset, 0, {{1, 0, 2}}, {{0, 1, 2}});
  EXPECT_EQ(swapped.swaps_within_rounding, 2u);
  EXPECT_EQ(swapped.wrong, 0u);
  EXPECT_EQ(Compare(dataset, 0, {{2, 1, 0}}, {{0, 1, 2}}).wrong, 2u);
  EXPECT_EQ(Compare(dataset, 0, {{0}}, {{0, 1}}).wrong, 1u) << "too short a list";
  EXPECT_EQ(Compare(dataset, 0, {}, {{0, 1}}).wrong, 2u) << "no list";
}

TEST(Recall, IsTheShareThatWasFound) {
  EXPECT_DOUBLE_EQ(Recall({{1, 2}, {3, 4}}, {{2, 1}, {3, 5}}), 0.75);
}

TEST(Page, SaysWhatWasMissedSkippedAndFailed) {
  Report report;
  report.measures.push_back({"mneme", "1/s", SpreadOf({10, 12})});
  report.verdicts.push_back({"mneme / peer", "", SpreadOf({2}), AtLeast(4)});
  report.verdicts.push_back({"|time|", "ms", SpreadOf({2}), AtMost(4)});
  report.skipped.emplace_back("Other: not installed");
  report.picture = Picture{"Title", "x", "y", {{"mneme", {1, 2}, {3, 4}}}};
  const Case which{"case", "What", "goal", nullptr, "It waits for the disk"};
  const nlohmann::json run = {{"machine",
                               {{"cores", 2},
                                {"memory_gib", 8},
                                {"vector_kernels", "AVX2"},
                                {"blas_kernels", "Haswell"},
                                {"compiler", "g++ 12"},
                                {"day", "2026-01-01"}}},
                              {"quick", true},
                              {"repeats", 5},
                              {"cases", {ToJson(which, report, Internal("no luck"), 1)}}};
  const test::TemporaryDirectory folder;
  ASSERT_TRUE(WritePage(run, folder.path() + "/page.md", folder.path()).ok());
  std::stringstream page;
  page << std::ifstream(folder.path() + "/page.md").rdbuf();
  EXPECT_THAT(page.str(), HasSubstr("--quick"));
  EXPECT_THAT(page.str(), HasSubstr("missed: 50 % of it"));
  EXPECT_THAT(page.str(), HasSubstr("| \\|time\\| | 2 ms | <= 4 | met |"));
  EXPECT_THAT(page.str(), HasSubstr("skipped: Other: not installed"));
  EXPECT_THAT(page.str(), HasSubstr("failed: no luck"));
  EXPECT_THAT(page.str(), HasSubstr("Where it is missed: It waits for the disk."));
  EXPECT_THAT(page.str(), HasSubstr("(bench-case.svg)"));
  EXPECT_THAT(page.str(), Not(HasSubstr(folder.path())));
  EXPECT_TRUE(std::ifstream(folder.path() + "/bench-case.svg").good());
}

}  // namespace
}  // namespace mneme::bench
