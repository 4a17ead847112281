#include "core/engine/row_bytes.h"

#include <algorithm>
#include <variant>

#include "core/models/dense/dense_choices.h"
#include "core/models/features/feature_map.h"
#include "core/models/index/binary_code.h"
#include "core/models/store/explicit_store.h"

namespace mneme::engine {
namespace {

// Of a row of a tile, besides its vectors: three float32, the row's number, the id.
constexpr uint64_t kTileRowBytes = 3 * sizeof(float) + sizeof(uint64_t) + 16;
// Of a trained memory's certificate.
constexpr uint64_t kCertificateBytes = sizeof(uint64_t) + sizeof(float);

// Of a row of a graph, besides its key and its links: its place, its number, lengths of lists.
constexpr uint64_t kGraphRowBytes = 110;

struct IndexBytes {
  const models::MemorySpec& spec;

  // Of codes: room for groups of rows; and the rotation.
  uint64_t Row(const models::BinaryIndexSpec& binary) const {
    return Bits(binary) / 8 + sizeof(uint64_t);
  }
  uint64_t Fixed(const models::BinaryIndexSpec& binary) const {
    return Bits(binary) * spec.key_dim * sizeof(float);
  }
  uint64_t Row(const models::GraphIndexSpec& graph) const {
    return spec.key_dim * sizeof(float) + graph.links * 2 * sizeof(uint32_t) + kGraphRowBytes;
  }
  uint64_t Fixed(const models::GraphIndexSpec&) const { return 0; }

 private:
  uint64_t Bits(const models::BinaryIndexSpec& binary) const {
    return binary.bits != 0 ? binary.bits : models::AutomaticCodeBits(spec.key_dim);
  }
};

const models::IndexSpec* IndexOf(const models::MemorySpec& spec) {
  const auto* dense = std::get_if<models::DenseSpec>(&spec.model);
  return dense != nullptr && dense->index.has_value() ? &*dense->index : nullptr;
}

uint64_t IndexRowBytes(const models::MemorySpec& spec) {
  const models::IndexSpec* index = IndexOf(spec);
  if (index == nullptr) return 0;
  return std::visit([&](const auto& kind) { return IndexBytes{spec}.Row(kind); }, index->kind);
}

uint64_t IndexFixedBytes(const models::MemorySpec& spec) {
  const models::IndexSpec* index = IndexOf(spec);
  if (index == nullptr) return 0;
  return std::visit([&](const auto& kind) { return IndexBytes{spec}.Fixed(kind); }, index->kind);
}

// The sums twice, the writer's and the readers'; and the frequencies.
uint64_t FeatureBytes(const models::MemorySpec& spec, const models::FeatureSpec& feature) {
  if (feature.kind == models::FeatureKind::kQuadratic) {
    return 2 * spec.key_dim * spec.key_dim * sizeof(double);
  }
  const models::FeatureMapSpec map = models::MapSpecOf(spec.key_dim, feature);
  return (2 * map.features() * (1 + spec.response_dim) + feature.features * spec.key_dim) *
         sizeof(double);
}

}  // namespace

uint64_t FixedBytes(const models::MemorySpec& spec) {
  if (const auto* feature = std::get_if<models::FeatureSpec>(&spec.model)) {
    return FeatureBytes(spec, *feature);
  }
  const auto* linear = std::get_if<models::LinearSpec>(&spec.model);
  if (linear == nullptr) return IndexFixedBytes(spec);
  const uint64_t weights = spec.key_dim * spec.response_dim;
  const uint64_t squares =
      linear->rule == models::LinearRule::kRidge ? spec.key_dim * spec.key_dim : 0;
  return linear->partitions *
         (weights * (sizeof(double) + sizeof(float)) + squares * 2 * sizeof(double));
}

uint64_t RowBytes(const models::MemorySpec& spec) {
  if (std::holds_alternative<models::FeatureSpec>(spec.model)) return 0;
  const auto* linear = std::get_if<models::LinearSpec>(&spec.model);
  if (linear == nullptr) {
    const bool coded = models::UsesCodes(std::get<models::DenseSpec>(spec.model)) &&
                       models::HasCodes(spec.key_dim);
    const uint64_t codes = coded ? models::CodedRowBytes(spec.key_dim) : 0;
    return (spec.key_dim + models::ValueDimOf(spec)) * sizeof(float) + kTileRowBytes + codes +
           IndexRowBytes(spec);
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
