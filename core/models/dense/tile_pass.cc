#include "core/models/dense/tile_pass.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <type_traits>

#include "core/math/blas.h"
#include "core/math/kernels.h"
#include "core/models/dense/coded_scores.h"
#include "core/models/dense/separation.h"
#include "core/models/dense/tile_scores.h"

namespace mneme::models {
namespace {

// Weights below e^-kNatsOfWeight of the heaviest row so far are left out of the read-out.
template <typename T>
constexpr T kNatsOfWeight = std::is_same_v<T, float> ? 32 : 60;
// Rows within this many nats of the heaviest are scored again where rounding could be felt, ...
constexpr int kNatsRefined = 16;
// ... at most so many of a tile, the heaviest first (with more in play each weighs little), ...
constexpr size_t kRowsRefined = 64;
// ... when rounding may move an exponent by more than this.
constexpr double kExponentError = 2e-5;
// Of a coded tile: when more than this share of the rows must be scored for a read-out, all are.
constexpr size_t kRowsPerRefined = 4;

template <typename T>
constexpr T kLowest = std::numeric_limits<T>::lowest();

// One cue of a block at one tile.
template <typename T>
struct CueAtTile {
  const DenseKernelSpec& spec;
  const CueBlock<T>& block;
  size_t b;
  const BasicTileView<T>& tile;
  TileScratch<T>& scratch;
  T* scores;      // this cue's line of scratch.scores
  T score_error;  // 0: scores are RowScore's
  // Of a coded tile, whose score_error is 0: scratch.upper, and how far scores are off.
  T* upper = nullptr;
  T coded_error = 0;

