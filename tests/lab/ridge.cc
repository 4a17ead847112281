// Ridge memory: what is the recall of a stored key made of, signal and noise?
#include <algorithm>

#include "core/base/status.h"
#include "core/theory/ridge.h"
#include "tests/lab/experiments.h"
#include "tests/lab/memory_session.h"
#include "tests/lab/random_items.h"

namespace mneme::lab {
namespace {

constexpr size_t kCueBatch = 256;

absl::Status RunRidge(const Parameters& parameters, Run& run) {
  const size_t n = parameters.Count("n");
  Random keys_random = run.Stream(1), values_random = run.Stream(2);
  const Matrix keys = RandomItems(n, parameters.Count("d_k"), 0, true, keys_random);
  const Matrix values = RandomItems(n, parameters.Count("d_v"), 0, true, values_random);
  const models::MemorySpec spec = {
      .key_dim = keys.cols(),
      .response_dim = values.cols(),
      .model = models::LinearSpec{.rule = models::LinearRule::kRidge,
                                  .lambda = parameters.Real("lambda")}};
  MNEME_ASSIGN_OR_RETURN(const MemorySession memory, MemorySession::Store(spec, keys, values));

  double gain = 0, power = 0, top1 = 0;  // means of <y, v>, |y|^2 and of first places
  for (size_t first = 0; first < n; first += kCueBatch) {
    const size_t count = std::min(kCueBatch, n - first);
    MNEME_ASSIGN_OR_RETURN(const models::Answer answer,
                           memory.Ask({.cues = keys.view().slice(first, count)}, {.top = 1}));
    for (size_t i = 0; i < count; ++i) {
      MNEME_RETURN_IF_ERROR(answer.cues[i].error);
      const auto y = answer.recalls.row(i);
      const auto v = values.row(first + i);
      for (size_t j = 0; j < y.size(); ++j) {
        gain += static_cast<double>(y[j]) * v[j];
        power += static_cast<double>(y[j]) * y[j];
      }
      top1 += answer.cues[i].top.at(0).row == first + i;
    }
    run.Progress(static_cast<double>(first + count) / static_cast<double>(n));
  }
  gain /= static_cast<double>(n), power /= static_cast<double>(n);
  run.Measure("mse", 1 - 2 * gain + power);  // |v| = 1
  run.Measure("gain", gain);
  run.Measure("inverse_snr", (power - gain * gain) / (gain * gain));
  run.Measure("top1", top1 / static_cast<double>(n));
  return absl::OkStatus();
}

void PredictRidgeMemory(const Parameters& parameters, const Quantities&, Quantities& predicted) {
  const theory::RidgeLaw law = theory::PredictRidge({.d_k = parameters.Real("d_k"),
                                                     .d_v = parameters.Real("d_v"),
                                                     .n = parameters.Real("n"),
                                                     .lambda = parameters.Real("lambda")});
  predicted.Set("mse", law.mse);
  predicted.Set("gain", law.gain);
  predicted.Set("inverse_snr", law.inverse_snr);
  predicted.Set("top1", law.top1);
}

}  // namespace

Experiment RidgeExperiment() {
  return {
      .name = "ridge",
      .summary = "ridge memory: error, gain and noise of the recall of stored keys",
      .source = "ridge regression with random features: fixed point of the resolvent",
      .slope_of = "inverse_snr",
      .flags = {KeyDimension(kSquaresMax),
                ResponseDimension(),
                {.name = "n",
                 .kind = FlagKind::kInteger,
                 .default_value = "256",
                 .unit = "items",
                 .help = "associations stored",
                 .least = 2,
                 .most = 1e6},
                {.name = "lambda",
                 .kind = FlagKind::kReal,
                 .default_value = "0.1",
                 .help = "added to the eigenvalues of the keys' Gram matrix, which average n / d_k",
                 .least = 0,
                 .above_least = true}},
      .run = RunRidge,
      .predict = PredictRidgeMemory,
  };
}

}  // namespace mneme::lab
