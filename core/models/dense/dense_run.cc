#include "core/models/dense/dense_run.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/math/kernels.h"
#include "core/models/dense/coded_scores.h"
#include "core/models/dense/separation.h"
#include "core/models/dense/tile_pass.h"

namespace mneme::models {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <typename T>
T LargestCoordinate(std::span<const T> x) {
  T largest = 0;
  for (const T value : x) largest = std::max(largest, std::abs(value));
  return largest;
}

template <typename T>
void Normalise(std::span<T> x) {
  const T norm = std::sqrt(math::SquaredNorm(x.data(), x.size()));
  if (norm > 0) math::Scale(1 / norm, x.data(), x.size());
}

absl::Status ZeroCue(size_t cue) {
  return InvalidArgument(
      absl::StrCat("cue ", cue, " is zero where it is known, and has no direction"),
      {.reason = "ZERO_VECTOR",
       .given = "a cue of length 0",
       .expected = "a cue of positive length, for similarity COSINE",
       .next_step = "Leave this cue out, or use a memory with similarity L2."});
}

absl::Status NothingKnown(size_t cue) {
  return InvalidArgument(absl::StrCat("cue ", cue, " has no known coordinate"),
                         {.reason = "MASK_EMPTY",
                          .given = "a mask without a set bit",
                          .expected = "at least one known coordinate",
                          .next_step = "Set the bits of the coordinates that are known."});
}

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
      cues_(cues),
      mask_(mask),
      recalls_(task.output_dim == 0 ? 0 : cues.rows, task.output_dim),
      outcomes_(cues.rows) {
  if (task_.keep_trace) last_states_ = BasicMatrix<T>(cues.rows, cues.cols);
  Encode();
}

template <typename T>
bool DenseRun<T>::IsKnown(size_t cue, size_t j) const {
  const size_t row_bytes = (cues_.cols + 7) / 8;
  return (mask_[cue * row_bytes + j / 8] >> (j % 8)) & 1;
}

// The cue as it is compared: unknown coordinates 0, a unit vector under cosine and on the sphere.
template <typename T>
absl::Status DenseRun<T>::EncodeCue(size_t cue, std::span<T> state) const {
  const std::span<const T> from = cues_.row(cue);
  std::copy(from.begin(), from.end(), state.begin());
  if (IsMasked(cue)) {
    bool any = false;
    for (size_t j = 0; j < state.size(); ++j) {
      const bool known = IsKnown(cue, j);
      any = any || known;
      if (!known) state[j] = 0;
    }
    if (!any) return NothingKnown(cue);
  }
  if (OnSphere()) {
    const T squared = math::SquaredNorm(state.data(), state.size());
    if (squared == 0) return ZeroCue(cue);
    if (!std::isfinite(squared)) {  // the direction is there all the same
      const T largest = LargestCoordinate<T>(state);
      for (T& x : state) x /= largest;
    }
    Normalise(state);
  }
  return absl::OkStatus();
}

template <typename T>
void DenseRun<T>::Encode() {
  const size_t d = cues_.cols;
  if (!mask_.empty()) {
    masked_.assign(cues_.rows, false);
    for (size_t cue = 0; cue < cues_.rows; ++cue) {
      for (size_t j = 0; j < d && !masked_[cue]; ++j) masked_[cue] = !IsKnown(cue, j);
    }
  }
  std::vector<uint32_t> order(cues_.rows);
  std::iota(order.begin(), order.end(), 0u);
  if (!mask_.empty()) {
    std::stable_partition(order.begin(), order.end(), [this](uint32_t c) { return !IsMasked(c); });
  }
  states_ = BasicMatrix<T>(cues_.rows, d);
  order_.reserve(order.size());
  for (const uint32_t cue : order) {
    outcomes_[cue].error = EncodeCue(cue, states_.row(order_.size()));
    if (!outcomes_[cue].error.ok()) continue;
    if (!IsMasked(cue)) masked_from_ = order_.size() + 1;
    order_.push_back(cue);
  }
  supports_.resize(order_.size());
  squared_norms_.resize(order_.size());
  for (size_t place = 0; place < order_.size(); ++place) {
    squared_norms_[place] = math::SquaredNorm(states_.row(place).data(), d);
  }
  masks_ = BasicMatrix<T>(order_.size() - masked_from_, d);
  scales_.resize(masks_.rows());
  for (size_t i = 0; i < masks_.rows(); ++i) {
    size_t known = 0;
    for (size_t j = 0; j < d; ++j) {
      if (!IsKnown(order_[masked_from_ + i], j)) continue;
      masks_.at(i, j) = 1;
      ++known;
    }
    scales_[i] = static_cast<T>(d) / static_cast<T>(known);
  }
  EncodeStates();
}

template <typename T>
void DenseRun<T>::ChooseCodes(const BasicTileView<T>& tile) {
  if constexpr (std::is_same_v<T, float>) {
    if (codes_.empty() || tile.coded_rows == 0 || task_.kernel.separation != Separation::kExp) {
      return;
    }
    const CueBlock<T> block = {.count = order_.size(),
                               .cues = states_.data(),
                               .squared_norms = squared_norms_.data(),
                               .codes = codes_.data()};
    if (task_.kind == QueryKind::kList) {
      for (size_t place = 0; place < order_.size(); ++place) {
        weigh_[place] = CodesSpareKeys(task_.kernel, block, place, tile) ? 1 : 0;
      }
    } else if (!CodesSpareKeys(task_.kernel, block, 0, tile)) {
      task_.use_codes = false;
      codes_.clear();
    }
  }
}

// Codes of the states that the next pass compares.
template <typename T>
void DenseRun<T>::EncodeStates() {
  if constexpr (std::is_same_v<T, float>) {
    const bool separable = task_.kernel.separation == Separation::kExp ||
                           task_.kernel.separation == Separation::kArgMax;
    if (!task_.use_codes || !separable || !HasCodedScores(task_.kernel.similarity)) return;
    codes_.clear();
    weigh_.assign(order_.size(), task_.kind == QueryKind::kList ? 0 : 1);
    for (size_t place = 0; place < order_.size(); ++place) {
      codes_.push_back(math::EncodeCue(states_.row(place).data(), cues_.cols));
      if (!codes_.back().bounds.known()) return codes_.clear();  // the keys, for all of them
    }
  }
}

template <typename T>
bool DenseRun<T>::OneShot() const {
  return task_.kind == QueryKind::kList || !task_.auto_associative ||
         task_.dynamics.steps_max == 1 || task_.kernel.separation == Separation::kArgMax;
}

template <typename T>
bool DenseRun<T>::OnSphere() const {
  return task_.kernel.similarity == Similarity::kCosine ||
         task_.dynamics.state == StateSpace::kSphere;
}

// The first pass needs the two best for its z figures; a plain function's p_max needs the best.
template <typename T>
size_t DenseRun<T>::ListLimit() const {
  if (step_ == 0) return std::max<size_t>(task_.top, 2);
  return task_.kernel.separation == Separation::kExp ? task_.top : std::max<size_t>(task_.top, 1);
}

template <typename T>
DensePartial DenseRun<T>::Empty() const {
  const bool read_out =
      task_.kind == QueryKind::kRetrieve && task_.kernel.separation != Separation::kArgMax;
  return DensePartial(order_.size(), read_out ? task_.output_dim : 0, ListLimit());
}

template <typename T>
void DenseRun<T>::Add(const BasicTileView<T>& tile, std::span<const uint32_t> listed,
                      DensePartial& into) const {
  TileNeeds needs{.moments = step_ == 0 && !task_.listed_only};
  if (task_.listed_only) needs.listed = listed;
  const size_t d = cues_.cols;
  for (size_t first = 0; first < order_.size();) {
    const bool masked = step_ == 0 && first >= masked_from_;
    const size_t end = step_ == 0 && !masked ? masked_from_ : order_.size();
    const size_t count = std::min(kCuesPerBlock, end - first);
    PassTile(task_.kernel,
             CueBlock<T>{.count = count,
                         .first = first,
                         .cues = states_.data() + first * d,
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
double DenseRun<T>::Energy(const CueSums& sums, double squared_norm) const {
  const double beta = task_.kernel.beta;
  const double held = task_.kernel.similarity == Similarity::kDot      ? squared_norm / 2
                      : task_.kernel.similarity == Similarity::kCosine ? 0.5
                                                                       : 0;
  switch (task_.kernel.separation) {
    case Separation::kExp:
    case Separation::kRelu1:
      return -(sums.m + std::log(sums.s0)) / beta + held;
    case Separation::kPower:
    case Separation::kRectifiedPower:
      return -sums.s0 / beta + held;
    case Separation::kArgMax:
      return -sums.m / beta + held;
  }
  return 0;
}

// The part of the best row in s1.
template <typename T>
double DenseRun<T>::BestWeight(const CueSums& sums, const ScoredRow& best) const {
  const double u = task_.kernel.beta * best.score;
  const double a = static_cast<double>(best.log_weight);
  switch (task_.kernel.separation) {
    case Separation::kExp:
      return std::exp(std::min(0.0, u + a - sums.m));
    case Separation::kRelu1:
      return std::exp(a) * Relu1{}.Slope(u);
    case Separation::kPower:
      return std::exp(a) * Power{task_.kernel.power}.Slope(u);
    case Separation::kRectifiedPower:
      return std::exp(a) * RectifiedPower{task_.kernel.power}.Slope(u);
    case Separation::kArgMax:
      return best.score * task_.kernel.beta == sums.m ? 1 : 0;
  }
  return 0;
}

// Of a list by codes: what listed rows put into the sums gives way to what their keys say.
template <typename T>
void DenseRun<T>::ExchangeCoded(const std::vector<ScoredRow>& top, CueSums& sums) const {
  if (task_.kernel.separation != Separation::kExp || sums.loose == 0) return;
  const double beta = task_.kernel.beta;
  const auto exponent = [beta](double score, const ScoredRow& row) {
    return beta * score + static_cast<double>(row.log_weight);
  };
  double m = sums.m;
  for (const ScoredRow& row : top) m = std::max(m, exponent(row.score, row));
  const double keep = std::exp(sums.m - m);
  sums.m = m;
  sums.s0 *= keep;
  sums.s2 *= keep * keep;
  for (const ScoredRow& row : top) {
    const double weight = std::exp(exponent(row.score, row) - m);
    const double coded = std::exp(exponent(static_cast<double>(row.coded_score), row) - m);
    sums.s0 += weight - coded;
    sums.s2 += weight * weight - coded * coded;
  }
  // The sums were of float32: no less than what is listed.
  double listed = 0, listed_squares = 0;
  for (const ScoredRow& row : top) {
    const double weight = std::exp(exponent(row.score, row) - m);
    listed += weight;
    listed_squares += weight * weight;
  }
  sums.s0 = std::max(sums.s0, listed);
  sums.s2 = std::max(sums.s2, listed_squares);
  sums.s1 = sums.s0;
}

template <typename T>
void DenseRun<T>::ReportEvidence(const CueSums& sums, const std::vector<ScoredRow>& top,
                                 DenseOutcome& outcome) const {
  outcome.scores = sums.scores;
  const double deviation = sums.scores.Std();
  if (deviation > 0 && top.size() >= 2) {
    outcome.z_best = (top[0].score - sums.scores.mean) / deviation;
    outcome.z_gap = (top[0].score - top[1].score) / deviation;
  }
}

template <typename T>
void DenseRun<T>::Report(CueSums sums, std::vector<ScoredRow> top, size_t place) {
  const size_t cue = order_[place];
  DenseOutcome& outcome = outcomes_[cue];
  if (step_ == 0) ReportEvidence(sums, top, outcome);
  const bool estimated = step_ == 0 && IsMasked(cue);
  const double norm_scale = estimated ? static_cast<double>(scales_[place - masked_from_]) : 1;
  const double loose = sums.loose;
  if (task_.kind == QueryKind::kList) ExchangeCoded(top, sums);
  outcome.energy = Energy(sums, norm_scale * static_cast<double>(squared_norms_[place]));
  outcome.log_scale = sums.m;
  outcome.s0 = sums.s0;
  outcome.s1 = sums.s1;
  outcome.n_support = sums.n;
  outcome.n_eff = sums.s2 > 0 ? sums.s1 * sums.s1 / sums.s2 : 0;
  outcome.p_max = 0;
  if (sums.s1 != 0) {
    // Under exp the heaviest row has weight 1 in the units of s1; it need not be the most similar
    // one.
    const double heaviest = task_.kernel.separation == Separation::kExp ? 1
                            : top.empty()                               ? 0
                                                                        : BestWeight(sums, top[0]);
    outcome.p_max = std::min(1.0, heaviest / sums.s1);
  }
  if (top.size() > task_.top) top.resize(task_.top);
  outcome.top.clear();
  outcome.mass = 0;
  for (const ScoredRow& row : top) {
    const double share = sums.s1 == 0 ? 0 : std::min(1.0, BestWeight(sums, row) / sums.s1);
    outcome.top.push_back({.row = row, .share = share});
    outcome.mass += share;
  }
  outcome.mass = std::min(1.0, outcome.mass);
  // What is listed is exact; the rest of s0 may be off.
  outcome.share_error = sums.s0 > 0 && outcome.mass < 1 ? (1 - outcome.mass) * loose / sums.s0 : 0;
  if (task_.keep_trace) {
    outcome.energies.push_back(outcome.energy);
    std::copy_n(states_.row(place).begin(), cues_.cols, last_states_.row(cue).begin());
  }
}

template <typename T>
void DenseRun<T>::WriteRecall(const CueSums& sums, std::span<const double> output, size_t cue) {
  double factor = 1 / sums.s1;
  if (task_.auto_associative) {
    if (task_.kernel.similarity == Similarity::kCosine) {
      factor *= sums.extra / sums.s1;  // the mean length of the rows
    } else if (task_.dynamics.state == StateSpace::kSphere) {
      double squares = 0;
      for (const double value : output) squares += value * value;
      factor = squares > 0 ? 1 / std::sqrt(squares) : 0;
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
      if (!IsKnown(cue, j)) continue;
      given_squares += static_cast<double>(given[j]) * static_cast<double>(given[j]);
      next_squares += static_cast<double>(next[j]) * static_cast<double>(next[j]);
    }
    scale = std::sqrt(next_squares / given_squares);
  }
  for (size_t j = 0; j < next.size(); ++j) {
    if (IsKnown(cue, j)) next[j] = static_cast<T>(scale * static_cast<double>(given[j]));
  }
}

template <typename T>
void DenseRun<T>::StepState(const CueSums& sums, std::span<const double> output, size_t cue,
                            std::span<T> next) const {
  for (size_t j = 0; j < next.size(); ++j) next[j] = static_cast<T>(output[j] / sums.s1);
  if (OnSphere()) Normalise(next);
  if (IsMasked(cue)) {
    HoldKnown(cue, next);
    if (OnSphere()) Normalise(next);
  }
}

template <typename T>
bool DenseRun<T>::HasConverged(const CueSums& sums, size_t place, std::span<const T> next) const {
  // The first pass under a mask compares no whole state, so there is nothing that could have
  // stayed.
  if (step_ == 0 && IsMasked(order_[place])) return false;
  if (task_.kernel.separation == Separation::kRelu1 && step_ > 0 &&
      sums.support == supports_[place]) {
    return true;
  }
  const std::span<const T> state = states_.row(place);
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
  if (sums.m == kInfinity || std::isnan(sums.m) || std::isnan(sums.s1)) {
    outcome.error = Overflow(cue, task_.kernel.beta);
    return true;
  }
  Report(sums, std::move(top), place);
  outcome.steps = step_ + 1;
  if (sums.s1 == 0) {
    outcome.status = AnswerStatus::kNoSupport;
    if (task_.auto_associative &&
        !recalls_.empty()) {  // nothing pulls: the state stays where it is
      std::copy_n(states_.row(place).begin(), cues_.cols, recalls_.row(cue).begin());
    }
    return true;
  }
  if (!output.empty()) WriteRecall(sums, output, cue);
  bool converged = OneShot();
  if (!converged) {
    StepState(sums, output, cue, next);
    converged = HasConverged(sums, place, next);
  }
  if (converged) {
    outcome.status = outcome.n_eff > 2 && task_.kind == QueryKind::kRetrieve
                         ? AnswerStatus::kMixture
                         : AnswerStatus::kConverged;
    return true;
  }
  outcome.status = AnswerStatus::kMaxIterations;
  return outcome.steps >= task_.dynamics.steps_max;
}

template <typename T>
bool DenseRun<T>::Settle(DensePartial& merged) {
  if (task_.live_rows == 0) {
    for (const uint32_t cue : order_) outcomes_[cue].status = AnswerStatus::kEmptyStore;
    order_.clear();
    return true;
  }
  std::vector<T> next(cues_.cols);
  supports_.resize(order_.size());
  coded_ = coded_ || uses_codes();
  size_t kept = 0;
  for (size_t place = 0; place < order_.size(); ++place) {
    CueSums& sums = merged.sums[place];
    std::vector<ScoredRow> top;
    if (!merged.tops.empty()) top = merged.tops[place].TakeSorted();
    if (task_.kernel.separation == Separation::kArgMax && !top.empty()) {
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
    std::copy(next.begin(), next.end(), states_.row(kept).begin());
    squared_norms_[kept] = math::SquaredNorm(next.data(), next.size());
    ++kept;
  }
  order_.resize(kept);
  masks_ = {};
  ++step_;
  EncodeStates();
  return order_.empty();
}

template class DenseRun<float>;
template class DenseRun<double>;

}  // namespace mneme::models
