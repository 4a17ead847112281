#include "server/tracing/tracer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace mneme::server {
namespace {

constexpr uint64_t kSeed = 7;

struct NoSink final : SpanSink {
  void Take(EndedCall call) override { taken.push_back(std::move(call)); }
  std::vector<EndedCall> taken;
};

TEST(Tracer, FollowsTheFlagOfTheCaller) {
  NoSink sink;
  ManualClock clock(1234);
  for (const double ratio : {0.0, 1.0}) {
    Tracer tracer(sink, clock, ratio, kSeed);
    const auto traced =
        tracer.Begin("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "vendor=1");
    ASSERT_TRUE(traced.has_value()) << ratio;
    EXPECT_EQ(HexOf(traced->context.trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
    EXPECT_EQ(HexOf(traced->parent), "00f067aa0ba902b7");
    EXPECT_NE(traced->context.span_id, traced->parent);
    EXPECT_EQ(traced->state, "vendor=1");
    EXPECT_EQ(traced->begin_unix_nanos, 1234);
    EXPECT_FALSE(
        tracer.Begin("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", "").has_value())
        << ratio;
  }
}

TEST(Tracer, HandsOnNoStateBeyondItsBound) {
  NoSink sink;
  ManualClock clock;
  Tracer tracer(sink, clock, 0, kSeed);
  const auto traced = tracer.Begin("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                                   std::string(kTraceStateBytesMax + 1, 'x'));
  ASSERT_TRUE(traced.has_value());
  EXPECT_EQ(traced->state, "");
}

TEST(Tracer, BeginsAsManyTracesAsTheRatioSays) {
  RecordProperty("seed", static_cast<int>(kSeed));
  NoSink sink;
  ManualClock clock;
  Tracer tracer(sink, clock, 0.25, kSeed);
  constexpr int kCalls = 40'000;
  std::set<TraceId> traces;
  std::set<SpanId> spans;
  for (int i = 0; i < kCalls; ++i) {
    const auto traced = tracer.Begin(i % 2 == 0 ? "" : "no traceparent", "");
    if (!traced.has_value()) continue;
    EXPECT_EQ(traced->parent, SpanId{});
    EXPECT_TRUE(traced->context.sampled());
    traces.insert(traced->context.trace_id);
    spans.insert(traced->context.span_id);
  }
  // Five standard deviations of the binomial distribution.
  EXPECT_NEAR(static_cast<double>(traces.size()), 0.25 * kCalls,
              5 * std::sqrt(0.25 * 0.75 * kCalls));
  EXPECT_EQ(spans.size(), traces.size());
  tracer.SetSampleRatio(0);
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(tracer.Begin("", "").has_value());
  tracer.SetSampleRatio(1);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(tracer.Begin("", "").has_value());
}

}  // namespace
}  // namespace mneme::server
