// The spec of a feature memory: wire <-> engine.
#include <algorithm>

#include "core/base/status.h"
#include "server/rpc/convert.h"

namespace mneme::server {

absl::StatusOr<models::FeatureSpec> DecodeFeature(const v1::FeatureSpec& from) {
  models::FeatureSpec to{.features = from.features(),
                         .beta = from.beta(),
                         .items_expected = from.items_expected(),
                         .cue_noise = from.cue_noise()};
  switch (from.kind()) {
    case v1::FEATURE_KIND_UNSPECIFIED:
    case v1::FEATURE_KIND_TRIGONOMETRIC:
      to.kind = models::FeatureKind::kTrig;
      break;
    case v1::FEATURE_KIND_ORTHOGONAL:
      to.kind = models::FeatureKind::kOrthogonal;
      break;
    case v1::FEATURE_KIND_POSITIVE:
      to.kind = models::FeatureKind::kPositive;
      break;
    case v1::FEATURE_KIND_QUADRATIC:
      to.kind = models::FeatureKind::kQuadratic;
      break;
    default:
      return UnknownEnum("feature.kind", from.kind());
  }
  if (from.seed() > 0) to.seed = from.seed();
  if (from.rate() != 0) to.rate = from.rate();
  if (from.steps_max() > 0) {
    to.steps_max = static_cast<int>(std::min<uint32_t>(from.steps_max(), 1u << 20));
  }
  if (from.tolerance() != 0) to.tolerance = from.tolerance();
  if (from.has_gamma()) to.gamma = from.gamma();
  return to;
}

void EncodeFeature(const models::FeatureSpec& from, v1::FeatureSpec* to) {
  switch (from.kind) {
    case models::FeatureKind::kTrig:
      to->set_kind(v1::FEATURE_KIND_TRIGONOMETRIC);
      break;
    case models::FeatureKind::kOrthogonal:
      to->set_kind(v1::FEATURE_KIND_ORTHOGONAL);
      break;
    case models::FeatureKind::kPositive:
      to->set_kind(v1::FEATURE_KIND_POSITIVE);
      break;
    case models::FeatureKind::kQuadratic:
      to->set_kind(v1::FEATURE_KIND_QUADRATIC);
      break;
  }
  to->set_features(from.features);
  to->set_beta(from.beta);
  to->set_seed(from.seed);
  to->set_rate(from.rate);
  to->set_steps_max(static_cast<uint32_t>(from.steps_max));
  to->set_tolerance(from.tolerance);
  if (from.gamma != 1) to->set_gamma(from.gamma);
  to->set_items_expected(from.items_expected);
  to->set_cue_noise(from.cue_noise);
}

}  // namespace mneme::server
