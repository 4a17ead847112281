// Images from the raw file that tests/tools/make_images.py writes, all numbers little-endian:
//
//   "MNEMEIMG"; u32 version = 1, count, dim, width, dtype = 0 (uint8), CRC-32C of what follows;
//   count labels, one byte each; count * dim pixels, row-major, 0 = background.
//
// Threads: plain values.
#ifndef MNEME_CLIENT_DEMO_IMAGES_H_
#define MNEME_CLIENT_DEMO_IMAGES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mneme/types.h"

namespace mneme::demo {

struct Images {
  client::Matrix pixels;  // 0 to 1
  std::vector<uint8_t> labels;
  size_t width = 0;
  size_t height = 0;
};

// The first `count` images. UsageError when the file is not as described, its checksum differs, or
// it holds fewer.
absl::StatusOr<Images> LoadImages(const std::string& path, size_t count);

// For each image the number of the first one with the same pixels, mostly its own.
std::vector<size_t> FirstAlike(const client::Matrix& pixels);

}  // namespace mneme::demo

#endif  // MNEME_CLIENT_DEMO_IMAGES_H_
