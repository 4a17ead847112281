// A live server that is traced: its spans as a collector gets them.
#include <signal.h>

#include <algorithm>
#include <map>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/live.h"
#include "tests/support/certificates.h"
#include "tests/support/fake_collector.h"

namespace mneme::test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr int kDim = 16;
constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kParent[] = "00f067aa0ba902b7";

std::string Traceparent(bool sampled) {
  return std::string("00-") + kTrace + "-" + kParent + (sampled ? "-01" : "-00");
}

std::string Hex(const std::string& bytes) {
  std::string out;
  for (const char byte : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    out += kDigits[static_cast<unsigned char>(byte) >> 4];
    out += kDigits[static_cast<unsigned char>(byte) & 15];
  }
  return out;
}

// A call, and what lies below it.
struct CallSpans {
  otlp::Span call;
  std::vector<otlp::Span> laps;

  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const otlp::Span& lap : laps) out.push_back(lap.name());
    return out;
  }
};

// Of the spans of one method; every lap must lie within its call and after the one before.
std::vector<CallSpans> CallsOf(const std::vector<otlp::Span>& spans, const std::string& method) {
  std::vector<CallSpans> out;
  for (const otlp::Span& span : spans) {
    if (span.kind() != otlp::Span::SPAN_KIND_SERVER ||
        span.name() != "mneme.v1.MemoryService/" + method) {
      continue;
    }
    CallSpans call{.call = span};
    uint64_t at = span.start_time_unix_nano();
    for (const otlp::Span& lap : spans) {
      if (lap.parent_span_id() != span.span_id() || lap.trace_id() != span.trace_id()) continue;
      EXPECT_EQ(lap.start_time_unix_nano(), at) << lap.name();
      EXPECT_GE(lap.end_time_unix_nano(), at) << lap.name();
      at = lap.end_time_unix_nano();
      call.laps.push_back(lap);
    }
    EXPECT_LE(at, span.end_time_unix_nano());
    out.push_back(std::move(call));
  }
  return out;
}

class TracingTest : public ::testing::Test {
 protected:
  void Start(const std::string& ratio, std::vector<std::string> more = {}) {
    more.push_back("--tracing.otlp_endpoint=" + endpoint());
    more.push_back("--tracing.sample_ratio=" + ratio);
    more.push_back("--http.listen=none");
    daemon_ = Daemon::Mnemed(MNEMED_PATH, directory_.path(), more);
    stub_ = v1::MemoryService::NewStub(daemon_->Connect());
  }
  virtual std::string endpoint() const { return collector_.target(); }

  grpc::Status Create() {
    v1::CreateMemoryRequest request;
    request.set_memory_id("m");
    request.mutable_memory()->set_key_dim(kDim);
    request.mutable_memory()->mutable_dense()->set_beta(8);
    v1::Memory memory;
    return MNEME_CALL(stub_, CreateMemory, request, &memory);
  }
  grpc::Status Store(const std::string& traceparent = "", int rows = 20) {
    v1::StoreRequest request;
    request.set_memory("memories/m");
    SetMatrix(UnitRows(1, rows, kDim), kDim, request.mutable_keys());
    v1::StoreResponse response;
    grpc::ClientContext context;
    if (!traceparent.empty()) context.AddMetadata("traceparent", traceparent);
    return stub_->Store(&context, request, &response);
  }
  grpc::Status Retrieve(const std::string& traceparent, const std::string& memory = "memories/m") {
    v1::RetrieveRequest request;
    request.set_memory(memory);
    SetMatrix(UnitRows(1, 1, kDim), kDim, request.mutable_cues());
    v1::RetrieveResponse response;
    grpc::ClientContext context;
    if (!traceparent.empty()) context.AddMetadata("traceparent", traceparent);
    return stub_->Retrieve(&context, request, &response);
  }
  // All that the collector has once the daemon has ended.
  std::vector<otlp::Span> StopAndTakeSpans() {
    EXPECT_EQ(daemon_->Stop(SIGTERM), 0);
    return FakeCollector::SpansOf(*collector_.WaitFor([](const auto&) { return true; }));
  }

  FakeCollector collector_;
  const TemporaryDirectory directory_;
  std::unique_ptr<Daemon> daemon_;
  std::unique_ptr<v1::MemoryService::Stub> stub_;
};

TEST_F(TracingTest, ARetrieveHangsBelowItsCallersSpan) {
  Start("0");
  ASSERT_TRUE(Create().ok());
  ASSERT_TRUE(Store().ok());
  ASSERT_TRUE(Retrieve(Traceparent(true)).ok());
  const std::vector<otlp::Span> spans = StopAndTakeSpans();  // the drain sends them
  const std::vector<CallSpans> calls = CallsOf(spans, "Retrieve");
  ASSERT_EQ(calls.size(), 1u);
  const CallSpans& retrieve = calls[0];
  EXPECT_EQ(Hex(retrieve.call.trace_id()), kTrace);
  EXPECT_EQ(Hex(retrieve.call.parent_span_id()), kParent);
  EXPECT_THAT(retrieve.names(), AllOf(Contains("decode"), Contains("prepare"), Contains("begin"),
                                      Contains("scan"), Contains("settle"), Contains("finish"),
                                      Contains("encode"), Contains("respond")));
  EXPECT_EQ(retrieve.names().front(), "decode");
  EXPECT_EQ(retrieve.names().back(), "respond");
  std::map<std::string, std::string> attributes;
  for (const otlp::KeyValue& attribute : retrieve.call.attributes()) {
    attributes[attribute.key()] = attribute.value().string_value();
  }
  EXPECT_EQ(attributes["mneme.memory"], "memories/m");
  EXPECT_EQ(attributes["rpc.method"], "Retrieve");
  EXPECT_THAT(attributes["mneme.plan"], ::testing::HasSubstr("EXACTNESS_EXACT"));
  // Nothing else was asked for.
  EXPECT_EQ(spans.size(), 1 + retrieve.laps.size());
}

