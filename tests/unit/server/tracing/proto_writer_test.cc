#include "server/tracing/proto_writer.h"

#include <limits>

#include "gtest/gtest.h"
#include "otlp.pb.h"

namespace mneme::server {
namespace {

namespace otlp = ::opentelemetry::proto::collector::trace::v1;

// What protobuf itself reads of it.
template <typename Message>
Message Read(ProtoWriter& writer) {
  Message message;
  EXPECT_TRUE(message.ParseFromString(writer.Take()));
  return message;
}

// Lengths take one byte, two, three and four.
TEST(ProtoWriter, MessagesInMessagesOfAnyLengthReadBack) {
  for (const size_t length : {0, 1, 100, 126, 127, 128, 129, 16'383, 16'384, 2'097'152}) {
    const std::string text(length, 'x');
    ProtoWriter out;
    const size_t scope = out.Open(otlp::ResourceSpans::kScopeSpansFieldNumber);
    for (int i = 0; i < 2; ++i) {
      const size_t span = out.Open(otlp::ScopeSpans::kSpansFieldNumber);
      out.Bytes(otlp::Span::kNameFieldNumber, text);
      out.Close(span);
    }
    out.Close(scope);
    const auto read = Read<otlp::ResourceSpans>(out);
    ASSERT_EQ(read.scope_spans_size(), 1) << length;
    ASSERT_EQ(read.scope_spans(0).spans_size(), 2) << length;
    for (const otlp::Span& span : read.scope_spans(0).spans()) EXPECT_EQ(span.name(), text);
  }
}

TEST(ProtoWriter, NumbersReadBack) {
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  for (const uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{127}, uint64_t{128},
                               uint64_t{1} << 35, kMost >> 1, kMost}) {
    ProtoWriter any;
    any.Number(otlp::AnyValue::kIntValueFieldNumber, value);
    EXPECT_EQ(static_cast<uint64_t>(Read<otlp::AnyValue>(any).int_value()), value);
    ProtoWriter span;
    span.Fixed64(otlp::Span::kStartTimeUnixNanoFieldNumber, value);
    span.Fixed32(otlp::Span::kFlagsFieldNumber,
                 static_cast<uint32_t>(value));  // a tag of two bytes
    const auto read = Read<otlp::Span>(span);
    EXPECT_EQ(read.start_time_unix_nano(), value);
    EXPECT_EQ(read.flags(), static_cast<uint32_t>(value));
  }
}

// Zero is a value where a field says which of several it is.
TEST(ProtoWriter, AZeroIsWritten) {
  ProtoWriter any;
  any.Number(otlp::AnyValue::kIntValueFieldNumber, 0);
  EXPECT_EQ(Read<otlp::AnyValue>(any).value_case(), otlp::AnyValue::kIntValue);
}

}  // namespace
}  // namespace mneme::server
