// Square pictures damaged as photographs are: noise, parts that are hidden, another frame, other
// light (applied-memory notes, 4.4).
#ifndef MNEME_TESTS_LAB_PICTURE_DAMAGE_H_
#define MNEME_TESTS_LAB_PICTURE_DAMAGE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/base/random.h"

namespace mneme::lab {

struct PictureDamage {
  std::string_view name;
  std::string_view help;
  // `picture`: width * width grey values in [0, 1], row by row; damaged in place.
  void (*damage)(std::span<float> picture, size_t width, Random& random);
  double known = 1;  // share of the rows, from above, that the cue declares known; 1: all, no mask
};

// All of them, in the order of the notes' table; then the two masks again, declared.
std::span<const PictureDamage> PictureDamages();

// Known coordinates of `cues` cues, as models::CueBatch wants them; empty where all are known.
std::vector<uint8_t> MaskOf(const PictureDamage& damage, size_t width, size_t cues);

}  // namespace mneme::lab

#endif  // MNEME_TESTS_LAB_PICTURE_DAMAGE_H_
