#include "client/cpp/src/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/client/cpp/client_fixture.h"

namespace mneme::client {
namespace {

using std::chrono::milliseconds;
using testing::MakeRichStatus;

class StatusTest : public testing::ClientTest {};

TEST_F(StatusTest, GivesTheServersReasonAndNextStep) {
  Client client(Options());
  server_.FailWith({MakeRichStatus(grpc::StatusCode::INVALID_ARGUMENT,
                                   "key row 3 has 127 columns, memory 'faces' has 128", "SHAPE")});
  const auto got = client.GetMemory("faces");
  const Error error = GetError(got.status());
  EXPECT_EQ(error.code, absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(error.reason, "SHAPE");
  EXPECT_EQ(error.message, "key row 3 has 127 columns, memory 'faces' has 128");
  EXPECT_EQ(error.given, "127");
  EXPECT_EQ(error.expected, "128");
  EXPECT_EQ(error.next_step, "Send keys of 128 columns.");
  EXPECT_FALSE(error.retry_after);
  EXPECT_TRUE(waits_.empty());
}

TEST(GetError, GivesBackWhatMakeErrorWasGiven) {
  const Error made{.code = absl::StatusCode::kResourceExhausted,
                   .reason = "BUSY",
                   .message = "queue full",
                   .given = "12",
                   .expected = "10",
                   .next_step = "Wait.",
                   .retry_after = milliseconds(1250),
                   .rows_done = 3};
  const Error got = GetError(MakeError(made));
  EXPECT_EQ(got.code, made.code);
  EXPECT_EQ(got.reason, made.reason);
  EXPECT_EQ(got.message, made.message);
  EXPECT_EQ(got.given, made.given);
  EXPECT_EQ(got.expected, made.expected);
  EXPECT_EQ(got.next_step, made.next_step);
  EXPECT_EQ(got.retry_after, made.retry_after);
  EXPECT_EQ(got.rows_done, made.rows_done);
}

TEST(GetError, ReadsPlainStatusesToo) {
  EXPECT_EQ(GetError(absl::OkStatus()).code, absl::StatusCode::kOk);
  const Error error = GetError(absl::NotFoundError("no file"));
  EXPECT_EQ(error.message, "no file");
  EXPECT_TRUE(error.reason.empty());
}

}  // namespace
}  // namespace mneme::client
