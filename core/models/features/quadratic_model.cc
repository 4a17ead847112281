#include "core/models/features/quadratic_model.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/random.h"
#include "core/base/status.h"
#include "core/models/dense/binary_state.h"
#include "core/models/features/feature_state.h"
#include "core/models/features/feature_sum.h"

namespace mneme::models {
namespace {

constexpr size_t kRowsAtOnce = 256;

absl::Status NotBinary(std::string_view what, size_t row) {
  return InvalidArgument(
      absl::StrFormat("%s %d has a number that is neither 1 nor -1", AbslView(what), row),
      {.reason = "NOT_BINARY",
       .given = absl::StrFormat("%s %d", AbslView(what), row),
       .expected = "numbers of 1 and -1",
       .next_step = "Send signs, or use trigonometric features or a dense memory."});
}

// Each cue is a part.
struct QuadraticPartial final : Partial {
  struct Settled {
    size_t cue = 0;
    std::vector<int8_t> state;
    SweepOutcome outcome;
  };
  std::vector<Settled> cues;
};

class QuadraticQuery final : public TypedQuery<QuadraticPartial> {
 public:
  QuadraticQuery(std::shared_ptr<const QuadraticSnapshot> snapshot, MatrixView cues, int steps_max)
      : snapshot_(std::move(snapshot)),
        cues_(cues),
        sweeps_max_(steps_max > 0 ? steps_max : snapshot_->spec.steps_max) {
    answer_.recalls = Matrix(cues.rows, cues.cols);
    answer_.cues.resize(cues.rows);
    answer_.plan.path = QueryPath::kFeatureSweeps;
    for (size_t i = 0; i < cues.rows; ++i) {
      if (!IsBinary(cues.row(i))) answer_.cues[i].error = NotBinary("cue", i);
    }
  }

  std::string_view stage() const override { return "sweep"; }
  size_t parts() const override { return empty() ? 0 : cues_.rows; }
  // One product, and a few turns a neuron.
  double part_flops() const override {
    const double d = static_cast<double>(cues_.cols);
    return 1 + 4 * d * d;
  }
  double part_bytes() const override { return part_flops() * sizeof(double) / 4; }
  Answer TakeAnswer() override { return std::move(answer_); }

 protected:
  QuadraticPartial MakeEmpty() const override { return {}; }

  void ProbeParts(size_t first, size_t last, QuadraticPartial& into) const override {
    for (size_t i = first; i < last; ++i) {
      if (!answer_.cues[i].error.ok()) continue;
      QuadraticPartial::Settled& one = into.cues.emplace_back();
      one.cue = i;
      for (const float x : cues_.row(i)) one.state.push_back(x > 0 ? int8_t{1} : int8_t{-1});
      Random order(snapshot_->spec.seed);
      // One sweep at most asks for the energy of the cue as it is.
      one.outcome = snapshot_->sum.Sweep(sweeps_max_ == 1 ? 0 : sweeps_max_, order, one.state);
    }
  }

  void MergeParts(QuadraticPartial& into, const QuadraticPartial& from) const override {
    into.cues.insert(into.cues.end(), from.cues.begin(), from.cues.end());
  }

  absl::StatusOr<bool> SettleStage(QuadraticPartial& merged) override {
    for (CueAnswer& cue : answer_.cues) {
      if (empty() && cue.error.ok()) cue.status = AnswerStatus::kEmptyStore;
    }
    for (const QuadraticPartial::Settled& one : merged.cues) {
      CueAnswer& cue = answer_.cues[one.cue];
      cue.status = one.outcome.settled || sweeps_max_ == 1 ? AnswerStatus::kConverged
                                                           : AnswerStatus::kMaxIterations;
      cue.steps = std::max(1, one.outcome.sweeps);
      cue.energy = one.outcome.energies.back();
      std::ranges::copy(one.state, answer_.recalls.row(one.cue).begin());
    }
    return true;
  }

 private:
  bool empty() const { return snapshot_->items <= 0; }

