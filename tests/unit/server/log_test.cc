// Lines of the log cannot be made up by what clients send.
#include "server/observe/log.h"

#include <spdlog/spdlog.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mneme::server {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

std::string Logged(const std::string& format, const std::string& message) {
  testing::internal::CaptureStderr();
  InitLog("info", format);
  spdlog::info("{}", message);
  return testing::internal::GetCapturedStderr();
}

TEST(Log, OneMessageCannotLookLikeTwo) {
  EXPECT_THAT(Logged("text", "a\n2026-01-01 00:00:00.000 I b"),
              EndsWith(" I a\n  2026-01-01 00:00:00.000 I b\n"));
  EXPECT_THAT(Logged("text", "a\n  -> b"), EndsWith(" I a\n  -> b\n"));
  EXPECT_THAT(Logged("text", "a\r\x1b[31m\x7f\tb"), EndsWith(" I a??[31m?\tb\n"));
  EXPECT_THAT(Logged("json", "a\n\"b\""), HasSubstr(R"("message":"a\u000a\"b\""})"));
}

}  // namespace
}  // namespace mneme::server
