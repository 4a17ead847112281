// Real pictures, damaged in nine ways: which similarity and which separation bring the stored one
// back? The whole table at once.
#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/math/kernels.h"
#include "core/models/dense/auto_beta.h"
#include "core/models/dense/auto_radius.h"
#include "core/models/dense/dense_driver.h"
#include "tests/lab/experiments.h"
#include "tests/lab/images.h"
#include "tests/lab/picture_damage.h"

namespace mneme::lab {
namespace {

using models::Separation;
using models::Similarity;

// What is stored: the pictures, or less their mean; as they are, or as unit vectors.
enum Space { kPixels, kCentred, kUnit, kCentredUnit, kSpaces };

struct Way {
  std::string_view name;
  Space space = kPixels;
  Similarity similarity = Similarity::kL2;
  Separation separation = Separation::kArgMax;
  // Whose distances beta and the radius are chosen by: under cosine those of unit vectors.
  Space distances = kPixels;
  int power = 2;
  models::NoSupportPolicy no_support = models::NoSupportPolicy::kReport;
};

constexpr Way kWays[] = {
    {"dot/argmax", kPixels, Similarity::kDot, Separation::kArgMax},
    {"cosine/argmax", kPixels, Similarity::kCosine, Separation::kArgMax},
    {"centred_cosine/argmax", kCentred, Similarity::kCosine, Separation::kArgMax},
    {"l2/argmax", kPixels, Similarity::kL2, Separation::kArgMax},
    {"l1/argmax", kPixels, Similarity::kL1, Separation::kArgMax},
    {"cosine/exp", kPixels, Similarity::kCosine, Separation::kExp, kUnit},
    {"centred_cosine/exp", kCentred, Similarity::kCosine, Separation::kExp, kCentredUnit},
    {"l2/exp", kPixels, Similarity::kL2, Separation::kExp, kPixels},
    {"l2/relu", kPixels, Similarity::kL2, Separation::kRelu1, kPixels},
    {"l2/relu_widened", kPixels, Similarity::kL2, Separation::kRelu1, kPixels, 2,
     models::NoSupportPolicy::kWiden},
    {"cosine/rectified16", kPixels, Similarity::kCosine, Separation::kRectifiedPower, kPixels, 16},
    {"centred_cosine/rectified16", kCentred, Similarity::kCosine, Separation::kRectifiedPower,
     kPixels, 16},
};

constexpr int kStepsMax = 8;

std::vector<float> MeanOf(MatrixView rows) {
  std::vector<double> sum(rows.cols);
  for (size_t i = 0; i < rows.rows; ++i) {
    for (size_t j = 0; j < rows.cols; ++j) sum[j] += rows.row(i)[j];
  }
  std::vector<float> mean;
  for (const double x : sum) mean.push_back(static_cast<float>(x / static_cast<double>(rows.rows)));
  return mean;
}

// `known`: coordinates from the start that are given; the rest stay 0.
Matrix In(Space space, MatrixView pictures, std::span<const float> mean, size_t known) {
  Matrix out = Matrix::Copy(pictures);
  for (size_t i = 0; i < out.rows(); ++i) {
    const std::span<float> row = out.row(i);
    if (space == kCentred || space == kCentredUnit) {
      for (size_t j = 0; j < known; ++j) row[j] -= mean[j];
    }
    if (space == kPixels || space == kCentred) continue;
    const float square = math::SquaredNorm(row.data(), row.size());
    if (square > 0) math::Scale(1 / std::sqrt(square), row.data(), row.size());
  }
  return out;
}

absl::StatusOr<models::StoreView> StoreOf(MatrixView rows) {
  std::vector<uint64_t> numbers(rows.rows);
  for (size_t i = 0; i < rows.rows; ++i) numbers[i] = i;
  models::ExplicitStore store(rows.cols, 0);
  MNEME_RETURN_IF_ERROR(store.Append({.keys = rows, .row_numbers = numbers}));
  return store.Publish();
}

// The constants that the server would choose by the distances of what is stored.
struct Constants {
  double beta = 1;    // of exp
  double radius = 1;  // of relu
};

struct Task {
  Matrix pictures;
  std::vector<uint64_t> targets;
  size_t width = 0;
};

// Shares of the cues: the picture that the state ended nearest to, by the way's own similarity, is
// the one that was damaged (or its exact copy).
absl::StatusOr<double> Top1(const Way& way, const Constants& constants, MatrixView keys,
                            const Task& task, MatrixView cues, std::span<const uint8_t> mask) {
  const double beta = way.separation == Separation::kRelu1 ? models::BetaOfRadius(constants.radius)
                      : way.separation == Separation::kExp ? constants.beta
                                                           : 1;
  const bool moves = way.separation != Separation::kArgMax;
  MNEME_ASSIGN_OR_RETURN(
      const auto result,
      models::RunDense<float>({.similarity = way.similarity,
                               .separation = way.separation,
                               .power = way.power,
                               .beta = beta},
                              {.keys = keys, .cues = cues, .mask = mask},
                              {.steps_max = moves ? kStepsMax : 1, .no_support = way.no_support}));
  size_t right = 0;
  for (size_t q = 0; q < task.targets.size(); ++q) {
    const models::DenseCueResult& cue = result.cues[q];
    // A cue without support is told so: nothing came back.
    if (!cue.error.ok() || cue.status == models::AnswerStatus::kNoSupport || cue.top.empty()) {
      continue;
    }
    const auto best = task.pictures.row(cue.top[0].row);
    right += std::equal(best.begin(), best.end(), task.pictures.row(task.targets[q]).begin());
  }
  return static_cast<double>(right) / static_cast<double>(task.targets.size());
}

absl::StatusOr<Task> DrawTask(const Parameters& parameters, Run& run) {
  Task task;
  MNEME_ASSIGN_OR_RETURN(task.pictures, LoadImages(parameters.Text("data"), parameters.Count("n")));
  task.width = static_cast<size_t>(std::lround(std::sqrt(task.pictures.cols())));
  if (task.width * task.width != task.pictures.cols()) {
    return BadFlag("data", parameters.Text("data"), "square images");
  }
  Random random = run.Stream(1);
  task.targets.resize(parameters.Count("cues"));
  for (uint64_t& target : task.targets) target = random.Below(task.pictures.rows());
  return task;
}

absl::Status RunDamages(const Parameters& parameters, Run& run) {
  MNEME_ASSIGN_OR_RETURN(const Task task, DrawTask(parameters, run));
  const std::vector<float> mean = MeanOf(task.pictures);
  std::vector<Matrix> stored;
  std::vector<Constants> constants;
  for (int space = 0; space < kSpaces; ++space) {
    stored.push_back(In(static_cast<Space>(space), task.pictures, mean, task.pictures.cols()));
    MNEME_ASSIGN_OR_RETURN(const models::StoreView view, StoreOf(stored.back()));
    constants.push_back(
        {.beta = models::EstimateBeta(view).beta, .radius = models::EstimateRadius(view).radius});
  }
  const std::span<const PictureDamage> damages = PictureDamages();
  for (const Way& way : kWays) {
    for (size_t i = 0; i < damages.size(); ++i) {
      Random random = run.Stream(2 + i);  // the same cues for each way
      Matrix cues(task.targets.size(), task.pictures.cols());
      for (size_t q = 0; q < cues.rows(); ++q) {
        std::ranges::copy(task.pictures.row(task.targets[q]), cues.row(q).begin());
        damages[i].damage(cues.row(q), task.width, random);
      }
      const size_t known =
          static_cast<size_t>(std::lround(damages[i].known * static_cast<double>(task.width)) *
                              static_cast<long>(task.width));
      MNEME_ASSIGN_OR_RETURN(
          const double top1,
          Top1(way, constants[way.distances], stored[way.space], task,
               In(way.space, cues, mean, known), MaskOf(damages[i], task.width, cues.rows())));
      run.Measure(absl::StrCat(std::string(way.name), "@", std::string(damages[i].name)), top1);
      run.Progress((static_cast<double>(&way - kWays) +
                    static_cast<double>(i + 1) / static_cast<double>(damages.size())) /
                   static_cast<double>(std::size(kWays)));
    }
  }
  return absl::OkStatus();
}

}  // namespace

Experiment DamagesExperiment() {
  return {
      .name = "damages",
      .summary = "damaged pictures: what brings the stored one back, by similarity and separation",
      .source =
          "Millidge et al., Universal Hopfield Networks, ICML 2022; applied-memory notes, 4.4",
      .flags = {{.name = "data",
                 .kind = FlagKind::kText,
                 .default_value = "fashion",
                 .help = "mnist, fashion, or a raw image file"},
                {.name = "n",
                 .kind = FlagKind::kInteger,
                 .default_value = "10000",
                 .unit = "pictures",
                 .help = "stored",
                 .least = 2,
                 .most = 1e6},
                {.name = "cues",
                 .kind = FlagKind::kInteger,
                 .default_value = "150",
                 .unit = "cues",
                 .help = "of each damage, of random stored pictures",
                 .least = 1,
                 .most = 1e5}},
      .run = RunDamages,
  };
}

}  // namespace mneme::lab
