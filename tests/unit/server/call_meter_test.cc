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
    meter.End(0);
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

TEST(CallMeter, ACallThatIsWatchedIsSoFromItsBeginning) {
  ManualClock clock(1000);
  CallObserver observer{.clock = clock};
  CallMeter meter(observer, 0);
  EXPECT_EQ(meter.timeline(), nullptr);
  meter.Lap("nobody looks");
  clock.Advance(5);
  engine::Timeline& timeline = meter.Watch();
  meter.Lap("decode");
  clock.Advance(7);
  meter.Lap("scan");
  meter.End(0);
  EXPECT_EQ(timeline.begin_nanos(), 1000);
  ASSERT_EQ(timeline.laps().size(), 2u);
  EXPECT_EQ(timeline.laps()[0].end_nanos, 1005);
  EXPECT_EQ(timeline.laps()[1].name, "scan");
  EXPECT_EQ(timeline.end_nanos(), 1012);
}

}  // namespace
}  // namespace mneme::server
