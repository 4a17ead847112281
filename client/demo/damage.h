// Ways to damage an image before it is shown to a memory as a cue.
//
// Threads: plain functions; randomness comes from the caller.
#ifndef MNEME_CLIENT_DEMO_DAMAGE_H_
#define MNEME_CLIENT_DEMO_DAMAGE_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace mneme::demo {

enum class Damage {
  kNone,
  kLowerHalfMasked,  // the lower half is lost, and the cue says so
  kLowerHalfZeroed,  // the lower half is black, and the cue does not say so
  kSaltAndPepper,    // 10 % of the pixels become black or white
  kGaussian,         // noise of standard deviation 0.5 (a pixel is 0 to 1)
  kCropped,          // black outside the middle half of width and height
  kShifted,          // one pixel to the right and one down
};

inline constexpr Damage kAllDamages[] = {
    Damage::kNone,     Damage::kLowerHalfMasked, Damage::kLowerHalfZeroed, Damage::kSaltAndPepper,
    Damage::kGaussian, Damage::kCropped,         Damage::kShifted};

// "lower half masked".
std::string Name(Damage damage);

// The damaged pixels of one image.
std::vector<float> Apply(Damage damage, std::span<const float> image, size_t width,
                         std::mt19937_64& random);

// The mask that goes with the cue, as client::RetrieveOptions takes it; empty but for
// kLowerHalfMasked.
std::vector<uint8_t> MaskOf(Damage damage, size_t pixels, size_t width);

}  // namespace mneme::demo

#endif  // MNEME_CLIENT_DEMO_DAMAGE_H_
