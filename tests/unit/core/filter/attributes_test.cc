// Tests of core/filter/attributes: what is read back, and what is refused as damaged.
#include "core/filter/attributes.h"

#include <cmath>
#include <limits>
#include <map>
#include <string>

#include "core/base/random.h"
#include "core/base/status.h"
#include "gtest/gtest.h"
#include "tests/unit/core/filter/attribute_bytes.h"

namespace mneme::filter {
namespace {

using Attributes = std::map<std::string, AttributeValue>;

Attributes AllKinds() {
  return {{"bool", true},
          {"double", -0.5},
          {"doubles", std::vector<double>{1.5, -2.0}},
          {"int64", -7},
          {"ints", std::vector<int64_t>{3, -1, 1'000'000}},
          {"no doubles", std::vector<double>{}},
          {"no ints", std::vector<int64_t>{}},
          {"no texts", std::vector<std::string>{}},
          {"string", "blau"},
          {"texts", std::vector<std::string>{"a", "", "c"}},
          {"time", Timestamp{.seconds = -5, .nanos = 250'000'000}},
          {"zeit", Timestamp{}}};
}

void ExpectDamaged(const std::string& bytes) {
  const auto read = ReadAttributes(bytes);
  ASSERT_TRUE(absl::IsDataLoss(read.status())) << read.status();
  EXPECT_EQ(ErrorReason(read.status()), "CORRUPT");
}

TEST(ReadAttributes, GivesBackEveryKindInTheOrderOfNames) {
  const auto read = ReadAttributes(AttributeBytes(AllKinds()));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(Attributes(read->begin(), read->end()), AllKinds());
  for (size_t i = 1; i < read->size(); ++i) EXPECT_LT((*read)[i - 1].first, (*read)[i].first);
}

TEST(ReadAttributes, ReadsTheBytesOfTheDocument) {
  const std::string bytes("\x0a\x0b\x0a\x04year\x12\x03\x10\xcf\x0f", 13);
  const auto read = ReadAttributes(bytes);
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), 1u);
  EXPECT_EQ((*read)[0].first, "year");
  EXPECT_EQ((*read)[0].second, AttributeValue(1999));
}

