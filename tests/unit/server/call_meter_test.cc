#include "server/rpc/call_meter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mneme/v1/memory_service.pb.h"

namespace mneme::server {
namespace {

TEST(CallMeter, CountsWhatItWasTold) {
  ManualClock clock;
  CallObserver observer{.clock = clock};
  const size_t retrieve = RpcOf<v1::RetrieveRequest>();
  {
    CallMeter meter(observer, retrieve);
    EXPECT_EQ(observer.counters.Totals(retrieve).under_way(), 1u);
    meter.AddIn(7);
    meter.AddOut(9);
    clock.Advance(3'000'000);
    EXPECT_EQ(meter.End(0), 3'000'000);
  }
  const CallTotals totals = observer.counters.Totals(retrieve);
  EXPECT_EQ(totals.under_way(), 0u);
  EXPECT_EQ(totals.ended[0], 1u);
  EXPECT_EQ(totals.nanos, 3'000'000u);
  EXPECT_EQ(totals.bytes_in, 7u);
  EXPECT_EQ(totals.bytes_out, 9u);
}

TEST(CallMeter, ACallThatNobodyEndedCountsAsCancelled) {
  ManualClock clock;
  CallObserver observer{.clock = clock};
  { CallMeter meter(observer, 0); }
  EXPECT_EQ(observer.counters.Totals(0).ended[grpc::StatusCode::CANCELLED], 1u);
  EXPECT_EQ(observer.counters.Totals(0).under_way(), 0u);
}

TEST(TraceIdOf, TakesTheIdOutOfATraceparentAndNothingOutOfOtherTexts) {
  constexpr char kGood[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  EXPECT_EQ(TraceIdOf(kGood), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(TraceIdOf(std::string(kGood) + "-more"), "4bf92f3577b34da6a3ce929d0e0e4736");
  for (const char* bad : {"", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
                          "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                          "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                          "00-4bf92f3577b34da6a3ce929d0e0e473\n-00f067aa0ba902b7-01",
                          "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01"}) {
    EXPECT_EQ(TraceIdOf(bad), "") << bad;
  }
}

}  // namespace
}  // namespace mneme::server
