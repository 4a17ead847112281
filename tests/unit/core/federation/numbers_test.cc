#include "core/federation/numbers.h"

#include <cmath>
#include <limits>

#include "gtest/gtest.h"

namespace mneme::federation {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinite = std::numeric_limits<float>::infinity();

TEST(Numbers, TravelAsTheyAreInFloat32AndRoundedInBfloat16) {
  const std::vector<float> values = {0, 1, -2.5F, 1e-25F, 1e20F, 3.14159265F};
  std::vector<float> back(values.size());
  ASSERT_TRUE(Unpack(Pack(values, WireType::kFloat32), back));
  EXPECT_EQ(back, values);
  const Numbers half = Pack(values, WireType::kBfloat16);
  EXPECT_EQ(half.bytes.size(), 2 * values.size());
  ASSERT_TRUE(Unpack(half, back));
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_NEAR(back[i], values[i], std::abs(values[i]) / 256) << i;
  }
}

TEST(Numbers, OfNoneAreEmpty) {
  EXPECT_TRUE(Pack({}, WireType::kBfloat16).bytes.empty());
  EXPECT_TRUE(Unpack(Pack({}, WireType::kBfloat16), {}));
}

TEST(Numbers, WhatIsFiniteStaysSoInBfloat16) {
  const float largest = std::numeric_limits<float>::max();
  std::vector<float> back(2);
  ASSERT_TRUE(Unpack(Pack(std::vector<float>{largest, -largest}, WireType::kBfloat16), back));
  EXPECT_GT(back[0], 3.3e38F);
  EXPECT_LT(back[1], -3.3e38F);
}

TEST(Numbers, WithOtherSizesOrWithoutAValueAreRefused) {
  for (const WireType type : {WireType::kFloat32, WireType::kBfloat16}) {
    std::vector<float> back(2);
    EXPECT_FALSE(Unpack(Pack(std::vector<float>{1, 2, 3}, type), back));
    EXPECT_FALSE(Unpack(Pack(std::vector<float>{1, kNan}, type), back));
    EXPECT_FALSE(Unpack(Pack(std::vector<float>{kInfinite, 1}, type), back));
    Numbers odd = Pack(std::vector<float>{1, 2}, type);
    odd.bytes.push_back('x');
    EXPECT_FALSE(Holds(odd, 2));
  }
  EXPECT_FALSE(Holds({.type = static_cast<WireType>(7), .bytes = "12345678"}, 2));
}

TEST(Numbers, OneThatIsNotFiniteIsFoundWhereverItIs) {
  for (const WireType type : {WireType::kFloat32, WireType::kBfloat16}) {
    for (const size_t place : {0, 63, 64, 127, 128, 149}) {
      std::vector<float> values(150, 3);
      EXPECT_TRUE(Holds(Pack(values, type), values.size()));
      EXPECT_TRUE(AllFinite(values));
      values[place] = place % 2 == 0 ? -kInfinite : kNan;
      EXPECT_FALSE(Holds(Pack(values, type), values.size())) << place;
      EXPECT_FALSE(AllFinite(values)) << place;
    }
  }
}

TEST(Places, AreAscendingAndInside) {
  std::vector<uint32_t> out;
  const std::vector<uint32_t> good = {0, 3, 8};
  ASSERT_TRUE(UnpackPlaces(PackPlaces(good), 9, out));
  EXPECT_EQ(out, good);
  EXPECT_FALSE(UnpackPlaces(PackPlaces(good), 8, out));
  EXPECT_FALSE(UnpackPlaces(PackPlaces(std::vector<uint32_t>{3, 3}), 9, out));
  EXPECT_FALSE(UnpackPlaces(PackPlaces(std::vector<uint32_t>{4, 3}), 9, out));
  EXPECT_FALSE(UnpackPlaces("abc", 9, out));
}

}  // namespace
}  // namespace mneme::federation
