#include "core/models/linear/linear_rows.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string_view>

#include "core/base/ids.h"

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

// to = sqrt_weight x, or sqrt_weight x / |x|.
void FillScaled(std::span<const float> x, bool normalize, double sqrt_weight,
                std::span<double> to) {
  double factor = sqrt_weight;
  if (normalize) {
    const double norm = Norm(x);
    if (norm > 0) factor /= norm;
  }
  for (size_t i = 0; i < x.size(); ++i) to[i] = factor * x[i];
}

uint64_t HashRow(const RowBlock& block, size_t row, PartitionBy by) {
  if (by == PartitionBy::kId) return StableHash(block.ids[row]);
  const std::span<const float> key = block.keys.row(row);
  return StableHash(std::string_view(reinterpret_cast<const char*>(key.data()), key.size_bytes()));
}

}  // namespace

std::vector<PartitionRows> GroupRows(const RowBlock& block, size_t partitions, PartitionBy by) {
  std::vector<PartitionRows> groups;
  if (block.size() == 0) return groups;
  std::vector<uint32_t> order(block.size());
  std::iota(order.begin(), order.end(), 0u);
  if (partitions == 1) {
    groups.push_back({.partition = 0, .rows = std::move(order)});
    return groups;
  }
  std::vector<size_t> partition_of(block.size());
  for (size_t i = 0; i < block.size(); ++i) partition_of[i] = HashRow(block, i, by) % partitions;
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
  const double norm = Norm(x);
  const double factor = norm > 0 ? 1 / norm : 0;
  for (size_t i = 0; i < x.size(); ++i) unit[i] = static_cast<float>(x[i] * factor);
  return norm > 0;
}

ScaledBlock::ScaledBlock(const RowBlock& block, std::span<const uint32_t> rows,
                         const LinearSpec& spec)
    : keys_(rows.size(), block.keys.cols), responses_(rows.size(), block.responses.cols) {
  for (size_t i = 0; i < rows.size(); ++i) {
    const size_t row = rows[i];
    const double weight = block.weights.empty() ? 1 : block.weights[row];
    const double sqrt_weight = std::sqrt(weight);
    FillScaled(block.keys.row(row), spec.normalize_keys, sqrt_weight, keys_.row(i));
    FillScaled(block.responses.row(row), spec.normalize_responses, sqrt_weight, responses_.row(i));
  }
}

}  // namespace mneme::models
