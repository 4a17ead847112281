#include "core/models/dense/dense_run.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/math/kernels.h"
#include "core/models/dense/auto_radius.h"
#include "core/models/dense/binary_state.h"
#include "core/models/dense/coded_scores.h"
#include "core/models/dense/dense_report.h"
#include "core/models/dense/separation.h"
#include "core/models/dense/tile_pass.h"

namespace mneme::models {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int kWidenings = 3;

absl::Status Overflow(size_t cue, double beta) {
  return InvalidArgument(
      absl::StrCat("beta times the similarities of cue ", cue, " is beyond float32"),
      {.reason = "BETA_TOO_LARGE",
       .given = absl::StrCat("beta=", beta),
       .expected = "beta * similarity below 3e38",
       .next_step = "Use a smaller beta, or smaller numbers."});
}

}  // namespace

template <typename T>
DenseRun<T>::DenseRun(const DenseTask& task, BasicMatrixView<T> cues, std::span<const uint8_t> mask)
    : task_(task),
      given_kernel_(task.kernel),
      cues_(cues),
      known_(mask, cues.rows, cues.cols),
      earlier_steps_(cues.rows),
      recalls_(task.output_dim == 0 ? 0 : cues.rows, task.output_dim),
      outcomes_(cues.rows) {
  if (task_.keep_trace) last_states_ = BasicMatrix<T>(cues.rows, cues.cols);
  std::vector<uint32_t> all(cues.rows);
  std::iota(all.begin(), all.end(), 0u);
  Begin(std::move(all));
}

// The first pass of a round, for these cues.
template <typename T>
void DenseRun<T>::Begin(std::vector<uint32_t> cues) {
  const size_t d = cues_.cols;
  if (known_.AnyMasked()) {
    std::stable_partition(cues.begin(), cues.end(),
                          [this](uint32_t c) { return !known_.IsMasked(c); });
  }
  // From where a step of exp has brought them, in the last round of kBlend.
  const bool blended = round_ == 2 && task_.dynamics.no_support == NoSupportPolicy::kBlend;
  const BasicMatrixView<T> from = blended ? recalls_.view() : cues_;
  order_.clear();
  masked_from_ = 0;
  step_ = 0;
  states_ = BasicMatrix<T>(cues.size(), d);
  for (const uint32_t cue : cues) {
    outcomes_[cue].error =
        EncodeCue<T>(known_, cue, OnSphere(), from.row(cue), states_.row(order_.size()));
    if (outcomes_[cue].error.ok() && IsBinary()) {
      outcomes_[cue].error = CheckBinaryCue<T>(known_, cue, from.row(cue));
    }
    if (!outcomes_[cue].error.ok()) continue;
    if (!known_.IsMasked(cue)) masked_from_ = order_.size() + 1;
    order_.push_back(cue);
  }
  supports_.assign(order_.size(), 0);
  if (IsBinary()) befores_.assign(order_.size(), 0);
  squared_norms_.resize(order_.size());
  for (size_t place = 0; place < order_.size(); ++place) {
    squared_norms_[place] = math::SquaredNorm(states_.row(place).data(), d);
  }
  FillMasks();
  EncodeStates();
}

template <typename T>
void DenseRun<T>::FillMasks() {
  const size_t d = cues_.cols;
  masks_ = BasicMatrix<T>(order_.size() - masked_from_, d);
  scales_.resize(masks_.rows());
  for (size_t i = 0; i < masks_.rows(); ++i) {
    size_t known = 0;
    for (size_t j = 0; j < d; ++j) {
      if (!known_.Has(order_[masked_from_ + i], j)) continue;
      masks_.at(i, j) = 1;
      ++known;
    }
    scales_[i] = static_cast<T>(d) / static_cast<T>(known);
  }
}

template <typename T>
void DenseRun<T>::ChooseCodes(const BasicTileView<T>& tile) {
  if constexpr (std::is_same_v<T, float>) {
    if (codes_.empty() || tile.coded_rows == 0 || Sums() != SumKind::kExponential) {
      return;
    }
    const CueBlock<T> block = {.count = order_.size(),
                               .cues = compared().data(),
                               .squared_norms = squared_norms_.data(),
                               .codes = codes_.data()};
    if (task_.kind == QueryKind::kList) {
      for (size_t place = 0; place < order_.size(); ++place) {
        weigh_[place] = CodesSpareKeys(task_.kernel, block, place, tile) ? 1 : 0;
      }
    } else if (!CodesSpareKeys(task_.kernel, block, 0, tile)) {
      task_.use_codes = false;
      codes_use_ = CodesUse::kSpread;
      codes_.clear();
    }
  }
}

