// Codes of vectors: the same integers by every instruction set, and bounds that hold.
#include "core/math/codes.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/math/kernels.h"
#include "gtest/gtest.h"

namespace mneme::math {
namespace {

constexpr std::array<size_t, 9> kDims = {1, 3, 4, 16, 17, 100, 128, 257, 784};

// Vectors of many sorts: Gaussian, with one large number, of one sign, sparse, tiny, huge, zero.
std::vector<float> Vector(Random& random, size_t dim, uint64_t sort) {
  std::vector<float> x(dim);
  for (float& value : x) value = static_cast<float>(random.Gaussian());
  switch (sort % 7) {
    case 1:
      x[random.Below(dim)] *= 1000;
      break;
    case 2:
      for (float& value : x) value = std::abs(value) + 10;
      break;
    case 3:
      for (float& value : x) value = random.Below(4) == 0 ? value : 0;
      break;
    case 4:
      for (float& value : x) value *= 1e-12f;
      break;
    case 5:
      for (float& value : x) value *= 1e12f;
      break;
    case 6:
      for (float& value : x) value = 0;
      break;
    default:
      break;
  }
  return x;
}

struct Rows {
  Rows(Random& random, size_t groups, size_t dim)
      : codes(CodeGroupBytes(groups * kCodeGroup, dim)) {
    for (size_t i = 0; i < groups * kCodeGroup; ++i) {
      keys.push_back(Vector(random, dim, i));
      int8_t* const group = codes.data() + i / kCodeGroup * kCodeGroup * CodeBytes(dim);
      const CodeBounds coded = EncodeRow(keys.back().data(), dim, i % kCodeGroup, group);
      bounds.push_back(coded);
      scales.push_back(coded.scale);
      errors.push_back(coded.error);
      norms.push_back(coded.norm);
      squared_norms.push_back(SquaredNorm(keys.back().data(), dim));
      offsets.push_back(coded.offset);
    }
  }
  CodedRows columns() const {
    return {scales.data(), errors.data(), norms.data(), squared_norms.data()};
  }
  int CodeAt(size_t i, size_t j, size_t dim) const {
    const int8_t* const group = codes.data() + i / kCodeGroup * kCodeGroup * CodeBytes(dim);
    return group[(j / 4 * kCodeGroup + i % kCodeGroup) * 4 + j % 4];
  }

