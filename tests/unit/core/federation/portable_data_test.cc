#include "core/federation/portable_data.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/federation/ball.h"

namespace mneme::federation {
namespace {

// The figures that another program must find.
TEST(PortableStream, HasTheNumbersOfTheNotes) {
  EXPECT_EQ(PortableStream(1, 1).base(), 0xe2809e6d756fa962u);
  const PortableStream keys(1, 3);
  EXPECT_EQ(keys.base(), 0x2c01d8e158039f88u);
  const double expected[] = {-0.48295581, 0.85425828, -0.8881782, -0.24671466};
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(keys.Normal(i), expected[i], 5e-9);
}

TEST(PortableStream, FillsFromAnyPlace) {
  const PortableStream stream(3, 4);
  for (const size_t first : {0, 1, 6, 7}) {
    for (const size_t size : {0, 1, 2, 5}) {
      std::vector<double> out(size);
      stream.FillNormals(first, out);
      for (size_t i = 0; i < size; ++i) EXPECT_EQ(out[i], stream.Normal(first + i));
    }
  }
}

TEST(PortableData, HasTheItemsOfTheNotes) {
  const PortableData data({.seed = 1, .nodes = 16, .het = 0.5, .gain = 3});
  std::vector<double> keys(16 * 16), responses(16 * 16);
  data.Fill(0, keys, responses);
  EXPECT_NEAR(keys[0], -0.37590936, 5e-9);
  EXPECT_NEAR(keys[1], 0.22163773, 5e-9);
  EXPECT_NEAR(keys[2], -0.23043827, 5e-9);
  EXPECT_NEAR(responses[0], 0.06457105, 5e-9);
  EXPECT_NEAR(responses[1], 0.15732448, 5e-9);
  EXPECT_NEAR(responses[2], -0.1237683, 5e-8);
  EXPECT_NEAR(Norm(std::span<const double>(keys).first(16)), 1, 1e-12);
}

TEST(PortableData, TheFloorIsTheNoise) {
  const PortableData data({.nodes = 2, .d_k = 8, .d_v = 4, .batch = 3, .drift = 0.01});
  double floor = 0;
  for (uint64_t t = 0; t < 2000; ++t) floor += data.FloorOf(t, 1);
  EXPECT_NEAR(floor / 2000, 0.3 * 0.3 / 2, 0.002);
}

// At a quarter turn the truth is another map.
TEST(PortableData, DriftTurnsTheTruth) {
  const PortableDataOptions still = {.nodes = 1, .het = 0};
  PortableDataOptions turning = still;
  turning.drift = std::acos(-1.0);  // half a turn a round
  std::vector<double> keys(16), there(16), back(16);
  PortableData(still).Fill(1, keys, there);
  PortableData(turning).Fill(1, keys, back);
  // A k + noise and -A k + noise: what they differ by is 2 A k.
  std::vector<double> difference(16);
  for (size_t i = 0; i < 16; ++i) difference[i] = there[i] - back[i];
  EXPECT_NEAR(Norm(std::span<const double>(difference)), 2, 1);
}

}  // namespace
}  // namespace mneme::federation
