#include "core/models/dense/dense_model.h"

#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/math/kernels.h"
#include "core/models/dense/dense_view.h"

namespace mneme::models {

DenseModel::DenseModel(const MemorySpec& spec)
    : spec_(spec), store_(spec.key_dim, spec.response_dim, /*codes=*/true) {
  if (dense().beta) beta_.beta = *dense().beta;
}

absl::Status DenseModel::Check(const RowBlock& rows) const {
  for (size_t i = 0; i < rows.weights.size(); ++i) {
    if (std::isfinite(rows.weights[i]) && rows.weights[i] > 0) continue;
    return InvalidArgument(absl::StrCat("weight ", i, " is ", rows.weights[i]),
                           {.reason = "WEIGHT",
                            .given = absl::StrCat(rows.weights[i]),
                            .expected = "a positive finite number",
                            .next_step = "Leave weights out for 1 each."});
  }
  if (dense().similarity != Similarity::kCosine) return absl::OkStatus();
  for (size_t i = 0; i < rows.keys.rows; ++i) {
    const float norm = math::SquaredNorm(rows.keys.row(i).data(), rows.keys.cols);
    if (norm > 0 && std::isfinite(norm)) continue;
    return InvalidArgument(
        absl::StrCat("key ", i, norm > 0 ? " is too long for float32" : " is a zero vector"),
        {.reason = "ZERO_VECTOR",
         .given = absl::StrCat("a key of squared length ", norm),
         .expected = "a key of positive finite length, for similarity COSINE",
         .next_step = "Leave this item out, or use a memory with similarity L2."});
  }
  return absl::OkStatus();
}

absl::Status DenseModel::Absorb(const RowBlock& rows) {
  std::vector<float> log_weights;
  for (const float weight : rows.weights) log_weights.push_back(std::log(weight));
  StoreRows in{.keys = rows.keys,
               .values = rows.responses,
               .log_weights = log_weights,
               .ids = rows.ids,
               .row_numbers = rows.row_numbers};
  if (dense().similarity != Similarity::kCosine) return store_.Append(in);
  Matrix unit = Matrix::Copy(rows.keys);
  std::vector<float> lengths(unit.rows());
  for (size_t i = 0; i < unit.rows(); ++i) {
    lengths[i] = std::sqrt(math::SquaredNorm(unit.row(i).data(), unit.cols()));
    if (!(lengths[i] > 0)) return Internal("dense: a key without a direction under cosine");
    math::Scale(1 / lengths[i], unit.row(i).data(), unit.cols());
  }
  in.keys = unit;
  in.extra = lengths;
  return store_.Append(in);
}

absl::Status DenseModel::Forget(const RowBlock& rows) { return store_.Remove(rows.row_numbers); }

absl::Status DenseModel::Restore(const RowBlock&) {
  return Internal("dense: rows are absorbed, never restored");
}

bool DenseModel::Maintain() {
  if (dense().beta || !IsDue(beta_, store_.live_rows())) return false;
  beta_ = EstimateBeta(store_.Publish());
  return true;
}

std::shared_ptr<const View> DenseModel::Publish() {
  return std::make_shared<DenseView>(spec_, store_.Publish(), beta_);
}

std::string DenseModel::Save() const { return Encode(beta_); }

absl::Status DenseModel::Load(std::string_view blob) {
  MNEME_ASSIGN_OR_RETURN(const BetaEstimate loaded, DecodeBetaEstimate(blob));
  if (!dense().beta) beta_ = loaded;
  return absl::OkStatus();
}

}  // namespace mneme::models
