#include "core/federation/checkpoint.h"

#include <cmath>

#include "core/base/random.h"
#include "core/base/status.h"
#include "gtest/gtest.h"

namespace mneme::federation {
namespace {

Checkpoint Full() {
  Checkpoint out{.spec_hash = 5,
                 .incarnation = 3,
                 .clean = true,
                 .epoch = 9,
                 .round = 400,
                 .memory = {1, -2, 3.5F},
                 .steps = {.steps = 7, .spread = 1.5, .key_squared_max = 2, .recent = {1, 2}},
                 .own_cursor = 11,
                 .multicast_cursor = 12,
                 .contribute_from = 13,
                 .cursors = {{"a", 4}, {"b", 5}},
                 .sources = {{.node = "a",
                              .incarnation = 2,
                              .newest_evaluation = 6,
                              .received = 1,
                              .expected = 2,
                              .items = {{1, 5}, {7, 9}}}}};
  out.regret = {.loss = 1,
                .weight = 2,
                .energy = 3,
                .squares = {1, 2, 3},
                .products = {4, 5},
                .readings = {{.round = 100, .loss = 5, .best_loss = 4}}};
  out.drops[3] = 17;
  return out;
}

TEST(Checkpoint, BytesGiveItBack) {
  for (const Checkpoint& checkpoint : {Checkpoint{}, Full()}) {
    const auto back = DecodeCheckpoint(Encode(checkpoint));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, checkpoint);
  }
}

TEST(Checkpoint, CutShortAnywhereIsRefused) {
  const std::string bytes = Encode(Full());
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto back = DecodeCheckpoint(std::string_view(bytes).substr(0, size));
    ASSERT_FALSE(back.ok()) << size;
    ASSERT_EQ(GetErrorDetail(back.status())->reason, "CHECKSUM");
  }
}

TEST(Checkpoint, ChangedAnywhereIsRefused) {
  const std::string bytes = Encode(Full());
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string changed = bytes;
    changed[at] ^= 0x10;
    ASSERT_FALSE(DecodeCheckpoint(changed).ok()) << at;
  }
  EXPECT_FALSE(DecodeCheckpoint(bytes + "x").ok());
}

TEST(Checkpoint, SharesAndRangesThatNoneWritesAreRefused) {
  Checkpoint nan = Full();
  nan.sources[0].expected = std::nan("");
  EXPECT_FALSE(DecodeCheckpoint(Encode(nan)).ok());
  Checkpoint backwards = Full();
  backwards.sources[0].items = {{5, 1}};
  EXPECT_FALSE(DecodeCheckpoint(Encode(backwards)).ok());
}

TEST(Checkpoint, AnyBytesAreRefusedWithoutHarm) {
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    Random random(seed);
    std::string bytes = "MNFN";
    for (uint64_t i = random.Below(200); i > 0; --i) {
      bytes.push_back(static_cast<char>(random.Next()));
    }
    ASSERT_FALSE(DecodeCheckpoint(bytes).ok()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace mneme::federation
