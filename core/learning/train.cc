#include "core/learning/train.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/random.h"
#include "core/base/status.h"
#include "core/learning/fista.h"
#include "core/learning/losses.h"
#include "core/learning/objective.h"
#include "core/learning/optimizer.h"
#include "core/learning/tam_loss.h"
#include "core/math/kernels.h"

namespace mneme::learning {
namespace {

constexpr double kUnitTolerance = 1e-3;
constexpr float kTamStartScale =
    0.1f;  // at W = 0 all scores tie, and no slope is better than another
constexpr size_t kCompetitorsMin = 2;

absl::Status Bad(std::string_view reason, std::string_view message, std::string given,
                 std::string expected, std::string next_step) {
  return InvalidArgument(message, {.reason = std::string(reason),
                                   .given = std::move(given),
                                   .expected = std::move(expected),
                                   .next_step = std::move(next_step)});
}

std::string Shape(MatrixView m) { return absl::StrCat(m.rows, " x ", m.cols); }

absl::Status CheckUnitRows(const char* what, MatrixView rows) {
  for (size_t i = 0; i < rows.rows; ++i) {
    const double norm = std::sqrt(math::SquaredNorm(rows.row(i).data(), rows.cols));
    if (!std::isfinite(norm)) {
      return Bad("NOT_FINITE", absl::StrCat("row ", i, " of the ", what, " is not finite"),
                 "a number that is not finite", "finite numbers", "Send finite numbers.");
    }
    if (std::abs(norm - 1) > kUnitTolerance) {
      return Bad("NOT_UNIT", absl::StrCat("row ", i, " of the ", what, " has length ", norm),
                 absl::StrCat(norm), "1", "Scale every row to unit length.");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckData(const TrainingData& data, const TrainOptions& options) {
  if (data.keys.rows != data.codebook.rows || data.keys.cols == 0 || data.codebook.cols == 0) {
    return Bad("SHAPE",
               absl::StrCat("keys are ", Shape(data.keys), ", the codebook ", Shape(data.codebook)),
               absl::StrCat(Shape(data.keys), " and ", Shape(data.codebook)),
               "as many keys as responses, of one column or more", "Give item i in row i of both.");
  }
  if (data.keys.rows < 2) {
    return Bad("TRAINING_SET_EMPTY",
               absl::StrCat(data.keys.rows, " items to train on: nothing to tell apart"),
               absl::StrCat(data.keys.rows), "at least 2", "Store items, then train.");
  }
  if (options.warm_start && (options.warm_start->rows != data.codebook.cols ||
                             options.warm_start->cols != data.keys.cols)) {
    return Bad("SHAPE", absl::StrCat("the warm start is ", Shape(*options.warm_start)),
               Shape(*options.warm_start), absl::StrCat(data.codebook.cols, " x ", data.keys.cols),
               "Start from weights of this memory, or from none.");
  }
  if (options.warm_start && !std::isfinite(SquaredFrobenius(*options.warm_start))) {
    return Bad("NOT_FINITE", "the warm start is not finite", "a number that is not finite",
               "finite numbers", "Start from other weights, or from none.");
  }
  MNEME_RETURN_IF_ERROR(CheckUnitRows("keys", data.keys));
  return CheckUnitRows("codebook", data.codebook);
}

absl::Status CheckPositive(std::string_view reason, std::string_view name, double value) {
  if (value > 0 && std::isfinite(value)) return absl::OkStatus();
  return Bad(reason, absl::StrCat(AbslView(name), " is ", value), absl::StrCat(value),
             "a number above 0", absl::StrCat("Choose a positive ", AbslView(name), "."));
}

absl::Status CheckTam(const TrainOptions& options, size_t n) {
  if (options.list_size < 1 || options.list_size > n - 1) {
    return Bad("LIST_SIZE", absl::StrCat("a list of ", options.list_size, " for ", n, " items"),
               absl::StrCat(options.list_size), absl::StrCat("1 to ", n - 1),
               "Choose a list that holds at least one competitor and at most all of them.");
  }
  if (options.competitors == 0) return absl::OkStatus();
  if (options.optimizer == OptimizerKind::kFista) {
    return Bad("COMPETITORS", "FISTA compares every item with all others",
               absl::StrCat(options.competitors), "0",
               "Leave competitors out, or choose OGD, Adam or Muon.");
  }
  if (options.competitors < kCompetitorsMin || options.competitors > n) {
    return Bad("COMPETITORS", absl::StrCat(options.competitors, " competitors of ", n, " items"),
               absl::StrCat(options.competitors),
               absl::StrCat("0, or ", kCompetitorsMin, " to ", n),
               "Leave them out to compare with all items.");
  }
  return absl::OkStatus();
}

absl::Status CheckOptions(const TrainOptions& options, size_t n) {
  MNEME_RETURN_IF_ERROR(CheckPositive("LAMBDA", "lambda", options.lambda));
  if (options.steps_max < 1) {
    return Bad("STEPS", absl::StrCat(options.steps_max, " steps"), absl::StrCat(options.steps_max),
               "at least 1", "Allow one step or more.");
  }
  if (options.threads < 1) {
    return Bad("THREADS", absl::StrCat(options.threads, " threads"), absl::StrCat(options.threads),
               "at least 1", "Ask for one thread or more.");
  }
  if (options.optimizer != OptimizerKind::kFista) {
    MNEME_RETURN_IF_ERROR(CheckPositive("LEARNING_RATE", "learning rate", options.learning_rate));
  }
  if (options.temperature) {
    MNEME_RETURN_IF_ERROR(CheckPositive("TEMPERATURE", "temperature", *options.temperature));
  }
  return options.loss == Loss::kTam ? CheckTam(options, n) : absl::OkStatus();
}

std::unique_ptr<BatchLoss> MakeLoss(const TrainingData& data, const TrainOptions& options) {
  switch (options.loss) {
    case Loss::kTam:
      return std::make_unique<TamLoss>(
          data.codebook, TamOptions{.list_size = options.list_size, .threads = options.threads});
    case Loss::kCrossEntropy: {
      const double entries =
          static_cast<double>(data.keys.cols) * static_cast<double>(data.codebook.cols);
      return std::make_unique<CrossEntropyLoss>(
          data.codebook, options.temperature.value_or(1 / std::sqrt(entries)), options.threads);
    }
    case Loss::kLeastSquares:
      return std::make_unique<LeastSquaresLoss>(data.codebook, options.threads);
  }
  CheckFailed(__FILE__, __LINE__, "an unknown loss");
}

std::unique_ptr<Optimizer> MakeOptimizer(OptimizerKind kind) {
  switch (kind) {
    case OptimizerKind::kOgd:
      return std::make_unique<Ogd>();
    case OptimizerKind::kAdam:
      return std::make_unique<Adam>();
    case OptimizerKind::kMuon:
      return std::make_unique<Muon>();
    case OptimizerKind::kFista:
      break;
  }
  CheckFailed(__FILE__, __LINE__, "FISTA takes no single steps");
}

// `count` of the numbers below n, each at most once: the head of a permutation that is shuffled on.
class Draw {
 public:
  Draw(size_t n, size_t count, Random random) : order_(n), count_(count), random_(random) {
    std::iota(order_.begin(), order_.end(), 0);
  }
  std::span<const uint32_t> Next() {
    for (size_t i = 0; i < count_; ++i) {
      std::swap(order_[i], order_[i + random_.Below(order_.size() - i)]);
    }
    return std::span(order_).first(count_);
  }

 private:
  std::vector<uint32_t> order_;
  size_t count_;
  Random random_;
};

// The batches of a run, in their order.
class Batches {
 public:
  Batches(const TrainingData& data, const TrainOptions& options)
      : keys_(data.keys),
        whole_(options.batch == 0 || options.batch >= data.keys.rows),
        items_(data.keys.rows, whole_ ? 0 : options.batch, Random(options.seed, 1)),
        competitors_(data.keys.rows, options.competitors, Random(options.seed, 2)) {
    if (!whole_) chosen_ = Matrix(options.batch, keys_.cols);
  }

  Batch Next() {
    Batch batch{.queries = keys_, .competitors = competitors_.Next()};
    if (whole_) return batch;
    batch.targets = items_.Next();
    for (size_t i = 0; i < batch.targets.size(); ++i) {
      const auto key = keys_.row(batch.targets[i]);
      std::copy(key.begin(), key.end(), chosen_.row(i).begin());
    }
    batch.queries = chosen_;
    return batch;
  }

 private:
  MatrixView keys_;
  bool whole_;
  Draw items_, competitors_;
  Matrix chosen_;
};

// Remembers what was told last, so that a long evaluation can ask again in between.
class Teller {
 public:
  Teller(const ProgressFn& progress, int steps_max) : progress_(progress) {
    last_.steps_max = steps_max;
  }
  bool Tell(const Progress& now) {
    last_ = now;
    return Ask();
  }
  bool Ask() const { return !progress_ || progress_(last_); }

 private:
  const ProgressFn& progress_;
  Progress last_;
};

absl::Status RunFista(const TrainingData& data, const TrainOptions& options, BatchLoss& loss,
                      Teller& teller, TrainReport& report) {
  const Batch all{.queries = data.keys};
  RidgeObjective objective(loss, all, options.lambda);
  MNEME_ASSIGN_OR_RETURN(
      FistaResult result,
      MinimiseFista(objective, CorrelationStart(data.keys, data.codebook),
                    {.steps_max = options.steps_max, .warm_start = options.warm_start},
                    [&](const Progress& now) { return teller.Tell(now); }));
  report.weights = std::move(result.weights);
  report.loss = result.loss;
  report.loss_at_zero = result.loss_at_zero;
  report.steps = result.steps;
  report.evaluations = result.evaluations;
  report.converged = result.converged;
  return absl::OkStatus();
}

Matrix FirstWeights(const TrainingData& data, const TrainOptions& options) {
  if (options.warm_start) return Matrix::Copy(*options.warm_start);
  if (options.loss != Loss::kTam) return Matrix(data.codebook.cols, data.keys.cols);
  Matrix w = CorrelationStart(data.keys, data.codebook);
  math::Scale(kTamStartScale, w.data(), w.flat().size());
  return w;
}

absl::Status RunSteps(const TrainingData& data, const TrainOptions& options, BatchLoss& loss,
                      Teller& teller, TrainReport& report) {
  const std::unique_ptr<Optimizer> optimizer = MakeOptimizer(options.optimizer);
  Batches batches(data, options);
  Matrix w = FirstWeights(data, options), gradient, mean(w.rows(), w.cols());
  const int averaged_from = options.anneal ? options.steps_max / 2 + 1 : options.steps_max;
  const int averaged = options.steps_max - averaged_from + 1;
  for (int step = 1; step <= options.steps_max; ++step) {
    const Batch batch = batches.Next();
    RidgeObjective objective(loss, batch, options.lambda);
    MNEME_ASSIGN_OR_RETURN(const double value, objective.Evaluate(w, &gradient));
    optimizer->Step(options.anneal ? options.learning_rate / std::sqrt(static_cast<double>(step))
                                   : options.learning_rate,
                    gradient, w);
    if (step >= averaged_from) {
      math::AddScaled(1 / static_cast<float>(averaged), w.data(), mean.data(), w.flat().size());
    }
    if (!teller.Tell({.step = step,
                      .steps_max = options.steps_max,
                      .loss = value,
                      .share = static_cast<double>(step) / options.steps_max})) {
      return TrainingCancelled();
    }
  }
  const Batch all{.queries = data.keys};
  RidgeObjective objective(loss, all, options.lambda);
  MNEME_ASSIGN_OR_RETURN(report.loss, objective.Evaluate(mean, nullptr));
  MNEME_ASSIGN_OR_RETURN(report.loss_at_zero,
                         objective.Evaluate(Matrix(w.rows(), w.cols()), nullptr));
  report.weights = std::move(mean);
  report.steps = options.steps_max;
  report.evaluations = options.steps_max + 2;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TrainReport> Train(const TrainingData& data, const TrainOptions& options,
                                  const ProgressFn& progress) {
  MNEME_RETURN_IF_ERROR(CheckData(data, options));
  MNEME_RETURN_IF_ERROR(CheckOptions(options, data.keys.rows));
  const std::unique_ptr<BatchLoss> loss = MakeLoss(data, options);
  Teller teller(progress, options.steps_max);
  loss->set_keep_going([&] { return teller.Ask(); });
  TrainReport report;
  MNEME_RETURN_IF_ERROR(options.optimizer == OptimizerKind::kFista
                            ? RunFista(data, options, *loss, teller, report)
                            : RunSteps(data, options, *loss, teller, report));
  report.w_norm = std::sqrt(SquaredFrobenius(report.weights));
  report.fell_back = !(report.loss < report.loss_at_zero);  // a loss that is no number, too
  if (report.fell_back) {
    report.weights = CorrelationStart(data.keys, data.codebook);
    math::Scale(std::sqrt(static_cast<float>(data.keys.rows)), report.weights.data(),
                report.weights.flat().size());
  }
  return report;
}

size_t ListSizeOf(double r, size_t n) {
  MNEME_CHECK(n >= 2);
  // A product such as 0.07 * 100 that is whole but for its rounding is whole.
  const double size = std::ceil(r * static_cast<double>(n - 1) * (1 - 1e-12));
  return static_cast<size_t>(std::clamp(size, 1.0, static_cast<double>(n - 1)));
}

}  // namespace mneme::learning
