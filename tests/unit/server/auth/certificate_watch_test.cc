// The watch asks by the clock that it is given.
#include "server/auth/certificate_watch.h"

#include <atomic>
#include <chrono>
#include <thread>

#include "core/base/status.h"
#include "gtest/gtest.h"

namespace mneme::server {
namespace {

constexpr int64_t kMinute = 60'000'000'000;
constexpr std::chrono::seconds kPatience{30};

TEST(CertificateWatch, LooksOnceAPeriod) {
  ManualClock clock;
  std::atomic<int> looks{0};
  const CertificateWatch watch(clock, kMinute, [&]() -> absl::StatusOr<std::optional<std::string>> {
    const int look = ++looks;
    if (look % 3 == 0) return Internal("it cannot be read");
    if (look % 3 == 1) return std::optional<std::string>("new");
    return std::optional<std::string>();
  });
  for (int period = 1; period <= 4; ++period) {
    clock.Advance(kMinute - 1);
    EXPECT_EQ(looks, period - 1);
    clock.Advance(1);
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (looks < period && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    ASSERT_EQ(looks, period);
  }
}

TEST(CertificateWatch, OfNoPeriodNeverLooks) {
  ManualClock clock;
  bool looked = false;
  {
    const CertificateWatch watch(clock, 0, [&]() -> absl::StatusOr<std::optional<std::string>> {
      looked = true;
      return std::optional<std::string>();
    });
    clock.Advance(kMinute);
  }
  EXPECT_FALSE(looked);
}

}  // namespace
}  // namespace mneme::server
