// All kernels of the Hamming scan against a count bit by bit, and against each other.
#include "core/math/hamming.h"

#include <bit>
#include <vector>

#include "core/base/random.h"
#include "core/math/matrix.h"
#include "gtest/gtest.h"

namespace mneme::math {
namespace {

constexpr HammingKernel kKernels[] = {HammingKernel::kScalar, HammingKernel::kAvx2,
                                      HammingKernel::kAvx512};

// Groups of codes beside the same rows one after the other.
struct Codes {
  Codes(size_t group_count, size_t word_count, uint64_t seed)
      : groups(group_count),
        words(word_count),
        packed(group_count * word_count, kHammingGroup),
        cue(word_count) {
    Random random(seed);
    for (uint64_t& word : cue) word = random.Next();
    for (size_t row = 0; row < groups * kHammingGroup; ++row) {
      uint32_t distance = 0;
      for (size_t w = 0; w < words; ++w) {
        // A share of the cue's bits, which differs from row to row, is flipped.
        uint64_t flips = random.Next();
        for (size_t i = 0; i < row % 4; ++i) flips &= random.Next();
        packed.at(row / kHammingGroup * words + w, row % kHammingGroup) = cue[w] ^ flips;
        distance += static_cast<uint32_t>(std::popcount(flips));
      }
      distances.push_back(distance);
    }
  }

  size_t groups;
  size_t words;
  BasicMatrix<uint64_t> packed;
  std::vector<uint64_t> cue;
  std::vector<uint32_t> distances;
};

TEST(Hamming, EveryKernelGivesTheDistancesCountedBitByBit) {
  for (const size_t words : {1u, 2u, 3u, 4u, 5u, 8u, 16u, 31u, 32u, 64u}) {
    const Codes codes(9, words, words);
    SCOPED_TRACE(testing::Message() << words << " words, seed " << words);
    for (const HammingKernel kernel : kKernels) {
      if (!HasHammingKernel(kernel)) continue;
      std::vector<uint32_t> found(codes.distances.size());
      HammingDistances(kernel, codes.packed.data(), codes.groups, words, codes.cue.data(),
                       found.data());
      EXPECT_EQ(found, codes.distances) << "kernel " << static_cast<int>(kernel);
    }
  }
}

TEST(Hamming, EveryKernelCollectsTheSameRowsInOrder) {
  for (const size_t words : {1u, 2u, 3u, 4u, 5u, 8u, 16u, 64u}) {
    const Codes codes(64, words, 100 + words);
    SCOPED_TRACE(testing::Message() << words << " words, seed " << 100 + words);
    for (const uint32_t bound : {0u, static_cast<uint32_t>(words) * 8, ~0u >> 8}) {
      for (const HammingKernel kernel : kKernels) {
        if (!HasHammingKernel(kernel)) continue;
        std::vector<HammingHit> hits(codes.distances.size());
        hits.resize(CollectWithinHamming(kernel, codes.packed.data(), codes.groups, words,
                                         codes.cue.data(), bound, hits.data()));
        size_t next = 0;
        for (size_t row = 0; row < codes.distances.size(); ++row) {
          if (codes.distances[row] > bound) continue;
          ASSERT_LT(next, hits.size());
          EXPECT_EQ(hits[next].row, row);
          EXPECT_EQ(hits[next++].distance, codes.distances[row]);
        }
        EXPECT_EQ(next, hits.size());
      }
    }
  }
}

TEST(Hamming, TheBestKernelIsOneThatIsThere) {
  EXPECT_TRUE(HasHammingKernel(HammingKernel::kScalar));
  EXPECT_TRUE(HasHammingKernel(BestHammingKernel()));
}

}  // namespace
}  // namespace mneme::math
