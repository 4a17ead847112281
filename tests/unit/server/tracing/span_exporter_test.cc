// Against a collector of the test's own: what it gets, and what becomes of spans that it does not
// take.
#include "server/tracing/span_exporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/support/fake_collector.h"

namespace mneme::server {
namespace {

using ::testing::Contains;
using ::testing::Pair;

constexpr uint64_t kSeed = 3;
constexpr char kMethod[] = "/mneme.v1.MemoryService/Retrieve";

SpanExporterOptions Quick() {
  return {.endpoint = "the test's",
          .resource = {{"service.name", "mneme"}, {"service.version", "1.2.3"}},
          .version = "1.2.3",
          .seed = kSeed,
          .pause = std::chrono::milliseconds(10),
          .backoff_least = std::chrono::milliseconds(1),
          .backoff_most = std::chrono::milliseconds(4),
          .flush = std::chrono::milliseconds(300)};
}

// With laps "decode" (1 us) and "scan" (4 us) of a call of 6 us.
EndedCall MakeCall(uint8_t number = 1, int code = 0) {
  EndedCall call{
      .method = kMethod,
      .code = code,
      .memory = "memories/faces",
      .plan = "exactness EXACTNESS_EXACT",
      .bytes_in = 10,
      .bytes_out = 20,
      .begin_nanos = 5'000,
      .end_nanos = 11'000,
      .laps = {{.name = "decode", .end_nanos = 6'000},
               {.name = "scan", .end_nanos = 10'000, .parts = 3, .bytes = 4'096, .threads = 2}}};
  call.call.context.trace_id.fill(number);
  call.call.context.span_id.fill(number);
  call.call.context.flags = TraceContext::kSampled;
  call.call.parent.fill(9);
  call.call.state = "vendor=1";
  call.call.begin_unix_nanos = 1'000'000'000;
  return call;
}
const uint64_t kSpans = MakeCall().spans();

std::map<std::string, std::string> AttributesOf(const otlp::Span& span) {
  std::map<std::string, std::string> out;
  for (const otlp::KeyValue& attribute : span.attributes()) {
    out[attribute.key()] = attribute.value().has_int_value()
                               ? std::to_string(attribute.value().int_value())
                               : attribute.value().string_value();
  }
  return out;
}

TEST(SpanExporter, SendsASpanForACallAndOneBelowItForEachLap) {
  test::FakeCollector collector;
  SpanExporter exporter(collector.channel(), Quick());
  exporter.Take(MakeCall());
  const std::vector<otlp::Span> spans = collector.WaitForSpans(3);
  ASSERT_EQ(spans.size(), 3u);
  const otlp::Span& call = spans[0];
  EXPECT_EQ(call.name(), "mneme.v1.MemoryService/Retrieve");
  EXPECT_EQ(call.kind(), otlp::Span::SPAN_KIND_SERVER);
  EXPECT_EQ(call.trace_id(), std::string(16, '\1'));
  EXPECT_EQ(call.span_id(), std::string(8, '\1'));
  EXPECT_EQ(call.parent_span_id(), std::string(8, '\11'));
  EXPECT_EQ(call.trace_state(), "vendor=1");
  EXPECT_EQ(call.start_time_unix_nano(), 1'000'000'000u);
  EXPECT_EQ(call.end_time_unix_nano(), 1'000'006'000u);
  EXPECT_EQ(call.status().code(), otlp::Status::STATUS_CODE_UNSET);
  const auto attributes = AttributesOf(call);
  for (const auto& [key, value] :
       std::map<std::string, std::string>{{"rpc.system", "grpc"},
                                          {"rpc.service", "mneme.v1.MemoryService"},
                                          {"rpc.method", "Retrieve"},
                                          {"rpc.grpc.status_code", "0"},
                                          {"mneme.memory", "memories/faces"},
                                          {"mneme.plan", "exactness EXACTNESS_EXACT"},
                                          {"mneme.request_bytes", "10"},
                                          {"mneme.response_bytes", "20"}}) {
    EXPECT_THAT(attributes, Contains(Pair(key, value)));
  }
  uint64_t end = call.start_time_unix_nano();
  for (size_t i = 1; i < spans.size(); ++i) {
    EXPECT_EQ(spans[i].trace_id(), call.trace_id());
    EXPECT_EQ(spans[i].parent_span_id(), call.span_id());
    EXPECT_NE(spans[i].span_id(), call.span_id());
    EXPECT_EQ(spans[i].start_time_unix_nano(), end);
    end = spans[i].end_time_unix_nano();
    EXPECT_LE(end, call.end_time_unix_nano());
  }
  EXPECT_EQ(spans[2].name(), "scan");
  EXPECT_EQ(end, 1'000'005'000u);
  EXPECT_THAT(AttributesOf(spans[2]), Contains(Pair("mneme.parts", "3")));
  EXPECT_THAT(AttributesOf(spans[2]), Contains(Pair("mneme.bytes", "4096")));
}

TEST(SpanExporter, SaysWhoSends) {
  test::FakeCollector collector;
  SpanExporter exporter(collector.channel(), Quick());
  exporter.Take(MakeCall());
  const auto all = collector.WaitFor([](const auto& received) { return !received.empty(); });
  ASSERT_TRUE(all.has_value());
  const otlp::ResourceSpans& sent = all->front().resource_spans(0);
  ASSERT_EQ(sent.resource().attributes_size(), 2);
  EXPECT_EQ(sent.resource().attributes(0).key(), "service.name");
  EXPECT_EQ(sent.resource().attributes(0).value().string_value(), "mneme");
  EXPECT_EQ(sent.scope_spans(0).scope().version(), "1.2.3");
}

TEST(SpanExporter, AServersErrorIsOneAndACallersIsNone) {
  test::FakeCollector collector;
  SpanExporter exporter(collector.channel(), Quick());
  exporter.Take(MakeCall(1, grpc::StatusCode::INTERNAL));
  exporter.Take(MakeCall(2, grpc::StatusCode::INVALID_ARGUMENT));
  const std::vector<otlp::Span> spans = collector.WaitForSpans(2 * kSpans);
  ASSERT_EQ(spans.size(), 2 * kSpans);
  EXPECT_EQ(spans[0].status().code(), otlp::Status::STATUS_CODE_ERROR);
  EXPECT_EQ(spans[kSpans].status().code(), otlp::Status::STATUS_CODE_UNSET);
}

TEST(SpanExporter, WhatComesTogetherGoesInBatches) {
  test::FakeCollector collector;
  SpanExporter exporter(collector.channel(), Quick());
  collector.Hang(true);
  exporter.Take(MakeCall());
  ASSERT_TRUE(collector.WaitForCalls(1));  // the next ones wait behind it
  constexpr size_t kCalls = 1000;
  for (size_t i = 0; i < kCalls; ++i) exporter.Take(MakeCall());
  EXPECT_EQ(exporter.counts().waiting, kCalls * kSpans);
  collector.Hang(false);
  EXPECT_EQ(collector.WaitForSpans((kCalls + 1) * kSpans).size(), (kCalls + 1) * kSpans);
  const auto all = collector.WaitFor([](const auto&) { return true; });
  for (const auto& request : *all) {
    EXPECT_LE(test::FakeCollector::SpansOf({request}).size(), kSpansPerBatch);
  }
  EXPECT_EQ(all->size(), 1 + (kCalls + kSpansPerBatch / kSpans - 1) / (kSpansPerBatch / kSpans));
}

TEST(SpanExporter, TriesAgainWhereTheCollectorIsAway) {
  test::FakeCollector collector;
  collector.FailWith({grpc::Status(grpc::StatusCode::UNAVAILABLE, "away"),
                      grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "too much")});
  SpanExporter exporter(collector.channel(), Quick());
  exporter.Take(MakeCall());
  EXPECT_EQ(collector.WaitForSpans(kSpans).size(), kSpans);
  exporter.Stop();
  const SpanCounts counts = exporter.counts();
  EXPECT_EQ(counts.exported, kSpans);
  EXPECT_EQ(counts.failures, 2u);
  EXPECT_EQ(counts.exports, 1u);
  EXPECT_EQ(counts.dropped_unreachable + counts.dropped_refused + counts.dropped_full, 0u);
}

TEST(SpanExporter, GivesABatchUpAfterAFewTries) {
  test::FakeCollector collector;
  collector.FailWith(std::vector<grpc::Status>(
      kExportTriesMax, grpc::Status(grpc::StatusCode::UNAVAILABLE, "away")));
  SpanExporter exporter(collector.channel(), Quick());
  exporter.Take(MakeCall());
  ASSERT_TRUE(collector.WaitForCalls(kExportTriesMax));
  exporter.Stop();
  EXPECT_EQ(exporter.counts().dropped_unreachable, kSpans);
  EXPECT_EQ(exporter.counts().failures, static_cast<uint64_t>(kExportTriesMax));
}

TEST(SpanExporter, DoesNotSendAgainWhatIsRefused) {
  test::FakeCollector collector;
  collector.FailWith({grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "no")});
  SpanExporter exporter(collector.channel(), Quick());
  exporter.Take(MakeCall());
  ASSERT_TRUE(collector.WaitForCalls(1));
  exporter.Stop();
  EXPECT_EQ(collector.calls(), 1);
  EXPECT_EQ(exporter.counts().dropped_refused, kSpans);
}

TEST(SpanExporter, CountsWhatACollectorTakesInPart) {
  test::FakeCollector collector;
  collector.Reject(2);
  SpanExporter exporter(collector.channel(), Quick());
  exporter.Take(MakeCall());
  EXPECT_EQ(collector.WaitForSpans(kSpans).size(), kSpans);
  exporter.Stop();
  EXPECT_EQ(exporter.counts().dropped_refused, 2u);
  EXPECT_EQ(exporter.counts().exported, kSpans - 2);
}

TEST(SpanExporter, BeyondItsQueueSpansAreDroppedAndCountedAndNobodyWaits) {
  test::FakeCollector collector;
  collector.Hang(true);
  SpanExporter exporter(collector.channel(), Quick());
  exporter.Take(MakeCall());
  ASSERT_TRUE(collector.WaitForCalls(1));
  const uint64_t fit = kSpansWaitingMax / kSpans;
  for (uint64_t i = 0; i < fit + 100; ++i) exporter.Take(MakeCall());
  EXPECT_EQ(exporter.counts().waiting, fit * kSpans);
  EXPECT_EQ(exporter.counts().dropped_full, 100 * kSpans);
}

TEST(SpanExporter, StopSendsWhatWaits) {
  test::FakeCollector collector;
  SpanExporterOptions options = Quick();
  options.pause = std::chrono::hours(1);
  options.flush = std::chrono::minutes(1);
  SpanExporter exporter(collector.channel(), options);
  exporter.Take(MakeCall());
  exporter.Stop();
  EXPECT_EQ(exporter.counts().exported, kSpans);
  exporter.Take(MakeCall());  // too late
  EXPECT_EQ(exporter.counts().dropped_full, kSpans);
}

TEST(SpanExporter, StopDoesNotWaitForACollectorThatHangs) {
  test::FakeCollector collector;
  collector.Hang(true);
  SpanExporter exporter(collector.channel(), Quick());
  for (int i = 0; i < 1000; ++i) exporter.Take(MakeCall());
  ASSERT_TRUE(collector.WaitForCalls(1));
  exporter.Stop();
  EXPECT_EQ(exporter.counts().exported, 0u);
  EXPECT_EQ(exporter.counts().dropped_unreachable, 1000 * kSpans);
}

TEST(SpanExporter, WithoutACollectorSpansAreDroppedAndCounted) {
  std::shared_ptr<grpc::Channel> nobody;
  {
    test::FakeCollector gone;
    nobody = gone.channel();
  }
  SpanExporter exporter(nobody, Quick());
  exporter.Take(MakeCall());
  exporter.Stop();
  EXPECT_EQ(exporter.counts().dropped_unreachable, kSpans);
  EXPECT_GE(exporter.counts().failures, 1u);
}

}  // namespace
}  // namespace mneme::server
