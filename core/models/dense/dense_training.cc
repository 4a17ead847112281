#include "core/models/dense/dense_training.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/status.h"
#include "core/models/dense/dense_choices.h"
#include "core/models/features/encoder_training.h"

namespace mneme::models {
namespace {

constexpr size_t kRowsAtOnce = 1024;
// Of the progress; storing the rows anew is the rest.
constexpr double kLearningShare = 0.8;

EncoderTrainSpec SpecOf(const TrainSpec& spec) {
  return {.objective = spec.encoder == EncoderGoal::kSeparation ? EncoderObjective::kSeparation
                                                                : EncoderObjective::kNoiseAware,
          .noise = spec.cue_noise,
          .steps = spec.encoder_steps,
          .batch = spec.batch,
          .seed = spec.seed};
}

MatrixD Widen(MatrixView rows) {
  MatrixD out(rows.rows, rows.cols);
  std::copy_n(rows.data, rows.rows * rows.cols, out.data());
  return out;
}

EncoderFigureStats ToStats(const EncoderFigures& from) {
  return {.largest_cosine = from.largest_cosine, .top1 = from.top1, .margin = from.margin};
}

absl::Status Cancelled() { return absl::CancelledError("stopped while encoding"); }

}  // namespace

Matrix EncodeRows(const LinearEncoder& encoder, MatrixView rows) {
  Matrix out(rows.rows, encoder.feature_dim());
  for (size_t first = 0; first < rows.rows; first += kRowsAtOnce) {
    const size_t count = std::min(kRowsAtOnce, rows.rows - first);
    const MatrixD encoded = encoder.Encode(Widen(rows.slice(first, count)));
    std::transform(encoded.flat().begin(), encoded.flat().end(), out.row(first).data(),
                   [](double x) { return static_cast<float>(x); });
  }
  return out;
}

absl::Status AppendEncoded(const LinearEncoder& encoder, const RowBlock& rows,
                           ExplicitStore& store) {
  const Matrix encoded = EncodeRows(encoder, rows.keys);
  std::vector<float> log_weights;
  for (const float weight : rows.weights) log_weights.push_back(std::log(weight));
  return store.Append({.keys = encoded,
                       .values = rows.responses.empty() ? rows.keys : rows.responses,
                       .log_weights = log_weights,
                       .ids = rows.ids,
                       .row_numbers = rows.row_numbers});
}

absl::Status DenseTraining::CheckSpec(const TrainSpec& spec, size_t key_dim) {
  return EncoderTraining::CheckSpec(SpecOf(spec), key_dim);
}

DenseTraining::DenseTraining(const MemorySpec& memory, const TrainSpec& spec, uint64_t serial)
    : memory_(memory), spec_(spec), serial_(serial) {}

absl::Status DenseTraining::Take(const RowBlock& rows) {
  const auto append = [](const auto& from, auto& to) {
    to.insert(to.end(), from.begin(), from.end());
  };
  append(rows.keys.flat(), keys_);
  append(rows.responses.flat(), responses_);
  append(rows.ids, ids_);
  append(rows.row_numbers, row_numbers_);
  if (rows.weights.empty()) {
    weights_.resize(row_numbers_.size(), 1.0f);
  } else {
    append(rows.weights, weights_);
  }
  return absl::OkStatus();
}

RowBlock DenseTraining::Slice(size_t first, size_t count) const {
  const size_t d = memory_.key_dim, d_v = memory_.response_dim;
  RowBlock block{.keys = {keys_.data() + first * d, count, d},
                 .ids = std::span(ids_).subspan(first, count),
                 .weights = std::span(weights_).subspan(first, count),
                 .row_numbers = std::span(row_numbers_).subspan(first, count)};
  if (d_v > 0) block.responses = {responses_.data() + first * d_v, count, d_v};
  return block;
}

// Rounding leaves a spread to keys that are all the same, so their numbers are compared.
absl::Status DenseTraining::CheckKeys() const {
  const size_t d = memory_.key_dim;
  for (size_t i = 1; i < row_numbers_.size(); ++i) {
    if (!std::equal(keys_.begin(), keys_.begin() + d, keys_.begin() + i * d)) {
      return absl::OkStatus();
    }
  }
  return FailedPrecondition("encoder training: fewer than two different keys",
                            {.reason = "TRAINING_SET_EMPTY",
                             .given = absl::StrCat(row_numbers_.size(), " keys"),
                             .expected = "at least two different keys",
                             .next_step = "Store more keys first."});
}

absl::Status DenseTraining::LearnClosedForm() {
  KeyStatistics statistics(memory_.key_dim);
  for (size_t first = 0; first < row_numbers_.size(); first += kRowsAtOnce) {
    const size_t count = std::min(kRowsAtOnce, row_numbers_.size() - first);
    statistics.Add(Widen(Slice(first, count).keys));
  }
  LinearEncoder encoder{.mean = statistics.mean()};
  if (spec_.encoder == EncoderGoal::kWhiten) {
    MNEME_ASSIGN_OR_RETURN(encoder, WhiteningEncoder(statistics, memory_.key_dim));
  }
  encoder_ = std::make_shared<const LinearEncoder>(std::move(encoder));
  return absl::OkStatus();
}

absl::Status DenseTraining::LearnBySteps(const TrainProgressFn& progress) {
  EncoderTraining training(SpecOf(spec_), memory_.key_dim);
  MNEME_RETURN_IF_ERROR(training.Take(Slice(0, row_numbers_.size())));
  MNEME_RETURN_IF_ERROR(training.Run([this, &progress](TrainProgress now) {
    now.share *= kLearningShare;
    steps_ = now.steps;
    return !progress || progress(now);
  }));
  const EncoderReport& report = training.report();
  stats_.start = ToStats(report.start);
  stats_.kept = ToStats(report.kept);
  stats_.kept_step = report.kept_step;
  stats_.loss = report.loss;
  stats_.warning = report.warning;
  encoder_ = std::make_shared<const LinearEncoder>(training.TakeEncoder());
  return absl::OkStatus();
}

absl::Status DenseTraining::EncodeAll(const TrainProgressFn& progress) {
  const size_t rows = row_numbers_.size();
  store_ = std::make_unique<ExplicitStore>(memory_.key_dim, ValueDimOf(memory_),
                                           UsesCodes(std::get<DenseSpec>(memory_.model)));
  for (size_t first = 0; first < rows; first += kRowsAtOnce) {
    const size_t count = std::min(kRowsAtOnce, rows - first);
    MNEME_RETURN_IF_ERROR(AppendEncoded(*encoder_, Slice(first, count), *store_));
    const double done = static_cast<double>(first + count) / static_cast<double>(rows);
    if (progress && !progress({.phase = "encoding",
                               .share = kLearningShare + (1 - kLearningShare) * done,
                               .steps = steps_,
                               .loss = stats_.loss})) {
      return Cancelled();
    }
  }
  return absl::OkStatus();
}

absl::Status DenseTraining::Run(const TrainProgressFn& progress) {
  const bool closed =
      spec_.encoder == EncoderGoal::kCentre || spec_.encoder == EncoderGoal::kWhiten;
  stats_.goal = *spec_.encoder;
  stats_.items = row_numbers_.size();
  stats_.cue_noise = spec_.cue_noise;
  MNEME_RETURN_IF_ERROR(CheckKeys());
  MNEME_RETURN_IF_ERROR(closed ? LearnClosedForm() : LearnBySteps(progress));
  MNEME_RETURN_IF_ERROR(EncodeAll(progress));
  keys_ = {};
  responses_ = {};
  return absl::OkStatus();
}

}  // namespace mneme::models
