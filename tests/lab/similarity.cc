// Which similarity finds the image that a damaged cue came from?
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/status.h"
#include "core/models/dense/dense_driver.h"
#include "tests/lab/experiments.h"
#include "tests/lab/images.h"

namespace mneme::lab {
namespace {

constexpr std::string_view kSynthetic = "synthetic";

size_t WidthOf(const Parameters& parameters) {
  return static_cast<size_t>(std::lround(std::sqrt(parameters.Real("d"))));
}

absl::Status Check(const Parameters& parameters) {
  if (parameters.Text("data") == kSynthetic &&
      WidthOf(parameters) * WidthOf(parameters) != parameters.Count("d")) {
    return BadFlag("d", parameters.Text("d"), "a square number: images are square");
  }
  const std::string& damage = parameters.Text("damage");
  if ((damage == "zero" || damage == "salt_pepper") && parameters.Real("share") > 1) {
    return BadFlag("share", parameters.Text("share"), absl::StrCat("at most 1 for ", damage));
  }
  return absl::OkStatus();
}

// Share of cues whose best image is the one they came from, or its exact copy.
absl::StatusOr<double> Top1(models::Similarity similarity, MatrixView images,
                            const DamagedCues& damaged, std::span<const uint64_t> targets) {
  MNEME_ASSIGN_OR_RETURN(
      const auto result,
      models::RunDense<float>({.similarity = similarity, .separation = models::Separation::kArgMax},
                              {.keys = images, .cues = damaged.cues, .mask = damaged.mask},
                              {.steps_max = 1}));
  size_t right = 0;
  for (size_t q = 0; q < targets.size(); ++q) {
    if (!result.cues[q].error.ok()) continue;  // an all-zero cue has no direction: not found
    const auto best = images.row(result.cues[q].top.at(0).row), target = images.row(targets[q]);
    right += std::equal(best.begin(), best.end(), target.begin());
  }
  return static_cast<double>(right) / static_cast<double>(targets.size());
}

// Without the mean of the stored images.
Matrix Centred(MatrixView rows, std::span<const double> mean) {
  Matrix out = Matrix::Copy(rows);
  for (size_t i = 0; i < rows.rows; ++i) {
    for (size_t j = 0; j < rows.cols; ++j) out.at(i, j) -= static_cast<float>(mean[j]);
  }
  return out;
}

std::vector<double> MeanOf(MatrixView rows) {
  std::vector<double> mean(rows.cols);
  for (size_t i = 0; i < rows.rows; ++i) {
    for (size_t j = 0; j < rows.cols; ++j) {
      mean[j] += rows.row(i)[j] / static_cast<double>(rows.rows);
    }
  }
  return mean;
}

absl::StatusOr<Matrix> DrawImages(const Parameters& parameters, Run& run) {
  if (parameters.Text("data") != kSynthetic) {
    return LoadImages(parameters.Text("data"), parameters.Count("n"));
  }
  Random random = run.Stream(1);
  return SmoothImages(parameters.Count("n"), WidthOf(parameters), random);
}

absl::Status RunSimilarity(const Parameters& parameters, Run& run) {
  MNEME_ASSIGN_OR_RETURN(const Matrix images, DrawImages(parameters, run));
  if (parameters.Text("data") != kSynthetic) run.Used("d", static_cast<double>(images.cols()));
  Random random = run.Stream(2);
  std::vector<uint64_t> targets(parameters.Count("queries"));
  for (uint64_t& target : targets) target = random.Below(images.rows());
  DamagedCues damaged =
      Damage(images, targets, parameters.Text("damage"), parameters.Real("share"), random);

  if (!damaged.mask.empty()) {
    MNEME_ASSIGN_OR_RETURN(const double masked,
                           Top1(models::Similarity::kL2, images, damaged, targets));
    run.Measure("masked_l2", masked);
    damaged.mask.clear();  // the others are not told
  }
  const auto measure = [&](std::string name, models::Similarity similarity) -> absl::Status {
    MNEME_ASSIGN_OR_RETURN(const double top1, Top1(similarity, images, damaged, targets));
    run.Measure(std::move(name), top1);
    return absl::OkStatus();
  };
  MNEME_RETURN_IF_ERROR(measure("dot", models::Similarity::kDot));
  MNEME_RETURN_IF_ERROR(measure("cosine", models::Similarity::kCosine));
  MNEME_RETURN_IF_ERROR(measure("l2", models::Similarity::kL2));
  MNEME_RETURN_IF_ERROR(measure("l1", models::Similarity::kL1));
  const std::vector<double> mean = MeanOf(images);
  const DamagedCues centred = {.cues = Centred(damaged.cues, mean)};
  MNEME_ASSIGN_OR_RETURN(const double top1, Top1(models::Similarity::kCosine, Centred(images, mean),
                                                 centred, targets));
  run.Measure("centred_cosine", top1);
  return absl::OkStatus();
}

}  // namespace

Experiment SimilarityExperiment() {
  return {
      .name = "similarity",
      .summary = "damaged images: which similarity finds the stored one",
      .source = "Millidge et al., Universal Hopfield Networks, ICML 2022",
      .slope_of = "l2",
      .flags =
          {{.name = "n",
            .kind = FlagKind::kInteger,
            .default_value = "1000",
            .unit = "images",
            .help = "stored",
            .least = 2,
            .most = 1e6},
           {.name = "d",
            .kind = FlagKind::kInteger,
            .default_value = "256",
            .unit = "pixels",
            .help = "of a synthetic image; a file has its own",
            .least = 4,
            .most = 65536},
           {.name = "damage",
            .kind = FlagKind::kChoice,
            .default_value = "gauss",
            .help = "half: the last half 0; mask: the same, declared missing",
            .choices = {"gauss", "gauss_unclipped", "zero", "salt_pepper", "half", "mask"}},
           {.name = "share",
            .kind = FlagKind::kReal,
            .default_value = "0.3",
            .help =
                "of pixels for zero and salt_pepper; grey values of standard deviation for gauss",
            .least = 0},
           {.name = "queries",
            .kind = FlagKind::kInteger,
            .default_value = "200",
            .unit = "cues",
            .help = "of random stored images",
            .least = 1,
            .most = 1e6},
           {.name = "data",
            .kind = FlagKind::kText,
            .default_value = kSynthetic,
            .help = "synthetic, mnist, fashion, or a raw image file"}},
      .check = Check,
      .run = RunSimilarity,
  };
}

}  // namespace mneme::lab
