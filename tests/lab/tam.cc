// Tail-average margin: how many of n associations does the trained matrix certify, and how many
// does it keep in their lists, beside the correlation matrix of the same items?
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/status.h"
#include "core/learning/certificate.h"
#include "core/learning/fista.h"
#include "core/learning/train.h"
#include "core/math/blas.h"
#include "core/math/kernels.h"
#include "core/math/moments.h"
#include "core/theory/cmm.h"
#include "core/theory/normal.h"
#include "core/theory/phase.h"
#include "core/theory/tail_average.h"
#include "core/theory/tam.h"
#include "tests/lab/experiments.h"
#include "tests/lab/random_items.h"

namespace mneme::lab {
namespace {

using math::Transpose;

constexpr double kTrainingShare = 0.9;  // of the work of a run
constexpr size_t kSpreadCues = 256;     // scored at once

size_t ListSize(const Parameters& parameters) {
  return parameters.IsAuto("k") ? learning::ListSizeOf(parameters.Real("r"), parameters.Count("n"))
                                : parameters.Count("k");
}

// A point of hit@.
struct List {
  std::string label;  // as typed
  double share = 0;
  size_t items = 0;
};

// Those of --lists, and r where it says the list size.
std::vector<List> Lists(const Parameters& parameters) {
  const std::vector<std::string> labels = absl::StrSplit(parameters.Text("lists"), ',');
  const MatrixD shares = parameters.Numbers("lists");
  std::vector<List> out;
  for (size_t i = 0; i < labels.size(); ++i) out.push_back({labels[i], shares.flat()[i]});
  if (parameters.IsAuto("k")) out.push_back({parameters.Text("r"), parameters.Real("r")});
  for (List& list : out) {
    list.items = static_cast<size_t>(theory::ListSize(list.share, parameters.Real("n")));
  }
  return out;
}

absl::Status Check(const Parameters& parameters) {
  if (parameters.Numbers("lists").rows() != 1) {
    return BadFlag("lists", parameters.Text("lists"), "one row of shares");
  }
  if (ListSize(parameters) > parameters.Count("n") - 1) {
    return BadFlag("k", parameters.Text("k"),
                   absl::StrCat("at most n - 1 = ", parameters.Count("n") - 1));
  }
  if (parameters.Count("d_k") == 1 && parameters.Real("query_cosine") < 1) {
    return BadFlag("query_cosine", parameters.Text("query_cosine"),
                   "1 where d_k = 1: a line has no other direction to turn to");
  }
  return absl::OkStatus();
}

double ShareWithin(const std::vector<learning::ItemCertificate>& items, size_t list) {
  const auto hits = std::count_if(items.begin(), items.end(),
                                  [&](const auto& item) { return item.rank <= list; });
  return static_cast<double>(hits) / static_cast<double>(items.size());
}

void MeasureHits(const std::string& prefix, const learning::Certificates& judged,
                 const Parameters& parameters, Run& run) {
  const double n = parameters.Real("n");
  run.Measure(absl::StrCat(prefix, "certified"), static_cast<double>(judged.summary.certified) / n);
  run.Measure(absl::StrCat(prefix, "top1"), ShareWithin(judged.items, 1));
  for (const List& list : Lists(parameters)) {
    run.Measure(absl::StrCat(prefix, "hit@", list.label), ShareWithin(judged.items, list.items));
  }
}

// The spread of the competitors' scores, over all cues.
double CompetitorSpread(const Matrix& w, MatrixView cues, MatrixView codebook) {
  Matrix reads(kSpreadCues, w.rows()), scores(kSpreadCues, codebook.rows);
  math::Moments all;
  for (size_t first = 0; first < cues.rows; first += kSpreadCues) {
    const size_t count = std::min(kSpreadCues, cues.rows - first);
    math::Gemm(Transpose::kNo, Transpose::kYes, count, w.rows(), w.cols(), 1.0f,
               cues.row(first).data(), w.cols(), w.data(), w.cols(), 0.0f, reads.data(), w.rows());
    math::Gemm(Transpose::kNo, Transpose::kYes, count, codebook.rows, w.rows(), 1.0f, reads.data(),
               w.rows(), codebook.data, w.rows(), 0.0f, scores.data(), codebook.rows);
    for (size_t i = 0; i < count; ++i) {
      float* const row = scores.row(i).data();
      const size_t own = first + i;
      all.Merge(math::MomentsOf(row, own));
      all.Merge(math::MomentsOf(row + own + 1, codebook.rows - own - 1));
    }
  }
  return all.Std();
}

void MeasureScores(const learning::Certificates& judged, double spread, Run& run) {
  math::Moments percentile, score;
  double worst = 0;
  for (const learning::ItemCertificate& item : judged.items) {
    const double place =
        static_cast<double>(item.rank - 1) / static_cast<double>(judged.items.size() - 1);
    percentile.Add(place);
    worst = std::max(worst, place);
    score.Add(item.score / spread);
  }
  run.Measure("mean_percentile", percentile.mean);
  run.Measure("worst_percentile", worst);
  run.Measure("z_mean", score.mean);
  run.Measure("z_std", score.Std());
  run.Measure("radius_min", judged.summary.radius_min);
  run.Measure("radius_max", judged.summary.radius_max);
}

theory::Phase PhaseSeen(const learning::TrainReport& report, bool all_certified) {
  if (report.fell_back) return theory::Phase::kCollapsed;
  return all_certified ? theory::Phase::kSatisfiable : theory::Phase::kUnsatisfiable;
}

absl::Status RunTam(const Parameters& parameters, Run& run) {
  const size_t n = parameters.Count("n");
  Random keys_random = run.Stream(1), values_random = run.Stream(2), cues_random = run.Stream(3);
  const Matrix keys = RandomItems(n, parameters.Count("d_k"), 0, true, keys_random);
  const Matrix values = RandomItems(n, parameters.Count("d_v"), 0, true, values_random);
  const double cosine = parameters.Real("query_cosine");
  const Matrix cues = cosine < 1 ? TurnedRows(keys, cosine, cues_random) : keys.Clone();

  MNEME_ASSIGN_OR_RETURN(
      const learning::TrainReport report,
      learning::Train({.keys = keys, .codebook = values},
                      {.list_size = ListSize(parameters), .lambda = parameters.Real("lambda")},
                      [&](const learning::Progress& progress) {
                        run.Progress(kTrainingShare * progress.share);
                        return true;
                      }));
  // Ranks and margins are taken in double, so no answer's rounding is to be reckoned with.
  const learning::CertificateOptions certify{.list_size = ListSize(parameters), .score_error = 0};
  MNEME_ASSIGN_OR_RETURN(const learning::Certificates trained,
                         learning::Certify(report.weights, cues, values, certify));
  const Matrix correlation = learning::CorrelationStart(keys, values);
  MNEME_ASSIGN_OR_RETURN(const learning::Certificates cmm,
                         learning::Certify(correlation, cues, values, certify));

  MeasureHits("", trained, parameters, run);
  MeasureScores(trained, CompetitorSpread(report.weights, cues, values), run);
  run.Measure("w_norm", report.w_norm);
  run.Measure("loss", report.loss);
  run.Measure("phase", static_cast<double>(
                           PhaseSeen(report, trained.summary.certified == trained.summary.items)));
  MeasureHits("cmm_", cmm, parameters, run);
  return absl::OkStatus();
}

void PredictCmm(const Parameters& parameters, double kappa, Quantities& predicted) {
  const theory::CmmShape shape = {.d_k = parameters.Real("d_k"),
                                  .d_v = parameters.Real("d_v"),
                                  .n = parameters.Real("n"),
                                  .cue_cosine = parameters.Real("query_cosine")};
  predicted.Set("cmm_certified",
                theory::NormalCdf(shape.cue_cosine / std::sqrt(shape.load()) - kappa));
  if (shape.d_k < 2 || shape.d_v < 2) return;  // spheres of no dimension have no law
  predicted.Set("cmm_top1", theory::CmmTop1(shape));
  for (const List& list : Lists(parameters)) {
    predicted.Set(absl::StrCat("cmm_hit@", list.label),
                  theory::CmmHit(shape, static_cast<double>(list.items)));
  }
}

void PredictTam(const Parameters& parameters, const Quantities&, Quantities& predicted) {
  const double n = parameters.Real("n"), cosine = parameters.Real("query_cosine");
  const theory::TamShape shape = {.load = n / (parameters.Real("d_k") * parameters.Real("d_v")),
                                  .r = static_cast<double>(ListSize(parameters)) / (n - 1),
                                  .lambda = parameters.Real("lambda")};
  if (shape.r >= 1) return;  // the mean of all competitors is 0: no tail, no law
  const theory::TamSolution solution = theory::SolveTam(shape);
  const theory::TamLaw law(shape, solution);
  predicted.Set("certified", law.Certified(cosine));
  predicted.Set("top1", law.HitOf(1, n, cosine));
  for (const List& list : Lists(parameters)) {
    if (list.share == 1) continue;
    predicted.Set(absl::StrCat("hit@", list.label), law.Hit(list.share, cosine));
  }
  predicted.Set("mean_percentile", law.MeanPercentile(cosine));
  if (cosine == 1) {
    predicted.Set("worst_percentile", law.WorstPercentile(n));
    predicted.Set("z_mean", law.ScoreMean());
    predicted.Set("z_std", law.ScoreStd());
  }
  predicted.Set("w_norm", solution.sigma);
  predicted.Set("loss", solution.loss);
  predicted.Set("phase", static_cast<double>(solution.phase));
  PredictCmm(parameters, solution.kappa, predicted);
}

}  // namespace

Experiment TamExperiment() {
  return {
      .name = "tam",
      .summary = "matrix trained for the tail-average margin: certified items, lists and scores",
      .source = "tail-average margin (arXiv 2605.05189); two-parameter law of its scores",
      .slope_of = "certified",
      .flags = {{.name = "d_k",
                 .kind = FlagKind::kInteger,
                 .default_value = "48",
                 .unit = "numbers",
                 .help = "dimension of keys (--d: of both)",
                 .least = 1,
                 .most = 2048},
                {.name = "d_v",
                 .kind = FlagKind::kInteger,
                 .default_value = "48",
                 .unit = "numbers",
                 .help = "dimension of responses",
                 .least = 1,
                 .most = 2048},
                {.name = "n",
                 .kind = FlagKind::kInteger,
                 .default_value = "461",
                 .unit = "items",
                 .help = "associations trained",
                 .least = 2,
                 .most = 100'000},
                {.name = "r",
                 .kind = FlagKind::kReal,
                 .default_value = "0.1",
                 .unit = "share of n - 1",
                 .help = "tail fraction: the list holds ceil(r (n - 1)) items",
                 .least = 0,
                 .most = 1,
                 .above_least = true},
                {.name = "k",
                 .kind = FlagKind::kInteger,
                 .default_value = "auto",
                 .unit = "items",
                 .help = "list size itself, in place of r",
                 .least = 1,
                 .most = 99'999,
                 .may_be_auto = true},
                {.name = "lambda",
                 .kind = FlagKind::kReal,
                 .default_value = "1e-3",
                 .help = "ridge, (lambda / 2) |W|^2",
                 .least = 0,
                 .above_least = true},
                {.name = "query_cosine",
                 .kind = FlagKind::kReal,
                 .default_value = "1",
                 .help = "cosine between cue and stored key; all shares are then of the cues",
                 .least = 0,
                 .most = 1,
                 .above_least = true},
                {.name = "lists",
                 .kind = FlagKind::kNumbers,
                 .default_value = "0.01,0.05,0.1,0.25",
                 .unit = "share of n",
                 .help = "list sizes of hit@",
                 .least = 0,
                 .most = 1,
                 .above_least = true}},
      .check = Check,
      .run = RunTam,
      .predict = PredictTam,
  };
}

}  // namespace mneme::lab
