#include "core/models/features/feature_sum.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/bytes.h"
#include "core/base/status.h"
#include "core/math/blas.h"
#include "core/math/kernels.h"
#include "core/models/dense/random_feature.h"

namespace mneme::models {
namespace {

constexpr std::string_view kMagic = "MNFEATUR";
constexpr uint32_t kVersion = 1;
constexpr uint32_t kGenerator = 1;  // Random(seed, j + 1), polar Gaussians
constexpr size_t kRowsPerBlock = 64;
constexpr size_t kResponseDimMax = 65'536;
// Sums of as many float32 products as there can be stay below, and so do those of a merge.
constexpr double kMagnitudeMax = 1e300;

absl::Status BadRows(std::string_view reason, std::string_view given, std::string_view expected) {
  return InvalidArgument(
      absl::StrCat("random features: ", AbslView(given), ", expected ", AbslView(expected)),
      {.reason = std::string(reason),
       .given = std::string(given),
       .expected = std::string(expected),
       .next_step = absl::StrCat("Give ", AbslView(expected), ".")});
}

bool IsFinite(std::span<const double> numbers) {
  return std::all_of(numbers.begin(), numbers.end(), [](double x) { return std::isfinite(x); });
}

bool IsUsable(std::span<const double> sums) {
  return std::all_of(sums.begin(), sums.end(),
                     [](double x) { return std::abs(x) <= kMagnitudeMax; });
}

absl::Status Unreadable(std::string_view given) {
  return DataLoss(absl::StrCat("state of a random-feature memory: ", AbslView(given)),
                  {.reason = "MODEL_STATE",
                   .given = std::string(given),
                   .expected = "a state that this version wrote",
                   .next_step = "Restore the memory from a backup, or open it with the version of "
                                "mneme that wrote it."});
}

void AddTo(const MatrixD& from, MatrixD& into) {
  if (from.empty()) return;
  math::AddScaled(1.0, from.data(), into.data(), from.flat().size());
}

}  // namespace

void FeaturePartial::Merge(const FeaturePartial& from) {
  MNEME_CHECK(densities.size() == from.densities.size() &&
              gradients.cols() == from.gradients.cols() && outputs.cols() == from.outputs.cols());
  for (size_t i = 0; i < densities.size(); ++i) densities[i] += from.densities[i];
  AddTo(from.gradients, gradients);
  AddTo(from.outputs, outputs);
}

double FeatureEnergy(double density, double beta) {
  return -std::log(std::max(density, kFeatureDensityMin)) / beta;
}

absl::StatusOr<FeatureSum> FeatureSum::Make(const FeatureMapSpec& spec, size_t response_dim) {
  MNEME_RETURN_IF_ERROR(ValidateFeatureMapSpec(spec));
  if (response_dim > kResponseDimMax) {
    return BadRows("FEATURES", absl::StrCat("values of ", response_dim, " numbers"),
                   absl::StrCat("at most ", kResponseDimMax));
  }
  return FeatureSum(std::make_shared<const FeatureMap>(spec), response_dim);
}

FeatureSum::FeatureSum(std::shared_ptr<const FeatureMap> map, size_t response_dim)
    : map_(std::move(map)),
      sums_(spec().features()),
      values_(response_dim == 0 ? 0 : spec().features(), response_dim) {}

FeatureSum FeatureSum::Clone() const {
  FeatureSum out(map_, response_dim());
  out.sums_ = sums_;
  out.values_ = values_.Clone();
  out.count_ = count_;
  return out;
}

double FeatureSum::Scale() const { return 1 / std::sqrt(static_cast<double>(spec().frequencies)); }

uint64_t FeatureSum::bytes() const {
  return sums_.size() * sizeof(double) + values_.bytes() + map_->bytes();
}

absl::Status FeatureSum::Check(MatrixViewD keys, MatrixViewD values,
                               std::span<const double> weights) const {
  if (keys.cols != spec().dim) {
    return BadRows("SHAPE", absl::StrCat("keys of ", keys.cols, " numbers"),
                   absl::StrCat(spec().dim));
  }
  const bool value_each = values.rows == keys.rows && values.cols == response_dim();
  if (response_dim() == 0 ? !values.empty() : !value_each) {
    return BadRows(
        "SHAPE", absl::StrCat(values.rows, " values of ", values.cols, " numbers"),
        response_dim() == 0 ? "no values" : absl::StrCat(keys.rows, " values of ", response_dim()));
  }
  if (!weights.empty() && weights.size() != keys.rows) {
    return BadRows("SHAPE", absl::StrCat(weights.size(), " weights"), absl::StrCat(keys.rows));
  }
  if (!IsFinite(keys.flat()) || !IsFinite(values.flat()) || !IsFinite(weights)) {
    return BadRows("NOT_FINITE", "a number that is not finite", "finite numbers only");
  }
  for (size_t i = 0; i < keys.rows && spec().kind == FeatureKind::kPositive; ++i) {
    const double exponent = spec().beta * math::SquaredNorm(keys.row(i).data(), keys.cols);
    if (!(exponent <= kPositiveExponentMax)) {
      return BadRows("FEATURE_RANGE", absl::StrCat("a key with beta |key|^2 = ", exponent),
                     absl::StrCat("at most ", kPositiveExponentMax,
                                  " for positive features, which vanish beyond"));
    }
  }
  return absl::OkStatus();
}

absl::Status FeatureSum::Add(MatrixViewD keys, MatrixViewD values,
                             std::span<const double> weights) {
  return Change(keys, values, weights, 1);
}

absl::Status FeatureSum::Remove(MatrixViewD keys, MatrixViewD values,
                                std::span<const double> weights) {
  return Change(keys, values, weights, -1);
}

absl::Status FeatureSum::Change(MatrixViewD keys, MatrixViewD values,
                                std::span<const double> weights, double sign) {
  MNEME_RETURN_IF_ERROR(Check(keys, values, weights));
  if (keys.empty()) return absl::OkStatus();
  const size_t m = spec().frequencies, d_v = response_dim();
  std::vector<double> sums = sums_;
  MatrixD outputs = values_.Clone();
  double changed = 0;
  FeatureMap::Block block;
  for (size_t row = 0; row < keys.rows; row += kRowsPerBlock) {
    const size_t rows = std::min(kRowsPerBlock, keys.rows - row);
    std::vector<double> each(rows, sign * Scale());
    for (size_t i = 0; i < rows; ++i) {
      if (!weights.empty()) each[i] *= weights[row + i];
      changed += each[i] / Scale();
    }
    // each row's share of T, and of U with its value: one product each.
    MatrixD weighted(rows, d_v);
    for (size_t i = 0; i < rows && d_v > 0; ++i) {
      math::AddScaled(each[i], values.row(row + i).data(), weighted.row(i).data(), d_v);
    }
    for (size_t first = 0; first < m; first += kFrequenciesPerPart) {
      const size_t count = std::min(kFrequenciesPerPart, m - first);
      map_->Fill(keys.slice(row, rows), first, count, block);
      const auto add = [&](const MatrixD& features, size_t at) {
        math::Gemv(math::Transpose::kYes, rows, count, 1.0, features.data(), count, each.data(),
                   1.0, sums.data() + at);
        if (d_v == 0) return;
        math::Gemm(math::Transpose::kYes, math::Transpose::kNo, count, d_v, rows, 1.0,
                   features.data(), count, weighted.data(), d_v, 1.0, outputs.row(at).data(), d_v);
      };
      add(block.cosines, first);
      if (spec().kind != FeatureKind::kPositive) add(block.sines, m + first);
    }
  }
  if (!IsFinite(sums) || !IsFinite(outputs.flat())) {
    return BadRows("FEATURE_RANGE", "a key whose features are beyond float64",
                   "keys nearer to 0, or trigonometric features");
  }
  sums_ = std::move(sums);
  values_ = std::move(outputs);
  count_ += changed;
  return absl::OkStatus();
}

absl::Status FeatureSum::CheckSame(const FeatureMapSpec& other, size_t response_dim) const {
  if (spec() == other && this->response_dim() == response_dim) return absl::OkStatus();
  const auto text = [](const FeatureMapSpec& made, size_t values) {
    return absl::StrCat(AbslView(Name(made.kind)), " features, seed ", made.seed, ", beta ",
                        made.beta, ", ", made.frequencies, " frequencies of ", made.dim,
                        " numbers, values of ", values);
  };
  return FailedPrecondition("sums of different random features do not add",
                            {.reason = "FEATURES_DIFFER",
                             .given = text(other, response_dim),
                             .expected = text(spec(), this->response_dim()),
                             .next_step = "Make both with one seed, beta, kind and size."});
}

absl::Status FeatureSum::Merge(const FeatureSum& other) {
  MNEME_RETURN_IF_ERROR(CheckSame(other.spec(), other.response_dim()));
  FeatureSum sum = Clone();
  math::AddScaled(1.0, other.sums_.data(), sum.sums_.data(), sums_.size());
  AddTo(other.values_, sum.values_);
  sum.count_ += other.count_;
  if (!IsUsable(sum.sums_) || !IsUsable(sum.values_.flat()) || !std::isfinite(sum.count_)) {
    return FailedPrecondition("the sums are too large to be added",
                              {.reason = "FEATURE_RANGE",
                               .given = absl::StrCat("numbers beyond ", kMagnitudeMax),
                               .expected = "sums of features of stored items",
                               .next_step = "Make the sketch anew from its memory."});
  }
  *this = std::move(sum);
  return absl::OkStatus();
}

void FeatureSum::Fade(double factor) {
  MNEME_CHECK(factor > 0 && factor <= 1);
  math::Scale(factor, sums_.data(), sums_.size());
  math::Scale(factor, values_.data(), values_.flat().size());
  count_ *= factor;
}

size_t FeatureSum::parts() const {
  return (spec().frequencies + kFrequenciesPerPart - 1) / kFrequenciesPerPart;
}

FeaturePartial FeatureSum::Empty(size_t states, const Needs& needs) const {
  return {.densities = std::vector<double>(states),
          .gradients = needs.gradients ? MatrixD(states, spec().dim) : MatrixD(),
          .outputs = needs.outputs ? MatrixD(states, response_dim()) : MatrixD()};
}

void FeatureSum::AddPart(size_t part, MatrixViewD states, FeaturePartial& into) const {
  const size_t m = spec().frequencies, d = spec().dim, rows = states.rows;
  const size_t first = part * kFrequenciesPerPart;
  const size_t count = std::min(kFrequenciesPerPart, m - first);
  const bool positive = spec().kind == FeatureKind::kPositive;
  thread_local FeatureMap::Block block;
  map_->Fill(states, first, count, block);
  const double* t_cos = sums_.data() + first;
  const double* t_sin = positive ? nullptr : sums_.data() + m + first;
  if (!into.outputs.empty()) {
    const size_t d_v = response_dim();
    math::Gemm(math::Transpose::kNo, math::Transpose::kNo, rows, d_v, count, Scale(),
               block.cosines.data(), count, values_.row(first).data(), d_v, 1.0,
               into.outputs.data(), d_v);
    if (!positive) {
      math::Gemm(math::Transpose::kNo, math::Transpose::kNo, rows, d_v, count, Scale(),
                 block.sines.data(), count, values_.row(m + first).data(), d_v, 1.0,
                 into.outputs.data(), d_v);
    }
  }
  // Of each line: its part of Z, and what each frequency pulls.
  for (size_t i = 0; i < rows; ++i) {
    double* c = block.cosines.row(i).data();
    const double* s = block.sines.row(i).data();
    double density = 0;
    for (size_t j = 0; j < count; ++j) {
      const double value = positive ? c[j] * t_cos[j] : c[j] * t_cos[j] + s[j] * t_sin[j];
      c[j] = positive ? value : c[j] * t_sin[j] - s[j] * t_cos[j];
      density += value;
    }
    into.densities[i] += Scale() * density;
    if (positive && !into.gradients.empty()) {  // of the factor exp(-β‖x‖²)
      math::AddScaled(-2 * spec().beta * Scale() * density, states.row(i).data(),
                      into.gradients.row(i).data(), d);
    }
  }
  if (into.gradients.empty()) return;
  math::Gemm(math::Transpose::kNo, math::Transpose::kNo, rows, d, count, Scale(),
             block.cosines.data(), count, block.frequencies.data, d, 1.0, into.gradients.data(), d);
}

FeaturePartial FeatureSum::Probe(MatrixViewD states, const Needs& needs) const {
  FeaturePartial all = Empty(states.rows, needs);
  for (size_t part = 0; part < parts() && states.rows > 0; ++part) AddPart(part, states, all);
  return all;
}

std::string FeatureSum::Save() const {
  ByteWriter out;
  out.PutRaw(kMagic);
  out.Put(kVersion);
  out.Put(kGenerator);
  out.Put(static_cast<uint32_t>(spec().kind));
  out.Put<uint64_t>(spec().dim);
  out.Put<uint64_t>(spec().frequencies);
  out.Put(spec().beta);
  out.Put(spec().seed);
  out.Put<uint64_t>(response_dim());
  out.Put(count_);
  for (const std::span<const double> numbers : {sums(), values_.flat()}) {
    out.PutRaw({reinterpret_cast<const char*>(numbers.data()), numbers.size_bytes()});
  }
  return out.Take();
}

// A header that was read, and the numbers behind it.
struct FeatureSum::Saved {
  FeatureMapSpec spec;
  size_t response_dim = 0;
  double count = 0;
  std::string_view numbers;

