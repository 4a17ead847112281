#include "core/models/dense/dense_driver.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/random.h"
#include "core/base/status.h"
#include "core/math/kernels.h"
#include "core/models/dense/binary_state.h"
#include "core/models/dense/binary_sweep.h"
#include "core/models/dense/dense_run.h"
#include "core/models/dense/separation.h"

namespace mneme::models {
namespace {

absl::Status Bad(std::string_view reason, std::string_view given, std::string_view expected) {
  return InvalidArgument(
      absl::StrCat("dense run: ", AbslView(given), ", expected ", AbslView(expected)),
      {.reason = std::string(reason),
       .given = std::string(given),
       .expected = std::string(expected),
       .next_step = absl::StrCat("Give ", AbslView(expected), ".")});
}

template <typename T>
bool IsFinite(BasicMatrixView<T> matrix) {
  return std::all_of(matrix.flat().begin(), matrix.flat().end(),
                     [](T x) { return std::isfinite(x); });
}

template <typename T>
absl::Status CheckInput(const DenseInput<T>& input) {
  const size_t n = input.keys.rows, d = input.keys.cols;
  if (d == 0 || input.cues.cols != d) {
    return Bad("SHAPE", absl::StrCat("cues of ", input.cues.cols, " columns, keys of ", d),
               "as many columns in both");
  }
  if (!input.values.empty() && input.values.rows != n) {
    return Bad("SHAPE", absl::StrCat(input.values.rows, " values for ", n, " keys"),
               "a value for each key");
  }
  if (!input.log_weights.empty() && input.log_weights.size() != n) {
    return Bad("SHAPE", absl::StrCat(input.log_weights.size(), " log weights for ", n, " keys"),
               "a log weight for each key");
  }
  if (!input.mask.empty() && input.mask.size() != input.cues.rows * ((d + 7) / 8)) {
    return Bad("SHAPE", absl::StrCat("a mask of ", input.mask.size(), " bytes"),
               "a row of ceil(d / 8) bytes for each cue");
  }
  if (!IsFinite(input.keys) || !IsFinite(input.values) || !IsFinite(input.cues)) {
    return Bad("NOT_FINITE", "a number that is not finite", "finite numbers only");
  }
  return absl::OkStatus();
}

absl::Status CheckKernel(const DenseKernelSpec& kernel, const DynamicsSpec& dynamics,
                         const DenseLayout& layout) {
  const SeparationTraits& traits = TraitsOf(kernel.separation);
  if (!std::isfinite(kernel.beta) || kernel.beta <= 0) {
    return Bad("SPEC", absl::StrCat("beta ", kernel.beta), "a positive finite beta");
  }
  if (traits.has_power && (kernel.power < 2 || kernel.power > 16)) {
    return Bad("SPEC", absl::StrCat("power ", kernel.power), "a power from 2 to 16");
  }
  if (traits.has_power && kernel.similarity != Similarity::kDot &&
      kernel.similarity != Similarity::kCosine) {
    return Bad("SPEC", "a power of a distance", "similarity dot or cosine for a power");
  }
  if (dynamics.steps_max < 1) {
    return Bad("SPEC", absl::StrCat("steps_max ", dynamics.steps_max), "at least 1 step");
  }
  if (layout.tile_rows < 1 || layout.shards < 1) {
    return Bad("SPEC", "no shards, or tiles without rows", "at least one of each");
  }
  if (layout.local_top > 0 && traits.sums != SumKind::kExponential) {
    return Bad("SPEC", "local_top without separation exp", "separation exp with local_top");
  }
  return absl::OkStatus();
}

// States of +1 and -1.
template <typename T>
absl::Status CheckBinary(const DenseKernelSpec& kernel, const DenseInput<T>& input,
                         const DynamicsSpec& dynamics) {
  if (dynamics.state != StateSpace::kBinary) return absl::OkStatus();
  if (kernel.similarity != Similarity::kDot || !input.values.empty()) {
    return Bad("SPEC", "binary states with another similarity than dot, or with values",
               "similarity dot, and keys as their own values");
  }
  if (!IsBinary(input.keys.flat()) || !IsBinary(input.cues.flat())) {
    return Bad("NOT_BINARY", "a number that is neither 1 nor -1", "keys and cues of 1 and -1");
  }
  const bool sweeps = dynamics.update == BinaryUpdate::kSweep;
  if (sweeps && (!input.mask.empty() || TraitsOf(kernel.separation).sums == SumKind::kNone)) {
    return Bad("SPEC", "sweeps with a mask or with argmax",
               "whole cues and a separation that is summed");
  }
  return absl::OkStatus();
}

// The rows as they are scored, dealt out to shards.
template <typename T>
struct Rows {
  BasicMatrix<T> keys, values;
  std::vector<T> squared_norms, log_weights, lengths;
  std::vector<uint64_t> numbers;
  std::vector<IdCell> ids;