TEST(ReadAttributes, KeepsTheLimitsOfEachType) {
  const Attributes limits = {{"a", std::numeric_limits<int64_t>::min()},
                             {"b", std::numeric_limits<int64_t>::max()},
                             {"c", std::numeric_limits<double>::infinity()},
                             {"d", Timestamp{.seconds = std::numeric_limits<int64_t>::min(),
                                             .nanos = std::numeric_limits<int32_t>::min()}},
                             {"e", std::string(100'000, 'x')}};
  const auto read = ReadAttributes(AttributeBytes(limits));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(Attributes(read->begin(), read->end()), limits);
}

TEST(ReadAttributes, NoBytesAreNoAttributes) {
  const auto read = ReadAttributes("");
  ASSERT_TRUE(read.ok());
  EXPECT_TRUE(read->empty());
}

TEST(ReadAttributes, PassesOverFieldsItDoesNotKnow) {
  const std::string value = WriteValue()(int64_t{3});
  const std::string varint("\xf8\x01\x05", 3);                              // field 31, a varint
  const std::string group("\xfb\x01\xf3\x01\x08\x01\xf4\x01\xfc\x01", 10);  // 31 { 30 { 1: 1 } }
  const std::string fixed(
      "\xfd\x01"
      "abcd",
      6);                                        // field 31, four bytes
  const std::string other_type("\x12\x01x", 3);  // field 2, bytes
  for (const std::string& unknown : {varint, group, fixed}) {
    for (const std::string& bytes :
         {EntryBytes("a", value) + unknown, EntryBytes("a", value + unknown),
          unknown + EntryBytes("a", unknown + value + other_type)}) {
      const auto read = ReadAttributes(bytes);
      ASSERT_TRUE(read.ok()) << read.status();
      ASSERT_EQ(read->size(), 1u);
      EXPECT_EQ((*read)[0].second, AttributeValue(3));
    }
  }
  const std::string list = Framed(0x32, Framed(0x0a, "x") + varint + Framed(0x0a, "y"));
  const auto read = ReadAttributes(EntryBytes("a", list));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ((*read)[0].second, AttributeValue(std::vector<std::string>{"x", "y"}));
}

TEST(ReadAttributes, RefusesWhatTheLayoutDoesNotAllow) {
  const std::string three = WriteValue()(int64_t{3});
  ExpectDamaged(EntryBytes("b", three) + EntryBytes("a", three));  // names do not ascend
  ExpectDamaged(EntryBytes("a", three) + EntryBytes("a", three));  // a name twice
  ExpectDamaged(Framed(0x0a, Framed(0x0a, "a")));                  // no value
  ExpectDamaged(Framed(0x0a, Framed(0x12, three)));                // no name
  ExpectDamaged(EntryBytes("a", ""));                              // a value of no kind
  ExpectDamaged(EntryBytes("a", three + WriteValue()(true)));      // of two kinds
  ExpectDamaged(EntryBytes("a", "\x20\x02"));                      // neither false nor true
  ExpectDamaged(EntryBytes("a", Framed(0x2a, '\x10' + Varint(1ull << 31))));  // nanos
  ExpectDamaged(EntryBytes("a", Framed(0x42, Framed(0x0a, "1234567"))));      // part of a double
  ExpectDamaged(EntryBytes("a", Framed(0x3a, Framed(0x0a, "\x80"))));         // varint has no end
  ExpectDamaged(EntryBytes("a", Framed(0x3a, Framed(0x0a, "\x01") + Framed(0x0a, "\x01"))));
  ExpectDamaged(EntryBytes("a", '\x10' + std::string(9, '\xff') + '\x02'));   // above 64 bits
  ExpectDamaged(EntryBytes("a", '\x10' + std::string(10, '\x80') + '\x01'));  // eleven bytes
  ExpectDamaged(EntryBytes("a", three) + "\x0c");                // ends a group never begun
  ExpectDamaged(EntryBytes("a", three) + "\x0b");                // a group without an end
  ExpectDamaged(EntryBytes("a", three) + std::string(1, '\0'));  // field number 0
  ExpectDamaged("\x0a\xff\xff\xff\xff\x0f");                     // longer than memory
}

TEST(ReadAttributes, RefusesEveryCutBetweenTwoEntries) {
  const Attributes all = AllKinds();
  const std::string bytes = AttributeBytes(all);
  size_t whole = 0;  // cuts that fall on the end of an entry leave fewer attributes, but whole ones
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto read = ReadAttributes(bytes.substr(0, size));
    if (read.ok()) {
      EXPECT_EQ(read->size(), whole++);
    } else {
      EXPECT_EQ(ErrorReason(read.status()), "CORRUPT");
    }
  }
  EXPECT_EQ(whole, all.size());
}

// Walks `bytes` as a filter does, touching every element.
size_t Touch(std::string_view bytes, absl::Status& status) {
  size_t sum = 0;
  const auto add = [&sum](const auto& element) {
    if constexpr (requires { element.size(); }) {
      for (const char c : element) sum += static_cast<unsigned char>(c);
    } else {
      sum += element == 0 ? 0 : 1;
    }
    return false;
  };
  AttributeReader reader(bytes);
  while (reader.Next()) {
    std::visit(
        [&](const auto& value) {
          if constexpr (requires { value.Any(add); }) sum += value.Any(add);
        },
        reader.attribute().value);
  }
  status = reader.status();
  return sum;
}

TEST(ReadAttributes, NeverReadsOutsideRandomlyDamagedBytes) {
  const uint64_t seed = 20260102;
  RecordProperty("seed", std::to_string(seed));
  Random random(seed);
  const std::string good = AttributeBytes(AllKinds());
  int damaged = 0;
  for (int round = 0; round < 50'000; ++round) {
    std::string bytes = good;
    for (uint64_t flips = 1 + random.Below(4); flips > 0; --flips) {
      bytes[random.Below(bytes.size())] = static_cast<char>(random.Below(256));
    }
    bytes.resize(random.Below(4) == 0 ? random.Below(bytes.size()) : bytes.size());
    bytes.shrink_to_fit();  // so that a sanitizer sees a read past the end
    absl::Status status;
    Touch(bytes, status);
    EXPECT_EQ(status.ok(), ReadAttributes(bytes).ok()) << "round " << round;
    damaged += status.ok() ? 0 : 1;
  }
  EXPECT_GT(damaged, 10'000);
}

TEST(TypeName, NamesEachType) {
  EXPECT_EQ(TypeName(AttributeType::kString), "string");
  EXPECT_EQ(TypeName(AttributeType::kDoubleList), "list of double");
}

}  // namespace
}  // namespace mneme::filter
