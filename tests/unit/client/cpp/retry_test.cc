#include "client/cpp/src/retry.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "client/cpp/src/status.h"
#include "tests/unit/client/fake_server.h"

namespace mneme::client {
namespace {

using std::chrono::milliseconds;
using testing::MakeRichStatus;

constexpr RetryOptions kOptions{.attempts_max = 4,
                                .backoff_initial = milliseconds(100),
                                .backoff_max = milliseconds(300),
                                .backoff_factor = 2};

absl::Status Busy(milliseconds wait) {
  return FromGrpc(MakeRichStatus(grpc::StatusCode::RESOURCE_EXHAUSTED, "queue full", "BUSY", wait),
                  "here", {});
}

TEST(NextDelay, GrowsBetweenHalfAndWholeUpToItsCap) {
  const absl::Status down = absl::UnavailableError("down");
  EXPECT_EQ(NextDelay(kOptions, 1, down, Repeatable::kYes, 0), milliseconds(50));
  EXPECT_EQ(NextDelay(kOptions, 1, down, Repeatable::kYes, 1), milliseconds(100));
  EXPECT_EQ(NextDelay(kOptions, 2, down, Repeatable::kYes, 0), milliseconds(100));
  EXPECT_EQ(NextDelay(kOptions, 3, down, Repeatable::kYes, 1), milliseconds(300));
}

TEST(NextDelay, StopsAfterTheLastAttempt) {
  EXPECT_FALSE(NextDelay(kOptions, 4, absl::UnavailableError("down"), Repeatable::kYes, 0));
}

TEST(NextDelay, NeverComesBackBeforeTheServerSaid) {
  EXPECT_EQ(NextDelay(kOptions, 1, Busy(milliseconds(1000)), Repeatable::kYes, 0),
            milliseconds(1000));
  EXPECT_EQ(NextDelay(kOptions, 1, Busy(milliseconds(1000)), Repeatable::kYes, 1),
            milliseconds(1500));
}

TEST(NextDelay, DoesNotRepeatWhatMayHaveBeenDoneOnce) {
  EXPECT_FALSE(NextDelay(kOptions, 1, absl::UnavailableError("down"), Repeatable::kNo, 0));
  EXPECT_TRUE(NextDelay(kOptions, 1, Busy(milliseconds(5)), Repeatable::kNo, 0))
      << "a refused request was not carried out";
}

TEST(NextDelay, DoesNotRepeatWhatCannotSucceed) {
  const absl::Status limit = FromGrpc(
      MakeRichStatus(grpc::StatusCode::RESOURCE_EXHAUSTED, "too many rows", "LIMIT"), "here", {});
  EXPECT_FALSE(NextDelay(kOptions, 1, limit, Repeatable::kYes, 0));
  EXPECT_FALSE(NextDelay(kOptions, 1, absl::InvalidArgumentError("x"), Repeatable::kYes, 0));
  EXPECT_FALSE(NextDelay(kOptions, 1, absl::DeadlineExceededError("x"), Repeatable::kYes, 0));
}

TEST(MakeRequestId, GivesDistinctVersion4Uuids) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = MakeRequestId();
    ASSERT_EQ(id.size(), 36u) << id;
    for (const int dash : {8, 13, 18, 23}) EXPECT_EQ(id[dash], '-') << id;
    EXPECT_EQ(id[14], '4') << id;
    EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos) << id;
    EXPECT_TRUE(seen.insert(id).second) << id << " came twice";
  }
}

TEST(SleepFor, EndsAtOnceWhenStopped) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(SleepFor(std::chrono::hours(1), stop.get_token()));
  std::stop_source later;
  std::jthread stopper([&later] { later.request_stop(); });
  EXPECT_FALSE(SleepFor(std::chrono::hours(1), later.get_token()));
}

TEST(SleepFor, ComesBackTrueWhenTimeIsOver) {
  EXPECT_TRUE(SleepFor(std::chrono::nanoseconds(1), {}));
}

}  // namespace
}  // namespace mneme::client
