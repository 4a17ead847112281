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

void CheckMatrix(const v1::Matrix& message) {
  server::DecodeArena arena;
  const auto view = server::DecodeMatrix(message, "keys", arena);
  if (!view.ok()) {
    return CheckError(view.status(), {StatusCode::kInvalidArgument, StatusCode::kUnimplemented});
  }
  const uint64_t count = uint64_t{view->rows} * view->cols;
  const size_t held = message.data().size() / sizeof(float) + message.values().size();
  MNEME_CHECK(count == held);
  for (const bool as_values : {false, true}) {
    v1::Matrix encoded;
    server::EncodeMatrix(*view, as_values, &encoded);
    const auto again = server::DecodeMatrix(encoded, "keys", arena);
    MNEME_CHECK(again.ok() && SameBits(*again, *view));
  }
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

std::string Pack(uint32_t rows, uint32_t cols, v1::Dtype dtype, std::string_view data) {
  v1::Matrix m;
  m.set_rows(rows);
  m.set_cols(cols);
  m.set_dtype(dtype);
  m.set_data(data.data(), data.size());
  return std::string(1, '\0') + m.SerializeAsString();
}

}  // namespace

// 0: a message. 1: its fields. 2: a mask.
void TestOne(std::string_view bytes) {
  Input in(bytes);
  const uint8_t kind = in.Byte() % 3;
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
  server::EncodeMatrix({numbers, 2, 3}, /*as_values=*/true, &values);
  return {{"packed", Pack(2, 3, v1::DTYPE_FLOAT32, data)},
          {"values", std::string(1, '\0') + values.SerializeAsString()},
          {"none", std::string(1, '\0')},
          {"overflow", Pack(0x80000000u, 0x80000000u, v1::DTYPE_FLOAT32, "")},
          {"half", Pack(2, 3, v1::DTYPE_FLOAT16, data.substr(0, 12))},
          {"mask_one_row", std::string("\2\3\x09\0", 4) + "\xff\x01"},
          {"mask_all_rows", std::string("\2\2\x09\0", 4) + "\xff\x01\x0f\x01"}};
}

}  // namespace mneme::fuzz
