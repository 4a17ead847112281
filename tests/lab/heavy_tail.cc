// A stream of items of which few are frequent: what does an optimiser learn of the rare ones?
#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "core/base/status.h"
#include "core/learning/losses.h"
#include "core/learning/optimizer.h"
#include "core/learning/spectrum.h"
#include "core/math/blas.h"
#include "tests/lab/experiments.h"
#include "tests/lab/random_items.h"

namespace mneme::lab {
namespace {

using math::Transpose;

constexpr double kTemperature = 1;  // of scores of unit rows

double LearningRate(const Parameters& parameters) {
  if (!parameters.IsAuto("lr")) return parameters.Real("lr");
  if (parameters.Text("optimizer") == "sgd") return 256;
  return parameters.Text("optimizer") == "adam" ? 3 : 10;
}

std::unique_ptr<learning::Optimizer> MakeOptimizer(const Parameters& parameters) {
  if (parameters.Text("optimizer") == "sgd") return std::make_unique<learning::Ogd>();
  if (parameters.Text("optimizer") == "adam") return std::make_unique<learning::Adam>();
  return std::make_unique<learning::Muon>(
      learning::MuonOptions{.polish = static_cast<int>(parameters.Count("polish"))});
}

// Draws items of frequency rank^-exponent; item 0 is the most frequent.
class Stream {
 public:
  Stream(size_t classes, double exponent, Random random) : up_to_(classes), random_(random) {
    double sum = 0;
    for (size_t i = 0; i < classes; ++i) {
      up_to_[i] = sum += std::pow(static_cast<double>(i + 1), -exponent);
    }
  }
  uint32_t Next() {
    const double at = random_.Uniform() * up_to_.back();
    const auto found = std::upper_bound(up_to_.begin(), up_to_.end(), at);
    return static_cast<uint32_t>(std::min<std::ptrdiff_t>(
        found - up_to_.begin(), static_cast<std::ptrdiff_t>(up_to_.size()) - 1));
  }

 private:
  std::vector<double> up_to_;
  Random random_;
};

// 1 for the items that score above all others for their own key.
std::vector<bool> RankedFirst(const Matrix& w, const Matrix& keys, const Matrix& values) {
  const size_t n = keys.rows(), d = w.rows();
  Matrix reads(n, d), scores(n, n);
  math::Gemm(Transpose::kNo, Transpose::kYes, n, d, w.cols(), 1.0f, keys.data(), w.cols(), w.data(),
             w.cols(), 0.0f, reads.data(), d);
  math::Gemm(Transpose::kNo, Transpose::kYes, n, n, d, 1.0f, reads.data(), d, values.data(), d,
             0.0f, scores.data(), n);
  std::vector<bool> out(n);
  for (size_t i = 0; i < n; ++i) {
    const auto row = scores.row(i);
    const auto better =
        std::count_if(row.begin(), row.end(), [&](float score) { return score >= row[i]; });
    out[i] = better == 1;  // itself
  }
  return out;
}

absl::Status RunHeavyTail(const Parameters& parameters, Run& run) {
  const size_t classes = parameters.Count("classes"), d = parameters.Count("d");
  Random keys_random = run.Stream(1), values_random = run.Stream(2);
  const Matrix keys = RandomItems(classes, d, 0, true, keys_random);
  const Matrix values = RandomItems(classes, d, 0, true, values_random);
  Stream stream(classes, parameters.Real("exponent"), run.Stream(3));
  learning::CrossEntropyLoss loss(values, kTemperature, 1);
  const auto optimizer = MakeOptimizer(parameters);
  const double learning_rate = LearningRate(parameters);
  run.Used("lr", learning_rate);

  const size_t steps = parameters.Count("steps");
  Matrix w(d, d), gradient, cues(parameters.Count("batch"), d);
  std::vector<uint32_t> targets(cues.rows());
  for (size_t step = 0; step < steps; ++step) {
    for (size_t i = 0; i < targets.size(); ++i) {
      targets[i] = stream.Next();
      std::copy_n(keys.row(targets[i]).begin(), d, cues.row(i).begin());
    }
    MNEME_RETURN_IF_ERROR(
        loss.Evaluate(w, {.queries = cues, .targets = targets}, &gradient).status());
    optimizer->Step(learning_rate, gradient, w);
    run.Progress(static_cast<double>(step + 1) / static_cast<double>(steps));
  }

  const std::vector<bool> first = RankedFirst(w, keys, values);
  const auto middle = first.begin() + static_cast<std::ptrdiff_t>(classes / 2);
  const auto share = [](auto begin, auto end) {
    return static_cast<double>(std::count(begin, end, true)) / static_cast<double>(end - begin);
  };
  run.Measure("head_top1", share(first.begin(), middle));
  run.Measure("tail_top1", share(middle, first.end()));
  run.Measure("spectrum_entropy", learning::MeasureSpectrum(w).entropy);
  return absl::OkStatus();
}

}  // namespace

Experiment HeavyTailExperiment() {
  return {
      .name = "heavy-tail",
      .summary = "a stream with rare items: top-1 of the frequent and of the rare half",
      .source = "Muon on heavy-tailed associative memories (arXiv 2509.26030)",
      .slope_of = "tail_top1",
      .flags = {{.name = "optimizer",
                 .kind = FlagKind::kChoice,
                 .default_value = "muon",
                 .help = "momentum 0.9; Adam; orthogonalised momentum 0.95",
                 .choices = {"sgd", "adam", "muon"}},
                {.name = "lr",
                 .kind = FlagKind::kReal,
                 .default_value = "auto",
                 .help = "learning rate; auto: 256, 3, 10 of sgd, adam, muon",
                 .least = 0,
                 .above_least = true,
                 .may_be_auto = true},
                {.name = "steps",
                 .kind = FlagKind::kInteger,
                 .default_value = "50",
                 .unit = "batches",
                 .least = 1,
                 .most = 1e6},
                {.name = "classes",
                 .kind = FlagKind::kInteger,
                 .default_value = "256",
                 .unit = "items",
                 .help = "items; the tail is the less frequent half",
                 .least = 2,
                 .most = 65'536},
                {.name = "exponent",
                 .kind = FlagKind::kReal,
                 .default_value = "1.5",
                 .help = "frequencies fall as rank^-exponent",
                 .least = 0,
                 .most = 10},
                {.name = "d",
                 .kind = FlagKind::kInteger,
                 .default_value = "64",
                 .unit = "numbers",
                 .help = "dimension of keys and responses",
                 .least = 1,
                 .most = 1024},
                {.name = "batch",
                 .kind = FlagKind::kInteger,
                 .default_value = "512",
                 .unit = "items",
                 .least = 1,
                 .most = 65'536},
                {.name = "polish",
                 .kind = FlagKind::kInteger,
                 .default_value = "0",
                 .unit = "steps",
                 .help = "cubic steps of muon after its five quintic ones",
                 .least = 0,
                 .most = 10}},
      .run = RunHeavyTail,
  };
}

}  // namespace mneme::lab