template <typename T>
void DenseRun<T>::EncodeFeatures() {
  MatrixD states(order_.size(), cues_.cols);
  std::copy_n(states_.data(), states.flat().size(), states.data());
  const MatrixD encoded = task_.encoder->Encode(states);
  features_ = BasicMatrix<T>(encoded.rows(), encoded.cols());
  std::transform(encoded.flat().begin(), encoded.flat().end(), features_.data(),
                 [](double x) { return static_cast<T>(x); });
  for (size_t i = 0; i < features_.rows(); ++i) {
    squared_norms_[i] = math::SquaredNorm(features_.row(i).data(), features_.cols());
  }
}

// What the next pass compares, and its codes.
template <typename T>
void DenseRun<T>::EncodeStates() {
  if (task_.encoder != nullptr) EncodeFeatures();
  if constexpr (std::is_same_v<T, float>) {
    codes_.clear();
    if (!task_.use_codes || Sums() == SumKind::kPlain || !HasCodedScores(task_.kernel.similarity)) {
      return;
    }
    weigh_.assign(order_.size(), task_.kind == QueryKind::kList ? 0 : 1);
    for (size_t place = 0; place < order_.size(); ++place) {
      codes_.push_back(math::EncodeCue(compared().row(place).data(), cues_.cols));
      if (!codes_.back().bounds.known()) return codes_.clear();  // the keys, for all of them
    }
  }
}

template <typename T>
bool DenseRun<T>::OneShot() const {
  return task_.kind == QueryKind::kList || !task_.auto_associative ||
         task_.dynamics.steps_max == 1 || Sums() == SumKind::kNone ||
         (round_ > 0 && Sums() == SumKind::kExponential);  // the one step of kBlend
}

template <typename T>
bool DenseRun<T>::OnSphere() const {
  return task_.kernel.similarity == Similarity::kCosine ||
         task_.dynamics.state == StateSpace::kSphere;
}

template <typename T>
SumKind DenseRun<T>::Sums() const {
  return TraitsOf(task_.kernel.separation).sums;
}

// The first pass needs the two best for its z figures; a plain function's p_max needs the best.
template <typename T>
size_t DenseRun<T>::ListLimit() const {
  if (step_ == 0) return std::max<size_t>(task_.top, 2);
  return Sums() == SumKind::kExponential ? task_.top : std::max<size_t>(task_.top, 1);
}

template <typename T>
DensePartial DenseRun<T>::Empty() const {
  const bool read_out = task_.kind == QueryKind::kRetrieve && Sums() != SumKind::kNone;
  return DensePartial(order_.size(), read_out ? task_.output_dim : 0, ListLimit());
}

template <typename T>
void DenseRun<T>::Add(const BasicTileView<T>& tile, std::span<const uint32_t> listed,
                      DensePartial& into) const {
  TileNeeds needs{.moments = step_ == 0 && !task_.listed_only, .binary = IsBinary()};
  if (task_.listed_only) needs.listed = listed;
  const size_t d = cues_.cols;
  for (size_t first = 0; first < order_.size();) {
    const bool masked = step_ == 0 && first >= masked_from_;
    const size_t end = step_ == 0 && !masked ? masked_from_ : order_.size();
    const size_t count = std::min(kCuesPerBlock, end - first);
    PassTile(task_.kernel,
             CueBlock<T>{.count = count,
                         .first = first,
                         .cues = compared().data() + first * d,
                         .squared_norms = squared_norms_.data() + first,
                         .masks = masked ? masks_.data() + (first - masked_from_) * d : nullptr,
                         .scales = masked ? scales_.data() + (first - masked_from_) : nullptr,
                         .codes = masked || codes_.empty() ? nullptr : codes_.data() + first,
                         .weigh = codes_.empty() ? nullptr : weigh_.data() + first},
             tile, needs, into);
    first += count;
  }
}

template <typename T>
void DenseRun<T>::Report(const CueSums& sums, std::vector<ScoredRow> top, size_t place) {
  const size_t cue = order_[place];
  DenseOutcome& outcome = outcomes_[cue];
  const bool estimated = step_ == 0 && known_.IsMasked(cue);
  const double norm_scale = estimated ? static_cast<double>(scales_[place - masked_from_]) : 1;
  outcome.beta = task_.kernel.beta;
  const bool ends = TraitsOf(given_kernel_.separation).finite_support;
  outcome.radius = ends ? RadiusOfBeta(outcome.beta) : 0;
  ReportFigures(task_, step_ == 0 && round_ == 0,
                norm_scale * static_cast<double>(squared_norms_[place]), sums, std::move(top),
                outcome);
  if (task_.keep_trace) {
    outcome.energies.push_back(outcome.energy);
    std::copy_n(states_.row(place).begin(), cues_.cols, last_states_.row(cue).begin());
  }
}

