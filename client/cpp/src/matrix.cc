#include "client/cpp/src/matrix.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"
#include "client/cpp/src/float16.h"
#include "client/cpp/src/status.h"

namespace mneme::client {
namespace {

static_assert(std::endian::native == std::endian::little,
              "vectors travel as the bytes of little-endian numbers");

// Bytes of a number.
size_t WidthOf(Dtype dtype) {
  switch (dtype) {
    case Dtype::kInt8:
      return 1;
    case Dtype::kBfloat16:
    case Dtype::kFloat16:
      return 2;
    case Dtype::kFloat32:
      break;
  }
  return sizeof(float);
}

// To the nearest, even in a tie.
uint16_t ToBfloat16(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  if (std::isnan(x)) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

float FromBfloat16(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

uint16_t ToFloat16(float x) {
  const auto sign = static_cast<uint16_t>(std::bit_cast<uint32_t>(x) >> 16 & 0x8000);
  const float magnitude = std::abs(x);
  const auto bits = std::bit_cast<uint32_t>(magnitude);
  uint32_t half = 0;
  if (std::isnan(x)) {
    half = 0x7e00;
  } else if (magnitude >= 0x1p16f) {
    half = 0x7c00;
  } else if (magnitude >= 0x1p-14f) {
    half = (bits - (112u << 23) + 0xfff + (bits >> 13 & 1)) >> 13;
  } else {
    // Beside 0.5 a float has the steps of a subnormal half, 2^-24: the addition rounds.
    half = std::bit_cast<uint32_t>(magnitude + 0.5f) - std::bit_cast<uint32_t>(0.5f);
  }
  return static_cast<uint16_t>(sign | half);
}

template <typename Convert>
void Narrow(const float* x, size_t count, Convert convert, char* to) {
  for (size_t i = 0; i < count; ++i) {
    const uint16_t bits = convert(x[i]);
    std::memcpy(to + i * sizeof(bits), &bits, sizeof(bits));
  }
}

template <typename Convert>
void Widen(const char* from, size_t count, Convert convert, float* out) {
  for (size_t i = 0; i < count; ++i) {
    uint16_t bits = 0;
    std::memcpy(&bits, from + i * sizeof(bits), sizeof(bits));
    out[i] = convert(bits);
  }
}

// A row as multiples of the scale that is returned, max|x| / 127. A row that is not finite has a
// scale that is not.
float ToInt8(std::span<const float> x, char* to) {
  std::fill_n(to, x.size(), '\0');
  float largest = 0;
  for (const float number : x) {
    if (!std::isfinite(number)) return number;
    largest = std::max(largest, std::abs(number));
  }
  if (largest == 0) return 0;
  // No smaller than a normal number, so that 1 / scale is finite.
  const float scale = std::max(largest / 127, std::numeric_limits<float>::min());
  const float factor = 1 / scale;
  for (size_t i = 0; i < x.size(); ++i) {
    const float step = std::clamp(std::nearbyint(x[i] * factor), -127.0f, 127.0f);
    to[i] = static_cast<char>(static_cast<int8_t>(step));
  }
  return scale;
}

void SetInt8(MatrixRef rows, v1::Matrix* out) {
  std::string& data = *out->mutable_data();
  std::string& scales = *out->mutable_scales();
  scales.resize(rows.rows * sizeof(float));
  for (size_t row = 0; row < rows.rows; ++row) {
    const float scale = ToInt8(rows.row(row), data.data() + row * rows.cols);
    std::memcpy(scales.data() + row * sizeof(scale), &scale, sizeof(scale));
  }
}

void CopyInt8(const v1::Matrix& wire, float* out) {
  for (size_t row = 0; row < wire.rows(); ++row) {
    float scale = 0;
    std::memcpy(&scale, wire.scales().data() + row * sizeof(scale), sizeof(scale));
    for (size_t i = row * wire.cols(); i < (row + 1) * wire.cols(); ++i) {
      out[i] = scale * static_cast<float>(static_cast<int8_t>(wire.data()[i]));
    }
  }
}

bool IsKnown(v1::Dtype dtype) { return dtype >= v1::DTYPE_FLOAT32 && dtype <= v1::DTYPE_INT8; }

}  // namespace

size_t VectorBytes(size_t cols, Dtype dtype) {
  return cols * WidthOf(dtype) + (dtype == Dtype::kInt8 ? sizeof(float) : 0);
}

void SetRows(MatrixRef matrix, const RowRange& range, Dtype dtype, v1::Matrix* out) {
  out->set_dtype(static_cast<v1::Dtype>(dtype));
  out->set_rows(static_cast<uint32_t>(range.rows()));
  out->set_cols(static_cast<uint32_t>(matrix.cols));
  if (matrix.data == nullptr) return;
  const float* const first = matrix.data + range.begin * matrix.cols;
  const size_t count = range.rows() * matrix.cols;
  std::string& data = *out->mutable_data();
  if (dtype == Dtype::kFloat32) {
    data.assign(reinterpret_cast<const char*>(first), count * sizeof(float));
    return;
  }
  data.resize(count * WidthOf(dtype));
  if (dtype == Dtype::kBfloat16) return Narrow(first, count, ToBfloat16, data.data());
  if (dtype == Dtype::kFloat16) return Narrow(first, count, ToFloat16, data.data());
  SetInt8({first, range.rows(), matrix.cols}, out);
}

absl::Status CopyNumbers(const v1::Matrix& wire, float* out) {
  const size_t count = static_cast<size_t>(wire.rows()) * wire.cols();
  const auto dtype = static_cast<Dtype>(wire.dtype());
  const size_t scale_bytes = dtype == Dtype::kInt8 ? wire.rows() * sizeof(float) : 0;
  if (!IsKnown(wire.dtype()) || wire.data().size() != count * WidthOf(dtype) ||
      wire.scales().size() != scale_bytes) {
    return MakeError(
        {.code = absl::StatusCode::kInternal,
         .reason = "MALFORMED_REPLY",
         .message = absl::StrCat("the server sent a matrix of ", wire.rows(), " x ", wire.cols(),
                                 " with ", wire.data().size(), " bytes of dtype ", wire.dtype()),
         .given = absl::StrCat(wire.data().size(), " bytes"),
         .expected = absl::StrCat(count, " numbers of a known type"),
         .next_step = "Check that client and server are of versions that fit together."});
  }
  const char* const bytes = wire.data().data();
  if (dtype == Dtype::kBfloat16) {
    Widen(bytes, count, FromBfloat16, out);
  } else if (dtype == Dtype::kFloat16) {
    Widen(bytes, count, FromFloat16, out);
  } else if (dtype == Dtype::kInt8) {
    CopyInt8(wire, out);
  } else if (count != 0) {
    std::memcpy(out, bytes, count * sizeof(float));
  }
  return absl::OkStatus();
}

}  // namespace mneme::client
