// Vectors and masks as a client may send them: any rows, columns, type and bytes.
#include <cmath>

#include "core/base/status.h"
#include "server/rpc/convert.h"
#include "tests/fuzz/fuzz.h"

namespace mneme::fuzz {
namespace {

using absl::StatusCode;

// Reads every number, so that one outside of the message is seen.
bool SameBits(MatrixView a, MatrixView b) {
  const size_t count = a.rows * a.cols;
  return a.rows == b.rows && a.cols == b.cols &&
         (count == 0 || std::memcmp(a.data, b.data, count * sizeof(float)) == 0);
}

// Bytes of a number; 0 for types that are not read.
size_t WidthOf(v1::Dtype dtype) {
  switch (dtype) {
    case v1::DTYPE_FLOAT32:
      return 4;
    case v1::DTYPE_BFLOAT16:
    case v1::DTYPE_FLOAT16:
      return 2;
    case v1::DTYPE_INT8:
      return 1;
    default:
      return 0;
  }
}

void CheckFloatForms(MatrixView view) {
  for (const bool as_values : {false, true}) {
    v1::Matrix encoded;
    if (as_values) {
      server::EncodeValues(view, &encoded);
    } else {
      server::EncodeMatrix(view, v1::DTYPE_FLOAT32, &encoded);
    }
    server::DecodeArena arena;
    const auto again = server::DecodeMatrix(encoded, "keys", arena);
    MNEME_CHECK(again.ok() && SameBits(*again, view));
  }
}

// What came in as 2 bytes a number is exactly such numbers, so it comes back as it was.
void CheckHalves(MatrixView view, v1::Dtype dtype) {
  v1::Matrix encoded;
  server::EncodeMatrix(view, dtype, &encoded);
  server::DecodeArena arena;
  const auto again = server::DecodeMatrix(encoded, "keys", arena);
  MNEME_CHECK(again.ok() && again->rows == view.rows && again->cols == view.cols);
  for (size_t i = 0; i < view.flat().size(); ++i) {
    const float x = view.data[i], y = again->data[i];
    MNEME_CHECK(x == y || (std::isnan(x) && std::isnan(y)));
  }
}

// Finite numbers come back to half a step of their row.
void CheckInt8(MatrixView view) {
  constexpr float kLargest = 1e38f;  // beyond it 127 steps may round to infinity
  for (const float x : view.flat()) {
    if (!(std::abs(x) <= kLargest)) return;
  }
  v1::Matrix encoded;
  server::EncodeMatrix(view, v1::DTYPE_INT8, &encoded);
  server::DecodeArena arena;
  const auto again = server::DecodeMatrix(encoded, "keys", arena);
  MNEME_CHECK(again.ok() && again->rows == view.rows && again->cols == view.cols);
  for (size_t row = 0; row < view.rows; ++row) {
    float scale = 0;
    std::memcpy(&scale, encoded.scales().data() + row * sizeof(scale), sizeof(scale));
    for (size_t j = 0; j < view.cols; ++j) {
      MNEME_CHECK(std::abs(view.row(row)[j] - again->row(row)[j]) <= 0.50003f * scale);
    }
  }
}

void CheckMatrix(const v1::Matrix& message) {
  server::DecodeArena arena;
  const auto view = server::DecodeMatrix(message, "keys", arena);
  if (!view.ok()) {
    return CheckError(view.status(), {StatusCode::kInvalidArgument, StatusCode::kUnimplemented});
  }
  const uint64_t count = uint64_t{view->rows} * view->cols;
  const size_t width = WidthOf(message.dtype());
  MNEME_CHECK(message.data().empty() || width > 0);
  const size_t packed = message.data().empty() ? 0 : message.data().size() / width;
  MNEME_CHECK(count == packed + static_cast<size_t>(message.values().size()));
  CheckFloatForms(*view);
  if (width == 2) CheckHalves(*view, message.dtype());
  if (width == 1) CheckInt8(*view);
}

void CheckMask(const v1::Mask& mask, size_t rows, size_t cols) {
  server::DecodeArena arena;
  const auto bits = server::DecodeMask(mask, rows, cols, arena);
  if (!bits.ok()) return CheckError(bits.status(), {StatusCode::kInvalidArgument});
  const size_t row_bytes = (cols + 7) / 8;
  MNEME_CHECK(bits->size() == rows * row_bytes);
  for (size_t i = 0; i < bits->size(); ++i) {
    const auto given = static_cast<uint8_t>(mask.bits()[i % mask.bits().size()]);
    MNEME_CHECK((*bits)[i] == given);
  }
}

std::string Pack(uint32_t rows, uint32_t cols, v1::Dtype dtype, std::string_view data,
                 std::string_view scales = "") {
  v1::Matrix m;
  m.set_rows(rows);
  m.set_cols(cols);
  m.set_dtype(dtype);
  m.set_data(data.data(), data.size());
  m.set_scales(scales.data(), scales.size());
  return std::string(1, '\0') + m.SerializeAsString();
}

// A matrix of real numbers, as the encoder makes it.
std::string Encoded(v1::Dtype dtype) {
  const float numbers[6] = {1, -2, 0.5f, 100, 3e-40f, 0};
  v1::Matrix m;
  server::EncodeMatrix({numbers, 2, 3}, dtype, &m);
  return std::string(1, '\0') + m.SerializeAsString();
}

}  // namespace

// 0: a message. 1: its fields. 2: a mask. 3: the fields of one with scales.
void TestOne(std::string_view bytes) {
  Input in(bytes);
  const uint8_t kind = in.Byte() % 4;
  if (kind == 2) {
    const size_t rows = in.Byte(), cols = in.Number<uint16_t>();
    v1::Mask mask;
    mask.set_bits(std::string(in.rest()));
    return CheckMask(mask, rows, cols);
  }
  v1::Matrix message;
  if (kind == 0) {
    if (!message.ParseFromArray(in.rest().data(), static_cast<int>(in.rest().size()))) return;
  } else {
    message.set_rows(in.Number<uint32_t>());
    message.set_cols(in.Number<uint32_t>());
    message.set_dtype(static_cast<v1::Dtype>(in.Byte()));
    if (kind == 3) message.set_scales(std::string(in.Chunk()));
    if (in.Byte() % 2 == 0) {
      message.set_data(std::string(in.rest()));
    } else {
      while (!in.empty()) message.add_values(in.Number<float>());
    }
  }
  CheckMatrix(message);
}

std::vector<Seed> Seeds() {
  const float numbers[6] = {1, -2, 0.5f, INFINITY, 3e-40f, 6};
  const std::string_view data(reinterpret_cast<const char*>(numbers), sizeof(numbers));
  v1::Matrix values;
  server::EncodeValues({numbers, 2, 3}, &values);
  return {{"packed", Pack(2, 3, v1::DTYPE_FLOAT32, data)},
          {"values", std::string(1, '\0') + values.SerializeAsString()},
          {"none", std::string(1, '\0')},
          {"overflow", Pack(0x80000000u, 0x80000000u, v1::DTYPE_FLOAT32, "")},
          {"half", Pack(2, 3, v1::DTYPE_FLOAT16, data.substr(0, 12))},
          {"half_infinite",
           Pack(1, 3, v1::DTYPE_FLOAT16, std::string_view("\x00\x7c\x01\xfc\xff\x83", 6))},
          {"half_encoded", Encoded(v1::DTYPE_FLOAT16)},
          {"brain", Pack(2, 3, v1::DTYPE_BFLOAT16, data.substr(12))},
          {"brain_encoded", Encoded(v1::DTYPE_BFLOAT16)},
          {"int8_encoded", Encoded(v1::DTYPE_INT8)},
          {"int8_few_scales", Pack(3, 2, v1::DTYPE_INT8, "abcdef", data.substr(0, 8))},
          {"int8_bad_scales", Pack(2, 3, v1::DTYPE_INT8, "abcdef", data.substr(8, 8))},
          {"int8_negative_scale", Pack(2, 3, v1::DTYPE_INT8, "abcdef", data.substr(0, 8))},
          {"float64", Pack(1, 3, v1::DTYPE_FLOAT64, data)},
          {"mask_one_row", std::string("\2\3\x09\0", 4) + "\xff\x01"},
          {"mask_all_rows", std::string("\2\2\x09\0", 4) + "\xff\x01\x0f\x01"}};
}

}  // namespace mneme::fuzz