  T Exact(size_t row) const { return RowScore(spec, block, b, tile, row); }
  T Exponent(size_t row) const {
    const T u = static_cast<T>(spec.beta) * Exact(row);
    return tile.log_weights == nullptr ? u : u + tile.log_weights[row];
  }
};

// The k-th largest of x, for k <= n. Small k by a sorted few, the rest by selection.
template <typename T>
T KthLargest(const T* x, size_t n, size_t k, std::vector<T>& sorted) {
  constexpr size_t kFew = 16;
  if (k > kFew) {
    sorted.assign(x, x + n);
    std::nth_element(sorted.begin(), sorted.begin() + (k - 1), sorted.end(), std::greater<T>());
    return sorted[k - 1];
  }
  std::array<T, kFew> best;
  best.fill(-std::numeric_limits<T>::infinity());
  for (size_t i = 0; i < n; ++i) {
    if (x[i] <= best[k - 1]) continue;
    size_t at = k - 1;
    for (; at > 0 && best[at - 1] < x[i]; --at) best[at] = best[at - 1];
    best[at] = x[i];
  }
  return best[k - 1];
}

// Whether the heaviest rows are scored again where they are weighed, as those that are listed are.
template <typename T>
bool RefinesWeights(const CueAtTile<T>& at) {
  return at.spec.similarity == Similarity::kL2 &&
         static_cast<double>(at.score_error) * at.spec.beta > 4 * kExponentError;
}

// What row `row`, listed with `score`, puts into the sums. (In double the two are as good as one.)
template <typename T>
float SummedScore(const CueAtTile<T>& at, size_t row, double score) {
  const bool as_scanned =
      at.upper != nullptr ? at.block.weigh[at.b] == 0
                          : std::is_same_v<T, float> && at.score_error > 0 && !RefinesWeights(at);
  return static_cast<float>(as_scanned ? at.scores[row] : static_cast<T>(score));
}

template <typename T>
void PushRow(const CueAtTile<T>& at, size_t row, double score, math::TopK<ScoredRow>& top) {
  const BasicTileView<T>& tile = at.tile;
  top.Push(
      {.score = score,
       .id = tile.ids + row,
       .row_number = tile.row_numbers[row],
       .log_weight = tile.log_weights == nullptr ? 0.0f : static_cast<float>(tile.log_weights[row]),
       .coded_score = SummedScore(at, row, score)});
}

// Lists the rows that may be among the best: all above what is certainly not.
template <typename T>
void ListBest(const CueAtTile<T>& at, math::TopK<ScoredRow>& top) {
  const size_t n = at.tile.rows;
  T bound = kLowest<T>;
  if (top.full()) {
    bound = std::max(bound, static_cast<T>(top.threshold()) - at.score_error);
  } else if (n > top.limit()) {
    const T kth = KthLargest(at.scores, n, top.limit(), at.scratch.sorted);
    bound = std::max(bound, kth - 2 * at.score_error);
  }
  std::vector<uint32_t>& index = at.scratch.index;
  const size_t count = math::CollectAtLeast(at.scores, n, bound, index.data());
  for (size_t i = 0; i < count; ++i) {
    const size_t row = index[i];
    PushRow(at, row, at.score_error > 0 ? at.Exact(row) : at.scores[row], top);
  }
}

// As ListBest, of a coded tile.
template <typename T>
void ListBestCoded(const CueAtTile<T>& at, math::TopK<ScoredRow>& top, CueSums& counts) {
  const size_t n = at.tile.rows;
  std::vector<uint32_t>& index = at.scratch.index;
  T bound = kLowest<T>;
  if (top.full()) {
    bound = static_cast<T>(top.threshold());
  } else if (n > top.limit()) {
    // Any `limit` rows bound the last place; the best by codes do it well.
    const T kth = KthLargest(at.scores, n, top.limit(), at.scratch.sorted);
    if (kth > kLowest<T>) {
      bound = std::numeric_limits<T>::infinity();
      const size_t count = math::CollectAtLeast(at.scores, n, kth, index.data());
      for (size_t i = 0; i < count; ++i) bound = std::min(bound, at.Exact(index[i]));
      counts.rescored += count;
    }
  }
  const size_t count = math::CollectAtLeast(at.upper, n, bound, index.data());
  counts.survived += count;
  for (size_t i = 0; i < count; ++i) {
    const size_t row = index[i];
    if (static_cast<double>(at.upper[row]) < top.threshold()) continue;
    PushRow(at, row, static_cast<double>(at.Exact(row)), top);
    ++counts.rescored;
  }
}

// Moments of the live rows, whose scores are finite.
template <typename T>
math::Moments LiveMoments(const CueAtTile<T>& at) {
  if (at.tile.dead_count() == 0) return math::MomentsOf(at.scores, at.tile.rows);
  std::vector<T>& live = at.scratch.sorted;
  live.clear();
  at.tile.VisitLive([&](size_t row) { live.push_back(at.scores[row]); });
  return math::MomentsOf(live.data(), live.size());
}

template <typename T>
void Rank(const CueAtTile<T>& at, const TileNeeds& needs, DensePartial& into) {
  const size_t place = at.block.first + at.b;
  if (needs.listed) {
    for (const uint32_t row : *needs.listed) {
      const double score = static_cast<double>(at.Exact(row));
      PushRow(at, row, score, into.tops[place]);
      into.sums[place].scores.Add(score);
    }
    return;
  }
  if (!into.tops.empty()) {
    at.upper == nullptr ? ListBest(at, into.tops[place])
                        : ListBestCoded(at, into.tops[place], into.sums[place]);
  }
  if (needs.moments) into.sums[place].scores.Merge(LiveMoments(at));
}

// Scores the heaviest rows again, where the matrix product may have lost their digits. `exponents`
// is the line of scores, turned into exponents.
template <typename T>
T RefineExponents(const CueAtTile<T>& at, T largest, double running_max) {
  const T beta = static_cast<T>(at.spec.beta);
  const T from = std::max(largest, static_cast<T>(running_max));
  std::vector<uint32_t>& index = at.scratch.index;
  size_t count = math::CollectAtLeast(at.scores, at.tile.rows, from - kNatsRefined, index.data());
  if (count > kRowsRefined) {
    std::nth_element(index.begin(), index.begin() + kRowsRefined, index.begin() + count,
                     [&at](uint32_t a, uint32_t b) { return at.scores[a] > at.scores[b]; });
    count = kRowsRefined;
  }
  for (size_t i = 0; i < count; ++i) {
    const size_t row = index[i];
    at.scores[row] = beta * at.Exact(row);
    if (at.tile.log_weights != nullptr) at.scores[row] += at.tile.log_weights[row];
  }
  return math::Max(at.scores, at.tile.rows);
}

// The rows of a coded tile whose weight may count in a read-out, into scratch.index: how many.
// Turns `upper` into exponents, as `scores` are already.
template <typename T>
size_t FindWeighty(const CueAtTile<T>& at, T largest, double running_max) {
  const size_t n = at.tile.rows;
  math::AffineMax(static_cast<T>(at.spec.beta), at.tile.log_weights, at.upper, n);
  std::vector<uint32_t>& index = at.scratch.index;
  math::CollectAtLeast(at.scores, n, largest, index.data());
  const T from = std::max(static_cast<T>(running_max), at.Exponent(index[0]));
  return math::CollectAtLeast(at.upper, n, from - kNatsOfWeight<T>, index.data());
}

// The exponents of these by their keys (of all live rows when they are many), one behind the other
// in scratch.sorted; their rows stay in scratch.index.
template <typename T>
size_t GatherWeighty(const CueAtTile<T>& at, T largest, CueSums& sums) {
  const size_t n = at.tile.rows;
  std::vector<uint32_t>& index = at.scratch.index;
  size_t count = FindWeighty(at, largest, sums.m);
  sums.survived += count;
  if (count * kRowsPerRefined > n) {
    count = math::CollectAtLeast(at.upper, n, kLowest<T>, index.data());
  }
  std::vector<T>& exponents = at.scratch.sorted;
  exponents.resize(count);
  for (size_t i = 0; i < count; ++i) exponents[i] = at.Exponent(index[i]);
  sums.rescored += count;
  return count;
}

// exp: scores -> exponents -> weights relative to the running maximum. Gives the factor for what
// was summed before. Of a coded tile whose sums are to be those of the keys only rows that may
// count are looked at; the others weigh nothing.
template <typename T>
double SeparateExp(const CueAtTile<T>& at, DensePartial& into) {
  CueSums& sums = into.sums[at.block.first + at.b];
  const size_t n = at.tile.rows;
  const T beta = static_cast<T>(at.spec.beta);
  T largest = math::AffineMax(beta, at.tile.log_weights, at.scores, n);
  if (RefinesWeights(at)) {
    largest = RefineExponents(at, largest, sums.m);
  }
  T* exponents = at.scores;
  size_t count = n;
  const bool gathered = at.upper != nullptr && at.block.weigh[at.b] != 0 && largest > kLowest<T>;
  if (gathered) {
    count = GatherWeighty(at, largest, sums);
    exponents = at.scratch.sorted.data();
    largest = math::Max(exponents, count);
  }
  if (largest == -std::numeric_limits<T>::infinity()) {
    std::fill_n(at.scores, n, T(0));
    sums.n += gathered ? n - at.tile.dead_count() : 0;
    return 1;
  }
  const T shift = static_cast<T>(std::max(sums.m, static_cast<double>(largest)));
  const double m = static_cast<double>(shift);
  const double keep = std::exp(sums.m - m);  // 0 where nothing was summed yet
  const math::ExpSums<T> added = math::ExpShift(shift, exponents, count);
  sums.m = m;
  sums.s0 = sums.s0 * keep + static_cast<double>(added.sum);
  sums.s1 = sums.s0;
  sums.s2 = sums.s2 * keep * keep + static_cast<double>(added.sum_squares);
  sums.extra *= keep;
  sums.loose *= keep;
  if (at.upper != nullptr && !gathered) {
    sums.loose += static_cast<double>(added.sum) *
                  std::expm1(at.spec.beta * static_cast<double>(at.coded_error));
  }
  sums.n += n - at.tile.dead_count();
  if (gathered && !into.outputs.empty()) {
    std::fill_n(at.scores, n, T(0));
    for (size_t i = 0; i < count; ++i) at.scores[at.scratch.index[i]] = exponents[i];
  }
  return keep;
}

// A row number, well mixed: the finaliser of splitmix64.
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// A line of scores into weights by value and slope, which are added to the sums.
template <typename T, typename F>
void SeparatePlain(const CueAtTile<T>& at, const F& f, CueSums& sums) {
  const T beta = static_cast<T>(at.spec.beta);
  for (size_t i = 0; i < at.tile.rows; ++i) {
    if (at.tile.IsDead(i)) {
      at.scores[i] = 0;
      continue;
    }
    const T u = beta * at.scores[i];
    const T weight = at.tile.log_weights == nullptr ? T(1) : std::exp(at.tile.log_weights[i]);
    const T slope = weight * f.Slope(u);
    sums.m = 0;
    sums.s0 += static_cast<double>(weight * f.Value(u));
    sums.s1 += static_cast<double>(slope);
    sums.s2 += static_cast<double>(slope * slope);
    if constexpr (requires { f.Turn(u); }) sums.turn += static_cast<double>(weight * f.Turn(u));
    if (slope > 0) {
      ++sums.n;
      sums.support ^= Mix(at.tile.row_numbers[i]);
    }
    at.scores[i] = slope;
  }
}

// Near the edge of the support one bit decides; it is taken from the exact score.
template <typename T>
void RefineEdge(const CueAtTile<T>& at) {
  const T beta = static_cast<T>(at.spec.beta);
  const T reach = beta * 4 * at.score_error;
  for (size_t i = 0; i < at.tile.rows; ++i) {
    if (std::abs(1 + beta * at.scores[i]) < reach) at.scores[i] = at.Exact(i);
  }
}

// Turns scores into weights, adds them to the sums, and gives the factor for what was summed
// before.
template <typename T>
double Separate(const CueAtTile<T>& at, const TileNeeds& needs, DensePartial& into) {
  return VisitSeparation(at.spec, [&](const auto& f) -> double {
    using F = std::decay_t<decltype(f)>;
    if constexpr (F::kTraits.sums == SumKind::kExponential) {
      return SeparateExp(at, into);
    } else if constexpr (F::kTraits.sums == SumKind::kNone) {
      std::fill_n(at.scores, at.tile.rows, T(0));
    } else {
      CueSums& sums = into.sums[at.block.first + at.b];
      if (F::kTraits.finite_support && at.score_error > 0) RefineEdge(at);
      if (needs.binary) {
        SeparatePlain(at, BinaryDifference<F>{f, at.spec.beta}, sums);
      } else {
        SeparatePlain(at, f, sums);
      }
    }
    return 1;
  });
}

// The rows of a line of weights that count.
template <typename T>
size_t CollectWeighty(const DenseKernelSpec& spec, const T* weights, size_t n,
                      std::vector<uint32_t>& index) {
  if (TraitsOf(spec.separation).sums == SumKind::kExponential) {
    return math::CollectAtLeast(weights, n, std::exp(-kNatsOfWeight<T>), index.data());
  }
  size_t count = 0;
  for (size_t i = 0; i < n; ++i) {
    if (weights[i] != 0) index[count++] = static_cast<uint32_t>(i);  // powers may be negative
  }
  return count;
}

template <typename T>
void AddToOutputs(const T* from, double keep, std::span<double> to) {
  for (size_t j = 0; j < to.size(); ++j) to[j] = to[j] * keep + static_cast<double>(from[j]);
}

// The second half: outputs = outputs * keep + weights * values. Lines of few weighty rows take only
// those; where most rows of the block weigh something, one matrix product does all.
template <typename T>
void AddOutputs(const DenseKernelSpec& spec, const CueBlock<T>& block, const BasicTileView<T>& tile,
                std::span<const double> keep, TileScratch<T>& scratch, DensePartial& into) {
  const size_t n = tile.rows, d = tile.output_dim();
  std::array<size_t, kCuesPerBlock> counts;
  size_t total = 0;
  for (size_t b = 0; b < block.count; ++b) {
    counts[b] = CollectWeighty(spec, scratch.scores.data() + b * n, n, scratch.index);
    total += counts[b];
  }
  scratch.outputs.assign(block.count * d, T(0));
  const bool product = block.count >= 4 && total * 8 > block.count * n;
  if (product) {
    math::Gemm(math::Transpose::kNo, math::Transpose::kNo, block.count, d, n, T(1),
               scratch.scores.data(), n, tile.outputs(), d, T(0), scratch.outputs.data(), d);
  }
  for (size_t b = 0; b < block.count; ++b) {
    const size_t place = block.first + b;
    T* line = scratch.scores.data() + b * n;
    const size_t count = counts[b] == 0 ? 0 : CollectWeighty(spec, line, n, scratch.index);
    double extra = 0;
    for (size_t i = 0; i < count; ++i) {
      const uint32_t row = scratch.index[i];
      scratch.weights[i] = line[row];
      if (tile.extra != nullptr) extra += static_cast<double>(line[row] * tile.extra[row]);
    }
    into.sums[place].extra += extra;
    T* added = scratch.outputs.data() + b * d;
    if (!product) {
      math::AddScaledRows(tile.outputs(), d, scratch.index.data(), scratch.weights.data(), count, d,
                          added);
    }
    if (count > 0 || keep[b] != 1) AddToOutputs(added, keep[b], into.outputs.row(place));
  }
}

}  // namespace

template <typename T>
void PassTile(const DenseKernelSpec& spec, const CueBlock<T>& block, const BasicTileView<T>& tile,
              const TileNeeds& needs, DensePartial& into) {
  const size_t n = tile.rows;
  if (n == tile.dead_count()) return;
  thread_local TileScratch<T> scratch;
  if (scratch.index.size() < n + 32) {
    scratch.index.resize(n + 32);
    scratch.weights.resize(n);
  }
  bool from_product = false, coded = false;
  if constexpr (std::is_same_v<T, float>) {
    coded = block.codes != nullptr && tile.coded_rows > 0;
    if (coded) MultiplyCodes(block, tile, scratch);
  }
  if (!coded) from_product = ScoreTile(spec, block, tile, scratch);
  const T norm_max = from_product ? math::Max(tile.squared_norms, n) : T(0);
  std::array<double, kCuesPerBlock> keep;
  for (size_t b = 0; b < block.count; ++b) {
    T coded_error = 0;
    if constexpr (std::is_same_v<T, float>) {
      if (coded) coded_error = ScoreByCodes(spec, block, b, tile, scratch);
    }
    const CueAtTile<T> at = {
        .spec = spec,
        .block = block,
        .b = b,
        .tile = tile,
        .scratch = scratch,
        .scores = scratch.scores.data() + b * n,
        .score_error = from_product ? ScoreError(spec, block, b, norm_max) : T(0),
        .upper = coded ? scratch.upper.data() : nullptr,
        .coded_error = coded_error};
    if (tile.dead_count() > 0) {
      for (size_t i = 0; i < n; ++i) {
        if (!tile.IsDead(i)) continue;
        at.scores[i] = -std::numeric_limits<T>::infinity();
        if (coded) at.upper[i] = -std::numeric_limits<T>::infinity();
      }
    }
    Rank(at, needs, into);
    keep[b] = Separate(at, needs, into);
  }
  if (!into.outputs.empty())
    AddOutputs(spec, block, tile, {keep.data(), block.count}, scratch, into);
}

bool CodesSpareKeys(const DenseKernelSpec& spec, const CueBlock<float>& block, size_t b,
                    const BasicTileView<float>& tile) {
  TileScratch<float> scratch;
  scratch.index.resize(tile.rows + 32);
  const CueBlock<float> one = {.count = 1,
                               .cues = block.cues + b * tile.key_dim,
                               .squared_norms = block.squared_norms + b,
                               .codes = block.codes + b};
  MultiplyCodes(one, tile, scratch);
  const float error = ScoreByCodes(spec, one, 0, tile, scratch);
  const CueAtTile<float> at = {.spec = spec,
                               .block = one,
                               .b = 0,
                               .tile = tile,
                               .scratch = scratch,
                               .scores = scratch.scores.data(),
                               .score_error = 0,
                               .upper = scratch.upper.data(),
                               .coded_error = error};
  const float largest =
      math::AffineMax(static_cast<float>(spec.beta), tile.log_weights, at.scores, tile.rows);
  const double none = -std::numeric_limits<double>::infinity();
  return FindWeighty(at, largest, none) * kRowsPerRefined <= tile.rows;
}

template void PassTile(const DenseKernelSpec&, const CueBlock<float>&, const BasicTileView<float>&,
                       const TileNeeds&, DensePartial&);
template void PassTile(const DenseKernelSpec&, const CueBlock<double>&,
                       const BasicTileView<double>&, const TileNeeds&, DensePartial&);

}  // namespace mneme::models
