// What the models of feature sums have in common: their state as bytes, and which questions have
// no answer in a sum.
//
// State, version 1, little-endian: "MNFSTATE", version (u32), items (i64), then the sums as
// FeatureSum::Save or QuadraticSum::Save gives them.
// Sketch, version 1: "MNSKETCH", version (u32), CRC-32C of what follows (u32), then a state.
#ifndef MNEME_CORE_MODELS_FEATURES_FEATURE_STATE_H_
#define MNEME_CORE_MODELS_FEATURES_FEATURE_STATE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/models/model.h"

namespace mneme::models {

struct FeatureState {
  int64_t items = 0;  // added less removed
  std::string_view sums;
};
std::string EncodeFeatureState(int64_t items, std::string_view sums);
// DataLoss (MODEL_STATE). Points into the bytes.
absl::StatusOr<FeatureState> DecodeFeatureState(std::string_view bytes);

std::string EncodeSketch(std::string_view state);
// InvalidArgument (SKETCH): other bytes, a newer version, or a checksum that does not match. The
// state, which points into the bytes.
absl::StatusOr<std::string_view> DecodeSketch(std::string_view bytes);
// An error of reading what a user sent: as one of the sketch, not of the server's data.
absl::Status AsSketchError(const absl::Status& status);
// InvalidArgument (SKETCH): more items were taken out of its memory than put in.
absl::Status CheckSketchItems(int64_t items);

// FailedPrecondition (FEATURES_DIFFER): a sketch of sums of another kind.
absl::Status SumsOfAnotherKind(std::string_view given, std::string_view expected);

// InvalidArgument: a mask (MASK_NOT_SUPPORTED), a beta (BETA_NOT_SUPPORTED), a filter (FILTER).
// FailedPrecondition: lists and best items (CODEBOOK_NOT_KEPT).
absl::Status CheckFeatureQuestion(const CueBatch& cues, const QuerySpec& spec);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_FEATURES_FEATURE_STATE_H_
