#include "core/models/index/calibration.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/random.h"
#include "core/base/status.h"
#include "core/models/index/rescore.h"

namespace mneme::models {
namespace {

constexpr double kNormalQuantile95 = 1.959963984540054;
constexpr size_t kTopMax = 1000;
constexpr uint64_t kNobody = std::numeric_limits<uint64_t>::max();

absl::Status Bad(std::string_view what, std::string_view given, std::string_view expected) {
  return InvalidArgument(absl::StrCat("calibration: ", AbslView(what), " is ", AbslView(given)),
                         {.reason = "CALIBRATION",
                          .given = std::string(given),
                          .expected = std::string(expected),
                          .next_step = "Choose a number in this range."});
}

absl::Status Check(const CalibrationOptions& options, MatrixView given_cues) {
  if (!(options.target_recall > 0 && options.target_recall <= 1)) {
    return Bad("target_recall", absl::StrCat(options.target_recall), "above 0, at most 1");
  }
  if (options.k < 1 || options.k > kTopMax) {
    return Bad("k", absl::StrCat(options.k), absl::StrCat("1 to ", kTopMax));
  }
  if (options.stored_cues > kCalibrationCuesMax || given_cues.rows > kCalibrationCuesMax) {
    return Bad("the number of cues", absl::StrCat(std::max(options.stored_cues, given_cues.rows)),
               absl::StrCat("at most ", kCalibrationCuesMax));
  }
  if (options.stored_cues + given_cues.rows == 0) {
    return Bad("the number of cues", "0", "at least 1");
  }
  if (options.batch < 1 || options.batch > kCandidateCuesMax) {
    return Bad("batch", absl::StrCat(options.batch), absl::StrCat("1 to ", kCandidateCuesMax));
  }
  if (options.least_depth < 1 || options.most_depth < options.least_depth ||
      options.most_depth >= kCandidateDepthMax) {
    return Bad("depth", absl::StrCat(options.least_depth, " to ", options.most_depth),
               absl::StrCat("1 to ", kCandidateDepthMax - 1));
  }
  return absl::OkStatus();
}

// Cues, and the row that each is a copy of.
struct Cues {
  Matrix vectors;
  std::vector<uint64_t> own_rows;  // kNobody: of none