  size_t size() const { return numbers.size(); }
  BasicTileView<T> Slice(size_t first, size_t count) const {
    return {.rows = count,
            .key_dim = keys.cols(),
            .value_dim = values.cols(),
            .keys = keys.data() + first * keys.cols(),
            .values = values.empty() ? nullptr : values.data() + first * values.cols(),
            .squared_norms = squared_norms.data() + first,
            .log_weights = log_weights.data() + first,
            .extra = lengths.data() + first,
            .row_numbers = numbers.data() + first,
            .ids = ids.data() + first};
  }
};

template <typename T>
Rows<T> Prepare(const DenseInput<T>& input, const std::vector<uint64_t>& order, bool cosine) {
  const size_t n = order.size(), d = input.keys.cols;
  Rows<T> rows{.keys = BasicMatrix<T>(n, d),
               .values = BasicMatrix<T>(input.values.empty() ? 0 : n, input.values.cols)};
  for (size_t i = 0; i < n; ++i) {
    const uint64_t from = order[i];
    const std::span<T> key = rows.keys.row(i);
    std::copy_n(input.keys.row(from).begin(), d, key.begin());
    const T length = std::sqrt(math::SquaredNorm(key.data(), d));
    if (cosine && length > 0) math::Scale(1 / length, key.data(), d);
    if (!input.values.empty()) {
      std::copy_n(input.values.row(from).begin(), input.values.cols, rows.values.row(i).begin());
    }
    rows.lengths.push_back(length);
    rows.squared_norms.push_back(math::SquaredNorm(key.data(), d));
    rows.log_weights.push_back(input.log_weights.empty() ? T(0) : input.log_weights[from]);
    rows.numbers.push_back(from);
    rows.ids.push_back(IdCell(from));
  }
  return rows;
}

std::vector<uint64_t> RowOrder(size_t n, uint64_t shuffle_seed) {
  std::vector<uint64_t> order(n);
  std::iota(order.begin(), order.end(), uint64_t{0});
  if (shuffle_seed != 0) {
    Random random(shuffle_seed);
    random.Shuffle(std::span<uint64_t>(order));
  }
  return order;
}

// Rows [first, last) of a shard, tile by tile.
template <typename T>
DensePartial ProbeShard(const DenseRun<T>& run, const Rows<T>& rows, size_t first, size_t last,
                        size_t tile_rows) {
  DensePartial partial = run.Empty();
  for (size_t i = first; i < last; i += tile_rows) {
    run.Add(rows.Slice(i, std::min(tile_rows, last - i)), {}, partial);
  }
  return partial;
}

template <typename T>
void RunToTheEnd(DenseRun<T>& run, const Rows<T>& rows, const DenseLayout& layout) {
  const size_t n = rows.size(), shards = layout.shards;
  bool done = false;
  while (!done) {
    DensePartial merged = run.Empty();
    for (size_t s = 0; s < shards; ++s) {
      merged.Merge(ProbeShard(run, rows, n * s / shards, n * (s + 1) / shards, layout.tile_rows));
    }
    done = run.Settle(merged);
  }
}

DenseCueResult ToResult(DenseOutcome&& from) {
  DenseCueResult to{.error = from.error,
                    .status = from.status,
                    .steps = from.steps,
                    .energy = from.energy,
                    .log_scale = from.log_scale,
                    .s0 = from.s0,
                    .s1 = from.s1,
                    .p_max = from.p_max,
                    .n_eff = from.n_eff,
                    .n_support = from.n_support,
                    .fallback = from.fallback,
                    .beta = from.beta,
                    .best_row = from.best_row,
                    .scores = from.scores,
                    .z_best = from.z_best,
                    .z_gap = from.z_gap,
                    .energies = std::move(from.energies)};
  for (const ListedRow& listed : from.top) {
    to.top.push_back(
        {.row = listed.row.row_number, .score = listed.row.score, .share = listed.share});
  }
  return to;
}

// The gradient follows from the read-out: (s1 x - v) / s0 under l2, x - v / s0 under dot.
template <typename T>
BasicMatrix<T> Gradients(const DenseKernelSpec& kernel, const DenseResult<T>& result,
                         const BasicMatrix<T>& states) {
  BasicMatrix<T> out(states.rows(), states.cols());
  for (size_t i = 0; i < out.rows(); ++i) {
    const DenseCueResult& cue = result.cues[i];
    if (cue.s0 == 0) continue;
    const double pull = cue.s1 / cue.s0;
    const double own = kernel.similarity == Similarity::kDot ? 1 : pull;
    for (size_t j = 0; j < out.cols(); ++j) {
      out.at(i, j) = static_cast<T>(own * static_cast<double>(states.at(i, j)) -
                                    pull * static_cast<double>(result.recalls.at(i, j)));
    }
  }
  return out;
}

bool HasGradient(const DenseKernelSpec& kernel, const DynamicsSpec& dynamics) {
  return dynamics.state == StateSpace::kFree &&
         (kernel.similarity == Similarity::kDot || kernel.similarity == Similarity::kL2) &&
         TraitsOf(kernel.separation).logarithm;
}

template <typename T>
DenseTask MakeTask(const DenseKernelSpec& kernel, const DenseInput<T>& input,
                   const DynamicsSpec& dynamics, size_t top) {
  const bool hetero = !input.values.empty();
  return {.kernel = kernel,
          .dynamics = dynamics,
          .output_dim = hetero ? input.values.cols : input.keys.cols,
          .auto_associative = !hetero,
          .top = top,
          .live_rows = input.keys.rows,
          .keep_trace = true};
}

template <typename T>
DenseResult<T> RunExact(const DenseTask& task, const DenseInput<T>& input, const Rows<T>& rows,
                        const DenseLayout& layout) {
  DenseRun<T> run(task, input.cues, input.mask);
  RunToTheEnd(run, rows, layout);
  DenseResult<T> result{.recalls = std::move(run.recalls())};
  for (DenseOutcome& outcome : run.outcomes()) result.cues.push_back(ToResult(std::move(outcome)));
  const BasicMatrixView<T> from = input.values.empty() ? input.keys : input.values;
  for (size_t i = 0; i < result.cues.size(); ++i) {  // of argmax: the best row, verbatim
    if (!result.cues[i].best_row) continue;
    std::copy_n(from.row(*result.cues[i].best_row).begin(), from.cols,
                result.recalls.row(i).begin());
  }
  if (task.auto_associative && HasGradient(task.kernel, task.dynamics)) {
    result.gradients = Gradients(task.kernel, result, run.last_states());
  }
  return result;
}

// Neuron by neuron, each cue by itself; then one pass at the state where it ended, for its figures.
template <typename T>
DenseResult<T> RunSweeps(DenseTask task, const DenseInput<T>& input, const Rows<T>& rows) {
  const BinaryPatterns patterns(input.keys, input.log_weights);
  BasicMatrix<T> ends(input.cues.rows, input.cues.cols);
  std::vector<SweepOutcome> outcomes;
  std::vector<int8_t> state(input.cues.cols);
  for (size_t cue = 0; cue < ends.rows(); ++cue) {
    for (size_t i = 0; i < state.size(); ++i) state[i] = input.cues.row(cue)[i] > 0 ? 1 : -1;
    Random order(task.dynamics.seed, cue + 1);
    outcomes.push_back(
        Sweep(task.kernel, patterns, task.dynamics.steps_max, order, std::span<int8_t>(state)));
    std::copy(state.begin(), state.end(), ends.row(cue).begin());
  }
  task.dynamics.steps_max = 1;
  DenseInput<T> at_ends = input;
  at_ends.cues = ends;
  DenseResult<T> result = RunExact(task, at_ends, rows, {});
  for (size_t cue = 0; cue < ends.rows(); ++cue) {
    DenseCueResult& to = result.cues[cue];
    to.status = outcomes[cue].settled ? AnswerStatus::kConverged : AnswerStatus::kMaxIterations;
    to.steps = outcomes[cue].sweeps;
    to.energies = std::move(outcomes[cue].energies);
  }
  result.recalls = std::move(ends);
  return result;
}

// One shard's share of the first pass: its best rows, and what it leaves out at most.
struct LocalBest {
  std::vector<uint64_t> rows;
  double best_score = 0;
  double worst_score = 0;
  uint64_t left_out = 0;
};

// By cue, then by shard. One pass over all rows, as if each shard lay on a machine of its own.
template <typename T>
std::vector<std::vector<LocalBest>> CollectLocalBest(DenseTask task, const DenseInput<T>& input,
                                                     const Rows<T>& rows,
                                                     const DenseLayout& layout) {
  task.kind = QueryKind::kList;
  task.output_dim = 0;
  task.top = layout.local_top;
  std::vector<std::vector<LocalBest>> best(input.cues.rows);
  for (size_t s = 0; s < layout.shards; ++s) {
    const size_t first = rows.size() * s / layout.shards;
    const size_t last = rows.size() * (s + 1) / layout.shards;
    if (first == last) continue;
    DenseRun<T> run(task, input.cues, input.mask);
    DensePartial partial = ProbeShard(run, rows, first, last, layout.tile_rows);
    run.Settle(partial);
    for (size_t cue = 0; cue < best.size(); ++cue) {
      const DenseOutcome& outcome = run.outcomes()[cue];
      if (outcome.top.empty()) continue;
      LocalBest local{.best_score = outcome.top.front().row.score,
                      .worst_score = outcome.top.back().row.score,
                      .left_out = last - first - outcome.top.size()};
      for (const ListedRow& listed : outcome.top) local.rows.push_back(listed.row.row_number);
      best[cue].push_back(std::move(local));
    }
  }
  return best;
}

// Σ_shards (rows left out) e^{β (worst score sent - best score of all)}.
double TruncationBound(const std::vector<LocalBest>& shards, double beta) {
  double best = -std::numeric_limits<double>::infinity();
  for (const LocalBest& shard : shards) best = std::max(best, shard.best_score);
  double bound = 0;
  for (const LocalBest& shard : shards) {
    bound += static_cast<double>(shard.left_out) * std::exp(beta * (shard.worst_score - best));
  }
  return bound;
}

template <typename T>
DenseResult<T> RunTruncated(const DenseTask& task, const DenseInput<T>& input, const Rows<T>& rows,
                            const DenseLayout& layout) {
  const auto best = CollectLocalBest(task, input, rows, layout);
  DenseResult<T> result{.recalls = BasicMatrix<T>(input.cues.rows, task.output_dim)};
  const size_t mask_bytes = (input.cues.cols + 7) / 8;
  for (size_t cue = 0; cue < input.cues.rows; ++cue) {
    std::vector<uint64_t> united;
    for (const LocalBest& shard : best[cue]) {
      united.insert(united.end(), shard.rows.begin(), shard.rows.end());
    }
    std::sort(united.begin(), united.end());
    DenseInput<T> one = input;
    one.cues = input.cues.slice(cue, 1);
    if (!input.mask.empty()) one.mask = input.mask.subspan(cue * mask_bytes, mask_bytes);
    const Rows<T> few = Prepare(input, united, task.kernel.similarity == Similarity::kCosine);
    DenseTask few_task = task;
    few_task.live_rows = few.size();
    DenseResult<T> answer = RunExact(few_task, one, few, {});
    answer.cues[0].truncation_bound = TruncationBound(best[cue], task.kernel.beta);
    std::copy_n(answer.recalls.row(0).begin(), task.output_dim, result.recalls.row(cue).begin());
    result.cues.push_back(std::move(answer.cues[0]));
  }
  return result;
}

}  // namespace

template <typename T>
absl::StatusOr<DenseResult<T>> RunDense(const DenseKernelSpec& kernel, const DenseInput<T>& input,
                                        const DynamicsSpec& dynamics, const DenseLayout& layout,
                                        size_t top) {
  MNEME_RETURN_IF_ERROR(CheckInput(input));
  MNEME_RETURN_IF_ERROR(CheckKernel(kernel, dynamics, layout));
  MNEME_RETURN_IF_ERROR(CheckBinary(kernel, input, dynamics));
  const DenseTask task = MakeTask(kernel, input, dynamics, top);
  const Rows<T> rows = Prepare(input, RowOrder(input.keys.rows, layout.shuffle_seed),
                               kernel.similarity == Similarity::kCosine);
  if (dynamics.state == StateSpace::kBinary && dynamics.update == BinaryUpdate::kSweep &&
      rows.size() > 0) {
    return RunSweeps(task, input, rows);
  }
  return layout.local_top > 0 ? RunTruncated(task, input, rows, layout)
                              : RunExact(task, input, rows, layout);
}

template absl::StatusOr<DenseResult<float>> RunDense(const DenseKernelSpec&,
                                                     const DenseInput<float>&, const DynamicsSpec&,
                                                     const DenseLayout&, size_t);
template absl::StatusOr<DenseResult<double>> RunDense(const DenseKernelSpec&,
                                                      const DenseInput<double>&,
                                                      const DynamicsSpec&, const DenseLayout&,
                                                      size_t);

}  // namespace mneme::models
