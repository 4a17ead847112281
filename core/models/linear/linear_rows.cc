#include "core/models/linear/linear_rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <type_traits>

#include "core/base/status.h"
#include "core/math/kernels.h"

namespace mneme::models {
namespace {

// |x|, which cannot overflow or vanish in float64 for any finite x but zero. Four sums, because one
// alone waits for itself at every addition.
double Norm(std::span<const float> x) {
  double sums[4] = {};
  size_t i = 0;
  for (; i + 4 <= x.size(); i += 4) {
    for (size_t j = 0; j < 4; ++j) sums[j] += static_cast<double>(x[i + j]) * x[i + j];
  }
  for (; i < x.size(); ++i) sums[0] += static_cast<double>(x[i]) * x[i];
  return std::sqrt((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

// |x| to float32, by vector instructions: for numbers that become float32.
double NormToFloat(std::span<const float> x) {
  const float squared = math::SquaredNorm(x.data(), x.size());
  // Beyond, squares overflow or vanish.
  return squared > 1e-20f && squared < 1e30f ? std::sqrt(static_cast<double>(squared)) : Norm(x);
}

template <typename T>
double NormFor(std::span<const float> x) {
  return std::is_same_v<T, float> ? NormToFloat(x) : Norm(x);
}

// to = factor x
void FillScaled(std::span<const float> x, double factor, std::span<double> to) {
  for (size_t i = 0; i < x.size(); ++i) to[i] = factor * x[i];
}
void FillScaled(std::span<const float> x, double factor, std::span<float> to) {
  if (factor > 1e-30 && factor < 1e30) {
    std::memcpy(to.data(), x.data(), x.size_bytes());
    math::Scale(static_cast<float>(factor), to.data(), to.size());
  } else {
    for (size_t i = 0; i < x.size(); ++i) to[i] = static_cast<float>(factor * x[i]);
  }
}

// |x - mean|.
double Norm(std::span<const float> x, std::span<const float> mean) {
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double centred = static_cast<double>(x[i]) - mean[i];
    sum += centred * centred;
  }
  return std::sqrt(sum);
}

}  // namespace

std::vector<PartitionRows> GroupRows(const RowBlock& block, const PartitionRouter& router) {
  std::vector<PartitionRows> groups;
  if (block.size() == 0) return groups;
  std::vector<uint32_t> order(block.size());
  std::iota(order.begin(), order.end(), 0u);
  if (router.partitions() == 1) {
    groups.push_back({.partition = 0, .rows = std::move(order)});
    return groups;
  }
  std::vector<size_t> partition_of(block.size());
  for (size_t i = 0; i < block.size(); ++i) partition_of[i] = router.PartitionOf(block, i);
  std::stable_sort(order.begin(), order.end(), [&partition_of](uint32_t a, uint32_t b) {
    return partition_of[a] < partition_of[b];
  });
  for (const uint32_t row : order) {
    if (groups.empty() || groups.back().partition != partition_of[row]) {
      groups.push_back({.partition = partition_of[row]});
    }
    groups.back().rows.push_back(row);
  }
  return groups;
}

bool Normalize(std::span<const float> x, std::span<float> unit) {
  const double norm = NormToFloat(x);
  FillScaled(x, norm > 0 ? 1 / norm : 0, unit);
  return norm > 0;
}

template <typename T>
bool KeyFrame::Apply(std::span<const float> x, double times, std::span<T> out) const {
  const double norm = !normalize_ ? 1 : mean_.empty() ? NormFor<T>(x) : Norm(x, mean_);
  const double factor = norm > 0 ? times / norm : 0;
  if (mean_.empty()) {
    FillScaled(x, factor, out);
  } else {
    for (size_t i = 0; i < x.size(); ++i) {
      out[i] = static_cast<T>((static_cast<double>(x[i]) - mean_[i]) * factor);
    }
  }
  return norm > 0;
}
template bool KeyFrame::Apply(std::span<const float>, double, std::span<float>) const;
template bool KeyFrame::Apply(std::span<const float>, double, std::span<double>) const;

bool KeyFrame::Apply(std::span<const float> x, std::span<float> out) const {
  return Apply<float>(x, 1, out);
}

template <typename T>
ScaledBlock<T>::ScaledBlock(const LearnerRows& rows, Weights weights)
    : keys_(rows.size(), rows.block.keys.cols), responses_(rows.size(), rows.block.responses.cols) {
  Fill(rows, weights);
}

template <typename T>
void ScaledBlock<T>::Fill(const LearnerRows& rows, Weights weights) {
  MNEME_CHECK(rows.size() <= keys_.rows());
  count_ = rows.size();
  for (size_t i = 0; i < count_; ++i) {
    const double times = weights == Weights::kTaken ? std::sqrt(rows.weight(i)) : 1;
    rows.key_frame.Apply(rows.block.keys.row(rows.rows[i]), times, keys_.row(i));
    const std::span<const float> v = rows.block.responses.row(rows.rows[i]);
    const double norm = rows.normalize_responses ? NormFor<T>(v) : 1;
    FillScaled(v, norm > 0 ? times / norm : times, responses_.row(i));
  }
}

template <typename T>
void ScaledBlock<T>::Multiply(size_t i, T factor) {
  math::Scale(factor, keys_.row(i).data(), keys_.cols());
  math::Scale(factor, responses_.row(i).data(), responses_.cols());
}

template class ScaledBlock<float>;
template class ScaledBlock<double>;

}  // namespace mneme::models
