// Matrices on the wire: borrowed or converted once, of every type, and refused when their bytes are
// not what they say.
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/base/random.h"
#include "core/base/status.h"
#include "gtest/gtest.h"
#include "server/rpc/convert.h"

namespace mneme::server {
namespace {

constexpr v1::Dtype kNarrow[] = {v1::DTYPE_BFLOAT16, v1::DTYPE_FLOAT16, v1::DTYPE_INT8};

template <typename Number>
v1::Matrix Packed(v1::Dtype dtype, const std::vector<Number>& numbers, uint32_t rows,
                  uint32_t cols) {
  v1::Matrix m;
  m.set_dtype(dtype);
  m.set_rows(rows);
  m.set_cols(cols);
  m.set_data(numbers.data(), numbers.size() * sizeof(Number));
  return m;
}

v1::Matrix WithScales(v1::Matrix m, const std::vector<float>& scales) {
  m.set_scales(scales.data(), scales.size() * sizeof(float));
  return m;
}

std::vector<float> Flat(MatrixView view) { return {view.flat().begin(), view.flat().end()}; }

void ExpectRefused(const v1::Matrix& m, const std::string& given, const std::string& expected) {
  DecodeArena arena;
  const absl::Status refused = DecodeMatrix(m, "keys", arena).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument) << refused;
  const std::optional<ErrorDetail> detail = GetErrorDetail(refused);
  ASSERT_TRUE(detail.has_value());
  EXPECT_EQ(detail->reason, "MATRIX");
  EXPECT_EQ(detail->given, given);
  EXPECT_EQ(detail->expected, expected);
  EXPECT_FALSE(detail->next_step.empty());
}

TEST(DecodeMatrix, BorrowsPackedFloatsAndHandWrittenValues) {
  ByteBudget budget(1 << 20);
  DecodeArena arena(budget);
  const v1::Matrix packed = Packed(v1::DTYPE_FLOAT32, std::vector<float>{1, 2, 3, 4, 5, 6}, 2, 3);
  auto view = DecodeMatrix(packed, "keys", arena);
  ASSERT_TRUE(view.ok());
  EXPECT_EQ(view->rows, 2u);
  EXPECT_EQ(view->row(1)[2], 6);
  EXPECT_EQ(static_cast<const void*>(view->data),
            static_cast<const void*>(packed.data().data()));  // no copy
  v1::Matrix values;
  values.set_rows(1);
  values.set_cols(2);
  values.add_values(7);
  values.add_values(8);
  view = DecodeMatrix(values, "keys", arena);
  ASSERT_TRUE(view.ok());
  EXPECT_EQ(view->data, values.values().data());
  EXPECT_EQ(view->row(0)[1], 8);
  EXPECT_EQ(budget.held(), 0u) << "nothing was converted";
}

TEST(DecodeMatrix, ReadsTheNumbersOfEachNarrowType) {
  DecodeArena arena;
  const std::vector<uint16_t> brain = {0x3f80, 0xc000, 0x0000, 0x7f7f};
  auto view = DecodeMatrix(Packed(v1::DTYPE_BFLOAT16, brain, 2, 2), "keys", arena);
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ(Flat(*view), (std::vector<float>{1, -2, 0, std::bit_cast<float>(0x7f7f0000u)}));

  const std::vector<uint16_t> half = {0x3c00, 0xc000, 0x0001, 0x7bff};
  view = DecodeMatrix(Packed(v1::DTYPE_FLOAT16, half, 2, 2), "keys", arena);
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ(Flat(*view), (std::vector<float>{1, -2, 0x1p-24f, 65'504}));

  const std::vector<int8_t> codes = {127, -128, 0, 1};
  const v1::Matrix m = WithScales(Packed(v1::DTYPE_INT8, codes, 2, 2), {0.5f, 0});
  view = DecodeMatrix(m, "keys", arena);
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ(view->rows, 2u);
  EXPECT_EQ(view->cols, 2u);
  EXPECT_EQ(Flat(*view), (std::vector<float>{63.5f, -64, 0, 0}));
}

// The arena of an earlier matrix stays where it is when a later one comes.
TEST(DecodeMatrix, KeysAndResponsesShareAnArena) {
  DecodeArena arena;
  const v1::Matrix keys = Packed(v1::DTYPE_FLOAT16, std::vector<uint16_t>{0x3c00}, 1, 1);
  const auto first = DecodeMatrix(keys, "keys", arena);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(DecodeMatrix(keys, "responses", arena).ok());
  EXPECT_EQ(first->data[0], 1);
}

TEST(EncodeMatrix, EveryTypeComesBackWithinItsBound) {
  RecordProperty("seed", 21);
  Random random(21);
  constexpr size_t kRows = 7, kCols = 33;
  std::vector<float> numbers(kRows * kCols);
  random.FillGaussian(std::span<float>(numbers));
  for (size_t j = 0; j < kCols; ++j) numbers[3 * kCols + j] *= 1000;  // rows of unlike lengths
  const MatrixView from{numbers.data(), kRows, kCols};
  for (const v1::Dtype dtype : kNarrow) {
    SCOPED_TRACE(v1::Dtype_Name(dtype));
    v1::Matrix wire;
    EncodeMatrix(from, dtype, &wire);
    EXPECT_EQ(wire.dtype(), dtype);
    EXPECT_EQ(wire.data().size(), kRows * kCols * (dtype == v1::DTYPE_INT8 ? 1 : 2));
    DecodeArena arena;
    const auto back = DecodeMatrix(wire, "recalls", arena);
    ASSERT_TRUE(back.ok()) << back.status();
    for (size_t i = 0; i < kRows; ++i) {
      float largest = 0;
      for (const float x : from.row(i)) largest = std::max(largest, std::abs(x));
      for (size_t j = 0; j < kCols; ++j) {
        const float x = from.row(i)[j];
        const float bound = dtype == v1::DTYPE_BFLOAT16 ? std::abs(x) * 0x1p-8f
                            : dtype == v1::DTYPE_FLOAT16
                                ? std::max(std::abs(x), 0x1p-14f) * 0x1p-11f
                                : largest / 253.9f;
        ASSERT_LE(std::abs(x - back->row(i)[j]), bound) << i << ", " << j;
      }
    }
  }
}

TEST(EncodeMatrix, FloatsComeBackBitForBitInBothForms) {
  const std::vector<float> numbers = {1.5f, -2, 3e-30f, 4, 5, 6};
  for (const bool as_values : {false, true}) {
    DecodeArena arena;
    v1::Matrix m;
    if (as_values) {
      EncodeValues({numbers.data(), 3, 2}, &m);
    } else {
      EncodeMatrix({numbers.data(), 3, 2}, v1::DTYPE_FLOAT32, &m);
    }
    auto view = DecodeMatrix(m, "m", arena);
    ASSERT_TRUE(view.ok()) << view.status();
    EXPECT_EQ(std::memcmp(view->data, numbers.data(), sizeof(float) * 6), 0);
  }
}

TEST(DecodeMatrix, RefusesBytesThatAreNotWhatTheShapeSays) {
  const std::vector<uint16_t> three(3);
  ExpectRefused(Packed(v1::DTYPE_FLOAT16, three, 2, 2), "6 bytes", "2 x 2 x 2 bytes");
  ExpectRefused(Packed(v1::DTYPE_BFLOAT16, three, 1, 2), "6 bytes", "1 x 2 x 2 bytes");
  ExpectRefused(Packed(v1::DTYPE_FLOAT32, three, 1, 1), "6 bytes", "1 x 1 x 4 bytes");
  ExpectRefused(Packed(v1::DTYPE_INT8, three, 1, 5), "6 bytes", "1 x 5 x 1 bytes");
  v1::Matrix odd = Packed(v1::DTYPE_FLOAT16, three, 1, 3);
  odd.mutable_data()->push_back('\0');
  ExpectRefused(odd, "7 bytes", "1 x 3 x 2 bytes");
  // 2^62 numbers of 4 bytes are 0 bytes in 64 bits.
  for (const v1::Dtype dtype : {v1::DTYPE_FLOAT32, v1::DTYPE_FLOAT16}) {
    ExpectRefused(
        Packed(dtype, std::vector<char>(), 0x80000000u, 0x80000000u), "0 bytes",
        absl::StrCat("2147483648 x 2147483648 x ", dtype == v1::DTYPE_FLOAT16 ? 2 : 4, " bytes"));
  }
}

TEST(DecodeMatrix, RefusesScalesThatAreMissingNotOnesOrOfAnotherType) {
  const v1::Matrix codes = Packed(v1::DTYPE_INT8, std::vector<int8_t>{1, 2, 3, 4}, 2, 2);
  ExpectRefused(codes, "0 bytes", "2 x 4 bytes");
  ExpectRefused(WithScales(codes, {1}), "4 bytes", "2 x 4 bytes");
  ExpectRefused(WithScales(codes, {1, 1, 1}), "12 bytes", "2 x 4 bytes");
  ExpectRefused(WithScales(Packed(v1::DTYPE_FLOAT16, std::vector<uint16_t>{1, 2}, 1, 2), {1}),
                "4 bytes of scales", "none, or DTYPE_INT8");
  const float infinity = std::numeric_limits<float>::infinity();
  const std::string expected = "a finite number that is not negative";
  ExpectRefused(WithScales(codes, {1, -0.5f}), "-0.5", expected);
  ExpectRefused(WithScales(codes, {1, infinity}), "inf", expected);
  ExpectRefused(WithScales(codes, {1, std::numeric_limits<float>::quiet_NaN()}), "nan", expected);
  DecodeArena arena;
  const absl::Status refused = DecodeMatrix(WithScales(codes, {1, -1}), "cues", arena).status();
  EXPECT_EQ(refused.message(), "cues: the scale of row 1 is -1");
}

TEST(DecodeMatrix, RefusesTypesThatItCannotRead) {
  DecodeArena arena;
  v1::Matrix m = Packed(v1::DTYPE_FLOAT64, std::vector<double>{1}, 1, 1);
  EXPECT_EQ(DecodeMatrix(m, "keys", arena).status().code(), absl::StatusCode::kUnimplemented);
  m.set_dtype(static_cast<v1::Dtype>(77));
  EXPECT_EQ(GetErrorDetail(DecodeMatrix(m, "keys", arena).status())->reason, "ENUM");
  m.set_dtype(v1::DTYPE_UNSPECIFIED);
  EXPECT_EQ(GetErrorDetail(DecodeMatrix(m, "keys", arena).status())->reason, "MATRIX");
  v1::Matrix values;
  values.set_dtype(v1::DTYPE_INT8);
  values.set_rows(1);
  values.set_cols(1);
  values.add_values(1);
  ExpectRefused(values, "DTYPE_INT8", "DTYPE_FLOAT32");
}

TEST(DecodeMatrix, ConvertedNumbersAreChargedUntilTheArenaGoes) {
  constexpr uint32_t kRows = 100, kCols = 1000;
  constexpr uint64_t kConverted = kRows * kCols * sizeof(float);
  const v1::Matrix codes =
      WithScales(Packed(v1::DTYPE_INT8, std::vector<int8_t>(kRows * kCols, 1), kRows, kCols),
                 std::vector<float>(kRows, 1));
  ByteBudget budget(2 * kConverted);
  {
    DecodeArena arena(budget);
    ASSERT_TRUE(DecodeMatrix(codes, "keys", arena).ok());
    EXPECT_EQ(budget.held(), kConverted);
    ASSERT_TRUE(DecodeMatrix(codes, "responses", arena).ok());
    EXPECT_EQ(budget.held(), 2 * kConverted);
    const absl::Status refused = DecodeMatrix(codes, "cues", arena).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(GetErrorDetail(refused)->reason, "BUSY");
    EXPECT_EQ(budget.held(), 2 * kConverted);
  }
  EXPECT_EQ(budget.held(), 0u);
}

TEST(DecodeAnswerDtype, IsFloat32UnlessAskedForOneThatCanBe) {
  EXPECT_EQ(*DecodeAnswerDtype(v1::DTYPE_UNSPECIFIED, false, "d"), v1::DTYPE_FLOAT32);
  EXPECT_EQ(*DecodeAnswerDtype(v1::DTYPE_UNSPECIFIED, true, "d"), v1::DTYPE_FLOAT32);
  EXPECT_EQ(*DecodeAnswerDtype(v1::DTYPE_FLOAT32, true, "d"), v1::DTYPE_FLOAT32);
  for (const v1::Dtype dtype : kNarrow) {
    EXPECT_EQ(*DecodeAnswerDtype(dtype, false, "d"), dtype);
    const auto refused = DecodeAnswerDtype(dtype, true, "d");
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(DecodeAnswerDtype(v1::DTYPE_FLOAT64, false, "d").status().code(),
            absl::StatusCode::kUnimplemented);
  EXPECT_EQ(
      GetErrorDetail(DecodeAnswerDtype(static_cast<v1::Dtype>(9), false, "d").status())->reason,
      "ENUM");
}

}  // namespace
}  // namespace mneme::server
