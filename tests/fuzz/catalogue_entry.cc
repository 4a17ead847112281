// What the engine keeps in the catalogue and beside requests and checkpoints: any bytes.
#include "core/engine/catalogue_entry.h"

#include "core/base/status.h"
#include "core/models/model.h"
#include "tests/fuzz/fuzz.h"

namespace mneme::fuzz {
namespace {

using absl::StatusCode;

void CheckRefused(const absl::Status& status) {
  CheckError(status, {StatusCode::kDataLoss, StatusCode::kFailedPrecondition});
}

void CheckEntry(std::string_view bytes) {
  const auto info = engine::DecodeCatalogueEntry(bytes);
  if (!info.ok()) return CheckRefused(info.status());
  const std::string written = engine::EncodeCatalogueEntry(*info);
  const auto again = engine::DecodeCatalogueEntry(written);
  MNEME_CHECK(again.ok() && engine::EncodeCatalogueEntry(*again) == written);
  // Recovery makes a model of it next.
  MNEME_CHECK(models::ValidateSpec(info->spec).ok());
  constexpr size_t kDimMax = 64;
  const auto* linear = std::get_if<models::LinearSpec>(&info->spec.model);
  const auto* feature = std::get_if<models::FeatureSpec>(&info->spec.model);
  const bool small = info->spec.key_dim <= kDimMax && info->spec.response_dim <= kDimMax &&
                     (linear == nullptr || linear->partitions <= kDimMax) &&
                     (feature == nullptr || feature->features <= kDimMax);
  if (!small) return;
  const auto model = models::MakeModel(info->spec);
  MNEME_CHECK(model.ok() && (*model)->Publish()->stats().items == 0);
}

void CheckReply(std::string_view bytes) {
  const auto reply = engine::DecodeWriteReply(bytes);
  if (!reply.ok()) return CheckRefused(reply.status());
  const std::string written = engine::EncodeWriteReply(*reply);
  const auto again = engine::DecodeWriteReply(written);
  MNEME_CHECK(again.ok() && engine::EncodeWriteReply(*again) == written);
}

void CheckCheckpoint(std::string_view bytes) {
  const auto checkpoint = engine::DecodeCheckpoint(bytes);
  if (!checkpoint.ok()) return CheckRefused(checkpoint.status());
  MNEME_CHECK(engine::EncodeCheckpoint(checkpoint->next_row, checkpoint->model_blob) == bytes);
}

std::string Entry(models::MemorySpec spec) {
  engine::MemoryInfo info{.name = "faces", .uid = 7, .revision = 2, .spec = std::move(spec)};
  info.labels.description = "a memory";
  info.labels.labels = {{"team", "blue"}, {"year", "2026"}};
  return engine::EncodeCatalogueEntry(info);
}

}  // namespace

// Which of the three, then its bytes.
void TestOne(std::string_view bytes) {
  Input in(bytes);
  switch (in.Byte() % 3) {
    case 0:
      return CheckEntry(in.rest());
    case 1:
      return CheckReply(in.rest());
    case 2:
      return CheckCheckpoint(in.rest());
  }
}

std::vector<Seed> Seeds() {
  using models::LinearRule;
  const std::string entry(1, '\0'), reply(1, '\1'), checkpoint(1, '\2');
  const models::DenseSpec dense{.beta = 8};
  const models::DenseSpec encoded{.similarity = models::Similarity::kCosine,
                                  .encoder = models::Encoder::kCentre};
  const models::FeatureSpec feature{.features = 16, .beta = 2, .items_expected = 3};
  const models::LinearSpec ridge{
      .rule = LinearRule::kRidge, .partitions = 2, .key_mean = {1, 2, 3}};
  const models::LinearSpec tam{.rule = LinearRule::kTam, .tail_fraction = 0.05};
  return {
      {"entry_dense", entry + Entry({.key_dim = 4, .model = dense})},
      {"entry_encoded", entry + Entry({.key_dim = 4, .model = encoded})},
      {"entry_feature",
       entry + Entry({.key_dim = 4, .retain = models::Retain::kStatistics, .model = feature})},
      {"entry_ridge", entry + Entry({.key_dim = 3, .response_dim = 2, .model = ridge})},
      {"entry_tam", entry + Entry({.key_dim = 4, .response_dim = 2, .model = tam})},
      {"reply", reply + engine::EncodeWriteReply({.uid = 7, .position = 3, .stored = 2})},
      {"checkpoint", checkpoint + engine::EncodeCheckpoint(12, "a model's state")},
  };
}

}  // namespace mneme::fuzz
