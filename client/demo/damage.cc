#include "client/demo/damage.h"

#include <algorithm>

namespace mneme::demo {
namespace {

constexpr double kSaltAndPepperShare = 0.1;
constexpr float kNoise = 0.5f;
constexpr size_t kShift = 1;  // pixels, to the right and down

// Pixels above the cut: whole rows.
size_t UpperHalf(size_t pixels, size_t width) { return pixels / width / 2 * width; }

void SaltAndPepper(std::vector<float>& image, std::mt19937_64& random) {
  std::uniform_real_distribution<double> share(0, 1);
  for (float& pixel : image) {
    const double u = share(random);
    if (u < kSaltAndPepperShare) pixel = u < kSaltAndPepperShare / 2 ? 0.0f : 1.0f;
  }
}

void Gaussian(std::vector<float>& image, std::mt19937_64& random) {
  std::normal_distribution<float> noise(0, kNoise);
  for (float& pixel : image) pixel += noise(random);
}

void Crop(std::vector<float>& image, size_t width) {
  const size_t height = image.size() / width;
  for (size_t i = 0; i < image.size(); ++i) {
    const size_t x = i % width;
    const size_t y = i / width;
    const bool kept =
        x >= width / 4 && x < width - width / 4 && y >= height / 4 && y < height - height / 4;
    if (!kept) image[i] = 0;
  }
}

std::vector<float> Shift(std::span<const float> image, size_t width) {
  std::vector<float> shifted(image.size(), 0.0f);
  for (size_t i = 0; i < image.size(); ++i) {
    const size_t x = i % width;
    const size_t y = i / width;
    if (x >= kShift && y >= kShift) shifted[i] = image[(y - kShift) * width + x - kShift];
  }
  return shifted;
}

}  // namespace

std::string Name(Damage damage) {
  switch (damage) {
    case Damage::kNone:
      return "none";
    case Damage::kLowerHalfMasked:
      return "lower half masked";
    case Damage::kLowerHalfZeroed:
      return "lower half zeroed, no mask";
    case Damage::kSaltAndPepper:
      return "10 % salt and pepper";
    case Damage::kGaussian:
      return "Gaussian noise, sigma 0.5";
    case Damage::kCropped:
      return "cropped to the middle";
    case Damage::kShifted:
      return "shifted by one pixel";
  }
  return "";
}

std::vector<float> Apply(Damage damage, std::span<const float> image, size_t width,
                         std::mt19937_64& random) {
  std::vector<float> cue(image.begin(), image.end());
  switch (damage) {
    case Damage::kNone:
      break;
    case Damage::kLowerHalfMasked:
    case Damage::kLowerHalfZeroed:
      std::fill(cue.begin() + static_cast<std::ptrdiff_t>(UpperHalf(cue.size(), width)), cue.end(),
                0.0f);
      break;
    case Damage::kSaltAndPepper:
      SaltAndPepper(cue, random);
      break;
    case Damage::kGaussian:
      Gaussian(cue, random);
      break;
    case Damage::kCropped:
      Crop(cue, width);
      break;
    case Damage::kShifted:
      return Shift(image, width);
  }
  return cue;
}

std::vector<uint8_t> MaskOf(Damage damage, size_t pixels, size_t width) {
  if (damage != Damage::kLowerHalfMasked) return {};
  std::vector<uint8_t> bits((pixels + 7) / 8);
  for (size_t i = 0; i < UpperHalf(pixels, width); ++i) {
    bits[i / 8] |= static_cast<uint8_t>(1u << (i % 8));
  }
  return bits;
}

}  // namespace mneme::demo
