// The binary index on real or made-up vectors: how much of the exact top 10 its candidates hold, at
// what cost beside the float scan of the same run; and, as attention, what softmax over its
// candidates gives beside softmax over all.
#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/math/kernels.h"
#include "core/models/index/binary_index.h"
#include "core/models/index/calibration.h"
#include "core/models/index/rescore.h"
#include "tests/lab/experiments.h"
#include "tests/lab/float_scan.h"
#include "tests/lab/vector_cues.h"

namespace mneme::lab {
namespace {

using models::CandidateList;
using models::Similarity;

constexpr size_t kTop = 10;
constexpr size_t kRepeats = 3;      // of everything that is timed,
constexpr size_t kTimedCues = 16;   // of so many cues, or of one batch
constexpr size_t kCuesAtOnce = 64;  // where nothing is timed
constexpr size_t kRowsAtOnce = 4096;

math::HammingKernel ParseKernel(std::string_view name) {
  if (name == "avx512") return math::HammingKernel::kAvx512;
  if (name == "avx2") return math::HammingKernel::kAvx2;
  return name == "scalar" ? math::HammingKernel::kScalar : math::BestHammingKernel();
}

// Rows first, first + step, ... of the data, coded.
absl::StatusOr<std::shared_ptr<const models::BinaryView>> MakeView(
    const std::shared_ptr<const models::BinaryCode>& code, const models::ScanOptions& options,
    MatrixView rows, size_t first, size_t step) {
  MNEME_ASSIGN_OR_RETURN(const auto index, models::BinaryIndex::Make(code, options));
  for (size_t begin = first; begin < rows.rows; begin += step * kRowsAtOnce) {
    std::vector<uint64_t> numbers;
    for (size_t i = begin; i < std::min(rows.rows, begin + step * kRowsAtOnce); i += step) {
      numbers.push_back(i);
    }
    Matrix keys(numbers.size(), rows.cols);
    for (size_t i = 0; i < numbers.size(); ++i) {
      std::copy_n(rows.row(numbers[i]).data(), rows.cols, keys.row(i).data());
    }
    MNEME_RETURN_IF_ERROR(index->Add(keys, numbers));
  }
  return index->PublishBinary();
}

// Milliseconds a cue: the median over the batches of all repeats.
class Stopwatch {
 public:
  template <typename Work>
  auto Time(size_t cues, const Work& work) {
    const int64_t begin = Clock::Real().NowMonotonicNanos();
    auto result = work();
    const int64_t ns = Clock::Real().NowMonotonicNanos() - begin;
    times_.push_back(static_cast<double>(ns) / 1e6 / static_cast<double>(cues));
    return result;
  }
  double Median() {
    std::sort(times_.begin(), times_.end());
    return times_[times_.size() / 2];
  }

