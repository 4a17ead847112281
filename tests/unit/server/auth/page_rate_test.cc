// Pages and bodies that cannot be read count against the limits of who asks for them.
#include "server/auth/page_rate.h"

#include "core/base/status.h"
#include "gtest/gtest.h"

namespace mneme::server {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

class PageRateTest : public ::testing::Test {
 protected:
  PageRateTest() {
    Identity anybody{.name = "anonymous",
                     .limiter = std::make_shared<RateLimiter>(
                         RateLimits{.calls_per_second = 1, .bytes_per_second = 1'000})};
    Policy policy;
    policy.anonymous = std::make_shared<const Identity>(std::move(anybody));
    authenticator_.SetPolicy(std::make_shared<const Policy>(std::move(policy)));
  }

  ManualClock clock_;
  Authenticator authenticator_{clock_};
  const PageRate rate_{authenticator_, clock_};
};

TEST_F(PageRateTest, APageIsACallAndItsBytesCount) {
  EXPECT_TRUE(rate_.Take("", 0).ok());
  const absl::Status refused = rate_.Take("", 0);
  ASSERT_TRUE(GetErrorDetail(refused).has_value()) << refused;
  EXPECT_EQ(GetErrorDetail(refused)->reason, "RATE");
  clock_.Advance(kSecond);
  EXPECT_TRUE(rate_.Take("", 0).ok());
  rate_.Charge("", 5'000);
  clock_.Advance(3 * kSecond);
  EXPECT_FALSE(rate_.Take("", 0).ok());
  clock_.Advance(3 * kSecond);
  EXPECT_TRUE(rate_.Take("", 0).ok());
}

TEST_F(PageRateTest, WhoIsNotKnownIsRefusedElsewhere) {
  EXPECT_TRUE(rate_.Take("Bearer nobody", 10).ok());
  EXPECT_TRUE(rate_.Take("Bearer nobody", 10).ok());
  rate_.Charge("Bearer nobody", 10);
}

}  // namespace
}  // namespace mneme::server
