#include "tests/lab/picture_damage.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace mneme::lab {
namespace {

// Grey value between the pixels; 0 outside.
float At(std::span<const float> picture, size_t width, double x, double y) {
  const auto left = static_cast<int64_t>(std::floor(x)), top = static_cast<int64_t>(std::floor(y));
  double sum = 0;
  for (const int64_t row : {top, top + 1}) {
    for (const int64_t column : {left, left + 1}) {
      const auto end = static_cast<int64_t>(width);
      if (row < 0 || row >= end || column < 0 || column >= end) continue;
      const double weight = (1 - std::abs(x - static_cast<double>(column))) *
                            (1 - std::abs(y - static_cast<double>(row)));
      sum += weight * picture[static_cast<size_t>(row) * width + static_cast<size_t>(column)];
    }
  }
  return static_cast<float>(sum);
}

// Pixel (x, y) becomes what was at a x + b y, c x + d y, from the middle.
void Transform(std::span<float> picture, size_t width, double a, double b, double c, double d) {
  const std::vector<float> before(picture.begin(), picture.end());
  const double middle = (static_cast<double>(width) - 1) / 2;
  for (size_t i = 0; i < picture.size(); ++i) {
    const double x = static_cast<double>(i % width) - middle;
    const double y = static_cast<double>(i / width) - middle;
    picture[i] = At(before, width, middle + a * x + b * y, middle + c * x + d * y);
  }
}

void Rotate(std::span<float> picture, size_t width, double degrees) {
  const double angle = degrees * std::numbers::pi / 180;
  Transform(picture, width, std::cos(angle), std::sin(angle), -std::sin(angle), std::cos(angle));
}

void AddNoise(std::span<float> picture, double deviation, Random& random) {
  for (float& pixel : picture) {
    pixel += static_cast<float>(deviation * random.Gaussian());
  }
}

void Hide(std::span<float> picture, size_t width, double known) {
  const auto rows = static_cast<size_t>(std::lround(known * static_cast<double>(width)));
  std::fill(picture.begin() + static_cast<std::ptrdiff_t>(rows * width), picture.end(), 0.0f);
}

void Shift(std::span<float> picture, size_t width, size_t by) {
  const std::vector<float> before(picture.begin(), picture.end());
  for (size_t i = 0; i < picture.size(); ++i) {
    const size_t x = i % width, y = i / width;
    picture[i] = x >= by && y >= by ? before[(y - by) * width + x - by] : 0.0f;
  }
}

constexpr PictureDamage kDamages[] = {
    {.name = "noise0.3",
     .help = "Gaussian noise of 0.3",
     .damage = [](auto picture, size_t, Random& random) { AddNoise(picture, 0.3, random); }},
    {.name = "noise0.6",
     .help = "Gaussian noise of 0.6",
     .damage = [](auto picture, size_t, Random& random) { AddNoise(picture, 0.6, random); }},
    {.name = "half",
     .help = "the lower half black",
     .damage = [](auto picture, size_t width, Random&) { Hide(picture, width, 0.5); }},
    {.name = "quarter",
     .help = "all but the upper quarter black",
     .damage = [](auto picture, size_t width, Random&) { Hide(picture, width, 0.25); }},
    {.name = "crop20",
     .help = "the middle 20 of 28, drawn as large as the whole",
     .damage = [](auto picture, size_t width,
                  Random&) { Transform(picture, width, 20.0 / 28, 0, 0, 20.0 / 28); }},
    {.name = "rotate15",
     .help = "turned by 15 degrees",
     .damage = [](auto picture, size_t width, Random&) { Rotate(picture, width, 15); }},
    {.name = "rotate30",
     .help = "turned by 30 degrees",
     .damage = [](auto picture, size_t width, Random&) { Rotate(picture, width, 30); }},
    {.name = "shift3",
     .help = "three pixels down and right",
     .damage = [](auto picture, size_t width, Random&) { Shift(picture, width, 3); }},
    {.name = "contrast",
     .help = "0.3 of its contrast, on a grey of 0.35",
     .damage =
         [](auto picture, size_t, Random&) {
           for (float& pixel : picture) pixel = 0.35f + 0.3f * pixel;
         }},
    {.name = "half_told",
     .help = "half, declared missing",
     .damage = [](auto picture, size_t width, Random&) { Hide(picture, width, 0.5); },
     .known = 0.5},
    {.name = "quarter_told",
     .help = "quarter, declared missing",
     .damage = [](auto picture, size_t width, Random&) { Hide(picture, width, 0.25); },
     .known = 0.25},
};

}  // namespace

std::span<const PictureDamage> PictureDamages() { return kDamages; }

std::vector<uint8_t> MaskOf(const PictureDamage& damage, size_t width, size_t cues) {
  if (damage.known == 1) return {};
  const size_t d = width * width, bytes = (d + 7) / 8;
  const auto rows = static_cast<size_t>(std::lround(damage.known * static_cast<double>(width)));
  std::vector<uint8_t> mask(cues * bytes);
  for (size_t q = 0; q < cues; ++q) {
    for (size_t j = 0; j < rows * width; ++j) {
      mask[q * bytes + j / 8] |= static_cast<uint8_t>(1u << (j % 8));
    }
  }
  return mask;
}

}  // namespace mneme::lab
