#include "core/models/dense/dense_model.h"

#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/math/kernels.h"
#include "core/models/dense/dense_view.h"

namespace mneme::models {
namespace {

// Of the state of a memory with an index; that of one without is its beta alone.
constexpr uint32_t kIndexedStateVersion = 2;

// The exact lists of these rows, as they are answered in batches.
ExactTop ExactOf(std::shared_ptr<const DenseView> view) {
  return [view = std::move(view)](MatrixView cues,
                                  size_t k) -> absl::StatusOr<std::vector<std::vector<ScoredRow>>> {
    const QuerySpec spec = {.kind = QueryKind::kList, .top = k, .exact = true};
    MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<Query> query, view->Begin({.cues = cues}, spec));
    for (bool done = false; !done;) {
      const std::unique_ptr<Partial> partial = query->Empty();
      query->Probe(0, query->parts(), *partial);
      MNEME_ASSIGN_OR_RETURN(done, query->Settle(*partial));
    }
    std::vector<std::vector<ScoredRow>> lists;
    for (const CueAnswer& cue : query->TakeAnswer().cues) {
      std::vector<ScoredRow>& list = lists.emplace_back();
      for (const ScoredItem& item : cue.top) {
        list.push_back({.score = item.score, .row_number = item.row});
      }
    }
    return lists;
  };
}

}  // namespace

DenseModel::DenseModel(const MemorySpec& spec)
    : spec_(spec), store_(spec.key_dim, spec.response_dim, /*codes=*/true) {
  if (dense().beta) beta_.beta = *dense().beta;
  if (dense().index) index_.emplace(*dense().index, dense().similarity);
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
  if (dense().similarity != Similarity::kCosine && !index_) return absl::OkStatus();
  for (size_t i = 0; i < rows.keys.rows; ++i) {
    const float square = math::SquaredNorm(rows.keys.row(i).data(), rows.keys.cols);
    MNEME_RETURN_IF_ERROR(CheckKey(i, static_cast<double>(square)));
  }
  return absl::OkStatus();
}

absl::Status DenseModel::CheckKey(size_t row, double square) const {
  if (dense().similarity == Similarity::kCosine) {  // the index sees unit vectors
    if (square > 0 && std::isfinite(square)) return absl::OkStatus();
    return InvalidArgument(
        absl::StrCat("key ", row, square > 0 ? " is too long for float32" : " is a zero vector"),
        {.reason = "ZERO_VECTOR",
         .given = absl::StrCat("a key of squared length ", square),
         .expected = "a key of positive finite length, for similarity COSINE",
         .next_step = "Leave this item out, or use a memory with similarity L2."});
  }
  if (square <= kIndexedSquareMax) return absl::OkStatus();
  return InvalidArgument(absl::StrCat("key ", row, " is too long for the memory's index"),
                         {.reason = "KEY_LENGTH",
                          .given = absl::StrCat("a key of squared length ", square),
                          .expected = absl::StrCat("at most ", kIndexedSquareMax),
                          .next_step = "Scale the keys, or use a memory without an index."});
}

absl::Status DenseModel::Absorb(const RowBlock& rows) {
  std::vector<float> log_weights;
  for (const float weight : rows.weights) log_weights.push_back(std::log(weight));
  StoreRows in{.keys = rows.keys,
               .values = rows.responses,
               .log_weights = log_weights,
               .ids = rows.ids,
               .row_numbers = rows.row_numbers};
  if (dense().similarity != Similarity::kCosine) return Append(in);
  Matrix unit = Matrix::Copy(rows.keys);
  std::vector<float> lengths(unit.rows());
  for (size_t i = 0; i < unit.rows(); ++i) {
    lengths[i] = std::sqrt(math::SquaredNorm(unit.row(i).data(), unit.cols()));
    if (!(lengths[i] > 0)) return Internal("dense: a key without a direction under cosine");
    math::Scale(1 / lengths[i], unit.row(i).data(), unit.cols());
  }
  in.keys = unit;
  in.extra = lengths;
  return Append(in);
}

absl::Status DenseModel::Append(const StoreRows& rows) {
  MNEME_RETURN_IF_ERROR(store_.Append(rows));
  if (index_) index_->Add(rows.keys, rows.row_numbers);
  return absl::OkStatus();
}

absl::Status DenseModel::Forget(const RowBlock& rows) {
  MNEME_RETURN_IF_ERROR(store_.Remove(rows.row_numbers));
  if (index_) index_->Remove(rows.row_numbers);
  return absl::OkStatus();
}

absl::Status DenseModel::Restore(const RowBlock&) {
  return Internal("dense: rows are absorbed, never restored");
}

bool DenseModel::Maintain() {
  if (dense().beta || !IsDue(beta_, store_.live_rows())) return false;
  beta_ = EstimateBeta(store_.Publish());
  return true;
}

absl::StatusOr<std::unique_ptr<IndexWork>> DenseModel::BeginIndexWork(bool now) {
  if (!index_) return Model::BeginIndexWork(now);
  const StoreView store = store_.Publish();
  return index_->Begin(now, store, ExactOf(std::make_shared<DenseView>(spec_, store, beta_)));
}

absl::StatusOr<Model::Installed> DenseModel::InstallIndexWork(IndexWork& work) {
  if (!index_) return Model::InstallIndexWork(work);
  return index_->Install(work, store_.Publish());
}

void DenseModel::AbandonIndexWork(const absl::Status& why) {
  if (index_) index_->Abandon(why);
}

std::shared_ptr<const View> DenseModel::Publish() {
  return std::make_shared<DenseView>(spec_, store_.Publish(), beta_,
                                     index_ ? index_->Publish(store_.live_rows()) : nullptr);
}

std::string DenseModel::Save() const {
  if (!index_) return Encode(beta_);
  ByteWriter out;
  out.Put(kIndexedStateVersion);
  out.PutBytes(Encode(beta_));
  index_->Put(out);
  return out.Take();
}

absl::Status DenseModel::Load(std::string_view blob) {
  std::string_view beta = blob;
  if (index_) {
    ByteReader in(blob);
    const auto version = in.Get<uint32_t>();
    if (version != kIndexedStateVersion) {
      return DataLoss(absl::StrCat("the state of a memory with an index has version ", version),
                      {.reason = "CORRUPT",
                       .expected = absl::StrCat(kIndexedStateVersion),
                       .next_step = "Restore the memory from a backup."});
    }
    beta = in.GetBytes();
    MNEME_RETURN_IF_ERROR(index_->Get(in));
  }
  MNEME_ASSIGN_OR_RETURN(const BetaEstimate loaded, DecodeBetaEstimate(beta));
  if (!dense().beta) beta_ = loaded;
  return absl::OkStatus();
}

}  // namespace mneme::models