template <typename T>
void DenseRun<T>::WriteRecall(const CueSums& sums, std::span<const double> output, size_t cue) {
  double factor = 1 / sums.s1;
  if (task_.auto_associative) {
    if (task_.dynamics.state == StateSpace::kSphere) {
      double squares = 0;
      for (const double value : output) squares += value * value;
      factor = squares > 0 ? 1 / std::sqrt(squares) : 0;
    } else if (task_.kernel.similarity == Similarity::kCosine) {
      factor *= sums.extra / sums.s1;  // the mean length of the rows
    }
  }
  const std::span<T> recall = recalls_.row(cue);
  for (size_t j = 0; j < recall.size(); ++j) recall[j] = static_cast<T>(output[j] * factor);
}

template <typename T>
void DenseRun<T>::HoldKnown(size_t cue, std::span<T> next) const {
  const std::span<const T> given = cues_.row(cue);
  double scale = 1;
  if (OnSphere()) {
    double given_squares = 0, next_squares = 0;
    for (size_t j = 0; j < next.size(); ++j) {
      if (!known_.Has(cue, j)) continue;
      given_squares += static_cast<double>(given[j]) * static_cast<double>(given[j]);
      next_squares += static_cast<double>(next[j]) * static_cast<double>(next[j]);
    }
    scale = std::sqrt(next_squares / given_squares);
  }
  for (size_t j = 0; j < next.size(); ++j) {
    if (known_.Has(cue, j)) next[j] = static_cast<T>(scale * static_cast<double>(given[j]));
  }
}

template <typename T>
void DenseRun<T>::StepState(const CueSums& sums, std::span<const double> output, size_t place,
                            std::span<T> next) const {
  const size_t cue = order_[place];
  if (IsBinary()) {
    const BinaryField field = Sums() == SumKind::kExponential
                                  ? ExponentialField<T>(task_.kernel.beta, sums.s0)
                                  : BinaryField{.turn = sums.turn};
    TakeSigns<T>(field, output, states_.row(place), next);
  } else {
    for (size_t j = 0; j < next.size(); ++j) next[j] = static_cast<T>(output[j] / sums.s1);
    if (OnSphere()) NormaliseRow(next);
  }
  if (known_.IsMasked(cue)) {
    HoldKnown(cue, next);
    if (OnSphere()) NormaliseRow(next);
  }
}

template <typename T>
bool DenseRun<T>::HasConverged(const CueSums& sums, size_t place, std::span<const T> next) const {
  // The first pass under a mask compares no whole state, so there is nothing that could have
  // stayed.
  if (step_ == 0 && known_.IsMasked(order_[place])) return false;
  const std::span<const T> state = states_.row(place);
  if (IsBinary()) return std::equal(next.begin(), next.end(), state.begin());
  if (TraitsOf(task_.kernel.separation).finite_support && step_ > 0 &&
      sums.support == supports_[place]) {
    return true;
  }
  T moved = 0;
  for (size_t j = 0; j < next.size(); ++j) moved = std::max(moved, std::abs(next[j] - state[j]));
  const T scale = std::max(T(1), LargestCoordinate(state));
  return static_cast<double>(moved) <= task_.dynamics.tolerance * static_cast<double>(scale);
}

// True when this cue is done; else `next` is its new state.
template <typename T>
bool DenseRun<T>::SettleCue(const CueSums& sums, std::span<const double> output,
                            std::vector<ScoredRow> top, size_t place, std::span<T> next) {
  const size_t cue = order_[place];
  DenseOutcome& outcome = outcomes_[cue];
  if (sums.m == kInfinity || std::isnan(sums.m) || !std::isfinite(sums.s0) ||
      !std::isfinite(sums.s1)) {
    outcome.error = Overflow(cue, task_.kernel.beta);
    return true;
  }
  outcome.best_row.reset();
  const bool sole = TraitsOf(task_.kernel.separation).finite_support && sums.n == 1;
  if ((Sums() == SumKind::kNone || sole) && task_.kind == QueryKind::kRetrieve && !top.empty()) {
    outcome.best_row = top[0].row_number;
  }
  Report(sums, std::move(top), place);
  outcome.steps = earlier_steps_[cue] + step_ + 1;
  if (sums.s1 == 0 && (!IsBinary() || (sums.n == 0 && sums.turn == 0))) {
    outcome.status = AnswerStatus::kNoSupport;
    if (task_.auto_associative &&
        !recalls_.empty()) {  // nothing pulls: the state stays where it is
      std::copy_n(states_.row(place).begin(), cues_.cols, recalls_.row(cue).begin());
    }
    return true;
  }
  const bool binary = IsBinary() && task_.auto_associative && !output.empty();
  if (binary) {
    StepState(sums, output, place, next);
    std::copy(next.begin(), next.end(), recalls_.row(cue).begin());
  } else if (!output.empty()) {
    WriteRecall(sums, output, cue);
  }
  bool converged = OneShot();
  if (!converged) {
    if (!binary) StepState(sums, output, place, next);
    converged = HasConverged(sums, place, next);
  }
  if (converged) {
    // Every pattern has a part in the plain sums of binary states, however clear the recall is.
    const bool may_mix =
        task_.kind == QueryKind::kRetrieve && !(IsBinary() && Sums() == SumKind::kPlain);
    outcome.status =
        may_mix && outcome.n_eff > 2 ? AnswerStatus::kMixture : AnswerStatus::kConverged;
    return true;
  }
  outcome.status = AnswerStatus::kMaxIterations;
  return step_ + 1 >= task_.dynamics.steps_max ||
         (IsBinary() && step_ > 0 && MarkOf(std::span<const T>(next)) == befores_[place]);
}

