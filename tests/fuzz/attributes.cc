// Attributes between the two that read them: what the server takes with a Store, as protobuf reads
// it, must be what filters read of the bytes on disk.
#include "core/filter/attributes.h"

#include <map>

#include "core/base/status.h"
#include "server/rpc/convert.h"
#include "server/rpc/convert_write.h"
#include "tests/fuzz/fuzz.h"

namespace mneme::fuzz {
namespace {

using absl::StatusCode;
using Kind = v1::AttributeValue::KindCase;

filter::AttributeType TypeOf(Kind kind) {
  using filter::AttributeType;
  switch (kind) {
    case Kind::kStringValue:
      return AttributeType::kString;
    case Kind::kInt64Value:
      return AttributeType::kInt64;
    case Kind::kDoubleValue:
      return AttributeType::kDouble;
    case Kind::kBoolValue:
      return AttributeType::kBool;
    case Kind::kTimestampValue:
      return AttributeType::kTimestamp;
    case Kind::kStringList:
      return AttributeType::kStringList;
    case Kind::kInt64List:
      return AttributeType::kInt64List;
    case Kind::kDoubleList:
      return AttributeType::kDoubleList;
    case Kind::KIND_NOT_SET:
      break;
  }
  MNEME_CHECK(false);
  return AttributeType::kString;
}

// As protobuf has it, in the order of the bytes on disk.
using ByName = std::map<std::string, const v1::AttributeValue*>;

bool SameValue(const v1::AttributeValue& a, const filter::AttributeValue& b) {
  if (static_cast<filter::AttributeType>(b.index()) != TypeOf(a.kind_case())) return false;
  switch (a.kind_case()) {
    case Kind::kStringValue:
      return a.string_value() == std::get<std::string>(b);
    case Kind::kInt64Value:
      return a.int64_value() == std::get<int64_t>(b);
    case Kind::kDoubleValue:
      return a.double_value() == std::get<double>(b);
    case Kind::kBoolValue:
      return a.bool_value() == std::get<bool>(b);
    case Kind::kTimestampValue:
      return filter::Timestamp{.seconds = a.timestamp_value().seconds(),
                               .nanos = a.timestamp_value().nanos()} ==
             std::get<filter::Timestamp>(b);
    case Kind::kStringList:
      return std::ranges::equal(a.string_list().values(), std::get<std::vector<std::string>>(b));
    case Kind::kInt64List:
      return std::ranges::equal(a.int64_list().values(), std::get<std::vector<int64_t>>(b));
    case Kind::kDoubleList:
      return std::ranges::equal(a.double_list().values(), std::get<std::vector<double>>(b));
    case Kind::KIND_NOT_SET:
      return false;
  }
  return false;
}

std::string Packed(const v1::Attributes& attributes) { return attributes.SerializeAsString(); }

}  // namespace

// The attributes of one row of a Store.
void TestOne(std::string_view bytes) {
  v1::StoreRequest request;
  request.set_memory("memories/faces");
  v1::Attributes& attributes = *request.add_attributes();
  if (!attributes.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  server::DecodeArena arena;
  const auto command = server::DecodeStore(request, arena);
  if (!command.ok()) {
    return CheckError(command.status(),
                      {StatusCode::kInvalidArgument, StatusCode::kResourceExhausted});
  }
  MNEME_CHECK(command->payloads.size() == 1);
  const auto read = filter::ReadAttributes(command->payloads[0].attributes);
  MNEME_CHECK(read.ok());
  ByName sent;
  for (const auto& [name, value] : attributes.values()) sent[name] = &value;
  MNEME_CHECK(read->size() == sent.size());
  auto expected = sent.begin();
  for (const auto& [name, value] : *read) {
    MNEME_CHECK(name == expected->first && SameValue(*expected->second, value));
    ++expected;
  }
}

std::vector<Seed> Seeds() {
  v1::Attributes all, empty_values, bad;
  auto& values = *all.mutable_values();
  values["text"].set_string_value("caf\u00e9");
  values["integer"].set_int64_value(-7);
  values["real"].set_double_value(0.5);
  values["flag"].set_bool_value(true);
  values["time"].mutable_timestamp_value()->set_seconds(1'234'567'890);
  values["time"].mutable_timestamp_value()->set_nanos(5);
  values["texts"].mutable_string_list()->add_values("a");
  values["texts"].mutable_string_list()->add_values("");
  values["integers"].mutable_int64_list()->add_values(-1);
  values["reals"].mutable_double_list()->add_values(1e300);
  auto& nothing = *empty_values.mutable_values();
  nothing["a"].set_string_value("");
  nothing["b"].set_int64_value(0);
  nothing["c"].mutable_string_list();
  nothing["d"].mutable_double_list();
  nothing["e"].mutable_timestamp_value();
  (*bad.mutable_values())[""];
  return {{"all", Packed(all)},
          {"empty_values", Packed(empty_values)},
          {"no_value", Packed(bad)},
          // An int64 list whose numbers stand one by one, which protobuf takes as well.
          {"unpacked", std::string("\x0a\x0b\x0a\x01n\x12\x06\x3a\x04\x08\x01\x08\x02", 13)}};
}

}  // namespace mneme::fuzz
