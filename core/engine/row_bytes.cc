#include "core/engine/row_bytes.h"

#include <algorithm>
#include <variant>

#include "core/models/store/explicit_store.h"

namespace mneme::engine {
namespace {

// Of a row of a tile, besides its vectors: three float32, the row's number, the id.
constexpr uint64_t kTileRowBytes = 3 * sizeof(float) + sizeof(uint64_t) + 16;
// Of a trained memory's certificate.
constexpr uint64_t kCertificateBytes = sizeof(uint64_t) + sizeof(float);

}  // namespace

uint64_t FixedBytes(const models::MemorySpec& spec) {
  const auto* linear = std::get_if<models::LinearSpec>(&spec.model);
  if (linear == nullptr) return 0;
  const uint64_t weights = spec.key_dim * spec.response_dim;
  const uint64_t squares =
      linear->rule == models::LinearRule::kRidge ? spec.key_dim * spec.key_dim : 0;
  return linear->partitions *
         (weights * (sizeof(double) + sizeof(float)) + squares * 2 * sizeof(double));
}

uint64_t RowBytes(const models::MemorySpec& spec) {
  const auto* linear = std::get_if<models::LinearSpec>(&spec.model);
  if (linear == nullptr) {
    const uint64_t codes = models::HasCodes(spec.key_dim) ? models::CodedRowBytes(spec.key_dim) : 0;
    return (spec.key_dim + spec.response_dim) * sizeof(float) + kTileRowBytes + codes;
  }
  if (spec.retain == models::Retain::kStatistics) return 0;
  const uint64_t codebook = spec.response_dim * sizeof(float) + kTileRowBytes;
  return codebook + (linear->rule == models::LinearRule::kTam ? kCertificateBytes : 0);
}

uint64_t GrowthBytes(const models::MemorySpec& spec, uint32_t partitions, uint64_t items,
                     uint64_t rows) {
  const uint64_t parts = std::max<uint32_t>(partitions, 1);
  const uint64_t before = items / parts;
  const uint64_t after = (items + rows + parts - 1) / parts;
  return parts * (models::StoreRoom(after) - models::StoreRoom(before)) * RowBytes(spec);
}

}  // namespace mneme::engine
