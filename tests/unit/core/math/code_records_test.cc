// Distances of coded vectors: every instruction set gives the same numbers, near those of the
// vectors.
#include "core/math/code_records.h"

#include <cmath>
#include <limits>
#include <vector>

#include "core/base/random.h"
#include "core/math/matrix.h"
#include "gtest/gtest.h"

namespace mneme::math {
namespace {

constexpr CodeRecordKind kKinds[] = {CodeRecordKind::kDot, CodeRecordKind::kL2};

Matrix Gaussians(size_t rows, size_t dim, uint64_t seed) {
  Random random(seed);
  Matrix out(rows, dim);
  random.FillGaussian(out.flat());
  return out;
}

struct Records {
  Records(CodeRecordKind kind, const Matrix& rows, const std::vector<float>& centre)
      : bytes(rows.rows(), std::vector<char>(CodeRecordBytes(rows.cols()))) {
    for (size_t i = 0; i < rows.rows(); ++i) {
      errors.push_back(
          EncodeRecord(kind, rows.row(i).data(), centre.data(), rows.cols(), bytes[i].data()));
      pointers.push_back(bytes[i].data());
    }
  }
  std::vector<std::vector<char>> bytes;
  std::vector<const void*> pointers;
  std::vector<double> errors;
};

TEST(CodeRecords, EveryInstructionSetGivesTheSameNumbers) {
  for (const size_t dim : {1u, 3u, 4u, 15u, 16u, 63u, 64u, 65u, 100u, 128u, 784u}) {
    SCOPED_TRACE(testing::Message() << dim << " numbers, seed " << dim);
    const Matrix rows = Gaussians(71, dim, dim);
    for (const CodeRecordKind kind : kKinds) {
      const Records records(kind, rows, std::vector<float>(dim, 0.25f));
      std::vector<float> plain(71), found(71);
      ASSERT_TRUE(CodeRecordDistancesBy(CodeTarget::kPlain, kind, records.pointers[0],
                                        records.pointers.data(), 71, dim, plain.data()));
      for (const CodeTarget target : {CodeTarget::kAvx2, CodeTarget::kAvx512Vnni}) {
        if (!CodeRecordDistancesBy(target, kind, records.pointers[0], records.pointers.data(), 71,
                                   dim, found.data())) {
          continue;
        }
        EXPECT_EQ(found, plain) << "target " << static_cast<int>(target);
      }
      CodeRecordDistances(kind, records.pointers[0], records.pointers.data(), 71, dim,
                          found.data());
      EXPECT_EQ(found, plain);
      EXPECT_EQ(CodeRecordDistance(kind, records.pointers[0], records.pointers[70], dim),
                plain[70]);
    }
  }
}

// Off by no more than the errors of the codes allow, wherever the centre is.
TEST(CodeRecords, DistancesAreThoseOfTheVectorsWithinTheErrors) {
  RecordProperty("seed", 2);
  const size_t dim = 100;
  Matrix rows = Gaussians(40, dim, 2);
  std::vector<float> centre(dim);
  double centre_square = 0;
  for (size_t j = 0; j < dim; ++j) {
    centre[j] = 20 + static_cast<float>(j);
    centre_square += static_cast<double>(centre[j]) * static_cast<double>(centre[j]);
    for (size_t i = 0; i < rows.rows(); ++i) rows.at(i, j) += centre[j];
  }
  for (const CodeRecordKind kind : kKinds) {
    const Records records(kind, rows, centre);
    for (size_t b = 0; b < rows.rows(); ++b) {
      double dot = 0, square = 0, of_a = 0, of_b = 0;
      for (size_t j = 0; j < dim; ++j) {
        const double x = static_cast<double>(rows.at(0, j)), y = static_cast<double>(rows.at(b, j));
        const double m = static_cast<double>(centre[j]);
        dot += x * y;
        square += (x - y) * (x - y);
        of_a += (x - m) * (x - m);
        of_b += (y - m) * (y - m);
      }
      const double error = records.errors[0] + records.errors[b];
      const double found = static_cast<double>(
          CodeRecordDistance(kind, records.pointers[0], records.pointers[b], dim));
      if (kind == CodeRecordKind::kL2) {
        EXPECT_NEAR(std::sqrt(std::max(0.0, found)), std::sqrt(square), error + 1e-3);
      } else {
        // Sums of some 10^5 are rounded to float32 on the way.
        EXPECT_NEAR(found + centre_square, -dot,
                    error * (std::sqrt(of_a) + std::sqrt(of_b)) + 1e-7 * centre_square);
      }
    }
  }
}

TEST(CodeRecords, AVectorAtTheCentreIsCodedWithoutError) {
  const std::vector<float> x = {3, -4, 5};
  for (const CodeRecordKind kind : kKinds) {
    std::vector<char> record(CodeRecordBytes(3));
    EXPECT_EQ(EncodeRecord(kind, x.data(), x.data(), 3, record.data()), 0);
    const float distance = CodeRecordDistance(kind, record.data(), record.data(), 3);
    EXPECT_EQ(distance, kind == CodeRecordKind::kL2 ? 0.0f : -100.0f);
  }
}

TEST(CodeRecords, DistancesOfHugeAndTinyVectorsAreOrdered) {
  constexpr float kMost = std::numeric_limits<float>::max();
  Matrix rows(4, 20);
  const float sizes[] = {kMost, -kMost, std::numeric_limits<float>::denorm_min(), 0};
  for (size_t i = 0; i < rows.rows(); ++i) {
    for (float& x : rows.row(i)) x = sizes[i];
  }
  for (const CodeRecordKind kind : kKinds) {
    const Records records(kind, rows, std::vector<float>(20));
    for (const void* a : records.pointers) {
      for (const void* b : records.pointers) {
        const float distance = CodeRecordDistance(kind, a, b, 20);
        EXPECT_TRUE(std::isfinite(distance)) << distance;
      }
    }
  }
}

}  // namespace
}  // namespace mneme::math
