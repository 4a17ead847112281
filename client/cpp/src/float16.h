// A half-precision number (IEEE 754 binary16) as a float, exactly.
//
// Threads: a plain function.
#ifndef MNEME_CLIENT_CPP_SRC_FLOAT16_H_
#define MNEME_CLIENT_CPP_SRC_FLOAT16_H_

#include <bit>
#include <cstdint>

namespace mneme::client {

inline float FromFloat16(uint16_t bits) {
  const uint32_t exponent = bits >> 10 & 0x1f;
  const uint32_t mantissa = bits & 0x3ff;
  float magnitude = 0;
  if (exponent == 0) {
    magnitude = static_cast<float>(mantissa) * 0x1p-24f;
  } else {
    const uint32_t wide = exponent == 0x1f ? 0xff : exponent + 112;
    magnitude = std::bit_cast<float>(wide << 23 | mantissa << 13);
  }
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

}  // namespace mneme::client

#endif  // MNEME_CLIENT_CPP_SRC_FLOAT16_H_
