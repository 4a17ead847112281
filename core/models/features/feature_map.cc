#include "core/models/features/feature_map.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/base/random.h"
#include "core/base/status.h"
#include "core/math/blas.h"
#include "core/math/kernels.h"
#include "core/math/trig.h"
#include "core/theory/random_features.h"

namespace mneme::models {
namespace {

constexpr size_t kDimMax = 65'536;
constexpr size_t kFrequenciesMax = size_t{1} << 24;

absl::Status Bad(std::string_view field, std::string_view given, std::string_view expected) {
  return InvalidArgument(absl::StrCat("random features: ", AbslView(field), " is ", AbslView(given),
                                      ", expected ", AbslView(expected)),
                         {.reason = "FEATURES",
                          .given = std::string(given),
                          .expected = std::string(expected),
                          .next_step = absl::StrCat("Give ", AbslView(expected), ".")});
}

// An orthonormal row for each, twice over: once loses digits where rows are nearly parallel.
void Orthonormalise(MatrixD& rows) {
  const size_t d = rows.cols();
  for (size_t i = 0; i < rows.rows(); ++i) {
    double* row = rows.row(i).data();
    for (int pass = 0; pass < 2; ++pass) {
      for (size_t k = 0; k < i; ++k) {
        const double* other = rows.row(k).data();
        math::AddScaled(-math::Dot(other, row, d), other, row, d);
      }
    }
    math::Scale(1 / std::sqrt(math::SquaredNorm(row, d)), row, d);
  }
}

// Block `index` of `d` orthogonal frequencies.
MatrixD OrthogonalBlock(size_t d, uint64_t seed, size_t index) {
  Random random(seed, index + 1);
  MatrixD block(d, d);
  random.FillGaussian(block.flat());
  Orthonormalise(block);
  for (size_t i = 0; i < d; ++i) {
    double squares = 0;
    for (size_t j = 0; j < d; ++j) {
      const double g = random.Gaussian();
      squares += g * g;
    }
    math::Scale(std::sqrt(squares), block.row(i).data(), d);
  }
  return block;
}

}  // namespace

FeatureMapSpec MapSpecOf(size_t dim, const FeatureSpec& spec) {
  return {.kind = spec.kind,
          .dim = dim,
          .frequencies = spec.features,
          .beta = spec.beta,
          .seed = spec.seed};
}

absl::Status ValidateFeatureMapSpec(const FeatureMapSpec& spec) {
  if (spec.kind > FeatureKind::kPositive) {
    return Bad("kind", Name(spec.kind), "trig, orthogonal or positive");
  }
  if (spec.dim < 1 || spec.dim > kDimMax) {
    return Bad("dim", absl::StrCat(spec.dim), absl::StrCat("1 to ", kDimMax));
  }
  if (spec.frequencies < 1 || spec.frequencies > kFrequenciesMax) {
    return Bad("frequencies", absl::StrCat(spec.frequencies),
               absl::StrCat("1 to ", kFrequenciesMax));
  }
  if (!std::isfinite(spec.beta) || spec.beta <= 0) {
    return Bad("beta", absl::StrCat(spec.beta), "a positive finite number");
  }
  return absl::OkStatus();
}

absl::Status CheckFeatureCount(const FeatureMapSpec& spec, double patterns, double noise) {
  const double needed = theory::FeaturesNeeded(patterns, spec.beta, noise);
  if (4 * static_cast<double>(spec.frequencies) >= needed) return absl::OkStatus();
  return FailedPrecondition(
      absl::StrCat("random features: ", spec.frequencies, " frequencies are too few for ", patterns,
                   " patterns at beta ", spec.beta, " and cues at distance ", noise),
      {.reason = "FEATURES_TOO_FEW",
       .given = absl::StrCat(spec.frequencies),
       .expected = absl::StrCat("about ", std::ceil(needed)),
       .next_step = absl::StrCat("Use ", std::ceil(needed),
                                 " frequencies, a smaller beta, or a memory that keeps items.")});
}

FeatureMap::FeatureMap(const FeatureMapSpec& spec, size_t bytes_max) : spec_(spec) {
  MNEME_CHECK(ValidateFeatureMapSpec(spec).ok());
  if (spec.frequencies * spec.dim * sizeof(double) > bytes_max) return;
  Generate(0, spec.frequencies, kept_);
}

void FeatureMap::Generate(size_t first, size_t count, MatrixD& out) const {
  const size_t d = spec_.dim;
  out = MatrixD(count, d);
  if (spec_.kind == FeatureKind::kOrthogonal) {
    for (size_t i = 0; i < count;) {
      const size_t index = (first + i) / d, from = (first + i) % d;
      const size_t here = std::min(d - from, count - i);
      const MatrixD block = OrthogonalBlock(d, spec_.seed, index);
      std::copy_n(block.row(from).begin(), here * d, out.row(i).begin());
      i += here;
    }
  } else {
    for (size_t i = 0; i < count; ++i) {
      Random random(spec_.seed, first + i + 1);
      random.FillGaussian(out.row(i));
    }
  }
  math::Scale(std::sqrt(spec_.beta), out.data(), count * d);
}

MatrixViewD FeatureMap::Frequencies(size_t first, size_t count, MatrixD& scratch) const {
  if (!kept_.empty()) return kept_.view().slice(first, count);
  Generate(first, count, scratch);
  return scratch;
}

void FeatureMap::Fill(MatrixViewD x, size_t first, size_t count, Block& block) const {
  const size_t d = spec_.dim, rows = x.rows;
  block.frequencies = Frequencies(first, count, block.own);
  if (block.cosines.rows() != rows || block.cosines.cols() != count) {
    block.cosines = MatrixD(rows, count);
    block.sines = MatrixD(rows, count);
  }
  // The angles lie in `sines` until they are taken.
  MatrixD angles(rows, count);
  math::Gemm(math::Transpose::kNo, math::Transpose::kYes, rows, count, d, 1.0, x.data, d,
             block.frequencies.data, d, 0.0, angles.data(), count);
  if (spec_.kind != FeatureKind::kPositive) {
    math::SinCos(angles.data(), rows * count, block.sines.data(), block.cosines.data());
    return;
  }
  for (size_t i = 0; i < rows; ++i) {
    const double own = spec_.beta * math::SquaredNorm(x.row(i).data(), d);
    for (size_t j = 0; j < count; ++j) block.cosines.at(i, j) = std::exp(angles.at(i, j) - own);
  }
}

}  // namespace mneme::models
