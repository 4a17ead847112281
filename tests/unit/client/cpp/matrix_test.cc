// Vectors as bytes: what each type keeps of a number, and replies that are not what they say.
#include "client/cpp/src/matrix.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "mneme/error.h"

namespace mneme::client {
namespace {

constexpr size_t kHalves = 65'536;

v1::Matrix Encode(const std::vector<float>& numbers, size_t rows, Dtype dtype) {
  v1::Matrix wire;
  const MatrixRef matrix{numbers.data(), rows, numbers.size() / rows};
  SetRows(matrix, {.begin = 0, .end = rows}, dtype, &wire);
  return wire;
}

std::vector<float> Decode(const v1::Matrix& wire) {
  std::vector<float> numbers(size_t{wire.rows()} * wire.cols());
  EXPECT_TRUE(CopyNumbers(wire, numbers.data()).ok());
  return numbers;
}

// All numbers of a 2-byte type, in the order of their bits.
v1::Matrix AllHalves(v1::Dtype dtype) {
  v1::Matrix wire;
  wire.set_dtype(dtype);
  wire.set_rows(1);
  wire.set_cols(kHalves);
  for (uint32_t bits = 0; bits < kHalves; ++bits) {
    wire.mutable_data()->push_back(static_cast<char>(bits & 0xff));
    wire.mutable_data()->push_back(static_cast<char>(bits >> 8));
  }
  return wire;
}

// What the standard says of the bits of a positive binary16 that is a number.
double Float16Value(uint32_t bits) {
  const int exponent = static_cast<int>(bits >> 10);
  const int mantissa = static_cast<int>(bits & 0x3ff);
  return exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
}

TEST(ClientMatrix, EveryHalfIsTheNumberThatItsBitsSay) {
  const std::vector<float> half = Decode(AllHalves(v1::DTYPE_FLOAT16));
  const std::vector<float> brain = Decode(AllHalves(v1::DTYPE_BFLOAT16));
  for (uint32_t bits = 0; bits < kHalves; ++bits) {
    ASSERT_EQ(std::bit_cast<uint32_t>(brain[bits]), bits << 16);
    const uint32_t magnitude = bits & 0x7fff;
    ASSERT_EQ(std::signbit(half[bits]), bits >= 0x8000);
    if (magnitude < 0x7c00) {
      ASSERT_EQ(std::abs(half[bits]), Float16Value(magnitude)) << bits;
    } else {
      ASSERT_EQ(std::isinf(half[bits]), magnitude == 0x7c00);
      ASSERT_EQ(std::isnan(half[bits]), magnitude != 0x7c00);
    }
  }
}

TEST(ClientMatrix, EveryHalfComesBackAsItWas) {
  for (const v1::Dtype dtype : {v1::DTYPE_FLOAT16, v1::DTYPE_BFLOAT16}) {
    const v1::Matrix wire = AllHalves(dtype);
    const std::vector<float> numbers = Decode(wire);
    const v1::Matrix again = Encode(numbers, 1, static_cast<Dtype>(dtype));
    const std::vector<float> back = Decode(again);
    for (size_t i = 0; i < kHalves; ++i) {
      if (std::isnan(numbers[i])) {
        ASSERT_TRUE(std::isnan(back[i])) << i;
      } else {
        ASSERT_EQ(again.data().substr(2 * i, 2), wire.data().substr(2 * i, 2)) << i;
      }
    }
  }
}

TEST(ClientMatrix, TiesGoToTheEvenNeighbourAndOthersToTheNearer) {
  const v1::Matrix all = AllHalves(v1::DTYPE_FLOAT16);
  const std::vector<float> halves = Decode(all);
  std::vector<float> x, expected;
  for (size_t low = 0; low + 1 < 0x7c00; ++low) {
    const float middle = (halves[low] + halves[low + 1]) / 2;
    x.insert(x.end(), {std::nextafter(middle, 0.0f), -middle, std::nextafter(middle, 1e9f)});
    expected.insert(expected.end(), {halves[low], -halves[low + low % 2], halves[low + 1]});
  }
  x.insert(x.end(), {65'519.99f, 65'520, 1e30f});
  const float infinity = std::numeric_limits<float>::infinity();
  expected.insert(expected.end(), {65'504, infinity, infinity});
  EXPECT_EQ(Decode(Encode(x, 1, Dtype::kFloat16)), expected);

  // 1 + 2^-8 lies between 1 and 1 + 2^-7; 1 + 3 2^-8 between that and 1 + 2^-6.
  EXPECT_EQ(
      Decode(Encode({1 + 0x1p-8f, 1 + 3 * 0x1p-8f, 1 + 1.01f * 0x1p-8f}, 1, Dtype::kBfloat16)),
      (std::vector<float>{1, 1 + 0x1p-6f, 1 + 0x1p-7f}));
}

TEST(ClientMatrix, KeepsWhatItPromisesOfEachNumber) {
  constexpr uint32_t kSeed = 5;
  RecordProperty("seed", static_cast<int>(kSeed));
  std::mt19937 random(kSeed);
  std::normal_distribution<float> normal;
  constexpr size_t kRows = 9, kCols = 41;
  std::vector<float> x(kRows * kCols);
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] = normal(random) * std::pow(10.0f, static_cast<float>(i / kCols) - 4);
  }
  const std::vector<float> brain = Decode(Encode(x, kRows, Dtype::kBfloat16));
  const std::vector<float> half = Decode(Encode(x, kRows, Dtype::kFloat16));
  const v1::Matrix int8 = Encode(x, kRows, Dtype::kInt8);
  EXPECT_EQ(int8.data().size(), x.size());
  const std::vector<float> steps = Decode(int8);
  for (size_t i = 0; i < x.size(); ++i) {
    ASSERT_LE(std::abs(x[i] - brain[i]), 0x1p-8f * std::abs(x[i]));
    ASSERT_LE(std::abs(x[i] - half[i]), std::max(0x1p-11f * std::abs(x[i]), 0x1p-25f));
    float largest = 0;
    for (size_t j = i / kCols * kCols; j < (i / kCols + 1) * kCols; ++j) {
      largest = std::max(largest, std::abs(x[j]));
    }
    ASSERT_LE(std::abs(x[i] - steps[i]), largest / 253.9f);
  }
}

TEST(ClientMatrix, SendsTheRowsOfItsRangeAlone) {
  const std::vector<float> numbers = {1, 2, 3, 4, 0, 0, 5, -6};
  const MatrixRef matrix{numbers.data(), 4, 2};
  for (const Dtype dtype : {Dtype::kFloat32, Dtype::kBfloat16, Dtype::kFloat16, Dtype::kInt8}) {
    v1::Matrix wire;
    SetRows(matrix, {.begin = 2, .end = 4}, dtype, &wire);
    EXPECT_EQ(wire.rows(), 2u);
    EXPECT_EQ(wire.data().size() + wire.scales().size(), 2 * VectorBytes(2, dtype));
    const std::vector<float> back = Decode(wire);
    ASSERT_EQ(back.size(), 4u);
    EXPECT_EQ(back[0], 0);
    EXPECT_EQ(back[1], 0);
    EXPECT_NEAR(back[2], 5, 6.0 / 254);
    EXPECT_EQ(back[3], -6);
  }
}

TEST(ClientMatrix, LeavesItToTheServerToRefuseWhatIsNotFinite) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const float bad : {nan, std::numeric_limits<float>::infinity()}) {
    const v1::Matrix wire = Encode({1, bad, 2, 1, 1, 1}, 2, Dtype::kInt8);
    float scales[2];
    std::memcpy(scales, wire.scales().data(), sizeof(scales));
    EXPECT_FALSE(std::isfinite(scales[0]));
    EXPECT_TRUE(std::isfinite(scales[1]));
    EXPECT_FALSE(std::isfinite(Decode(Encode({bad}, 1, Dtype::kFloat16))[0]));
    EXPECT_FALSE(std::isfinite(Decode(Encode({bad}, 1, Dtype::kBfloat16))[0]));
  }
}

TEST(ClientMatrix, RepliesWhoseBytesAreNotWhatTheySayAreErrors) {
  const auto refused = [](const v1::Matrix& wire) {
    std::vector<float> room(64);
    const absl::Status status = CopyNumbers(wire, room.data());
    return GetError(status).reason == "MALFORMED_REPLY";
  };
  for (const Dtype dtype : {Dtype::kFloat32, Dtype::kBfloat16, Dtype::kFloat16, Dtype::kInt8}) {
    const v1::Matrix good = Encode({1, 2, 3, 4, 5, 6}, 2, dtype);
    EXPECT_FALSE(refused(good));
    v1::Matrix bad = good;
    bad.mutable_data()->pop_back();
    EXPECT_TRUE(refused(bad));
    bad = good;
    bad.mutable_scales()->append(4, '\0');
    EXPECT_TRUE(refused(bad));
    bad = good;
    bad.set_dtype(static_cast<v1::Dtype>(9));
    EXPECT_TRUE(refused(bad));
  }
  v1::Matrix bad = Encode({1, 2}, 2, Dtype::kInt8);
  bad.clear_scales();
  EXPECT_TRUE(refused(bad));
}

}  // namespace
}  // namespace mneme::client
