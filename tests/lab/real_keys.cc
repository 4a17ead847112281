// Does the forecast hold on keys that are not isotropic? A linear memory of word vectors, its
// forecast from the effective dimensions, and what a probe of it measures.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/engine/forecast.h"
#include "core/theory/effective_dimension.h"
#include "tests/lab/experiments.h"
#include "tests/lab/memory_session.h"
#include "tests/lab/vectors.h"

namespace mneme::lab {
namespace {

constexpr size_t kCuesAtOnce = 64;

models::LinearRule ParseRule(std::string_view name) {
  return name == "ridge" ? models::LinearRule::kRidge : models::LinearRule::kCmm;
}

// Responses of the items: isotropic, or the vectors of other words.
Matrix MakeResponses(const Parameters& parameters, MatrixView keys, Random& random) {
  if (parameters.Text("responses") == "gauss") {
    Matrix out(keys.rows, parameters.Count("d_v"));
    for (size_t i = 0; i < out.rows(); ++i) random.FillUnit(out.row(i));
    return out;
  }
  std::vector<size_t> order(keys.rows);
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  random.Shuffle(std::span<size_t>(order));
  Matrix out(keys.rows, keys.cols);
  for (size_t i = 0; i < order.size(); ++i) {
    std::copy(keys.row(order[i]).begin(), keys.row(order[i]).end(), out.row(i).begin());
  }
  return out;
}

// Ranks of a sample of the items, each asked for by its own key at the given cosine.
absl::StatusOr<engine::Probe> MakeProbe(const Parameters& parameters, const MemorySession& session,
                                        MatrixView keys, MatrixView responses, Run& run) {
  Random random = run.Stream(2);
  const size_t count = std::min<size_t>(parameters.Count("queries"), keys.rows);
  const double cosine = parameters.Real("query_cosine");
  engine::Probe probe{.cue_cosine = cosine};
  std::vector<float> noise(keys.cols);
  for (size_t first = 0; first < count; first += kCuesAtOnce) {
    const size_t block = std::min(kCuesAtOnce, count - first);
    Matrix cues(block, keys.cols);
    models::QuerySpec spec{.kind = models::QueryKind::kList, .top = 1};
    for (size_t i = 0; i < block; ++i) {
      const size_t item = random.Below(keys.rows);
      spec.target_rows.push_back(item);
      random.FillUnit(noise);
      double along = 0;
      for (size_t j = 0; j < keys.cols; ++j)
        along += static_cast<double>(noise[j]) * keys.row(item)[j];
      const double rest = std::sqrt(std::max(1e-12, 1 - along * along));
      for (size_t j = 0; j < keys.cols; ++j) {
        const double k = keys.row(item)[j];
        cues.at(i, j) = static_cast<float>(cosine * k + std::sqrt(1 - cosine * cosine) *
                                                            (noise[j] - along * k) / rest);
      }
    }
    MNEME_ASSIGN_OR_RETURN(const models::Answer answer, session.Ask({.cues = cues}, spec));
    for (const models::CueAnswer& cue : answer.cues) {
      if (!cue.target.found) continue;
      probe.ranks.push_back(cue.target.rank);
      probe.competitors = cue.target.competitors;
      probe.score_std += cue.score_std / static_cast<double>(count);
    }
    run.Progress(static_cast<double>(first + block) / static_cast<double>(count));
  }
  std::sort(probe.ranks.begin(), probe.ranks.end());
  MNEME_ASSIGN_OR_RETURN(probe.key_dim_effective,
                         theory::EffectiveDimension(keys, engine::kDimensionPairs, random));
  MNEME_ASSIGN_OR_RETURN(probe.response_dim_effective,
                         theory::EffectiveDimension(responses, engine::kDimensionPairs, random));
  return probe;
}

absl::Status RunRealKeys(const Parameters& parameters, Run& run) {
  const size_t n = parameters.Count("n");
  MNEME_ASSIGN_OR_RETURN(const Matrix raw, LoadVectors(parameters.Text("data"), n));
  const Matrix keys = CentredUnitRows(raw);
  Random random = run.Stream(1);
  const Matrix responses = MakeResponses(parameters, keys, random);
  const models::MemorySpec spec = {
      .key_dim = keys.cols(),
      .response_dim = responses.cols(),
      .model = models::LinearSpec{.rule = ParseRule(parameters.Text("rule"))}};
  MNEME_ASSIGN_OR_RETURN(const MemorySession session, MemorySession::Store(spec, keys, responses));
  MNEME_ASSIGN_OR_RETURN(const engine::Probe probe,
                         MakeProbe(parameters, session, keys, responses, run));
  const uint32_t list = static_cast<uint32_t>(
      std::max(1.0, std::ceil(parameters.Real("list") * static_cast<double>(n))));
  const engine::ForecastCommand command{
      .memory = "words", .list_sizes = {list}, .cue_cosine = parameters.Real("query_cosine")};
  MNEME_ASSIGN_OR_RETURN(const engine::ForecastReply reply,
                         engine::MakeForecast(command, spec, session.stats(), &probe));
  run.Measure("d_eff_k", reply.key_dim_effective);
  run.Measure("d_eff_v", reply.response_dim_effective);
  run.Measure("load", reply.load_effective);
  for (const engine::ForecastQuantity& quantity : reply.quantities) {
    if (quantity.quantity != absl::StrCat("hit@", list)) continue;
    const double theory = quantity.theory.value_or(std::nan(""));
    run.Measure("hit", quantity.measured.value_or(std::nan("")));
    run.Measure("forecast", theory);
    run.Measure("difference", quantity.measured.value_or(std::nan("")) - theory);
    run.Measure("probe_disagrees", quantity.probe_disagrees ? 1 : 0);
  }
  return absl::OkStatus();
}

}  // namespace

Experiment RealKeysExperiment() {
  return {
      .name = "real-keys",
      .summary = "a linear memory of word vectors: the forecast from effective dimensions, probed",
      .source = "effective dimension 1/E<x_i, x_j>^2 in the laws of isotropic keys",
      .slope_of = "hit",
      .flags = {{.name = "n",
                 .kind = FlagKind::kInteger,
                 .default_value = "1000",
                 .unit = "items",
                 .help = "stored: the most frequent words",
                 .least = 2,
                 .most = 1e6},
                {.name = "d_v",
                 .kind = FlagKind::kInteger,
                 .default_value = "256",
                 .help = "of responses that are gauss; others have the keys' dimension",
                 .least = 2,
                 .most = 16384},
                {.name = "responses",
                 .kind = FlagKind::kChoice,
                 .default_value = "gauss",
                 .help = "gauss: isotropic; words: the vectors of other words",
                 .choices = {"gauss", "words"}},
                {.name = "rule",
                 .kind = FlagKind::kChoice,
                 .default_value = "cmm",
                 .help = "how W is written",
                 .choices = {"cmm", "ridge"}},
                {.name = "list",
                 .kind = FlagKind::kReal,
                 .default_value = "0.1",
                 .help = "share of the items that the list holds",
                 .least = 1e-6,
                 .most = 1},
                {.name = "query_cosine",
                 .kind = FlagKind::kReal,
                 .default_value = "1",
                 .help = "of the cues with the stored keys",
                 .least = 1e-6,
                 .most = 1},
                {.name = "queries",
                 .kind = FlagKind::kInteger,
                 .default_value = "1000",
                 .unit = "cues",
                 .help = "of random stored items",
                 .least = 1,
                 .most = 1e6},
                {.name = "data",
                 .kind = FlagKind::kText,
                 .default_value = "glove",
                 .help = "glove, or a raw vector file"}},
      .run = RunRealKeys,
  };
}

}  // namespace mneme::lab
