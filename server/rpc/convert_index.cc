// The index of a memory: wire <-> engine.
#include <utility>

#include "core/base/status.h"
#include "server/rpc/convert.h"

namespace mneme::server {
namespace {

constexpr double kNanosPerMicro = 1000;

models::BinaryIndexSpec DecodeBinary(const v1::BinaryIndexSpec& from) {
  models::BinaryIndexSpec to{.bits = from.bits(),
                             .centred = !from.no_centering(),
                             .tile_size = from.tile_size(),
                             .tile_keep = from.tile_keep()};
  if (from.rotation_seed() > 0) to.rotation_seed = from.rotation_seed();
  return to;
}

models::GraphIndexSpec DecodeGraph(const v1::GraphIndexSpec& from) {
  models::GraphIndexSpec to;
  if (from.links() > 0) to.links = from.links();
  if (from.construction_width() > 0) to.construction_width = from.construction_width();
  if (from.seed() > 0) to.seed = from.seed();
  return to;
}

void EncodeRecall(const models::MeasuredShare& from, v1::MeasuredRecall* to) {
  to->set_recall(from.share);
  to->set_low(from.low);
  to->set_high(from.high);
}

}  // namespace

models::IndexSpec DecodeIndex(const v1::IndexSpec& from) {
  models::IndexSpec to{.rescore_depth = from.rescore_depth()};
  if (from.target_recall() != 0) to.target_recall = from.target_recall();
  if (from.has_graph()) {
    to.kind = DecodeGraph(from.graph());
  } else {
    to.kind = DecodeBinary(from.binary());
  }
  return to;
}

void EncodeIndex(const models::IndexSpec& from, v1::IndexSpec* to) {
  if (const auto* binary = std::get_if<models::BinaryIndexSpec>(&from.kind)) {
    v1::BinaryIndexSpec& out = *to->mutable_binary();
    out.set_bits(binary->bits);
    out.set_rotation_seed(binary->rotation_seed);
    out.set_no_centering(!binary->centred);
    out.set_tile_size(binary->tile_size);
    out.set_tile_keep(binary->tile_keep);
  } else {
    const auto& graph = std::get<models::GraphIndexSpec>(from.kind);
    v1::GraphIndexSpec& out = *to->mutable_graph();
    out.set_links(graph.links);
    out.set_construction_width(graph.construction_width);
    out.set_seed(graph.seed);
  }
  to->set_target_recall(from.target_recall);
  to->set_rescore_depth(from.rescore_depth);
}

v1::IndexFallback EncodeFallback(models::IndexFallback fallback) {
  switch (fallback) {
    case models::IndexFallback::kNone:
      return v1::INDEX_FALLBACK_UNSPECIFIED;
    case models::IndexFallback::kAsked:
      return v1::INDEX_FALLBACK_ASKED;
    case models::IndexFallback::kRecall:
      return v1::INDEX_FALLBACK_RECALL;
    case models::IndexFallback::kFewRows:
      return v1::INDEX_FALLBACK_FEW_ROWS;
    case models::IndexFallback::kBuilding:
      return v1::INDEX_FALLBACK_BUILDING;
    case models::IndexFallback::kUncalibrated:
      return v1::INDEX_FALLBACK_UNCALIBRATED;
    case models::IndexFallback::kGrown:
      return v1::INDEX_FALLBACK_GROWN;
    case models::IndexFallback::kRecallTooLow:
      return v1::INDEX_FALLBACK_RECALL_TOO_LOW;
    case models::IndexFallback::kExactIsFaster:
      return v1::INDEX_FALLBACK_EXACT_IS_FASTER;
    case models::IndexFallback::kFailed:
      return v1::INDEX_FALLBACK_FAILED;
    case models::IndexFallback::kDepth:
      return v1::INDEX_FALLBACK_DEPTH;
    case models::IndexFallback::kMask:
      return v1::INDEX_FALLBACK_MASK;
    case models::IndexFallback::kRows:
      return v1::INDEX_FALLBACK_ROWS;
    case models::IndexFallback::kCue:
      return v1::INDEX_FALLBACK_CUE;
  }
  return v1::INDEX_FALLBACK_UNSPECIFIED;
}

void EncodeIndexUse(const models::IndexUse& from, v1::IndexReport* to) {
  to->set_fallback(EncodeFallback(from.fallback));
  if (from.fallback != models::IndexFallback::kNone) return;
  EncodeRecall(from.recall, to->mutable_recall());
  to->set_depth(static_cast<uint32_t>(from.depth));
  to->set_rows(from.rows);
}

void EncodeIndexStats(const models::IndexStats& from, v1::IndexStatus* to) {
  to->set_fallback(EncodeFallback(from.fallback));
  to->set_why(from.why);
  if (from.calibration == nullptr) return;
  const models::Calibration& calibration = *from.calibration;
  if (from.why.empty()) to->set_why(calibration.why);
  to->set_depth(static_cast<uint32_t>(calibration.depth));
  EncodeRecall(calibration.recall, to->mutable_recall());
  to->set_rows(calibration.rows);
  to->set_exact_us(calibration.exact_ns / kNanosPerMicro);
  for (const models::DepthResult& line : calibration.table) {
    v1::IndexDepth& out = *to->add_table();
    out.set_depth(static_cast<uint32_t>(line.depth));
    EncodeRecall(line.recall, out.mutable_recall());
    out.set_candidates_us(line.candidates_ns / kNanosPerMicro);
    out.set_rescore_us(line.rescore_ns / kNanosPerMicro);
  }
}

}  // namespace mneme::server
