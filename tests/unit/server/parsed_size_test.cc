// What a message takes once it is parsed, against what protobuf says that it takes.
#include "server/rpc/parsed_size.h"

#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message.h>

#include <random>
#include <string>

#include "core/base/random.h"
#include "gtest/gtest.h"
#include "mneme/v1/memory_service.pb.h"
#include "server/rpc/rpc_table.h"

namespace mneme::server {
namespace {

namespace pb = google::protobuf;

constexpr uint64_t kNone = ~uint64_t{0};
constexpr int kPieceBytes = 7;  // what the bytes come in

uint64_t SizeOf(const pb::Descriptor& type, const std::string& bytes, uint64_t most = kNone) {
  pb::io::ArrayInputStream stream(bytes.data(), static_cast<int>(bytes.size()), kPieceBytes);
  return ParsedSize(type, stream, most);
}

std::unique_ptr<pb::Message> New(const pb::Descriptor& type) {
  return std::unique_ptr<pb::Message>(
      pb::MessageFactory::generated_factory()->GetPrototype(&type)->New());
}

// Of what protobuf makes of the bytes: the estimate is no less, and not many times as much.
void ExpectBound(const pb::Descriptor& type, const std::string& bytes, double most_times) {
  const auto message = New(type);
  ASSERT_TRUE(message->ParseFromString(bytes)) << type.full_name();
  const uint64_t used = message->SpaceUsedLong();
  const uint64_t estimate = SizeOf(type, bytes);
  EXPECT_GE(estimate, used) << type.full_name() << ", " << bytes.size() << " bytes";
  EXPECT_LE(static_cast<double>(estimate), most_times * static_cast<double>(used))
      << type.full_name() << ", " << bytes.size() << " bytes";
}

class Filler {
 public:
  explicit Filler(uint64_t seed) : random_(seed) {}

  void Fill(pb::Message* message, int depth) {
    const pb::Reflection& reflection = *message->GetReflection();
    const pb::Descriptor& type = *message->GetDescriptor();
    for (int i = 0; i < type.field_count(); ++i) {
      const pb::FieldDescriptor* field = type.field(i);
      if (Draw(3) == 0) continue;
      const auto count = field->is_repeated() ? Draw(40) : 1;
      for (uint64_t n = 0; n < count; ++n) FillOne(reflection, message, field, depth);
    }
    if (Draw(4) == 0) {
      auto* unknown = reflection.MutableUnknownFields(message);
      for (uint64_t n = Draw(20); n > 0; --n) unknown->AddVarint(900, n);
      unknown->AddLengthDelimited(901, std::string(Draw(100), 'u'));
      unknown->AddGroup(902)->AddFixed32(1, 5);
    }
  }

 private:
  uint64_t Draw(uint64_t below) { return random_() % below; }

  void FillOne(const pb::Reflection& reflection, pb::Message* message,
               const pb::FieldDescriptor* field, int depth) {
    const bool many = field->is_repeated();
    switch (field->cpp_type()) {
      case pb::FieldDescriptor::CPPTYPE_MESSAGE:
        if (depth == 0) return;
        return Fill(many ? reflection.AddMessage(message, field)
                         : reflection.MutableMessage(message, field),
                    depth - 1);
      case pb::FieldDescriptor::CPPTYPE_STRING: {
        std::string text(Draw(2) == 0 ? Draw(10) : Draw(200), 't');
        return many ? reflection.AddString(message, field, std::move(text))
                    : reflection.SetString(message, field, std::move(text));
      }
      case pb::FieldDescriptor::CPPTYPE_ENUM: {
        const int value = field->enum_type()->value(0)->number();
        return many ? reflection.AddEnumValue(message, field, value)
                    : reflection.SetEnumValue(message, field, value);
      }
#define MNEME_NUMBER(KIND, Name, value)                       \
  case pb::FieldDescriptor::CPPTYPE_##KIND:                   \
    return many ? reflection.Add##Name(message, field, value) \
                : reflection.Set##Name(message, field, value)
        MNEME_NUMBER(INT32, Int32, static_cast<int32_t>(Draw(300)));
        MNEME_NUMBER(INT64, Int64, static_cast<int64_t>(Draw(300)));
        MNEME_NUMBER(UINT32, UInt32, static_cast<uint32_t>(Draw(300)));
        MNEME_NUMBER(UINT64, UInt64, Draw(300));
        MNEME_NUMBER(DOUBLE, Double, 0.5);
        MNEME_NUMBER(FLOAT, Float, 0.5f);
        MNEME_NUMBER(BOOL, Bool, true);
#undef MNEME_NUMBER
    }
  }

  std::mt19937_64 random_;
};

TEST(ParsedSize, IsABoundOfAnyRequest) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  Filler filler(seed);
  for (const Rpc& rpc : AllRpcs()) {
    const pb::Descriptor& type = *rpc.descriptor->input_type();
    for (int round = 0; round < 20; ++round) {
      const auto message = New(type);
      filler.Fill(message.get(), 4);
      // Sizes of a few bytes are mostly those of the empty message.
      ASSERT_NO_FATAL_FAILURE(ExpectBound(type, message->SerializeAsString(), 4));
    }
  }
}

TEST(ParsedSize, OfManySmallPartsIsManyTimesTheirBytes) {
  const pb::Descriptor& type = *v1::StoreRequest::descriptor();
  int kinds = 0;
  for (int i = 0; i < type.field_count(); ++i) {
    const pb::FieldDescriptor& field = *type.field(i);
    if (!field.is_repeated() || field.cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    ++kinds;
    std::string bytes;
    for (int n = 0; n < 10'000; ++n) {
      bytes.push_back(static_cast<char>(field.number() << 3 | 2));
      bytes.push_back('\0');
    }
    ASSERT_NO_FATAL_FAILURE(ExpectBound(type, bytes, 3));
    EXPECT_GT(SizeOf(type, bytes), 10 * bytes.size()) << field.full_name();
  }
  EXPECT_GT(kinds, 1);
}

TEST(ParsedSize, OfABatchOfVectorsIsItsBytes) {
  v1::StoreRequest store;
  store.mutable_keys()->set_data(std::string(1'000'000, 'v'));
  for (int i = 0; i < 250'000; ++i) store.mutable_responses()->add_values(0.5f);
  const std::string bytes = store.SerializeAsString();
  const uint64_t size = SizeOf(*v1::StoreRequest::descriptor(), bytes);
  EXPECT_GE(size, 2'000'000u);
  EXPECT_LE(size, 2'010'000u);
}

TEST(ParsedSize, EndsWhereTheBytesAreNoMessageOrTooMuch) {
  const pb::Descriptor& type = *v1::StoreRequest::descriptor();
  const uint64_t empty = SizeOf(type, "");
  EXPECT_GT(empty, 0u);
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 2'000; ++round) {
    std::string bytes(random() % 200, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    EXPECT_LE(SizeOf(type, bytes), empty + bytes.size() * 400);
  }
  // Groups within groups without end, and messages within messages.
  EXPECT_LE(SizeOf(type, std::string(1'000'000, '\x0b')), empty + 100 * 200);
  std::string many;
  for (int i = 0; i < 100'000; ++i) many += std::string("\xa0\x38\x01", 3);  // unknown numbers
  const uint64_t most = 100'000;
  EXPECT_GT(SizeOf(type, many, most), most);
  EXPECT_LT(SizeOf(type, many, most), 2 * most);
}

}  // namespace
}  // namespace mneme::server
