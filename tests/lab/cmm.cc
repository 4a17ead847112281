// Correlation-matrix memory: how many of n stored associations does it rank first, or within a
// list?
#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/status.h"
#include "core/theory/cmm.h"
#include "core/theory/effective_dimension.h"
#include "tests/lab/experiments.h"
#include "tests/lab/memory_session.h"
#include "tests/lab/random_items.h"

namespace mneme::lab {
namespace {

constexpr size_t kCueBatch = 256;
constexpr uint64_t kDimensionPairsPerItem = 100;  // random pairs that measure d_eff
constexpr uint64_t kDimensionPairsMax = 200'000;

// The points of --lists, as typed and as numbers.
std::vector<std::pair<std::string, double>> ListsOf(const Parameters& parameters) {
  const std::vector<std::string> labels = absl::StrSplit(parameters.Text("lists"), ',');
  const MatrixD shares = parameters.Numbers("lists");
  std::vector<std::pair<std::string, double>> out;
  for (size_t i = 0; i < labels.size(); ++i) out.emplace_back(labels[i], shares.flat()[i]);
  return out;
}

size_t ListItems(double share, size_t n) {
  return static_cast<size_t>(theory::ListSize(share, static_cast<double>(n)));
}

absl::Status Check(const Parameters& parameters) {
  if (parameters.Numbers("lists").rows() != 1) {
    return BadFlag("lists", parameters.Text("lists"), "one row of shares");
  }
  return absl::OkStatus();
}

// Place of item i in the answer to its own cue, 1 for the first; nullopt below the list.
std::optional<size_t> RankOf(uint64_t item, const models::CueAnswer& answer) {
  for (size_t place = 0; place < answer.top.size(); ++place) {
    if (answer.top[place].row == item) return place + 1;
  }
  return std::nullopt;
}

absl::StatusOr<std::vector<size_t>> Ranks(const MemorySession& memory, MatrixView cues, size_t list,
                                          Run& run) {
  std::vector<size_t> ranks;
  for (size_t first = 0; first < cues.rows; first += kCueBatch) {
    const size_t count = std::min(kCueBatch, cues.rows - first);
    MNEME_ASSIGN_OR_RETURN(const models::Answer answer,
                           memory.Ask({.cues = cues.slice(first, count)},
                                      {.kind = models::QueryKind::kList, .top = list}));
    for (size_t i = 0; i < count; ++i) {
      MNEME_RETURN_IF_ERROR(answer.cues[i].error);
      ranks.push_back(RankOf(first + i, answer.cues[i]).value_or(list + 1));
    }
    run.Progress(static_cast<double>(first + count) / static_cast<double>(cues.rows));
  }
  return ranks;
}

absl::Status MeasureDimension(std::string name, MatrixView rows, Run& run, uint64_t purpose) {
  Random random = run.Stream(purpose);
  const uint64_t pairs = std::min(rows.rows * kDimensionPairsPerItem, kDimensionPairsMax);
  MNEME_ASSIGN_OR_RETURN(const double d_eff, theory::EffectiveDimension(rows, pairs, random));
  run.Measure(std::move(name), d_eff);
  return absl::OkStatus();
}

absl::Status RunCmm(const Parameters& parameters, Run& run) {
  const size_t n = parameters.Count("n");
  const bool unit = parameters.Text("items") == "unit";
  Random keys_random = run.Stream(1), values_random = run.Stream(2), cues_random = run.Stream(3);
  const Matrix keys =
      RandomItems(n, parameters.Count("d_k"), parameters.Real("spectrum"), unit, keys_random);
  const Matrix values =
      RandomItems(n, parameters.Count("d_v"), parameters.Real("spectrum"), unit, values_random);
  const models::MemorySpec spec = {
      .key_dim = keys.cols(),
      .response_dim = values.cols(),
      .model =
          models::LinearSpec{.rule = models::LinearRule::kCmm,
                             .partitions = static_cast<uint32_t>(parameters.Count("partitions")),
                             .normalize_keys = unit,
                             .normalize_responses = unit}};
  MNEME_ASSIGN_OR_RETURN(const MemorySession memory, MemorySession::Store(spec, keys, values));

  const auto lists = ListsOf(parameters);
  size_t longest = 1;
  for (const auto& [label, share] : lists) longest = std::max(longest, ListItems(share, n));
  const Matrix cues = TurnedRows(keys, parameters.Real("query_cosine"), cues_random);
  MNEME_ASSIGN_OR_RETURN(const std::vector<size_t> ranks, Ranks(memory, cues, longest, run));

  const auto share_within = [&](size_t list) {
    const auto hits =
        std::count_if(ranks.begin(), ranks.end(), [&](size_t r) { return r <= list; });
    return static_cast<double>(hits) / static_cast<double>(n);
  };
  run.Measure("top1", share_within(1));
  for (const auto& [label, share] : lists) {
    run.Measure(absl::StrCat("hit@", label), share_within(ListItems(share, n)));
  }
  run.Measure("all_top1", share_within(1) == 1 ? 1 : 0);
  MNEME_RETURN_IF_ERROR(MeasureDimension("d_eff_k", keys, run, 4));
  return MeasureDimension("d_eff_v", values, run, 5);
}

// The laws are for unit items; those of a spectrum enter by their effective dimension. The
// finite-size law knows neither turned cues nor lists over partitions.
void PredictCmm(const Parameters& parameters, const Quantities& measured, Quantities& predicted) {
  const bool isotropic = parameters.Real("spectrum") == 0;
  const theory::CmmShape shape = {
      .d_k = isotropic ? parameters.Real("d_k") : measured.Find("d_eff_k").value(),
      .d_v = isotropic ? parameters.Real("d_v") : measured.Find("d_eff_v").value(),
      .n = parameters.Real("n")};
  const double partitions = parameters.Real("partitions"), cosine = parameters.Real("query_cosine");
  if (parameters.Text("items") == "unit" && cosine == 1) {
    predicted.Set("top1", theory::CmmPartitionedTop1(shape, partitions));
    if (partitions == 1) {
      for (const auto& [label, share] : ListsOf(parameters)) {
        predicted.Set(absl::StrCat("hit@", label),
                      theory::CmmHit(shape, theory::ListSize(share, shape.n)));
      }
      predicted.Set("all_top1", theory::CmmAllTop1(shape));
    }
  }
  if (partitions == 1) {
    for (const auto& [label, share] : ListsOf(parameters)) {
      if (share == 1) continue;
      predicted.Set(absl::StrCat("hit_asymptotic@", label),
                    theory::CmmAsymptoticHit(shape.load(), share, cosine));
    }
  }
  if (isotropic && parameters.Text("items") == "unit") {
    predicted.Set("d_eff_k", shape.d_k);
    predicted.Set("d_eff_v", shape.d_v);
  }
}

}  // namespace

Experiment CmmExperiment() {
  return {
      .name = "cmm",
      .summary = "correlation-matrix memory: share of associations ranked first, or within a list",
      .source = "finite-size and asymptotic laws of linear associative memory; Kohonen 1972",
      .slope_of = "top1",
      .flags = {KeyDimension(),
                ResponseDimension(),
                {.name = "n",
                 .kind = FlagKind::kInteger,
                 .default_value = "400",
                 .unit = "items",
                 .help = "associations stored",
                 .least = 2,
                 .most = 1e6},
                {.name = "partitions",
                 .kind = FlagKind::kInteger,
                 .default_value = "1",
                 .unit = "matrices",
                 .help = "independent matrices that items are hashed to",
                 .least = 1,
                 .most = 1024},
                {.name = "query_cosine",
                 .kind = FlagKind::kReal,
                 .default_value = "1",
                 .help = "cosine between cue and stored key",
                 .least = 0,
                 .most = 1,
                 .above_least = true},
                {.name = "items",
                 .kind = FlagKind::kChoice,
                 .default_value = "unit",
                 .help = "unit length, or raw Gaussian",
                 .choices = {"unit", "gauss"}},
                {.name = "spectrum",
                 .kind = FlagKind::kReal,
                 .default_value = "0",
                 .help = "covariance eigenvalue i falls as i^-spectrum; 0: isotropic",
                 .least = 0,
                 .most = 4},
                {.name = "lists",
                 .kind = FlagKind::kNumbers,
                 .default_value = "0.01,0.05,0.1,0.25",
                 .unit = "share of n",
                 .help = "list sizes of hit@",
                 .least = 0,
                 .most = 1,
                 .above_least = true}},
      .check = Check,
      .run = RunCmm,
      .predict = PredictCmm,
  };
}

}  // namespace mneme::lab
