#include "core/federation/portable_data.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/federation/ball.h"
#include "core/math/blas.h"

namespace mneme::federation {
namespace {

constexpr uint64_t kGold = 0x9E3779B97F4A7C15;
constexpr double kNoise = 0.3;
constexpr size_t kGainPeriod = 8;

uint64_t Mix(uint64_t z) {
  z ^= z >> 30;
  z *= 0xBF58476D1CE4E5B9;
  z ^= z >> 27;
  z *= 0x94D049BB133111EB;
  z ^= z >> 31;
  return z;
}

}  // namespace

PortableStream::PortableStream(uint64_t seed, uint64_t tag)
    : base_(Mix(Mix(seed + kGold) ^ (tag * 0xD1342543DE82EF95))) {}

double PortableStream::Uniform(uint64_t index) const {
  const uint64_t bits = Mix(base_ + (index + 1) * kGold) >> 11;
  return (static_cast<double>(bits) + 0.5) * 0x1p-53;
}

double PortableStream::Normal(uint64_t index) const {
  const uint64_t pair = index & ~uint64_t{1};
  const double length = std::sqrt(-2 * std::log(Uniform(pair)));
  const double angle = 2 * std::numbers::pi * Uniform(pair + 1);
  return length * (index == pair ? std::cos(angle) : std::sin(angle));
}

void PortableStream::FillNormals(uint64_t first, std::span<double> out) const {
  size_t i = 0;
  // An odd start shares its pair with the number before it.
  if (first % 2 == 1 && !out.empty()) out[i++] = Normal(first);
  for (; i + 1 < out.size(); i += 2) {
    const double length = std::sqrt(-2 * std::log(Uniform(first + i)));
    const double angle = 2 * std::numbers::pi * Uniform(first + i + 1);
    out[i] = length * std::cos(angle);
    out[i + 1] = length * std::sin(angle);
  }
  if (i < out.size()) out[i] = Normal(first + i);
}

PortableData::PortableData(const PortableDataOptions& options)
    : options_(options), keys_(options.seed, kKeyTag), noise_(options.seed, kNoiseTag) {
  const size_t d_v = options.d_v, d_k = options.d_k;
  const double scale = 1 / std::sqrt(static_cast<double>(d_v));
  const auto draw = [&](uint64_t tag, size_t first) {
    MatrixD matrix(d_v, d_k);
    PortableStream(options.seed, tag).FillNormals(first, matrix.flat());
    for (double& x : matrix.flat()) x *= scale;
    return matrix;
  };
  const MatrixD common = draw(kCommonTag, 0);
  for (size_t m = 0; m < options.nodes; ++m) {
    MatrixD own = draw(kOwnTag, m * d_v * d_k);
    for (size_t i = 0; i < own.flat().size(); ++i) {
      own.flat()[i] =
          std::sqrt(1 - options.het) * common.flat()[i] + std::sqrt(options.het) * own.flat()[i];
    }
    own_.push_back(std::move(own));
  }
  if (options.drift != 0) drift_ = draw(kDriftTag, 0);
}

void PortableData::Fill(uint64_t round, std::span<double> keys, std::span<double> responses) const {
  const size_t d_k = options_.d_k, d_v = options_.d_v;
  for (size_t i = 0; i < options_.nodes * options_.batch; ++i) {
    const uint64_t item = round * options_.nodes * options_.batch + i;
    const size_t node = i / options_.batch;
    const std::span<double> key = keys.subspan(i * d_k, d_k);
    FillKey(item, node, key);
    FillResponse(round, item, node, key, responses.subspan(i * d_v, d_v));
  }
}

double PortableData::FloorOf(uint64_t round, size_t node) const {
  const size_t d_v = options_.d_v;
  std::vector<double> noise(d_v);
  double sum = 0;
  for (size_t j = 0; j < options_.batch; ++j) {
    const uint64_t item = (round * options_.nodes + node) * options_.batch + j;
    noise_.FillNormals(item * d_v, noise);
    for (const double z : noise) sum += z * z;
  }
  return kNoise * kNoise / static_cast<double>(d_v) * sum / 2 / static_cast<double>(options_.batch);
}

void PortableData::FillKey(uint64_t item, size_t node, std::span<double> key) const {
  keys_.FillNormals(item * key.size(), key);
  for (size_t i = node % kGainPeriod; i < key.size(); i += kGainPeriod) key[i] *= options_.gain;
  const double norm = Norm(std::span<const double>(key));
  for (double& x : key) x /= norm;
}

void PortableData::FillResponse(uint64_t round, uint64_t item, size_t node,
                                std::span<const double> key, std::span<double> response) const {
  const size_t d_k = options_.d_k, d_v = options_.d_v;
  noise_.FillNormals(item * d_v, response);
  const double scale = kNoise / std::sqrt(static_cast<double>(d_v));
  for (double& x : response) x *= scale;
  const double angle = options_.drift * static_cast<double>(round);
  math::Gemv(math::Transpose::kNo, d_v, d_k, std::cos(angle), own_[node].data(), d_k, key.data(),
             1.0, response.data());
  if (drift_.empty()) return;
  math::Gemv(math::Transpose::kNo, d_v, d_k, std::sin(angle), drift_.data(), d_k, key.data(), 1.0,
             response.data());
}

}  // namespace mneme::federation
