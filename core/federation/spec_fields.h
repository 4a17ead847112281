// The keys of a spec: one table, that its readers and writers go through (the federation file, the
// wire), so that none of them lacks one.
//
// Threads  pure.
#ifndef MNEME_CORE_FEDERATION_SPEC_FIELDS_H_
#define MNEME_CORE_FEDERATION_SPEC_FIELDS_H_

#include "core/federation/spec.h"

namespace mneme::federation {

// Calls `visit(name, field)` for each; a field is a uint32_t, uint64_t, double, bool, one of the
// enums of spec.h, or, of step_scale, an optional double. `AnySpec` is Spec, or const Spec.
template <typename AnySpec, typename Visit>
void VisitFields(AnySpec& spec, Visit&& visit) {
  visit("key_dim", spec.d_k);
  visit("response_dim", spec.d_v);
  visit("loss", spec.loss);
  visit("huber_delta", spec.huber_delta);
  visit("decay", spec.decay);
  visit("radius", spec.radius);
  visit("transport", spec.transport);
  visit("combine", spec.combine);
  visit("schedule", spec.steps.schedule);
  visit("step_scale", spec.steps.c);
  visit("step_size", spec.steps.eta);
  visit("step_size_max", spec.steps.eta_max);
  visit("horizon", spec.steps.horizon);
  visit("gradient_bound", spec.steps.gradient_bound);
  visit("stability_cap", spec.steps.stability_cap);
  visit("min_contributors", spec.privacy.min_contributors);
  visit("min_items", spec.privacy.min_items);
  visit("max_hold_rounds", spec.privacy.max_hold_rounds);
  visit("share_items", spec.privacy.share_items);
  visit("wire_type", spec.wire.type);
  visit("compression", spec.wire.compression);
  visit("topk_share", spec.wire.topk_share);
  visit("error_feedback", spec.wire.error_feedback);
  visit("batch_max", spec.b_max);
  visit("lag_max", spec.lag_max);
  visit("max_delay", spec.max_delay);
  visit("loss_correction", spec.loss_correction);
  visit("staleness_damping", spec.staleness_damping);
  visit("clip", spec.clip);
  visit("dp_clip", spec.noise.clip);
  visit("dp_sigma", spec.noise.sigma);
  visit("warm_start", spec.warm_start);
  visit("dead_interest", spec.dead_interest);
  visit("checkpoint_rounds", spec.checkpoint_rounds);
  visit("probe_rounds", spec.probe_rounds);
}

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_SPEC_FIELDS_H_