  std::vector<std::vector<float>> keys;
  std::vector<int8_t> codes;
  std::vector<CodeBounds> bounds;
  std::vector<float> scales, errors, norms, squared_norms;
  std::vector<int32_t> offsets;
};

TEST(Codes, EveryInstructionSetGivesTheProductsOfTheCodes) {
  constexpr uint64_t kSeed = 1;
  RecordProperty("seed", kSeed);
  Random random(kSeed);
  for (const size_t dim : kDims) {
    constexpr size_t kGroups = 7;
    const Rows rows(random, kGroups, dim);
    for (const size_t cue_count : {1u, 2u, 3u, 4u, 7u, 8u, 13u}) {
      std::vector<CodedCue> cues;
      std::vector<const uint8_t*> pointers;
      for (size_t c = 0; c < cue_count; ++c) {
        cues.push_back(EncodeCue(Vector(random, dim, c).data(), dim));
      }
      for (const CodedCue& cue : cues) pointers.push_back(cue.codes.data());
      const size_t stride = kGroups * kCodeGroup + 5;
      for (const CodeTarget target :
           {CodeTarget::kPlain, CodeTarget::kAvx2, CodeTarget::kAvx512Vnni}) {
        std::vector<int32_t> out(cue_count * stride, -1);
        if (!CodeDotsBy(target, rows.codes.data(), kGroups, dim, rows.offsets.data(),
                        pointers.data(), cue_count, out.data(), stride)) {
          continue;
        }
        for (size_t c = 0; c < cue_count; ++c) {
          for (size_t i = 0; i < kGroups * kCodeGroup; ++i) {
            int64_t expected = 0;
            for (size_t j = 0; j < dim; ++j) {
              expected += (cues[c].codes[j] - 128) * rows.CodeAt(i, j, dim);
            }
            ASSERT_EQ(out[c * stride + i], expected)
                << "target " << static_cast<int>(target) << " dim " << dim << " cue " << c << " of "
                << cue_count << " row " << i;
          }
          EXPECT_EQ(out[c * stride + kGroups * kCodeGroup], -1) << "wrote behind its rows";
        }
      }
    }
  }
}

TEST(Codes, ErrorsAndNormsAreBoundsAndClose) {
  constexpr uint64_t kSeed = 2;
  RecordProperty("seed", kSeed);
  Random random(kSeed);
  for (const size_t dim : kDims) {
    const Rows rows(random, 4, dim);
    for (size_t i = 0; i < rows.keys.size(); ++i) {
      double error = 0, squares = 0;
      for (size_t j = 0; j < dim; ++j) {
        const double value = rows.keys[i][j];
        const double left = value - static_cast<double>(rows.scales[i]) * rows.CodeAt(i, j, dim);
        error += left * left;
        squares += value * value;
      }
      SCOPED_TRACE(::testing::Message() << "dim " << dim << " row " << i);
      EXPECT_GE(rows.errors[i], std::sqrt(error));
      if (rows.scales[i] == 0) continue;  // zero, or not scaled
      EXPECT_LE(rows.errors[i], std::sqrt(error) * 1.001 + 1e-6 * std::sqrt(squares));
      EXPECT_GE(rows.norms[i], std::sqrt(squares));
      EXPECT_LE(rows.norms[i], std::sqrt(squares) * 1.001);
    }
  }
}

TEST(Codes, NumbersThatCannotBeScaledAreOfUnknownError) {
  for (const float extreme : {1e-44f, 1e-20f, 3e38f}) {
    const std::vector<float> x(16, extreme);
    std::vector<int8_t> group(kCodeGroup * CodeBytes(16), 1);
    const CodeBounds bounds = EncodeRow(x.data(), 16, 3, group.data());
    EXPECT_EQ(bounds.scale, 0);
    EXPECT_EQ(bounds.error, std::numeric_limits<float>::max());
    EXPECT_EQ(bounds.offset, 0);
  }
}

TEST(Codes, ScoresOfKeysAreWithinTheBounds) {
  constexpr uint64_t kSeed = 3;
  RecordProperty("seed", kSeed);
  Random random(kSeed);
  for (const size_t dim : kDims) {
    constexpr size_t kGroups = 3, kCount = kGroups * kCodeGroup;
    const Rows rows(random, kGroups, dim);
    for (uint64_t sort = 0; sort < 6; ++sort) {
      const std::vector<float> q = Vector(random, dim, sort);
      const CodedCue cue = EncodeCue(q.data(), dim);
      const uint8_t* const pointer = cue.codes.data();
      std::vector<int32_t> products(kCount);
      CodeDots(rows.codes.data(), kGroups, dim, rows.offsets.data(), &pointer, 1, products.data(),
               kCount);
      const CodeScoreTerms terms = {.dot = cue.bounds.scale,
                                    .norm_error = cue.bounds.error,
                                    .code_error = cue.bounds.norm + cue.bounds.error};
      // An odd count: the numbers behind the last whole vector too.
      std::vector<float> centre(kCount - 1), upper(kCount - 1);
      const float largest = CodeScores(terms, rows.columns(), products.data(), kCount - 1,
                                       centre.data(), upper.data());
      float largest_seen = 0;
      for (size_t i = 0; i + 1 < kCount; ++i) {
        double dot = 0;
        for (size_t j = 0; j < dim; ++j) dot += static_cast<double>(q[j]) * rows.keys[i][j];
        const double rounding = 1e-5 * cue.bounds.norm * rows.norms[i];
        SCOPED_TRACE(::testing::Message() << "dim " << dim << " sort " << sort << " row " << i);
        EXPECT_LE(std::abs(dot - centre[i]), upper[i] - centre[i] + rounding);
        largest_seen = std::max(largest_seen, upper[i] - centre[i]);
      }
      if (!std::isfinite(largest_seen)) continue;  // of a row whose error is unknown
      EXPECT_NEAR(largest, largest_seen, 1e-4f * std::abs(largest));
    }
  }
}

}  // namespace
}  // namespace mneme::math
