#include "core/federation/compress.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/federation/ball.h"
#include "core/math/convert.h"

namespace mneme::federation {

size_t TopKCount(double share, size_t n) {
  const auto count = static_cast<size_t>(share * static_cast<double>(n) + 1e-9);
  return std::clamp<size_t>(count, 1, std::max<size_t>(n, 1));
}

template <typename T>
void TopK(std::span<const T> x, size_t k, Sparse<T>& out) {
  const auto magnitude = [x](uint32_t i) {
    return std::isnan(x[i]) ? std::numeric_limits<T>::infinity() : std::abs(x[i]);
  };
  std::vector<uint32_t>& order = out.indices;
  order.resize(x.size());
  std::iota(order.begin(), order.end(), 0);
  if (k < order.size()) {
    std::ranges::nth_element(order, order.begin() + static_cast<ptrdiff_t>(k),
                             [&](uint32_t a, uint32_t b) {
                               const T left = magnitude(a), right = magnitude(b);
                               return left > right || (left == right && a < b);
                             });
    order.resize(k);
  }
  std::erase_if(order, [x](uint32_t i) { return x[i] == 0; });
  std::ranges::sort(order);
  out.values.resize(order.size());
  for (size_t i = 0; i < order.size(); ++i) out.values[i] = x[order[i]];
}

template <typename T>
void AddSparse(const Sparse<T>& sparse, std::span<T> out) {
  for (size_t i = 0; i < sparse.size(); ++i) out[sparse.indices[i]] += sparse.values[i];
}

template <typename T>
void ErrorFeedback<T>::Compress(std::span<const T> x, size_t k, bool bfloat16, Sparse<T>& out) {
  for (size_t i = 0; i < residual_.size(); ++i) residual_[i] += x[i];
  TopK(std::span<const T>(residual_), k, out);
  if (bfloat16) RoundToBfloat16(std::span<T>(out.values));
  if (!keep_) return Clear();
  for (size_t i = 0; i < out.size(); ++i) residual_[out.indices[i]] -= out.values[i];
}

template <typename T>
double ErrorFeedback<T>::Left() const {
  return Norm(std::span<const T>(residual_));
}

template <typename T>
void ErrorFeedback<T>::Clear() {
  std::ranges::fill(residual_, T{0});
}

template <typename T>
void RoundToBfloat16(std::span<T> x) {
  constexpr size_t kBlock = 256;
  std::array<float, kBlock> block;
  std::array<uint16_t, kBlock> narrow;
  for (size_t first = 0; first < x.size(); first += kBlock) {
    const size_t count = std::min(kBlock, x.size() - first);
    for (size_t i = 0; i < count; ++i) block[i] = static_cast<float>(x[first + i]);
    math::ToBfloat16(block.data(), count, narrow.data());
    math::FromBfloat16(narrow.data(), count, block.data());
    for (size_t i = 0; i < count; ++i) x[first + i] = static_cast<T>(block[i]);
  }
}

template <typename T>
void SignWithMeanScale(std::span<T> x) {
  double sum = 0;
  for (const T value : x) sum += std::abs(static_cast<double>(value));
  const T scale = x.empty() ? T{0} : static_cast<T>(sum / static_cast<double>(x.size()));
  for (T& value : x) value = value > 0 ? scale : value < 0 ? -scale : value;
}

bool FactorsAreSmaller(size_t rank, size_t d_v, size_t d_k) {
  return rank * (d_k + d_v) < d_k * d_v;
}

template void TopK(std::span<const float>, size_t, Sparse<float>&);
template void TopK(std::span<const double>, size_t, Sparse<double>&);
template void AddSparse(const Sparse<float>&, std::span<float>);
template void AddSparse(const Sparse<double>&, std::span<double>);
template class ErrorFeedback<float>;
template class ErrorFeedback<double>;
template void RoundToBfloat16(std::span<float>);
template void RoundToBfloat16(std::span<double>);
template void SignWithMeanScale(std::span<float>);
template void SignWithMeanScale(std::span<double>);

}  // namespace mneme::federation
