// Unlearning: the memory that forgot some of its items, in another order than it was told them,
// against the memory that never knew them.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/base/status.h"
#include "core/models/linear/linear_model.h"
#include "core/models/linear/ridge_solver.h"
#include "core/models/linear/rls_learner.h"
#include "core/models/linear/sums_learner.h"
#include "core/models/model.h"
#include "tests/lab/experiments.h"
#include "tests/lab/live_memory.h"
#include "tests/lab/random_items.h"

namespace mneme::lab {
namespace {

// Rows that come or go at once.
constexpr size_t kBatch = 64;

absl::Status CheckForget(const Parameters& parameters) {
  if (parameters.Real("forget") < parameters.Real("n")) return absl::OkStatus();
  return BadFlag("forget", parameters.Text("forget"), "an integer below --n: something must stay");
}

models::MemorySpec SpecOf(const Parameters& parameters) {
  models::LinearSpec linear;
  linear.rule = parameters.Text("kind") == "cmm"     ? models::LinearRule::kCmm
                : parameters.Text("kind") == "ridge" ? models::LinearRule::kRidge
                                                     : models::LinearRule::kRls;
  const bool cmm = linear.rule == models::LinearRule::kCmm;
  if (!cmm && !parameters.IsAuto("lambda")) linear.lambda = parameters.Real("lambda");
  linear.fast_statistics = cmm && parameters.Text("precision") == "float32";
  return {
      .key_dim = parameters.Count("d_k"), .response_dim = parameters.Count("d_v"), .model = linear};
}

// W in float64, from the statistics that the memory keeps.
MatrixD WeightsOf(const models::LinearModel& model) {
  const models::PartitionLearner& learner = model.learner(0);
  if (const auto* rls = dynamic_cast<const models::RlsLearner*>(&learner)) return rls->w().Clone();
  const auto& sums = dynamic_cast<const models::SumsLearner&>(learner).sums();
  MatrixD w = sums.a.Clone();
  if (const auto* ridge = dynamic_cast<const models::RidgeLearner*>(&learner)) {
    models::RidgeSolver solver(w.cols(), 0);
    solver.Factor(sums.c, ridge->lambda());
    solver.SolveRows(w);
  }
  return w;
}

// W as it is served, in float32: what the unit vectors recall, as rows.
absl::StatusOr<MatrixD> ServedWeightsOf(LiveMemory& memory, size_t d_k) {
  Matrix units(d_k, d_k);
  for (size_t j = 0; j < d_k; ++j) units.at(j, j) = 1;
  MNEME_ASSIGN_OR_RETURN(const Matrix recalls, memory.Recall(units));
  MatrixD w(recalls.rows(), recalls.cols());
  std::ranges::copy(recalls.flat(), w.data());
  return w;
}

double RelativeDistance(const MatrixD& a, const MatrixD& b) {
  double difference = 0, squared = 0;
  for (size_t i = 0; i < a.flat().size(); ++i) {
    difference += (a.flat()[i] - b.flat()[i]) * (a.flat()[i] - b.flat()[i]);
    squared += b.flat()[i] * b.flat()[i];
  }
  return std::sqrt(difference / squared);
}

absl::Status StoreBatches(LiveMemory& memory, const Items& items, size_t first) {
  for (; first < items.size(); first += kBatch) {
    const size_t count = std::min(kBatch, items.size() - first);
    MNEME_RETURN_IF_ERROR(memory.Store(items, first, count));
  }
  return absl::OkStatus();
}

absl::Status RunForget(const Parameters& parameters, Run& run) {
  const size_t n = parameters.Count("n"), forget = parameters.Count("forget");
  const models::MemorySpec spec = SpecOf(parameters);
  Random keys_random = run.Stream(1), values_random = run.Stream(2), order_random = run.Stream(3);
  const Items items(RandomItems(n, spec.key_dim, 0, true, keys_random),
                    RandomItems(n, spec.response_dim, 0, true, values_random));
  MNEME_ASSIGN_OR_RETURN(LiveMemory memory, LiveMemory::Open(spec));
  MNEME_ASSIGN_OR_RETURN(LiveMemory never, LiveMemory::Open(spec));
  MNEME_RETURN_IF_ERROR(StoreBatches(memory, items, 0));
  run.Progress(0.4);
  // The first `forget` items go, one by one in random order.
  std::vector<size_t> order(forget);
  std::iota(order.begin(), order.end(), size_t{0});
  for (size_t i = forget; i > 1; --i) std::swap(order[i - 1], order[order_random.Below(i)]);
  for (size_t i = 0; i < forget; ++i) MNEME_RETURN_IF_ERROR(memory.Forget(items, order[i], 1));
  run.Progress(0.8);
  MNEME_RETURN_IF_ERROR(StoreBatches(never, items, forget));
  const double lambda = memory.Publish()->stats().lambda;
  never.Publish();
  if (parameters.IsAuto("lambda") && parameters.Text("kind") != "cmm") run.Used("lambda", lambda);
  if (parameters.Text("precision") == "float64") {
    const auto weights = [](const LiveMemory& live) {
      return WeightsOf(dynamic_cast<const models::LinearModel&>(live.model()));
    };
    run.Measure("error", RelativeDistance(weights(memory), weights(never)));
  } else {
    MNEME_ASSIGN_OR_RETURN(const MatrixD w, ServedWeightsOf(memory, spec.key_dim));
    MNEME_ASSIGN_OR_RETURN(const MatrixD expected, ServedWeightsOf(never, spec.key_dim));
    run.Measure("error", RelativeDistance(w, expected));
  }
  return absl::OkStatus();
}

}  // namespace

Experiment ForgetExperiment() {
  return {
      .name = "forget",
      .summary = "unlearning: W after forgetting, against W of the remaining items",
      .source = "sums add: a row is forgotten by subtracting it, or by a downdate",
      .slope_of = "error",
      .flags = {KeyDimension(kSquaresMax),
                ResponseDimension(),
                {.name = "n",
                 .kind = FlagKind::kInteger,
                 .default_value = "10000",
                 .unit = "items",
                 .help = "associations stored",
                 .least = 2,
                 .most = 1e6},
                {.name = "forget",
                 .kind = FlagKind::kInteger,
                 .default_value = "3000",
                 .unit = "items",
                 .help = "of them forgotten, one by one in random order",
                 .least = 0,
                 .most = 1e6},
                {.name = "kind",
                 .kind = FlagKind::kChoice,
                 .default_value = "cmm",
                 .help = "rule of the memory",
                 .choices = {"cmm", "ridge", "rls"}},
                {.name = "precision",
                 .kind = FlagKind::kChoice,
                 .default_value = "float64",
                 .help = "float64: W of the statistics; float32: W as it is served (cmm: of fast "
                         "statistics)",
                 .choices = {"float64", "float32"}},
                {.name = "lambda",
                 .default_value = "auto",
                 .help = "penalty of ridge and rls; auto: the rule's own",
                 .least = 0,
                 .above_least = true,
                 .may_be_auto = true}},
      .check = CheckForget,
      .run = RunForget,
  };
}

}  // namespace mneme::lab