 private:
  std::vector<double> times_;
};

template <typename Visit>
absl::Status InBatches(size_t batch, MatrixView cues, const Visit& visit) {
  for (size_t first = 0; first < cues.rows; first += batch) {
    const size_t count = std::min(batch, cues.rows - first);
    MNEME_RETURN_IF_ERROR(visit(first, cues.slice(first, count)));
  }
  return absl::OkStatus();
}

// The cues that are timed, in batches of the size asked for.
template <typename Visit>
absl::Status InTimedBatches(const Parameters& parameters, MatrixView cues, const Visit& visit) {
  const size_t batch = std::min(parameters.Count("batch"), cues.rows);
  const size_t timed = std::min(cues.rows, std::max(kTimedCues, batch)) / batch * batch;
  for (size_t repeat = 0; repeat < kRepeats; ++repeat) {
    MNEME_RETURN_IF_ERROR(InBatches(batch, cues.slice(0, timed),
                                    [&](size_t, MatrixView block) { return visit(block); }));
  }
  return absl::OkStatus();
}

// The exact top 10 of each cue.
std::vector<std::set<uint64_t>> ExactTops(const VectorCues& data) {
  FloatScan scan(data.rows, data.store);
  std::vector<std::set<uint64_t>> out;
  for (size_t first = 0; first < data.cues.rows(); first += kCuesAtOnce) {
    const size_t count = std::min(kCuesAtOnce, data.cues.rows() - first);
    for (const auto& top : scan.Top(data.cues.view().slice(first, count), kTop)) {
      std::set<uint64_t>& rows = out.emplace_back();
      for (const models::ScoredRow& row : top) rows.insert(row.row_number);
    }
  }
  return out;
}

// What the index gives: the top 10, rescored or by codes alone.
absl::StatusOr<std::vector<std::vector<models::ScoredRow>>> IndexTops(
    const Parameters& parameters, const VectorCues& data, const models::BinaryView& view,
    MatrixView cues) {
  const size_t depth = std::max(parameters.Count("rescore_depth"), kTop);
  MNEME_ASSIGN_OR_RETURN(std::vector<CandidateList> lists, view.Candidates(cues, depth));
  if (parameters.Text("scores") == "binary") {
    for (CandidateList& list : lists) list.resize(std::min(list.size(), kTop));
  }
  return models::RescoreTop(data.store, Similarity::kDot, cues, lists, kTop);
}

absl::Status MeasureRecall(const Parameters& parameters, const VectorCues& data,
                           const models::BinaryView& view, Run& run) {
  const std::vector<std::set<uint64_t>> truth = ExactTops(data);
  const size_t depth = std::max(parameters.Count("rescore_depth"), kTop);
  uint64_t hits = 0, survivors = 0;
  const absl::Status asked =
      InBatches(kCuesAtOnce, data.cues, [&](size_t first, MatrixView cues) -> absl::Status {
        MNEME_ASSIGN_OR_RETURN(const auto tops, IndexTops(parameters, data, view, cues));
        MNEME_ASSIGN_OR_RETURN(const auto selections, view.Select(cues, depth));
        for (size_t c = 0; c < cues.rows; ++c) {
          survivors += selections[c].survivors;
          for (const models::ScoredRow& row : tops[c]) {
            hits += truth[first + c].contains(row.row_number) ? 1 : 0;
          }
        }
        return absl::OkStatus();
      });
  MNEME_RETURN_IF_ERROR(asked);
  const double cues = static_cast<double>(data.cues.rows());
  run.Measure("recall@10", static_cast<double>(hits) / (kTop * cues));
  run.Measure("survivors", static_cast<double>(survivors) / cues);
  return absl::OkStatus();
}

// Each batch is answered in all four ways before the next, so that a busy moment hits all of them.
absl::Status MeasureTimes(const Parameters& parameters, const VectorCues& data,
                          const models::BinaryView& view, Run& run) {
  const size_t depth = std::max(parameters.Count("rescore_depth"), kTop);
  FloatScan exact(data.rows, data.store);
  Stopwatch float_scan, float_top, scan, total;
  const absl::Status asked = InTimedBatches(parameters, data.cues, [&](MatrixView cues) {
    float_scan.Time(cues.rows, [&] { return exact.Score(cues), 0; });
    float_top.Time(cues.rows, [&] { return exact.Top(cues, kTop); });
    const auto lists = scan.Time(cues.rows, [&] { return view.Candidates(cues, depth); });
    const auto tops =
        total.Time(cues.rows, [&] { return IndexTops(parameters, data, view, cues); });
    return lists.ok() ? tops.status() : lists.status();
  });
  MNEME_RETURN_IF_ERROR(asked);
  run.Measure("scan_ms", scan.Median());
  run.Measure("total_ms", total.Median());
  run.Measure("float_scan_ms", float_scan.Median());
  run.Measure("float_ms", float_top.Median());
  run.Measure("scan_speedup", float_scan.Median() / scan.Median());
  run.Measure("total_speedup", float_top.Median() / total.Median());
  const size_t bytes = data.rows.rows() * view.code().words() * sizeof(uint64_t);
  run.Measure("scan_ms_floor", ReadingFloorMs(bytes));
  return absl::OkStatus();
}

// Cues whose candidates differ when the rows lie in several indexes.
absl::Status CompareShards(const Parameters& parameters, const VectorCues& data,
                           const models::ScanOptions& options, const models::BinaryView& whole,
                           const std::shared_ptr<const models::BinaryCode>& code, Run& run) {
  const size_t shards = parameters.Count("shards"), depth = parameters.Count("rescore_depth");
  std::vector<std::vector<CandidateList>> parts(data.cues.rows());
  for (size_t s = 0; s < shards; ++s) {
    MNEME_ASSIGN_OR_RETURN(const auto view, MakeView(code, options, data.rows, s, shards));
    MNEME_ASSIGN_OR_RETURN(const auto lists, view->Candidates(data.cues, depth));
    for (size_t c = 0; c < lists.size(); ++c) parts[c].push_back(lists[c]);
  }
  MNEME_ASSIGN_OR_RETURN(const auto expected, whole.Candidates(data.cues, depth));
  size_t different = 0;
  for (size_t c = 0; c < parts.size(); ++c) {
    different += models::MergeCandidates(parts[c], depth) == expected[c] ? 0 : 1;
  }
  run.Measure("shard_difference", static_cast<double>(different));
  return absl::OkStatus();
}

absl::Status MeasureCalibration(const Parameters& parameters, const VectorCues& data,
                                const models::BinaryView& view, Run& run) {
  FloatScan scan(data.rows, data.store);
  const models::ExactTop exact = [&](MatrixView cues, size_t k) { return scan.Top(cues, k); };
  MNEME_ASSIGN_OR_RETURN(const models::Calibration made,
                         models::Calibrate(view, data.store, Similarity::kDot, {}, exact,
                                           Clock::Real(), {.batch = parameters.Count("batch")}));
  run.Measure("index_on", made.use() ? 1 : 0);
  run.Measure("calibrated_depth", static_cast<double>(made.depth));
  run.Measure("calibrated_recall", made.recall.share);
  return absl::OkStatus();
}

// Softmax over rows: the weighted mean of the rows, weights exp(beta * score).
std::vector<double> Attend(const VectorCues& data, double beta, const std::vector<uint64_t>& rows,
                           const std::vector<double>& scores) {
  std::vector<double> out(data.rows.cols());
  const double most = *std::max_element(scores.begin(), scores.end());
  for (size_t i = 0; i < rows.size(); ++i) {
    const double weight = std::exp(beta * (scores[i] - most));
    for (size_t j = 0; j < out.size(); ++j) {
      out[j] += weight * static_cast<double>(data.rows.at(rows[i], j));
    }
  }
  return out;
}

double Cosine(const std::vector<double>& a, const std::vector<double>& b) {
  const double ab = std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
  const double aa = std::inner_product(a.begin(), a.end(), a.begin(), 0.0);
  const double bb = std::inner_product(b.begin(), b.end(), b.begin(), 0.0);
  return ab / std::sqrt(aa * bb);
}

// As attention: the candidates' output beside that of all rows, and what they hold of the exact
// best.
absl::Status MeasureAttention(const Parameters& parameters, const VectorCues& data,
                              const models::BinaryView& view, Run& run) {
  const double beta = parameters.Real("beta");
  const size_t depth = parameters.Count("rescore_depth");
  const bool rescored = parameters.Text("scores") == "rescored";
  std::vector<uint64_t> all(data.rows.rows());
  std::iota(all.begin(), all.end(), 0);
  MNEME_ASSIGN_OR_RETURN(const auto lists, view.Candidates(data.cues, depth));
  double cosine = 0, exact_cosine = 0, kept = 0, best = 0;
  for (size_t c = 0; c < data.cues.rows(); ++c) {
    std::vector<double> scores(all.size());
    for (const uint64_t i : all) {
      scores[i] = static_cast<double>(
          math::Dot(data.cues.row(c).data(), data.rows.row(i).data(), data.rows.cols()));
    }
    std::vector<uint64_t> order = all;
    std::stable_sort(order.begin(), order.end(),
                     [&](uint64_t a, uint64_t b) { return scores[a] > scores[b]; });
    order.resize(std::min(depth, order.size()));
    std::vector<uint64_t> found;
    std::vector<double> found_scores, order_scores;
    for (const models::Candidate& candidate : lists[c]) {
      found.push_back(candidate.row_number);
      found_scores.push_back(
          rescored ? scores[candidate.row_number]
                   : view.code().EstimatedCosine(static_cast<uint32_t>(candidate.distance)));
    }
    for (const uint64_t row : order) {
      order_scores.push_back(scores[row]);
      kept += std::find(found.begin(), found.end(), row) != found.end() ? 1 : 0;
    }
    best += std::find(found.begin(), found.end(), order[0]) != found.end() ? 1 : 0;
    const std::vector<double> full = Attend(data, beta, all, scores);
    cosine += Cosine(Attend(data, beta, found, found_scores), full);
    exact_cosine += Cosine(Attend(data, beta, order, order_scores), full);
  }
  const double cues = static_cast<double>(data.cues.rows());
  run.Measure("cosine", cosine / cues);
  run.Measure("cosine@exact", exact_cosine / cues);
  run.Measure("top_kept", kept / cues / static_cast<double>(std::min(depth, all.size())));
  run.Measure("best_kept", best / cues);
  return absl::OkStatus();
}

absl::Status RunBinaryIndex(const Parameters& parameters, Run& run) {
  MNEME_ASSIGN_OR_RETURN(const VectorCues data, MakeVectorCues(parameters, run));
  const models::BinaryCodeSpec spec = {.bits = parameters.Count("bits"),
                                       .rotation_seed = run.Stream(2).Next(),
                                       .centred = parameters.Text("centred") == "true"};
  const models::ScanOptions options = {.kernel = ParseKernel(parameters.Text("kernel")),
                                       .tile_size = parameters.Count("tile_size"),
                                       .tile_keep = parameters.Count("tile_keep")};
  MNEME_ASSIGN_OR_RETURN(const auto code,
                         models::BinaryCode::Make(spec, Similarity::kCosine, data.store));
  const int64_t begin = Clock::Real().NowMonotonicNanos();
  MNEME_ASSIGN_OR_RETURN(const auto view, MakeView(code, options, data.rows, 0, 1));
  const double ns = static_cast<double>(Clock::Real().NowMonotonicNanos() - begin);
  run.Measure("encode_us", ns / 1e3 / static_cast<double>(data.rows.rows()));
  run.Progress(0.4);
  if (parameters.Real("beta") > 0)
    MNEME_RETURN_IF_ERROR(MeasureAttention(parameters, data, *view, run));
  MNEME_RETURN_IF_ERROR(MeasureRecall(parameters, data, *view, run));
  run.Progress(0.7);
  MNEME_RETURN_IF_ERROR(MeasureTimes(parameters, data, *view, run));
  if (parameters.Count("shards") > 1) {
    MNEME_RETURN_IF_ERROR(CompareShards(parameters, data, options, *view, code, run));
  }
  if (parameters.Text("calibrate") == "true") {
    MNEME_RETURN_IF_ERROR(MeasureCalibration(parameters, data, *view, run));
  }
  return absl::OkStatus();
}

absl::Status Check(const Parameters& parameters) {
  if (parameters.Count("bits") % 64 != 0) {
    return BadFlag("bits", parameters.Text("bits"), "a multiple of 64, or 0: automatic");
  }
  if (parameters.Text("data") != kMadeUpVectors &&
      parameters.Count("cues") >= parameters.Count("n")) {
    return BadFlag("cues", parameters.Text("cues"), "less than n: they are held out of it");
  }
  if ((parameters.Count("tile_size") == 0) != (parameters.Count("tile_keep") == 0) ||
      parameters.Count("tile_keep") > parameters.Count("tile_size")) {
    return BadFlag("tile_keep", parameters.Text("tile_keep"), "1 to tile_size, or both 0");
  }
  if (parameters.Count("tile_size") > 0 && parameters.Count("shards") > 1) {
    return BadFlag("shards", parameters.Text("shards"),
                   "1 with tiles: what they select depends on where rows lie");
  }
  if (!math::HasHammingKernel(ParseKernel(parameters.Text("kernel")))) {
    return BadFlag("kernel", parameters.Text("kernel"), "one that this machine has");
  }
  return absl::OkStatus();
}

Flag Count(std::string_view name, std::string_view value, double least, double most,
           std::string_view help) {
  return {.name = name,
          .kind = FlagKind::kInteger,
          .default_value = value,
          .help = help,
          .least = least,
          .most = most};
}

Flag YesOrNo(std::string_view name, std::string_view value, std::string_view help) {
  return {.name = name,
          .kind = FlagKind::kChoice,
          .default_value = value,
          .help = help,
          .choices = {"true", "false"}};
}

}  // namespace

Experiment BinaryIndexExperiment() {
  return {
      .name = "binary-index",
      .summary = "candidates by bit codes: recall, survivors, time beside the float scan",
      .source = "CAMformer: a scan of 1-bit keys, two-stage selection, exact scores of survivors",
      .slope_of = "scan_ms",
      .flags = {{.name = "data",
                 .kind = FlagKind::kText,
                 .default_value = kMadeUpVectors,
                 .help = "gauss: random directions; glove, glove-all or a raw vector file: unit "
                         "vectors, of which cues are held out"},
                Count("n", "10000", 2, 1e7, "vectors: stored, with the cues held out of a file"),
                Count("d", "64", 2, kDimensionMax, "dimension of random directions"),
                Count("bits", "256", 0, models::kCodeBitsMax, "of a code; 0: automatic"),
                Count("rescore_depth", "400", 1, models::kCandidateDepthMax, "candidates"),
                YesOrNo("centred", "true", "codes of what differs from the mean"),
                Count("cues", "300", 1, 1e5, "asked for"),
                Count("batch", "1", 1, models::kCandidateCuesMax, "cues at once"),
                Count("tile_size", "0", 0, models::kTileRows, "rows of a tile; 0: no tiles"),
                Count("tile_keep", "0", 0, models::kTileRows, "nearest rows that a tile keeps"),
                {.name = "scores",
                 .kind = FlagKind::kChoice,
                 .default_value = "rescored",
                 .help = "by the rows, or by codes alone",
                 .choices = {"rescored", "binary"}},
                Count("shards", "1", 1, 64, "more than 1: also in so many indexes, merged"),
                {.name = "kernel",
                 .kind = FlagKind::kChoice,
                 .default_value = "auto",
                 .help = "instructions of the scan",
                 .choices = {"auto", "avx512", "avx2", "scalar"}},
                {.name = "beta",
                 .kind = FlagKind::kReal,
                 .default_value = "0",
                 .help = "sharpness of attention over the candidates; 0: not measured",
                 .least = 0},
                {.name = "noise",
                 .kind = FlagKind::kReal,
                 .default_value = "1.5",
                 .help = "length of what is added to a random direction to make a cue",
                 .least = 0},
                YesOrNo("calibrate", "false", "whether the index would be switched on")},
      .check = Check,
      .run = RunBinaryIndex,
  };
}

}  // namespace mneme::lab