  size_t count() const { return own_rows.size(); }
};

Cues ChooseCues(const StoreView& store, MatrixView given, const CalibrationOptions& options) {
  std::vector<RowPosition> live;
  for (size_t i = 0; i < store.tiles(); ++i) {
    store.tile(i).VisitLive([&](size_t row) {
      live.push_back({.tile = static_cast<uint32_t>(i), .row = static_cast<uint32_t>(row)});
    });
  }
  Random random(options.seed);
  random.Shuffle(std::span<RowPosition>(live));
  live.resize(std::min(live.size(), options.stored_cues));
  const size_t dim = store.tile(0).key_dim;
  Cues out{.vectors = Matrix(live.size() + given.rows, dim)};
  for (const RowPosition& at : live) {
    const TileView tile = store.tile(at.tile);
    std::copy_n(tile.keys + at.row * dim, dim, out.vectors.row(out.count()).data());
    out.own_rows.push_back(tile.row_numbers[at.row]);
  }
  for (size_t i = 0; i < given.rows; ++i) {
    std::copy_n(given.row(i).data(), dim, out.vectors.row(out.count()).data());
    out.own_rows.push_back(kNobody);
  }
  return out;
}

// The first k rows of a list, without the cue itself.
std::vector<uint64_t> TopRows(const std::vector<ScoredRow>& list, uint64_t own, size_t k) {
  std::vector<uint64_t> out;
  for (const ScoredRow& row : list) {
    if (row.row_number != own && out.size() < k) out.push_back(row.row_number);
  }
  return out;
}

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// A pass over the cues, one of the first `most` there may be.
struct Pass {
  size_t number = 0;
  size_t most = 1;
};

// Calls visit(first, cues) for each batch.
template <typename Visit>
absl::Status InBatches(const Cues& cues, const CalibrationOptions& options, Pass pass,
                       const Visit& visit) {
  for (size_t first = 0; first < cues.count(); first += options.batch) {
    const size_t count = std::min(options.batch, cues.count() - first);
    MNEME_RETURN_IF_ERROR(visit(first, cues.vectors.view().slice(first, count)));
    const double done = static_cast<double>(first + count) / static_cast<double>(cues.count());
    const double share = (static_cast<double>(pass.number) + done) / static_cast<double>(pass.most);
    if (options.progress && !options.progress(share)) {
      return absl::CancelledError("the calibration was stopped");
    }
  }
  return absl::OkStatus();
}

struct Truth {
  std::vector<std::vector<uint64_t>> rows;  // of each cue
  double ns = 0;                            // a cue
};

absl::StatusOr<Truth> AskExact(const Cues& cues, const ExactTop& exact, const Clock& clock,
                               const CalibrationOptions& options, Pass pass) {
  Truth out;
  std::vector<double> times;
  MNEME_RETURN_IF_ERROR(
      InBatches(cues, options, pass, [&](size_t first, MatrixView batch) -> absl::Status {
        const int64_t begin = clock.NowMonotonicNanos();
        MNEME_ASSIGN_OR_RETURN(const auto lists, exact(batch, options.k + 1));
        times.push_back(static_cast<double>(clock.NowMonotonicNanos() - begin) /
                        static_cast<double>(batch.rows));
        for (size_t i = 0; i < lists.size(); ++i) {
          out.rows.push_back(TopRows(lists[i], cues.own_rows[first + i], options.k));
        }
        return absl::OkStatus();
      }));
  out.ns = Median(times);
  return out;
}

absl::StatusOr<DepthResult> MeasureDepth(const CandidateView& view, const StoreView& store,
                                         Similarity similarity, const Cues& cues,
                                         const Truth& truth, size_t depth, const Clock& clock,
                                         const CalibrationOptions& options, Pass pass) {
  std::vector<double> scans, rescores;
  uint64_t hits = 0, trials = 0;
  MNEME_RETURN_IF_ERROR(
      InBatches(cues, options, pass, [&](size_t first, MatrixView batch) -> absl::Status {
        const double count = static_cast<double>(batch.rows);
        const int64_t begin = clock.NowMonotonicNanos();
        // One more, for the cue itself is among those of a stored row.
        MNEME_ASSIGN_OR_RETURN(const std::vector<CandidateList> lists,
                               view.Candidates(batch, depth + 1));
        const int64_t between = clock.NowMonotonicNanos();
        const auto tops = RescoreTop(store, similarity, batch, lists, options.k + 1);
        scans.push_back(static_cast<double>(between - begin) / count);
        rescores.push_back(static_cast<double>(clock.NowMonotonicNanos() - between) / count);
        for (size_t i = 0; i < batch.rows; ++i) {
          const std::vector<uint64_t> found = TopRows(tops[i], cues.own_rows[first + i], options.k);
          for (const uint64_t row : truth.rows[first + i]) {
            ++trials;
            if (std::find(found.begin(), found.end(), row) != found.end()) ++hits;
          }
        }
        return absl::OkStatus();
      }));
  return DepthResult{.depth = depth,
                     .recall = WilsonShare(hits, trials),
                     .candidates_ns = Median(scans),
                     .rescore_ns = Median(rescores)};
}

// Those to be tried, one after another, in a memory of so many rows.
std::vector<size_t> Depths(const CalibrationOptions& options, uint64_t rows) {
  std::vector<size_t> out;
  for (size_t depth = options.least_depth; depth <= options.most_depth && depth + 1 < rows;
       depth *= 2) {
    out.push_back(std::max(depth, options.k));
  }
  return out;
}

// The verdict on the last line of the table.
void Judge(Calibration& out, const CalibrationOptions& options) {
  const DepthResult& last = out.table.back();
  const double ns = last.candidates_ns + last.rescore_ns;
  out.recall = last.recall;
  if (last.recall.share < options.target_recall) {
    out.verdict = IndexVerdict::kRecallTooLow;
    out.why = absl::StrFormat("with %d candidates a recall of %.4f was measured, the target is %g",
                              last.depth, last.recall.share, options.target_recall);
  } else if (ns >= out.exact_ns) {
    out.verdict = IndexVerdict::kExactIsFaster;
    out.why = absl::StrFormat(
        "with %d candidates a cue takes %.1f us, the exact scan in batches of %d takes %.1f us",
        last.depth, ns / 1000, options.batch, out.exact_ns / 1000);
  } else {
    out.verdict = IndexVerdict::kUse;
    out.depth = last.depth;
    out.why = absl::StrFormat("with %d candidates a recall of %.4f [%.4f, %.4f] was measured",
                              last.depth, last.recall.share, last.recall.low, last.recall.high);
  }
}

}  // namespace

MeasuredShare WilsonShare(uint64_t hits, uint64_t trials) {
  if (trials == 0) return {};
  const double n = static_cast<double>(trials), p = static_cast<double>(hits) / n;
  const double z2 = kNormalQuantile95 * kNormalQuantile95;
  const double center = (p + z2 / (2 * n)) / (1 + z2 / n);
  const double half =
      kNormalQuantile95 / (1 + z2 / n) * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n));
  return {.share = p, .low = std::max(0.0, center - half), .high = std::min(1.0, center + half)};
}

std::string_view Name(IndexVerdict verdict) {
  switch (verdict) {
    case IndexVerdict::kUse:
      return "use";
    case IndexVerdict::kTooFewRows:
      return "too few rows";
    case IndexVerdict::kRecallTooLow:
      return "recall too low";
    case IndexVerdict::kExactIsFaster:
      return "the exact scan is faster";
  }
  return "?";
}

absl::StatusOr<Calibration> Calibrate(const CandidateView& view, const StoreView& store,
                                      Similarity similarity, MatrixView given_cues,
                                      const ExactTop& exact, const Clock& clock,
                                      const CalibrationOptions& options) {
  MNEME_RETURN_IF_ERROR(Check(options, given_cues));
  Calibration out{.rows = store.live_rows()};
  if (view.live_rows() != store.live_rows()) {
    return Internal("calibration: the index and the store hold different rows");
  }
  if (out.rows <= options.least_depth + 1) {
    out.why = absl::StrCat("there are ", out.rows, " rows, and ", options.least_depth,
                           " candidates would be scored anyway");
    return out;
  }
  if (given_cues.rows > 0 && given_cues.cols != view.key_dim()) {
    return Bad("the dimension of given cues", absl::StrCat(given_cues.cols),
               absl::StrCat(view.key_dim()));
  }
  const Cues cues = ChooseCues(store, given_cues, options);
  const std::vector<size_t> depths = Depths(options, out.rows);
  Pass pass{.most = 1 + depths.size()};
  MNEME_ASSIGN_OR_RETURN(const Truth truth, AskExact(cues, exact, clock, options, pass));
  out.exact_ns = truth.ns;
  for (const size_t depth : depths) {
    ++pass.number;
    MNEME_ASSIGN_OR_RETURN(
        const DepthResult result,
        MeasureDepth(view, store, similarity, cues, truth, depth, clock, options, pass));
    out.table.push_back(result);
    if (result.recall.share >= options.target_recall) break;
  }
  Judge(out, options);
  return out;
}

}  // namespace mneme::models
