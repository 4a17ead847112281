// Narrow numbers against what their formats say, bit for bit and on every instruction set that this
// machine has.
#include "core/math/convert.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

#include "core/base/random.h"
#include "gtest/gtest.h"
#include "hwy/targets.h"

namespace mneme::math {
namespace {

constexpr size_t kHalves = 65'536;
const size_t kLengths[] = {0, 1, 3, 7, 8, 15, 16, 17, 31, 33, 64, 65, 784};

// What the standard says of the bits of a binary16.
float Float16Value(uint16_t bits) {
  const int exponent = bits >> 10 & 0x1f;
  const int mantissa = bits & 0x3ff;
  double magnitude = 0;
  if (exponent == 0x1f) {
    magnitude = mantissa == 0 ? std::numeric_limits<double>::infinity()
                              : std::numeric_limits<double>::quiet_NaN();
  } else if (exponent == 0) {
    magnitude = std::ldexp(mantissa, -24);
  } else {
    magnitude = std::ldexp(1024 + mantissa, exponent - 25);
  }
  return static_cast<float>((bits & 0x8000) != 0 ? -magnitude : magnitude);
}

float Bfloat16Value(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

std::vector<uint16_t> AllHalves() {
  std::vector<uint16_t> halves(kHalves);
  std::iota(halves.begin(), halves.end(), uint16_t{0});
  return halves;
}

// Runs `test` once for each instruction set that the kernels were compiled for and this machine
// has.
void ForEachTarget(const std::function<void()>& test) {
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    test();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

bool SameNumber(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

TEST(Convert, EveryFloat16IsTheNumberThatItsBitsSay) {
  const std::vector<uint16_t> halves = AllHalves();
  ForEachTarget([&] {
    std::vector<float> wide(kHalves);
    FromFloat16(halves.data(), kHalves, wide.data());
    for (size_t i = 0; i < kHalves; ++i) {
      ASSERT_TRUE(SameNumber(wide[i], Float16Value(halves[i])))
          << std::hex << i << " gave " << wide[i];
    }
  });
}

TEST(Convert, EveryBfloat16IsTheUpperHalfOfAFloat) {
  const std::vector<uint16_t> halves = AllHalves();
  ForEachTarget([&] {
    std::vector<float> wide(kHalves);
    FromBfloat16(halves.data(), kHalves, wide.data());
    for (size_t i = 0; i < kHalves; ++i) {
      ASSERT_EQ(std::bit_cast<uint32_t>(wide[i]), uint32_t{halves[i]} << 16);
    }
  });
}

TEST(Convert, EveryNarrowNumberComesBackAsItWas) {
  const std::vector<uint16_t> halves = AllHalves();
  ForEachTarget([&] {
    std::vector<float> wide(kHalves);
    std::vector<uint16_t> again(kHalves);
    FromFloat16(halves.data(), kHalves, wide.data());
    ToFloat16(wide.data(), kHalves, again.data());
    for (size_t i = 0; i < kHalves; ++i) {
      if (std::isnan(wide[i])) {
        ASSERT_TRUE(std::isnan(Float16Value(again[i]))) << i;
      } else {
        ASSERT_EQ(again[i], halves[i]);
      }
    }
    FromBfloat16(halves.data(), kHalves, wide.data());
    ToBfloat16(wide.data(), kHalves, again.data());
    for (size_t i = 0; i < kHalves; ++i) {
      if (std::isnan(wide[i])) {
        ASSERT_TRUE(std::isnan(Bfloat16Value(again[i]))) << i;
      } else {
        ASSERT_EQ(again[i], halves[i]);
      }
    }
  });
}

// Between each two neighbours: the middle goes to the even one, and what is a step beside it to the
// nearer. `steps_end`: bits of infinity.
template <typename Value, typename To>
void ExpectRoundsToNearestEven(uint16_t infinity, const Value& value, const To& to) {
  std::vector<float> x;
  std::vector<uint16_t> expected;
  for (uint16_t low = 0; low < infinity; ++low) {
    const auto high = static_cast<uint16_t>(low + 1);
    // Where the next number would be if it were finite.
    const double below = value(low);
    const double above = high == infinity ? 2 * below - value(low - 1) : value(high);
    const auto middle = static_cast<float>((below + above) / 2);
    for (const float sign : {1.0f, -1.0f}) {
      const uint16_t sign_bit = sign < 0 ? 0x8000 : 0;
      x.insert(x.end(), {sign * std::nextafter(middle, 0.0f), sign * middle,
                         sign * std::nextafter(middle, std::numeric_limits<float>::infinity())});
      for (const uint16_t nearest : {low, low % 2 == 0 ? low : high, high}) {
        expected.push_back(static_cast<uint16_t>(nearest | sign_bit));
      }
    }
  }
  ForEachTarget([&] {
    std::vector<uint16_t> narrow(x.size());
    to(x.data(), x.size(), narrow.data());
    for (size_t i = 0; i < x.size(); ++i) ASSERT_EQ(narrow[i], expected[i]) << x[i];
  });
}

TEST(Convert, Float16RoundsToTheNearestAndTiesToEven) {
  ExpectRoundsToNearestEven(0x7c00, Float16Value, ToFloat16);
}

TEST(Convert, Bfloat16RoundsToTheNearestAndTiesToEven) {
  ExpectRoundsToNearestEven(0x7f80, Bfloat16Value, ToBfloat16);
}

TEST(Convert, WhatIsTooLargeIsInfiniteAndNotANumberStays) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> x = {65'504,
                                65'520,
                                70'000,
                                -1e30f,
                                infinity,
                                -infinity,
                                std::numeric_limits<float>::quiet_NaN(),
                                std::bit_cast<float>(0x7f800001u),
                                std::bit_cast<float>(0xffffffffu)};
  ForEachTarget([&] {
    std::vector<uint16_t> half(x.size()), brain(x.size());
    ToFloat16(x.data(), x.size(), half.data());
    EXPECT_EQ(half[0], 0x7bff);
    EXPECT_EQ(half[1], 0x7c00);
    EXPECT_EQ(half[2], 0x7c00);
    EXPECT_EQ(half[3], 0xfc00);
    EXPECT_EQ(half[4], 0x7c00);
    EXPECT_EQ(half[5], 0xfc00);
    ToBfloat16(x.data(), x.size(), brain.data());
    EXPECT_EQ(brain[4], 0x7f80);
    EXPECT_EQ(brain[5], 0xff80);
    for (size_t i = 6; i < x.size(); ++i) {
      EXPECT_TRUE(std::isnan(Float16Value(half[i]))) << i;
      EXPECT_TRUE(std::isnan(Bfloat16Value(brain[i]))) << i;
    }
  });
}

TEST(Convert, ErrorsStayWithinTheirBounds) {
  RecordProperty("seed", 11);
  Random random(11);
  std::vector<float> x(10'000), back(10'000);
  random.FillGaussian(std::span<float>(x));
  std::vector<uint16_t> narrow(x.size());
  ForEachTarget([&] {
    ToBfloat16(x.data(), x.size(), narrow.data());
    FromBfloat16(narrow.data(), x.size(), back.data());
    for (size_t i = 0; i < x.size(); ++i) {
      ASSERT_LE(std::abs(x[i] - back[i]), std::ldexp(std::abs(x[i]), -8));
    }
    ToFloat16(x.data(), x.size(), narrow.data());
    FromFloat16(narrow.data(), x.size(), back.data());
    for (size_t i = 0; i < x.size(); ++i) {
      ASSERT_LE(std::abs(x[i] - back[i]), std::max(std::ldexp(std::abs(x[i]), -11), 0x1p-25f));
    }
  });
}

TEST(Convert, Int8KeepsEachNumberToHalfAStep) {
  RecordProperty("seed", 12);
  Random random(12);
  for (const size_t n : kLengths) {
    SCOPED_TRACE(n);
    std::vector<float> x(n), back(n);
    random.FillGaussian(std::span<float>(x));
    for (const float size : {1.0f, 1e-38f, 1e-44f, 1e30f}) {
      SCOPED_TRACE(size);
      std::vector<float> scaled = x;
      double largest = 0;
      for (float& number : scaled) {
        number *= size;
        largest = std::max(largest, std::abs(static_cast<double>(number)));
      }
      std::vector<int8_t> first;
      ForEachTarget([&] {
        std::vector<int8_t> codes(n);
        const float scale = ToInt8(scaled.data(), n, codes.data());
        if (first.empty()) first = codes;
        ASSERT_EQ(codes, first) << "not the same on each instruction set";
        FromInt8(codes.data(), scale, n, back.data());
        const double floor = largest == 0 ? 0 : std::numeric_limits<float>::min();
        ASSERT_NEAR(scale, std::max(largest / 127, floor), 1e-7 * largest);
        for (size_t i = 0; i < n; ++i) {
          ASSERT_LE(std::abs(static_cast<double>(scaled[i]) - back[i]), 0.50003 * scale) << i;
        }
      });
    }
  }
}

TEST(Convert, Int8TakesEveryCodeAndZeros) {
  std::vector<int8_t> codes(256);
  for (size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<int8_t>(i);
  const std::vector<float> zeros(40);
  ForEachTarget([&] {
    std::vector<float> wide(codes.size());
    FromInt8(codes.data(), 0.1f, codes.size(), wide.data());
    for (size_t i = 0; i < codes.size(); ++i) {
      EXPECT_EQ(wide[i], 0.1f * static_cast<float>(codes[i]));
    }
    std::vector<int8_t> narrow(zeros.size(), 1);
    EXPECT_EQ(ToInt8(zeros.data(), zeros.size(), narrow.data()), 0);
    EXPECT_EQ(narrow, std::vector<int8_t>(zeros.size()));
  });
}

// Any length, any alignment, and nothing beside the numbers is written.
TEST(Convert, ReadsAndWritesItsNumbersAlone) {
  const std::vector<uint16_t> halves = AllHalves();
  for (const size_t n : kLengths) {
    for (const size_t offset : {0, 1}) {
      SCOPED_TRACE(testing::Message() << n << " numbers, off by " << offset);
      std::vector<uint8_t> bytes(2 * n + offset + 4, 0xee);
      const uint16_t* first = halves.data() + 0x3c00;  // 1.0 and what follows
      std::memcpy(bytes.data() + offset, first, 2 * n);
      ForEachTarget([&] {
        std::vector<float> wide(n + 1, -7.0f);
        FromFloat16(bytes.data() + offset, n, wide.data());
        for (size_t i = 0; i < n; ++i) ASSERT_EQ(wide[i], Float16Value(first[i]));
        ASSERT_EQ(wide[n], -7.0f);
        std::vector<uint8_t> again(bytes.size(), 0xee);
        ToFloat16(wide.data(), n, again.data() + offset);
        ASSERT_EQ(std::memcmp(again.data() + offset, first, 2 * n), 0);
        ASSERT_EQ(again[2 * n + offset], 0xee);
      });
    }
  }
}

}  // namespace
}  // namespace mneme::math
