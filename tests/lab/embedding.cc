// Retrieval in a feature space: an encoder that forgives what pixels do not (|FFT|, under shifts),
// and one whose short codes are all that is stored (PCA).
#include <cmath>
#include <numbers>
#include <vector>

#include "core/base/status.h"
#include "core/math/blas.h"
#include "core/models/dense/dense_driver.h"
#include "tests/lab/experiments.h"
#include "tests/lab/images.h"
#include "tests/lab/principal_axes.h"

namespace mneme::lab {
namespace {

using math::Transpose;

constexpr size_t kWidth = 16, kPixels = kWidth * kWidth;
constexpr size_t kQueriesMax = 1000;

struct Task {
  MatrixD images;
  MatrixD cues;
  std::vector<size_t> targets;
};

// The image moved down and right by whole pixels; what leaves enters at the other edge.
void ShiftInto(std::span<const double> image, size_t down, size_t right, std::span<double> out) {
  for (size_t y = 0; y < kWidth; ++y) {
    for (size_t x = 0; x < kWidth; ++x) {
      out[(y + down) % kWidth * kWidth + (x + right) % kWidth] = image[y * kWidth + x];
    }
  }
}

Task DrawTask(const Parameters& parameters, Run& run) {
  const size_t n = parameters.Count("n"), queries = std::min(n, kQueriesMax);
  Random images_random = run.Stream(1), random = run.Stream(2);
  const Matrix images = SmoothImages(n, kWidth, images_random);
  Task task{.images = MatrixD(n, kPixels), .cues = MatrixD(queries, kPixels)};
  std::copy(images.flat().begin(), images.flat().end(), task.images.flat().begin());
  const size_t shifts = parameters.Text("kind") == "fft" ? parameters.Count("shift") + 1 : 1;
  for (size_t q = 0; q < queries; ++q) {
    task.targets.push_back(random.Below(n));
    const size_t down = random.Below(shifts), right = random.Below(shifts);
    ShiftInto(task.images.row(task.targets[q]), down, right, task.cues.row(q));
    for (double& pixel : task.cues.row(q)) pixel += parameters.Real("noise") * random.Gaussian();
  }
  return task;
}

// |two-dimensional discrete Fourier transform| of each row: no circular shift changes it.
MatrixD Spectra(MatrixViewD images) {
  // W[j, x] = exp(-2 pi i j x / width), as cosines and sines; along columns, then along rows.
  MatrixD cosine(kWidth, kWidth), sine(kWidth, kWidth);
  for (size_t j = 0; j < kWidth; ++j) {
    for (size_t x = 0; x < kWidth; ++x) {
      const double angle = 2 * std::numbers::pi * static_cast<double>(j * x % kWidth) / kWidth;
      cosine.at(j, x) = std::cos(angle);
      sine.at(j, x) = -std::sin(angle);
    }
  }
  const auto product = [](const MatrixD& a, const double* b, double sign, MatrixD& out) {
    math::Gemm(Transpose::kNo, Transpose::kNo, kWidth, kWidth, kWidth, sign, a.data(), kWidth, b,
               kWidth, 1.0, out.data(), kWidth);
  };
  MatrixD spectra(images.rows, kPixels);
  for (size_t i = 0; i < images.rows; ++i) {
    const double* image = images.row(i).data();
    MatrixD re(kWidth, kWidth), im(kWidth, kWidth), out_re(kWidth, kWidth), out_im(kWidth, kWidth);
    product(cosine, image, 1, re);
    product(sine, image, 1, im);
    // Both matrices are symmetric: along rows, multiply from the right.
    const auto along_rows = [](const MatrixD& a, const MatrixD& b, double sign, MatrixD& out) {
      math::Gemm(Transpose::kNo, Transpose::kNo, kWidth, kWidth, kWidth, sign, a.data(), kWidth,
                 b.data(), kWidth, 1.0, out.data(), kWidth);
    };
    along_rows(re, cosine, 1, out_re);
    along_rows(im, sine, -1, out_re);
    along_rows(re, sine, 1, out_im);
    along_rows(im, cosine, 1, out_im);
    for (size_t j = 0; j < kPixels; ++j) {
      spectra.at(i, j) = std::hypot(out_re.data()[j], out_im.data()[j]);
    }
  }
  return spectra;
}

MatrixD Codes(const PrincipalAxes& space, MatrixViewD images) {
  MatrixD centred = MatrixD::Copy(images);
  for (size_t i = 0; i < images.rows; ++i) {
    for (size_t j = 0; j < images.cols; ++j) centred.at(i, j) -= space.mean[j];
  }
  MatrixD codes(images.rows, space.axes.rows());
  math::Gemm(Transpose::kNo, Transpose::kYes, images.rows, codes.cols(), images.cols, 1.0,
             centred.data(), images.cols, space.axes.data(), images.cols, 0.0, codes.data(),
             codes.cols());
  return codes;
}

absl::StatusOr<double> Top1(models::Similarity similarity, MatrixViewD keys, MatrixViewD cues,
                            std::span<const size_t> targets) {
  MNEME_ASSIGN_OR_RETURN(const auto result,
                         models::RunDense<double>(
                             {.similarity = similarity, .separation = models::Separation::kArgMax},
                             {.keys = keys, .cues = cues}, {.steps_max = 1}));
  double right = 0;
  for (size_t q = 0; q < targets.size(); ++q) {
    right += result.cues[q].error.ok() && result.cues[q].top.at(0).row == targets[q];
  }
  return right / static_cast<double>(targets.size());
}

absl::Status MeasureTop1(const Task& task, MatrixViewD keys, MatrixViewD cues, Run& run) {
  MNEME_ASSIGN_OR_RETURN(const double pixels,
                         Top1(models::Similarity::kL2, task.images, task.cues, task.targets));
  run.Measure("pixel_top1", pixels);
  const std::pair<const char*, models::Similarity> similarities[] = {
      {"embedding_top1@l2", models::Similarity::kL2},
      {"embedding_top1@l1", models::Similarity::kL1},
      {"embedding_top1@cosine", models::Similarity::kCosine}};
  for (const auto& [name, similarity] : similarities) {
    MNEME_ASSIGN_OR_RETURN(const double top1, Top1(similarity, keys, cues, task.targets));
    run.Measure(name, top1);
  }
  return absl::OkStatus();
}

double SquaredDistance(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

// Only codes are kept: what the memory gives back is decoded, and compared with the whole image.
absl::Status MeasureSemantic(const Parameters& parameters, const Task& task,
                             const PrincipalAxes& space, MatrixViewD keys, MatrixViewD cues,
                             Run& run) {
  MNEME_ASSIGN_OR_RETURN(const auto result,
                         models::RunDense<double>({.similarity = models::Similarity::kL2,
                                                   .beta = parameters.Real("beta")},
                                                  {.keys = keys, .cues = cues}, {.steps_max = 1}));
  MatrixD decoded(task.targets.size(), kPixels);
  math::Gemm(Transpose::kNo, Transpose::kNo, decoded.rows(), kPixels, keys.cols, 1.0,
             result.recalls.data(), keys.cols, space.axes.data(), kPixels, 0.0, decoded.data(),
             kPixels);
  double identified = 0, error = 0, noise = 0, signal = 0;
  for (size_t q = 0; q < task.targets.size(); ++q) {
    const std::span<const double> image = task.images.row(task.targets[q]);
    for (size_t j = 0; j < kPixels; ++j) decoded.at(q, j) += space.mean[j];
    identified += result.cues[q].top.at(0).row == task.targets[q];
    error += SquaredDistance(decoded.row(q), image);
    noise += SquaredDistance(task.cues.row(q), image);
    signal += SquaredDistance(space.mean, image);
  }
  run.Measure("identified", identified / static_cast<double>(task.targets.size()));
  run.Measure("relative_mse", error / signal);
  run.Measure("relative_noise", noise / signal);
  return absl::OkStatus();
}

absl::Status RunEmbedding(const Parameters& parameters, Run& run) {
  const Task task = DrawTask(parameters, run);
  if (parameters.Text("kind") == "fft") {
    return MeasureTop1(task, Spectra(task.images), Spectra(task.cues), run);
  }
  const PrincipalAxes space = FindPrincipalAxes(task.images, parameters.Count("code_dim"));
  run.Progress(0.5);
  const MatrixD keys = Codes(space, task.images), cues = Codes(space, task.cues);
  MNEME_RETURN_IF_ERROR(MeasureTop1(task, keys, cues, run));
  return MeasureSemantic(parameters, task, space, keys, cues, run);
}

}  // namespace

Experiment EmbeddingExperiment() {
  return {
      .name = "embedding",
      .summary = "images found in a feature space: shifted ones by |FFT|, noisy ones by PCA codes",
      .source = "dense associative memory in the embedding space of an encoder",
      .slope_of = "relative_mse",
      .flags = {{.name = "n",
                 .kind = FlagKind::kInteger,
                 .default_value = "1000",
                 .unit = "images",
                 .help = "stored, made up, 16 x 16",
                 .least = 2,
                 .most = 1e5},
                {.name = "kind",
                 .kind = FlagKind::kChoice,
                 .default_value = "fft",
                 .help = "the encoder",
                 .choices = {"fft", "pca"}},
                {.name = "shift",
                 .kind = FlagKind::kInteger,
                 .default_value = "15",
                 .unit = "pixels",
                 .help = "of fft's cues, at most, down and right, circular",
                 .least = 0,
                 .most = 15},
                {.name = "noise",
                 .default_value = "0.05",
                 .unit = "grey values",
                 .help = "standard deviation, of each pixel of a cue",
                 .least = 0,
                 .most = 1e6},
                {.name = "code_dim",
                 .kind = FlagKind::kInteger,
                 .default_value = "32",
                 .unit = "numbers",
                 .help = "of pca's codes",
                 .least = 1,
                 .most = kPixels},
                {.name = "beta",
                 .default_value = "200",
                 .unit = "1/grey value^2",
                 .help = "inverse temperature of pca's recall",
                 .least = 0,
                 .most = 1e9,
                 .above_least = true}},
      .run = RunEmbedding,
  };
}

}  // namespace mneme::lab
