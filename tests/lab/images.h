// Images for recall experiments: made up, or from a raw file; and the ways to damage them.
#ifndef MNEME_TESTS_LAB_IMAGES_H_
#define MNEME_TESTS_LAB_IMAGES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/random.h"
#include "core/math/matrix.h"

namespace mneme::lab {

// [n, width * width] smooth images with grey values in [0, 1] that differ in brightness and
// contrast.
Matrix SmoothImages(size_t n, size_t width, Random& random);

// The first n images, grey values in [0, 1], of a raw image file: its path, or the name of a set
// (mnist, fashion) that the build tree holds as data/NAME.img. NotFound with reason
// DATA_ABSENT naming the package; DataLoss where the file is not what it says; InvalidArgument
// where it holds fewer.
absl::StatusOr<Matrix> LoadImages(std::string_view data, size_t n);

struct DamagedCues {
  Matrix cues;                // [Q, d]
  std::vector<uint8_t> mask;  // known coordinates as models::CueBatch wants them; empty: all
};

// Images of the given rows, damaged. Kinds and what `share` means:
//   gauss            Gaussian noise of standard deviation `share`, then clipped to [0, 1]
//   gauss_unclipped  the same, not clipped
//   zero             this share of the numbers set to 0
//   salt_pepper      this share set to 0 or 1
//   half             the last half set to 0
//   mask             the last half set to 0 and declared missing
DamagedCues Damage(MatrixView images, std::span<const uint64_t> rows, std::string_view kind,
                   double share, Random& random);

}  // namespace mneme::lab

#endif  // MNEME_TESTS_LAB_IMAGES_H_
