#include "core/models/features/linear_encoder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/bytes.h"
#include "core/base/status.h"
#include "core/math/blas.h"
#include "core/math/eigen.h"
#include "core/math/kernels.h"

namespace mneme::models {
namespace {

constexpr std::string_view kMagic = "MNENCODE";
constexpr uint32_t kVersion = 1;
constexpr double kRidge = 1e-3;  // of the largest variance
constexpr uint64_t kDimMax = 65'536;

absl::Status Unreadable(std::string_view given) {
  return DataLoss(absl::StrCat("state of an encoder: ", AbslView(given)),
                  {.reason = "MODEL_STATE",
                   .given = std::string(given),
                   .expected = "a state that this version wrote",
                   .next_step = "Restore the memory from a backup, or open it with the version of "
                                "mneme that wrote it."});
}

}  // namespace

void KeyStatistics::Add(MatrixViewD rows) {
  MNEME_CHECK(rows.cols == dim());
  if (rows.rows == 0) return;
  KeyStatistics block(dim());
  block.count_ = rows.rows;
  for (size_t i = 0; i < rows.rows; ++i) {
    math::AddScaled(1 / static_cast<double>(rows.rows), rows.row(i).data(), block.mean_.data(),
                    dim());
  }
  MatrixD centred = MatrixD::Copy(rows);
  for (size_t i = 0; i < rows.rows; ++i) {
    math::AddScaled(-1.0, block.mean_.data(), centred.row(i).data(), dim());
  }
  math::GramUpdate(rows.rows, dim(), 1.0, centred.data(), 0.0, block.scatter_.data());
  Merge(block);
}

void KeyStatistics::Merge(const KeyStatistics& other) {
  MNEME_CHECK(other.dim() == dim());
  if (other.count_ == 0) return;
  const double a = static_cast<double>(count_), b = static_cast<double>(other.count_);
  std::vector<double> delta(dim());
  for (size_t j = 0; j < dim(); ++j) delta[j] = other.mean_[j] - mean_[j];
  math::AddScaled(1.0, other.scatter_.data(), scatter_.data(), scatter_.flat().size());
  math::GramUpdate(1, dim(), a * b / (a + b), delta.data(), 1.0, scatter_.data());
  math::AddScaled(b / (a + b), delta.data(), mean_.data(), dim());
  count_ += other.count_;
}

MatrixD LinearEncoder::Encode(MatrixViewD rows) const {
  MNEME_CHECK(rows.cols == dim());
  const size_t d = dim(), n = rows.rows;
  MatrixD centred = MatrixD::Copy(rows);
  for (size_t i = 0; i < n; ++i) math::AddScaled(-1.0, mean.data(), centred.row(i).data(), d);
  MatrixD out;
  if (weights.empty()) {
    out = std::move(centred);
  } else {
    out = MatrixD(n, feature_dim());
    math::Gemm(math::Transpose::kNo, math::Transpose::kYes, n, feature_dim(), d, 1.0,
               centred.data(), d, weights.data(), d, 0.0, out.data(), feature_dim());
  }
  for (size_t i = 0; i < n && normalise; ++i) {
    const double norm = std::sqrt(math::SquaredNorm(out.row(i).data(), out.cols()));
    if (norm > 0) math::Scale(1 / norm, out.row(i).data(), out.cols());
  }
  return out;
}

std::string LinearEncoder::Save() const {
  ByteWriter out;
  out.PutRaw(kMagic);
  out.Put(kVersion);
  out.Put(static_cast<uint32_t>(normalise ? 1 : 0));
  out.Put<uint64_t>(dim());
  out.Put<uint64_t>(weights.rows());
  for (const double x : mean) out.Put(x);
  for (const double x : weights.flat()) out.Put(x);
  return out.Take();
}

absl::StatusOr<LinearEncoder> LinearEncoder::Load(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.GetRaw(kMagic.size()) != kMagic) return Unreadable("other bytes");
  if (const auto version = in.Get<uint32_t>(); version != kVersion) {
    return Unreadable(absl::StrCat("version ", version));
  }
  const auto normalise = in.Get<uint32_t>();
  const auto dim = in.Get<uint64_t>(), rows = in.Get<uint64_t>();
  if (!in.ok() || normalise > 1 || dim < 1 || dim > kDimMax || rows > kDimMax ||
      in.rest().size() != dim * (1 + rows) * sizeof(double)) {
    return Unreadable(absl::StrCat(bytes.size(), " bytes"));
  }
  LinearEncoder encoder{.mean = std::vector<double>(dim),
                        .weights = rows == 0 ? MatrixD() : MatrixD(rows, dim),
                        .normalise = normalise == 1};
  bool finite = true;
  const auto read = [&](std::span<double> into) {
    for (double& x : into) {
      x = in.Get<double>();
      finite = finite && std::isfinite(x);
    }
  };
  read(encoder.mean);
  read(encoder.weights.flat());
  if (!finite) return Unreadable("numbers that are not finite");
  return encoder;
}

absl::StatusOr<LinearEncoder> WhiteningEncoder(const KeyStatistics& keys, size_t feature_dim) {
  const size_t d = keys.dim();
  if (feature_dim < 1 || feature_dim > d) {
    return InvalidArgument(absl::StrCat("encoder: feature_dim is ", feature_dim),
                           {.reason = "ENCODER",
                            .given = absl::StrCat(feature_dim),
                            .expected = absl::StrCat("1 to ", d, ", the dimension of keys"),
                            .next_step = "Give a feature_dim in that range."});
  }
  const auto eigen = math::EigenOfSymmetric(keys.scatter());
  if (keys.count() < 2 || !eigen || !(eigen->values[0] > 0)) {
    return FailedPrecondition(
        absl::StrCat("encoder: ", keys.count(), " keys do not spread in any direction"),
        {.reason = "ENCODER_DATA",
         .given = absl::StrCat(keys.count(), " keys"),
         .expected = "at least two different keys, of finite squares",
         .next_step = "Store more keys first."});
  }
  const double scale = 1 / static_cast<double>(keys.count() - 1);
  LinearEncoder encoder{.mean = keys.mean(), .weights = MatrixD(feature_dim, d)};
  const double ridge = kRidge * scale * eigen->values[0];
  for (size_t i = 0; i < feature_dim; ++i) {
    const double variance = std::max(0.0, scale * eigen->values[i]);
    math::AddScaled(1 / std::sqrt(variance + ridge), eigen->vectors.row(i).data(),
                    encoder.weights.row(i).data(), d);
  }
  return encoder;
}

double LargestPairProduct(MatrixViewD rows) {
  double largest = -std::numeric_limits<double>::infinity();
  std::vector<double> products(rows.rows);
  for (size_t i = 0; i + 1 < rows.rows; ++i) {
    const size_t count = rows.rows - i - 1;
    math::DotRows(rows.row(i + 1).data(), rows.cols, count, rows.row(i).data(), rows.cols,
                  products.data());
    largest = std::max(largest, math::Max(products.data(), count));
  }
  return largest;
}

}  // namespace mneme::models
