#include "core/federation/gradient_sum.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "core/federation/ball.h"
#include "core/federation/losses.h"
#include "core/math/kernels.h"

namespace mneme::federation {
namespace {

// Products of all pairs of rows; in double, so that they neither overflow nor cancel.
std::vector<double> GramOfRows(std::span<const float> rows, size_t d) {
  const std::vector<double> wide(rows.begin(), rows.end());
  const size_t count = rows.size() / d;
  std::vector<double> gram(count * count);
  math::Gemm(math::Transpose::kNo, math::Transpose::kYes, count, count, d, 1.0, wide.data(), d,
             wide.data(), d, 0.0, gram.data(), count);
  return gram;
}

}  // namespace

void GradientSum::Clear() {
  form_ = GradientForm::kNone;
  matrix_.clear();
  places_.clear();
  errors_.clear();
  keys_.clear();
}

void GradientSum::MakeDense() {
  if (form_ == GradientForm::kDense) return;
  matrix_.resize(numbers());  // zeros where there were none
  if (form_ == GradientForm::kLowRank) {
    AddOuterProducts(errors_.data(), keys_.data(), rank(), d_v_, d_k_, matrix_.data());
  }
  form_ = GradientForm::kDense;
  places_.clear();
  errors_.clear();
  keys_.clear();
}

void GradientSum::AddDense(std::span<const float> matrix) {
  if (empty()) {
    matrix_.assign(matrix.begin(), matrix.end());
    form_ = GradientForm::kDense;
    return;
  }
  MakeDense();
  math::AddScaled(1.0F, matrix.data(), matrix_.data(), numbers());
}

bool GradientSum::Joins(size_t more) const {
  return (empty() || form_ == GradientForm::kLowRank) &&
         FactorsAreSmaller(rank() + more, d_v_, d_k_);
}

void GradientSum::AddFactors(std::span<const float> errors, std::span<const float> keys,
                             bool keep_factors) {
  const size_t more = errors.size() / d_v_;
  if (keep_factors && Joins(more)) {
    form_ = GradientForm::kLowRank;
    errors_.insert(errors_.end(), errors.begin(), errors.end());
    keys_.insert(keys_.end(), keys.begin(), keys.end());
    return;
  }
  MakeDense();
  AddOuterProducts(errors.data(), keys.data(), more, d_v_, d_k_, matrix_.data());
}

void GradientSum::JoinPlaces(std::span<const uint32_t> places) {
  std::vector<uint32_t> joined;
  joined.reserve(places_.size() + places.size());
  std::ranges::set_union(places_, places, std::back_inserter(joined));
  places_ = std::move(joined);
}

void GradientSum::AddSparse(const Sparse<float>& sparse) {
  if (!empty() && form_ != GradientForm::kSparse) {
    MakeDense();
    federation::AddSparse(sparse, std::span<float>(matrix_));
    return;
  }
  form_ = GradientForm::kSparse;
  matrix_.resize(numbers());
  federation::AddSparse(sparse, std::span<float>(matrix_));
  std::vector<uint32_t> places = sparse.indices;
  std::ranges::sort(places);
  JoinPlaces(places);
  if (static_cast<double>(places_.size()) > kSparseShareMax * static_cast<double>(numbers())) {
    MakeDense();
  }
}

void GradientSum::Add(const GradientSum& more, bool keep_factors) {
  switch (more.form_) {
    case GradientForm::kNone:
      return;
    case GradientForm::kDense:
      return AddDense(more.matrix_);
    case GradientForm::kLowRank:
      return AddFactors(more.errors_, more.keys_, keep_factors);
    case GradientForm::kSparse: {
      Sparse<float> sparse{.indices = more.places_, .values = {}};
      for (const uint32_t place : more.places_) sparse.values.push_back(more.matrix_[place]);
      return AddSparse(sparse);
    }
  }
}

void GradientSum::AddScaled(float factor, const GradientSum& more) {
  if (more.empty()) return;
  if (more.form_ != GradientForm::kLowRank || !Joins(more.rank())) {
    MakeDense();
    return more.AddTo(factor, matrix_);
  }
  const size_t before = errors_.size();
  AddFactors(more.errors_, more.keys_, true);
  math::Scale(factor, errors_.data() + before, errors_.size() - before);
}

void GradientSum::AddTo(float factor, std::span<float> sum) const {
  if (empty()) return;
  if (form_ != GradientForm::kLowRank) {
    math::AddScaled(factor, matrix_.data(), sum.data(), numbers());
    return;
  }
  math::Gemm(math::Transpose::kYes, math::Transpose::kNo, d_v_, d_k_, rank(), factor,
             errors_.data(), d_v_, keys_.data(), d_k_, 1.0F, sum.data(), d_k_);
}

double GradientSum::Norm() const {
  if (form_ != GradientForm::kLowRank) return federation::Norm(std::span<const float>(matrix_));
  // |E^T K|^2 is the sum of the entries of (E E^T) * (K K^T), taken one by one.
  const std::vector<double> errors = GramOfRows(errors_, d_v_);
  const std::vector<double> keys = GramOfRows(keys_, d_k_);
  double sum = 0;
  for (size_t i = 0; i < errors.size(); ++i) sum += errors[i] * keys[i];
  return std::sqrt(std::max(sum, 0.0));
}

bool GradientSum::Finite() const {
  return AllFinite(matrix_) && AllFinite(errors_) && AllFinite(keys_);
}

void GradientSum::Scale(float factor) {
  for (float& value : form_ == GradientForm::kLowRank ? errors_ : matrix_) value *= factor;
}

void GradientSum::Write(WireType type, GradUp& frame) const {
  frame.form = form_;
  switch (form_) {
    case GradientForm::kNone:
      return;
    case GradientForm::kDense:
      frame.values = Pack(matrix_, type);
      return;
    case GradientForm::kLowRank:
      frame.rank = static_cast<uint32_t>(rank());
      frame.values = Pack(errors_, type);
      frame.keys = Pack(keys_, type);
      return;
    case GradientForm::kSparse: {
      std::vector<float> values;
      values.reserve(places_.size());
      for (const uint32_t place : places_) values.push_back(matrix_[place]);
      frame.values = Pack(values, type);
      frame.places = PackPlaces(places_);
      return;
    }
  }
}

void GradientSum::Read(const GradUp& frame) {
  Clear();
  form_ = frame.form;
  const size_t count = frame.values.bytes.size() / WidthOf(frame.values.type);
  if (form_ == GradientForm::kLowRank) {
    errors_.resize(count);
    keys_.resize(frame.rank * d_k_);
    Unpack(frame.values, errors_);
    Unpack(frame.keys, keys_);
  } else if (form_ == GradientForm::kDense) {
    matrix_.resize(numbers());
    Unpack(frame.values, matrix_);
  } else if (form_ == GradientForm::kSparse) {
    std::vector<float> values(count);
    Unpack(frame.values, values);
    UnpackPlaces(frame.places, numbers(), places_);
    matrix_.resize(numbers());
    for (size_t i = 0; i < places_.size(); ++i) matrix_[places_[i]] = values[i];
  }
}

}  // namespace mneme::federation