// Cues without support begin again, as the policy has it. False when there are none, or nothing is
// left to try.
template <typename T>
bool DenseRun<T>::Restart() {
  const NoSupportPolicy policy = task_.dynamics.no_support;
  if (policy == NoSupportPolicy::kReport || task_.kind != QueryKind::kRetrieve ||
      !TraitsOf(given_kernel_.separation).finite_support) {
    return false;
  }
  const bool onward = policy == NoSupportPolicy::kBlend && round_ == 1;
  const int rounds = policy == NoSupportPolicy::kWiden                             ? kWidenings
                     : policy == NoSupportPolicy::kBlend && task_.auto_associative ? 2
                                                                                   : 1;
  if (round_ >= rounds) return false;
  std::vector<uint32_t> cues;
  for (uint32_t cue = 0; cue < outcomes_.size(); ++cue) {
    DenseOutcome& outcome = outcomes_[cue];
    const bool mine =
        onward ? outcome.fallback == policy : outcome.status == AnswerStatus::kNoSupport;
    if (!outcome.error.ok() || !mine) continue;
    outcome.fallback = policy;
    earlier_steps_[cue] = outcome.steps;
    cues.push_back(cue);
  }
  if (cues.empty()) return false;
  ++round_;
  task_.kernel = given_kernel_;
  if (policy == NoSupportPolicy::kWiden) task_.kernel.beta *= std::pow(0.25, round_);
  if (policy == NoSupportPolicy::kNearest) task_.kernel.separation = Separation::kArgMax;
  if (policy == NoSupportPolicy::kBlend && !onward) task_.kernel.separation = Separation::kExp;
  Begin(std::move(cues));
  return !order_.empty();
}

// What the pass that ends did with codes. Once they were read, the answer owes to them.
template <typename T>
void DenseRun<T>::NoteCodes() {
  if (!task_.use_codes || codes_use_ == CodesUse::kRead) return;
  const bool all_masked = step_ == 0 && masked_from_ == 0;
  codes_use_ = !uses_codes() ? CodesUse::kCue : all_masked ? CodesUse::kMask : CodesUse::kRead;
}

template <typename T>
bool DenseRun<T>::Settle(DensePartial& merged) {
  if (task_.live_rows == 0) {
    for (const uint32_t cue : order_) outcomes_[cue].status = AnswerStatus::kEmptyStore;
    order_.clear();
    return true;
  }
  std::vector<T> next(cues_.cols);
  NoteCodes();
  size_t kept = 0;
  for (size_t place = 0; place < order_.size(); ++place) {
    CueSums& sums = merged.sums[place];
    outcomes_[order_[place]].rows_survived += sums.survived;
    outcomes_[order_[place]].rows_rescored += sums.rescored;
    std::vector<ScoredRow> top;
    if (!merged.tops.empty()) top = merged.tops[place].TakeSorted();
    if (Sums() == SumKind::kNone && !top.empty()) {
      sums = {.m = task_.kernel.beta * top[0].score,
              .s0 = 1,
              .s1 = 1,
              .s2 = 1,
              .n = 1,
              .scores = sums.scores};
    }
    const auto output =
        merged.outputs.empty() ? std::span<const double>() : merged.outputs.row(place);
    if (SettleCue(sums, output, std::move(top), place, next)) continue;
    // Cues that go on close ranks; no place that is still to be read is written.
    order_[kept] = order_[place];
    supports_[kept] = sums.support;
    if (IsBinary()) befores_[kept] = MarkOf(std::span<const T>(states_.row(place)));
    std::copy(next.begin(), next.end(), states_.row(kept).begin());
    squared_norms_[kept] = math::SquaredNorm(next.data(), next.size());
    ++kept;
  }
  order_.resize(kept);
  masks_ = {};
  ++step_;
  if (order_.empty()) return !Restart();
  EncodeStates();
  return false;
}

template class DenseRun<float>;
template class DenseRun<double>;

}  // namespace mneme::models
