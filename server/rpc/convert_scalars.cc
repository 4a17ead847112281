// Times, durations and attributes: wire <-> engine.
#include <cmath>
#include <limits>

#include "core/base/status.h"
#include "server/rpc/convert.h"
#include "server/rpc/limits.h"

namespace mneme::server {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;
// What fits into 64 bits of nanoseconds, in whole years: 1678-01-01 and 2262-01-01.
constexpr int64_t kSecondsLeast = -9'214'560'000;
constexpr int64_t kSecondsEnd = 9'214'646'400;
// What google.protobuf.Timestamp may be.
constexpr int64_t kYearOne = -62'135'596'800;
constexpr int64_t kYearTenThousand = 253'402'300'800;
constexpr int64_t kDurationSecondsMax = 200ll * 366 * 24 * 3600;

absl::Status BadAttribute(int row, std::string_view name, std::string_view given,
                          std::string_view expected) {
  return InvalidArgument(
      absl::StrFormat("row %d: attribute '%s' is %s", row, AbslView(name), AbslView(given)),
      {.reason = "ATTRIBUTE",
       .given = std::string(given),
       .expected = std::string(expected),
       .next_step = "Correct the value, or leave the attribute out."});
}

// No filter could tell where a number that is none belongs.
absl::Status CheckNumber(double value, int row, std::string_view name) {
  if (std::isfinite(value)) return absl::OkStatus();
  return BadAttribute(row, name, absl::StrCat(value), "a finite number");
}

absl::Status CheckMoment(const google::protobuf::Timestamp& moment, int row,
                         std::string_view name) {
  if (moment.seconds() >= kYearOne && moment.seconds() < kYearTenThousand && moment.nanos() >= 0 &&
      moment.nanos() < kNanosPerSecond) {
    return absl::OkStatus();
  }
  return BadAttribute(row, name,
                      absl::StrFormat("%d s, %d ns since 1970", moment.seconds(), moment.nanos()),
                      "a time from the year 1 to 9999, with nanos from 0 to 999999999");
}

absl::Status CheckValue(const v1::AttributeValue& value, int row, std::string_view name) {
  switch (value.kind_case()) {
    case v1::AttributeValue::kDoubleValue:
      return CheckNumber(value.double_value(), row, name);
    case v1::AttributeValue::kDoubleList:
      for (double number : value.double_list().values()) {
        MNEME_RETURN_IF_ERROR(CheckNumber(number, row, name));
      }
      return absl::OkStatus();
    case v1::AttributeValue::kTimestampValue:
      return CheckMoment(value.timestamp_value(), row, name);
    case v1::AttributeValue::KIND_NOT_SET:
      return BadAttribute(row, name, "without a value", "a value of one of the types");
    default:
      return absl::OkStatus();
  }
}

}  // namespace

absl::Status CheckAttributes(const v1::Attributes& attributes, int row) {
  if (attributes.values_size() > kAttributesMax) {
    return ResourceExhausted(
        absl::StrFormat("row %d has %d attributes", row, attributes.values_size()),
        {.reason = "LIMIT",
         .given = absl::StrCat(attributes.values_size()),
         .expected = absl::StrCat("at most ", kAttributesMax),
         .next_step = "Send fewer, or put what is not filtered by into the payload."});
  }
  for (const auto& [name, value] : attributes.values()) {
    if (name.empty() || name.size() > kAttributeNameBytesMax) {
      return InvalidArgument(
          absl::StrFormat("row %d: an attribute name has %d bytes", row, name.size()),
          {.reason = "ATTRIBUTE",
           .given = absl::StrCat(name.size(), " bytes"),
           .expected = absl::StrCat("1 to ", kAttributeNameBytesMax),
           .next_step = "Shorten the name."});
    }
    MNEME_RETURN_IF_ERROR(CheckValue(value, row, name));
  }
  return absl::OkStatus();
}

void EncodeTimestamp(int64_t unix_nanos, google::protobuf::Timestamp* to) {
  int64_t seconds = unix_nanos / kNanosPerSecond;
  int64_t nanos = unix_nanos % kNanosPerSecond;
  if (nanos < 0) {  // the wire wants seconds rounded down
    --seconds;
    nanos += kNanosPerSecond;
  }
  to->set_seconds(seconds);
  to->set_nanos(static_cast<int>(nanos));
}

absl::StatusOr<int64_t> DecodeTimestamp(const google::protobuf::Timestamp& from,
                                        std::string_view what) {
  if (from.seconds() >= kSecondsLeast && from.seconds() < kSecondsEnd && from.nanos() >= 0 &&
      from.nanos() < kNanosPerSecond) {
    return from.seconds() * kNanosPerSecond + from.nanos();
  }
  const std::string given = absl::StrFormat("%d s, %d ns since 1970", from.seconds(), from.nanos());
  return InvalidArgument(absl::StrFormat("%s: %s is no time", AbslView(what), given),
                         {.reason = "TIMESTAMP",
                          .given = given,
                          .expected = "a time from 1678 to 2261, with nanos from 0 to 999999999",
                          .next_step = "Correct the time, or leave it out."});
}

void EncodeDuration(int64_t nanos, google::protobuf::Duration* to) {
  to->set_seconds(nanos / kNanosPerSecond);
  to->set_nanos(static_cast<int>(nanos % kNanosPerSecond));
}

absl::StatusOr<int64_t> DecodeDuration(const google::protobuf::Duration& from,
                                       std::string_view what) {
  if (from.seconds() >= 0 && from.seconds() <= kDurationSecondsMax && from.nanos() >= 0 &&
      from.nanos() < kNanosPerSecond) {
    return from.seconds() * kNanosPerSecond + from.nanos();
  }
  const std::string given = absl::StrFormat("%d s, %d ns", from.seconds(), from.nanos());
  return InvalidArgument(absl::StrFormat("%s: %s is no time to live", AbslView(what), given),
                         {.reason = "DURATION",
                          .given = given,
                          .expected = "0 s to 200 years, with nanos from 0 to 999999999",
                          .next_step = "Correct it, or leave it out."});
}

}  // namespace mneme::server
