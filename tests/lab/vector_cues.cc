#include "tests/lab/vector_cues.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/base/status.h"
#include "core/math/kernels.h"
#include "tests/lab/vectors.h"

namespace mneme::lab {
namespace {

void Normalise(std::span<float> row) {
  const float square = math::SquaredNorm(row.data(), row.size());
  if (square > 0) math::Scale(1 / std::sqrt(square), row.data(), row.size());
}

// Vectors of a file, in a shuffled order: the first are cues and are not stored.
absl::Status HoldOut(const Parameters& parameters, Run& run, VectorCues& data) {
  const size_t n = parameters.Count("n"), cues = parameters.Count("cues");
  MNEME_ASSIGN_OR_RETURN(const Matrix all, LoadVectors(parameters.Text("data"), n));
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  Random random = run.Stream(1);
  random.Shuffle(std::span<size_t>(order));
  data.cues = Matrix(cues, all.cols());
  data.rows = Matrix(n - cues, all.cols());
  for (size_t i = 0; i < n; ++i) {
    const std::span<float> to = i < cues ? data.cues.row(i) : data.rows.row(i - cues);
    std::copy_n(all.row(order[i]).data(), all.cols(), to.data());
    Normalise(to);
  }
  return absl::OkStatus();
}

// Random directions; a cue is one of them with Gaussian noise of the given length.
void MakeUp(const Parameters& parameters, Run& run, VectorCues& data) {
  const size_t d = parameters.Count("d");
  Random random = run.Stream(1);
  data.rows = Matrix(parameters.Count("n"), d);
  for (size_t i = 0; i < data.rows.rows(); ++i) random.FillUnit(data.rows.row(i));
  data.cues = Matrix(parameters.Count("cues"), d);
  const double each = parameters.Real("noise") / std::sqrt(static_cast<double>(d));
  for (size_t c = 0; c < data.cues.rows(); ++c) {
    const size_t of = random.Below(data.rows.rows());
    for (size_t j = 0; j < d; ++j) {
      data.cues.at(c, j) = data.rows.at(of, j) + static_cast<float>(each * random.Gaussian());
    }
    Normalise(data.cues.row(c));
  }
}

}  // namespace

absl::StatusOr<VectorCues> MakeVectorCues(const Parameters& parameters, Run& run) {
  VectorCues data;
  if (parameters.Text("data") == kMadeUpVectors) {
    MakeUp(parameters, run, data);
  } else {
    MNEME_RETURN_IF_ERROR(HoldOut(parameters, run, data));
  }
  models::ExplicitStore store(data.rows.cols(), 0);
  std::vector<uint64_t> numbers(data.rows.rows());
  std::iota(numbers.begin(), numbers.end(), 0);
  MNEME_RETURN_IF_ERROR(store.Append({.keys = data.rows, .row_numbers = numbers}));
  data.store = store.Publish();
  return data;
}

}  // namespace mneme::lab