  static absl::StatusOr<Saved> Open(std::string_view bytes) {
    ByteReader in(bytes);
    if (in.GetRaw(kMagic.size()) != kMagic) return Unreadable("other bytes");
    const auto version = in.Get<uint32_t>(), generator = in.Get<uint32_t>();
    if (version != kVersion || generator != kGenerator) {
      return Unreadable(absl::StrCat("version ", version, ", generator ", generator));
    }
    const auto kind = in.Get<uint32_t>();
    if (kind > static_cast<uint32_t>(FeatureKind::kPositive)) return Unreadable("an unknown kind");
    Saved saved;
    saved.spec.kind = static_cast<FeatureKind>(kind);
    saved.spec.dim = in.Get<uint64_t>();
    saved.spec.frequencies = in.Get<uint64_t>();
    saved.spec.beta = in.Get<double>();
    saved.spec.seed = in.Get<uint64_t>();
    saved.response_dim = in.Get<uint64_t>();
    saved.count = in.Get<double>();
    saved.numbers = in.rest();
    if (!in.ok() || !ValidateFeatureMapSpec(saved.spec).ok() ||
        saved.response_dim > kResponseDimMax || !std::isfinite(saved.count) ||
        saved.numbers.size() != saved.spec.features() * (1 + saved.response_dim) * sizeof(double)) {
      return Unreadable(absl::StrCat(bytes.size(), " bytes"));
    }
    return saved;
  }
};

absl::Status FeatureSum::Take(const Saved& saved) {
  count_ = saved.count;
  const size_t sums_bytes = sums_.size() * sizeof(double);
  std::memcpy(sums_.data(), saved.numbers.data(), sums_bytes);
  if (!values_.empty()) {
    std::memcpy(values_.data(), saved.numbers.data() + sums_bytes, values_.bytes());
  }
  if (IsUsable(sums_) && IsUsable(values_.flat())) return absl::OkStatus();
  return Unreadable("numbers that are none, or that no sum can have");
}

absl::StatusOr<FeatureSum> FeatureSum::Load(std::string_view bytes) {
  MNEME_ASSIGN_OR_RETURN(const Saved saved, Saved::Open(bytes));
  FeatureSum sum(std::make_shared<const FeatureMap>(saved.spec), saved.response_dim);
  MNEME_RETURN_IF_ERROR(sum.Take(saved));
  return sum;
}

bool FeatureSum::IsSaved(std::string_view bytes) { return bytes.starts_with(kMagic); }

absl::StatusOr<FeatureSum> FeatureSum::Read(std::string_view bytes) const {
  MNEME_ASSIGN_OR_RETURN(const Saved saved, Saved::Open(bytes));
  MNEME_RETURN_IF_ERROR(CheckSame(saved.spec, saved.response_dim));
  FeatureSum sum(map_, saved.response_dim);
  MNEME_RETURN_IF_ERROR(sum.Take(saved));
  return sum;
}

}  // namespace mneme::models
