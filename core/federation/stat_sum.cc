#include "core/federation/stat_sum.h"

#include <cmath>

#include "core/math/blas.h"
#include "core/math/kernels.h"

namespace mneme::federation {

void StatSum::Clear() {
  squares_.clear();
  products_.clear();
  energy_ = 0;
}

void StatSum::MakeRoom() {
  squares_.resize(TriangleNumbers(d_k_));
  products_.resize(d_v_ * d_k_);
}

void StatSum::AddBatch(const Batch& batch, double weight) {
  if (batch.count == 0) return;
  MakeRoom();
  const double share = weight / static_cast<double>(batch.count);
  for (size_t item = 0; item < batch.count; ++item) {
    const float* key = batch.keys.data() + item * d_k_;
    const float* response = batch.responses.data() + item * d_v_;
    const double scale = share * static_cast<double>(batch.gates[item]);
    for (size_t i = 0; i < d_k_; ++i) {
      math::AddScaled(static_cast<float>(scale * key[i]), key, squares_.data() + TriangleNumbers(i),
                      i + 1);
    }
    for (size_t i = 0; i < d_v_; ++i) {
      math::AddScaled(static_cast<float>(scale * response[i]), key, products_.data() + i * d_k_,
                      d_k_);
      energy_ += scale * static_cast<double>(response[i]) * static_cast<double>(response[i]);
    }
  }
}

void StatSum::Add(const StatSum& more) {
  if (more.empty()) return;
  MakeRoom();
  math::AddScaled(1.0F, more.squares_.data(), squares_.data(), squares_.size());
  math::AddScaled(1.0F, more.products_.data(), products_.data(), products_.size());
  energy_ += more.energy_;
}

void StatSum::Scale(float factor) {
  math::Scale(factor, squares_.data(), squares_.size());
  math::Scale(factor, products_.data(), products_.size());
  energy_ *= static_cast<double>(factor);
}

void StatSum::ForgetSquares() {
  math::Scale(0.0F, squares_.data(), squares_.size());
  energy_ = 0;
}

std::vector<float> StatSum::TimesSquares(std::span<const float> memory) const {
  std::vector<float> whole(d_k_ * d_k_);
  for (size_t i = 0; i < d_k_; ++i) {
    const float* row = squares_.data() + TriangleNumbers(i);
    for (size_t j = 0; j <= i; ++j) whole[i * d_k_ + j] = whole[j * d_k_ + i] = row[j];
  }
  std::vector<float> out(d_v_ * d_k_);
  math::Gemm(math::Transpose::kNo, math::Transpose::kNo, d_v_, d_k_, d_k_, 1.0F, memory.data(),
             d_k_, whole.data(), d_k_, 0.0F, out.data(), d_k_);
  return out;
}

void StatSum::AddGradient(std::span<const float> memory, std::span<float> gradient) const {
  if (empty()) return;
  const std::vector<float> product = TimesSquares(memory);
  math::AddScaled(1.0F, product.data(), gradient.data(), gradient.size());
  math::AddScaled(-1.0F, products_.data(), gradient.data(), gradient.size());
}

double StatSum::LossAt(std::span<const float> memory) const {
  if (empty()) return 0;
  const std::vector<float> product = TimesSquares(memory);
  double twice = energy_;
  for (size_t i = 0; i < product.size(); ++i) {
    twice += static_cast<double>(memory[i]) *
             (static_cast<double>(product[i]) - 2 * static_cast<double>(products_[i]));
  }
  return twice / 2;
}

bool StatSum::Finite() const {
  return AllFinite(squares_) && AllFinite(products_) && std::isfinite(energy_);
}

void StatSum::Write(WireType type, StatUp& frame) const {
  frame.squares = Pack(squares_, type);
  frame.products = Pack(products_, type);
  frame.energy = energy_;
}

void StatSum::Read(const StatUp& frame) {
  Clear();
  if (frame.products.bytes.empty()) return;
  MakeRoom();
  Unpack(frame.squares, squares_);
  Unpack(frame.products, products_);
  energy_ = frame.energy;
}

}  // namespace mneme::federation
