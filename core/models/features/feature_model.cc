#include "core/models/features/feature_model.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/status.h"
#include "core/models/features/feature_state.h"
#include "core/models/features/quadratic_sum.h"

namespace mneme::models {
namespace {

constexpr size_t kRowsAtOnce = 256;

FeatureSum MakeSum(const MemorySpec& memory, const FeatureSpec& spec) {
  auto sum = FeatureSum::Make(MapSpecOf(memory.key_dim, spec), memory.response_dim);
  MNEME_CHECK(sum.ok());  // the spec is valid
  return *std::move(sum);
}

MatrixD Widen(MatrixView rows, size_t first, size_t count) {
  if (rows.empty()) return {};
  MatrixD out(count, rows.cols);
  std::copy_n(rows.row(first).data(), count * rows.cols, out.data());
  return out;
}

}  // namespace

FeatureModel::FeatureModel(const MemorySpec& spec)
    : spec_(std::get<FeatureSpec>(spec.model)), sum_(MakeSum(spec, spec_)) {}

absl::Status FeatureModel::Check(const RowBlock& rows) const {
  if (spec_.kind != FeatureKind::kPositive) return absl::OkStatus();
  for (size_t i = 0; i < rows.keys.rows; ++i) {
    double squares = 0;
    for (const float x : rows.keys.row(i)) squares += static_cast<double>(x) * x;
    if (spec_.beta * squares <= kPositiveExponentMax) continue;
    return InvalidArgument(
        absl::StrFormat("key of row %d is too far from 0 for positive features", i),
        {.reason = "FEATURE_RANGE",
         .given = absl::StrFormat("beta |key|^2 = %g", spec_.beta * squares),
         .expected = absl::StrFormat("at most %g, beyond which they vanish", kPositiveExponentMax),
         .next_step = "Centre and scale the keys, or use trigonometric features."});
  }
  return absl::OkStatus();
}

absl::Status FeatureModel::Change(const RowBlock& rows, bool add) {
  published_ = nullptr;
  for (size_t first = 0; first < rows.size(); first += kRowsAtOnce) {
    const size_t count = std::min(kRowsAtOnce, rows.size() - first);
    std::vector<double> weights(count, 1.0);
    for (size_t i = 0; i < count && !rows.weights.empty(); ++i) {
      weights[i] = rows.weights[first + i];
    }
    if (spec_.gamma < 1) {
      double left = 1;
      for (size_t i = count; i-- > 0; left *= spec_.gamma) weights[i] *= left;
      sum_.Fade(std::max(left, 1e-300));
    }
    const MatrixD keys = Widen(rows.keys, first, count);
    const MatrixD responses = Widen(rows.responses, first, count);
    MNEME_RETURN_IF_ERROR(add ? sum_.Add(keys, responses, weights)
                              : sum_.Remove(keys, responses, weights));
  }
  const int64_t n = static_cast<int64_t>(rows.size());
  items_ += add ? n : -n;
  return absl::OkStatus();
}

absl::Status FeatureModel::Absorb(const RowBlock& rows) { return Change(rows, true); }

absl::Status FeatureModel::Forget(const RowBlock& rows) {
  if (spec_.gamma < 1) return Internal("feature: an item that faded cannot be forgotten");
  return Change(rows, false);
}

ModelStats FeatureModel::Stats() const {
  ModelStats stats{.items = static_cast<uint64_t>(std::max<int64_t>(0, items_)),
                   .beta = spec_.beta};
  const uint64_t sums = 2 * sum_.spec().features() * (1 + sum_.response_dim()) * sizeof(double);
  stats.bytes = {{"sums", sums}, {"frequencies", sum_.bytes() - sums / 2}};
  for (const ByteAccount& account : stats.bytes) stats.fixed_bytes += account.bytes;
  return stats;
}

std::shared_ptr<const View> FeatureModel::Publish() {
  if (published_ == nullptr) {
    published_ = std::make_shared<FeatureView>(FeatureSnapshot{.spec = spec_,
                                                               .key_dim = sum_.spec().dim,
                                                               .sum = sum_.Clone(),
                                                               .items = items_,
                                                               .stats = Stats()});
  }
  return published_;
}

std::string FeatureModel::Save() const { return EncodeFeatureState(items_, sum_.Save()); }

absl::Status FeatureModel::Load(std::string_view blob) {
  MNEME_ASSIGN_OR_RETURN(const FeatureState state, DecodeFeatureState(blob));
  absl::StatusOr<FeatureSum> sum = sum_.Read(state.sums);
  if (absl::IsFailedPrecondition(sum.status())) {
    return DataLoss(StdView(sum.status().message()), *GetErrorDetail(sum.status()));
  }
  MNEME_RETURN_IF_ERROR(sum.status());
  sum_ = *std::move(sum);
  items_ = state.items;
  published_ = nullptr;
  return absl::OkStatus();
}

absl::StatusOr<MergedState> FeatureModel::Merged(std::string_view sketch) const {
  MNEME_ASSIGN_OR_RETURN(const std::string_view bytes, DecodeSketch(sketch));
  const absl::StatusOr<FeatureState> state = DecodeFeatureState(bytes);
  if (!state.ok()) return AsSketchError(state.status());
  if (QuadraticSum::IsSaved(state->sums)) {
    return SumsOfAnotherKind(Name(FeatureKind::kQuadratic), Name(spec_.kind));
  }
  absl::StatusOr<FeatureSum> sum = sum_.Read(state->sums);
  if (!sum.ok()) return AsSketchError(sum.status());
  MNEME_RETURN_IF_ERROR(CheckSketchItems(state->items));
  MNEME_RETURN_IF_ERROR(sum->Merge(sum_));
  return MergedState{.state = EncodeFeatureState(items_ + state->items, sum->Save()),
                     .items = state->items};
}

}  // namespace mneme::models
