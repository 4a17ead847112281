// Matrices of all types: wire <-> float32.
#include <cmath>
#include <cstring>

#include "core/base/status.h"
#include "core/math/convert.h"
#include "server/rpc/convert.h"

namespace mneme::server {
namespace {

constexpr std::string_view kKnownDtypes =
    "DTYPE_FLOAT32, DTYPE_BFLOAT16, DTYPE_FLOAT16 or DTYPE_INT8";

absl::Status BadMatrix(std::string_view what, std::string message, std::string given,
                       std::string expected, std::string next) {
  return InvalidArgument(absl::StrCat(AbslView(what), ": ", message),
                         {.reason = "MATRIX",
                          .given = std::move(given),
                          .expected = std::move(expected),
                          .next_step = std::move(next)});
}

uint64_t CountOf(const v1::Matrix& m) { return static_cast<uint64_t>(m.rows()) * m.cols(); }

// Bytes of a number; of the types that are converted here alone.
size_t WidthOf(v1::Dtype dtype) {
  switch (dtype) {
    case v1::DTYPE_INT8:
      return 1;
    case v1::DTYPE_BFLOAT16:
    case v1::DTYPE_FLOAT16:
      return 2;
    default:
      return sizeof(float);
  }
}

absl::Status CheckDtype(v1::Dtype dtype, std::string_view what) {
  switch (dtype) {
    case v1::DTYPE_FLOAT32:
    case v1::DTYPE_BFLOAT16:
    case v1::DTYPE_FLOAT16:
    case v1::DTYPE_INT8:
      return absl::OkStatus();
    case v1::DTYPE_UNSPECIFIED:
      return BadMatrix(what, "dtype is not set", "DTYPE_UNSPECIFIED", std::string(kKnownDtypes),
                       "Say which type the bytes have.");
    case v1::DTYPE_FLOAT64:
      return Unimplemented(
          absl::StrFormat("%s: DTYPE_FLOAT64 is not in this build", AbslView(what)),
          {.reason = "DTYPE",
           .given = "DTYPE_FLOAT64",
           .expected = std::string(kKnownDtypes),
           .next_step = "Convert the vectors to float32."});
    default:
      return UnknownEnum(absl::StrCat(AbslView(what), ".dtype"), dtype);
  }
}

// The bytes are as many as rows, columns and type say; nothing is trusted before.
absl::Status CheckBytes(const v1::Matrix& m, std::string_view what) {
  const size_t width = WidthOf(m.dtype());
  const size_t bytes = m.data().size();
  if (bytes % width == 0 && bytes / width == CountOf(m)) return absl::OkStatus();
  return BadMatrix(what,
                   absl::StrFormat("%d bytes for %d x %d of %s", bytes, m.rows(), m.cols(),
                                   v1::Dtype_Name(m.dtype())),
                   absl::StrCat(bytes, " bytes"),
                   absl::StrFormat("%d x %d x %d bytes", m.rows(), m.cols(), width),
                   "Send all numbers, little-endian, row after row.");
}

float ScaleOf(const v1::Matrix& m, size_t row) {
  float scale = 0;
  std::memcpy(&scale, m.scales().data() + row * sizeof(scale), sizeof(scale));
  return scale;
}

absl::Status CheckScales(const v1::Matrix& m, std::string_view what) {
  const size_t bytes = m.scales().size();
  if (m.dtype() != v1::DTYPE_INT8) {
    if (bytes == 0) return absl::OkStatus();
    return BadMatrix(what, absl::StrCat("scales with ", v1::Dtype_Name(m.dtype())),
                     absl::StrCat(bytes, " bytes of scales"), "none, or DTYPE_INT8",
                     "Leave scales out: only DTYPE_INT8 has them.");
  }
  if (bytes != m.rows() * sizeof(float)) {
    return BadMatrix(what, absl::StrFormat("%d bytes of scales for %d rows", bytes, m.rows()),
                     absl::StrCat(bytes, " bytes"), absl::StrFormat("%d x 4 bytes", m.rows()),
                     "Send one little-endian float32 a row in scales.");
  }
  for (size_t row = 0; row < m.rows(); ++row) {
    const float scale = ScaleOf(m, row);
    if (std::isfinite(scale) && scale >= 0) continue;
    return BadMatrix(what, absl::StrFormat("the scale of row %d is %g", row, scale),
                     absl::StrCat(scale), "a finite number that is not negative",
                     "Scale each row by max|x| / 127. Nothing of the batch was used.");
  }
  return absl::OkStatus();
}

absl::StatusOr<MatrixView> DecodeValues(const v1::Matrix& m, std::string_view what) {
  if (m.dtype() != v1::DTYPE_UNSPECIFIED && m.dtype() != v1::DTYPE_FLOAT32) {
    return BadMatrix(what, "values are float32", v1::Dtype_Name(m.dtype()), "DTYPE_FLOAT32",
                     "Leave dtype out, or send data.");
  }
  if (static_cast<uint64_t>(m.values_size()) != CountOf(m)) {
    return BadMatrix(what,
                     absl::StrFormat("%d values for %d x %d", m.values_size(), m.rows(), m.cols()),
                     absl::StrCat(m.values_size(), " values"),
                     absl::StrFormat("%d x %d values", m.rows(), m.cols()),
                     "Send rows * cols values, row after row.");
  }
  return MatrixView{.data = m.values().data(), .rows = m.rows(), .cols = m.cols()};
}

// From checked bytes.
void Convert(const v1::Matrix& m, float* out) {
  const char* const bytes = m.data().data();
  switch (m.dtype()) {
    case v1::DTYPE_BFLOAT16:
      return math::FromBfloat16(bytes, CountOf(m), out);
    case v1::DTYPE_FLOAT16:
      return math::FromFloat16(bytes, CountOf(m), out);
    case v1::DTYPE_INT8:
      for (size_t row = 0; row < m.rows(); ++row) {
        const size_t first = row * m.cols();
        math::FromInt8(bytes + first, ScaleOf(m, row), m.cols(), out + first);
      }
      return;
    default:
      std::memcpy(out, bytes, m.data().size());
  }
}

bool IsAligned(const std::string& bytes) {
  return reinterpret_cast<uintptr_t>(bytes.data()) % alignof(float) == 0;
}

}  // namespace

DecodeArena::~DecodeArena() {
  if (budget_ != nullptr) budget_->Give(charged_bytes_);
}

absl::StatusOr<float*> DecodeArena::NewNumbers(uint64_t count) {
  if (budget_ != nullptr) {
    const uint64_t bytes = count * sizeof(float);
    MNEME_RETURN_IF_ERROR(budget_->TryTake(bytes));
    charged_bytes_ += bytes;
  }
  return numbers_.emplace_back(std::make_unique_for_overwrite<float[]>(count)).get();
}

absl::StatusOr<MatrixView> DecodeMatrix(const v1::Matrix& m, std::string_view what,
                                        DecodeArena& arena) {
  if (CountOf(m) == 0 && m.data().empty() && m.values().empty()) {
    return MatrixView{.rows = 0, .cols = m.cols()};
  }
  if (!m.data().empty() && !m.values().empty()) {
    return BadMatrix(what, "both data and values are set", "both", "one of them",
                     "Send packed bytes in data, or floats in values.");
  }
  if (!m.values().empty()) return DecodeValues(m, what);
  MNEME_RETURN_IF_ERROR(CheckDtype(m.dtype(), what));
  MNEME_RETURN_IF_ERROR(CheckBytes(m, what));
  MNEME_RETURN_IF_ERROR(CheckScales(m, what));
  MatrixView view{.rows = m.rows(), .cols = m.cols()};
  if (m.dtype() == v1::DTYPE_FLOAT32 && IsAligned(m.data())) {
    view.data = reinterpret_cast<const float*>(m.data().data());
    return view;
  }
  MNEME_ASSIGN_OR_RETURN(float* const numbers, arena.NewNumbers(CountOf(m)));
  Convert(m, numbers);
  view.data = numbers;
  return view;
}

void EncodeMatrix(MatrixView from, v1::Dtype dtype, v1::Matrix* to) {
  to->set_dtype(dtype);
  to->set_rows(static_cast<uint32_t>(from.rows));
  to->set_cols(static_cast<uint32_t>(from.cols));
  const std::span<const float> flat = from.flat();
  std::string& bytes = *to->mutable_data();
  if (dtype == v1::DTYPE_FLOAT32) {
    bytes.assign(reinterpret_cast<const char*>(flat.data()), flat.size_bytes());
    return;
  }
  bytes.resize(flat.size() * WidthOf(dtype));
  if (dtype == v1::DTYPE_BFLOAT16) return math::ToBfloat16(flat.data(), flat.size(), bytes.data());
  if (dtype == v1::DTYPE_FLOAT16) return math::ToFloat16(flat.data(), flat.size(), bytes.data());
  std::string& scales = *to->mutable_scales();
  scales.resize(from.rows * sizeof(float));
  for (size_t row = 0; row < from.rows; ++row) {
    const float scale =
        math::ToInt8(from.row(row).data(), from.cols, bytes.data() + row * from.cols);
    std::memcpy(scales.data() + row * sizeof(scale), &scale, sizeof(scale));
  }
}

void EncodeValues(MatrixView from, v1::Matrix* to) {
  to->set_dtype(v1::DTYPE_FLOAT32);
  to->set_rows(static_cast<uint32_t>(from.rows));
  to->set_cols(static_cast<uint32_t>(from.cols));
  const std::span<const float> flat = from.flat();
  to->mutable_values()->Add(flat.begin(), flat.end());
}

absl::StatusOr<v1::Dtype> DecodeAnswerDtype(v1::Dtype asked, bool values, std::string_view what) {
  if (asked == v1::DTYPE_UNSPECIFIED) return v1::DTYPE_FLOAT32;
  MNEME_RETURN_IF_ERROR(CheckDtype(asked, what));
  if (!values || asked == v1::DTYPE_FLOAT32) return asked;
  return BadMatrix(what, "values are float32", v1::Dtype_Name(asked), "DTYPE_FLOAT32",
                   "Leave values or the type out.");
}

}  // namespace mneme::server