  std::shared_ptr<const QuadraticSnapshot> snapshot_;
  MatrixView cues_;
  int sweeps_max_;
  Answer answer_;
};

}  // namespace

std::unique_ptr<Query> MakeQuery(std::shared_ptr<const QuadraticSnapshot> snapshot, MatrixView cues,
                                 int steps_max) {
  return std::make_unique<QuadraticQuery>(std::move(snapshot), cues, steps_max);
}

QuadraticModel::QuadraticModel(const MemorySpec& spec)
    : spec_(std::get<FeatureSpec>(spec.model)), sum_(spec.key_dim) {}

absl::Status QuadraticModel::Check(const RowBlock& rows) const {
  for (size_t i = 0; i < rows.keys.rows; ++i) {
    if (!IsBinary(rows.keys.row(i))) return NotBinary("key of row", i);
  }
  for (size_t i = 0; i < rows.weights.size(); ++i) {
    if (rows.weights[i] == 1) continue;
    return InvalidArgument(
        absl::StrFormat("the weight of row %d is %g", i, rows.weights[i]),
        {.reason = "WEIGHT",
         .given = absl::StrCat(rows.weights[i]),
         .expected = "1: the sums of quadratic features are whole numbers",
         .next_step = "Leave the weights out; store a row twice for it to weigh twice."});
  }
  return absl::OkStatus();
}

absl::Status QuadraticModel::Change(const RowBlock& rows, bool add) {
  published_ = nullptr;
  for (size_t first = 0; first < rows.size(); first += kRowsAtOnce) {
    const size_t count = std::min(kRowsAtOnce, rows.size() - first);
    MatrixD keys(count, rows.keys.cols);
    std::copy_n(rows.keys.row(first).data(), count * rows.keys.cols, keys.data());
    MNEME_RETURN_IF_ERROR(add ? sum_.Add(keys) : sum_.Remove(keys));
  }
  return absl::OkStatus();
}

absl::Status QuadraticModel::Absorb(const RowBlock& rows) { return Change(rows, true); }
absl::Status QuadraticModel::Forget(const RowBlock& rows) { return Change(rows, false); }

std::shared_ptr<const View> QuadraticModel::Publish() {
  if (published_ != nullptr) return published_;
  const uint64_t bytes = 2 * sum_.sum().bytes();  // the writer's and the readers'
  const auto items = static_cast<uint64_t>(std::max<int64_t>(0, sum_.count()));
  published_ = std::make_shared<QuadraticView>(QuadraticSnapshot{
      .spec = spec_,
      .key_dim = sum_.neurons(),
      .sum = sum_.Clone(),
      .items = sum_.count(),
      .stats = {.items = items, .fixed_bytes = bytes, .bytes = {{"sums", bytes}}}});
  return published_;
}

std::string QuadraticModel::Save() const { return EncodeFeatureState(sum_.count(), sum_.Save()); }

absl::Status QuadraticModel::Load(std::string_view blob) {
  MNEME_ASSIGN_OR_RETURN(const FeatureState state, DecodeFeatureState(blob));
  absl::StatusOr<QuadraticSum> sum = sum_.Read(state.sums);
  if (absl::IsFailedPrecondition(sum.status())) {
    return DataLoss(StdView(sum.status().message()), *GetErrorDetail(sum.status()));
  }
  MNEME_RETURN_IF_ERROR(sum.status());
  sum_ = *std::move(sum);
  published_ = nullptr;
  return absl::OkStatus();
}

absl::StatusOr<MergedState> QuadraticModel::Merged(std::string_view sketch) const {
  MNEME_ASSIGN_OR_RETURN(const std::string_view bytes, DecodeSketch(sketch));
  const absl::StatusOr<FeatureState> state = DecodeFeatureState(bytes);
  if (!state.ok()) return AsSketchError(state.status());
  if (FeatureSum::IsSaved(state->sums)) return SumsOfAnotherKind("random", Name(spec_.kind));
  absl::StatusOr<QuadraticSum> sum = sum_.Read(state->sums);
  if (!sum.ok()) return AsSketchError(sum.status());
  const int64_t items = sum->count();
  MNEME_RETURN_IF_ERROR(CheckSketchItems(items));
  MNEME_RETURN_IF_ERROR(sum->Merge(sum_));
  return MergedState{.state = EncodeFeatureState(sum->count(), sum->Save()), .items = items};
}

}  // namespace mneme::models