TEST_F(TracingTest, AStoreTellsOfItsCommitAndFsync) {
  Start("0");
  ASSERT_TRUE(Create().ok());
  ASSERT_TRUE(Store(Traceparent(true)).ok());
  const std::vector<CallSpans> calls = CallsOf(StopAndTakeSpans(), "Store");
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_THAT(calls[0].names(), ElementsAre("decode", "check", "queue", "prepare", "commit.fsync",
                                            "apply", "publish", "encode", "respond"));
}

TEST_F(TracingTest, TheCallersFlagIsKeptWhateverTheRatio) {
  Start("1");
  ASSERT_TRUE(Create().ok());
  ASSERT_TRUE(Store(Traceparent(false)).ok());
  ASSERT_TRUE(Retrieve(Traceparent(false)).ok());
  ASSERT_TRUE(Retrieve("no traceparent at all").ok());
  const std::vector<otlp::Span> spans = StopAndTakeSpans();
  EXPECT_THAT(CallsOf(spans, "Store"), IsEmpty());
  const std::vector<CallSpans> calls = CallsOf(spans, "Retrieve");
  ASSERT_EQ(calls.size(), 1u);  // the one that begins a trace of its own
  EXPECT_EQ(calls[0].call.parent_span_id(), "");
  EXPECT_NE(Hex(calls[0].call.trace_id()), kTrace);
  EXPECT_EQ(CallsOf(spans, "CreateMemory").size(), 1u);
}

TEST_F(TracingTest, ARefusedCallIsASpanToo) {
  Start("1");
  EXPECT_EQ(Retrieve("", "memories/nobody").error_code(), grpc::StatusCode::NOT_FOUND);
  const std::vector<CallSpans> calls = CallsOf(StopAndTakeSpans(), "Retrieve");
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].call.status().code(), otlp::Status::STATUS_CODE_UNSET);  // the caller's
  bool told = false;
  for (const otlp::KeyValue& attribute : calls[0].call.attributes()) {
    if (attribute.key() != "rpc.grpc.status_code") continue;
    EXPECT_EQ(attribute.value().int_value(), grpc::StatusCode::NOT_FOUND);
    told = true;
  }
  EXPECT_TRUE(told);
}

TEST_F(TracingTest, TheResourceSaysWhichServerItIs) {
  Start("1");
  ASSERT_TRUE(Create().ok());
  EXPECT_EQ(daemon_->Stop(SIGTERM), 0);
  const auto all = collector_.WaitFor([](const auto& received) { return !received.empty(); });
  ASSERT_TRUE(all.has_value());
  std::map<std::string, std::string> resource;
  for (const otlp::KeyValue& attribute : all->front().resource_spans(0).resource().attributes()) {
    resource[attribute.key()] = attribute.value().string_value();
  }
  EXPECT_EQ(resource["service.name"], "mneme");
  EXPECT_THAT(resource["service.version"], Not(IsEmpty()));
  EXPECT_THAT(resource["service.instance.id"], Not(IsEmpty()));
}

TEST_F(TracingTest, ACollectorThatHangsHoldsUpNeitherCallsNorTheEnd) {
  collector_.Hang(true);
  Start("1");
  ASSERT_TRUE(Create().ok());
  ASSERT_TRUE(collector_.WaitForCalls(1));
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(Retrieve("").ok());
  EXPECT_EQ(daemon_->Stop(SIGTERM), 0);
}

// The same, sent by TLS.
class TracingByTls : public TracingTest {
 protected:
  static std::shared_ptr<grpc::ServerCredentials> CredentialsOf(const CertificateAndKey& pair) {
    grpc::SslServerCredentialsOptions options;
    options.pem_key_cert_pairs = {{.private_key = pair.key, .cert_chain = pair.certificate}};
    return grpc::SslServerCredentials(options);
  }
  std::string endpoint() const override { return secure_.target(); }

  const Authority authority_;
  FakeCollector secure_{CredentialsOf(authority_.Issue())};
};

TEST_F(TracingByTls, SpansReachACollectorWhoseAuthorityIsKnown) {
  const std::string ca = WriteFile(directory_.path() + "/ca.pem", authority_.certificate());
  Start("1", {"--tracing.tls=true", "--tracing.tls_ca=" + ca});
  ASSERT_TRUE(Create().ok());
  EXPECT_FALSE(secure_.WaitForSpans(1).empty());
}

TEST_F(TracingByTls, NoSpansReachAStranger) {
  const std::string ca =
      WriteFile(directory_.path() + "/ca.pem", Authority("another").certificate());
  Start("1", {"--tracing.tls=true", "--tracing.tls_ca=" + ca});
  ASSERT_TRUE(Create().ok());
  EXPECT_EQ(daemon_->Stop(SIGTERM), 0);
  EXPECT_EQ(secure_.calls(), 0);
}

}  // namespace
}  // namespace mneme::test
