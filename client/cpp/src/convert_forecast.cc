// Forecasts, and operations with what they say of a training.
#include "client/cpp/src/convert.h"
#include "client/cpp/src/status.h"

namespace mneme::client {
namespace {

Probe GetProbe(const v1::Probe& wire) {
  return {.time = FromWire(wire.time()),
          .epoch = FromWire(wire.epoch()),
          .items = wire.items(),
          .cue_cosine = wire.cue_cosine(),
          .score_std_ratio = wire.score_std_ratio()};
}

}  // namespace

Prediction FromWire(const v1::Prediction& wire) {
  Prediction prediction{.quantity = wire.quantity(),
                        .value = wire.value(),
                        .measured_error = wire.measured_error(),
                        .probe_disagrees = wire.probe_disagrees(),
                        .formula = wire.formula(),
                        .assumption = wire.assumption()};
  if (wire.has_theory()) prediction.theory = wire.theory();
  if (wire.has_measured()) prediction.measured = wire.measured();
  return prediction;
}

CurvePoint FromWire(const v1::CurvePoint& wire) {
  return {
      .load = wire.load(), .items = wire.items(), .hits = {wire.hits().begin(), wire.hits().end()}};
}

ProfilePoint FromWire(const v1::ProfilePoint& wire) {
  ProfilePoint point{.percentile = wire.percentile(), .theory = wire.theory()};
  if (wire.has_measured()) point.measured = wire.measured();
  return point;
}

ForecastResult FromWire(const v1::ForecastResponse& wire) {
  ForecastResult forecast{.items = wire.items(),
                          .load = wire.load(),
                          .load_effective = wire.load_effective(),
                          .key_dim_effective = wire.key_dim_effective(),
                          .response_dim_effective = wire.response_dim_effective(),
                          .phase = static_cast<LoadPhase>(wire.phase()),
                          .predictions = AllFromWire(wire.predictions()),
                          .capacity_items = wire.capacity_items(),
                          .items_left = wire.items_left(),
                          .capacity_formula = wire.capacity_formula(),
                          .bytes = AllFromWire(wire.bytes()),
                          .memory_bytes = wire.memory_bytes(),
                          .warnings = AllFromWire(wire.warnings()),
                          .curve = AllFromWire(wire.curve()),
                          .profile = AllFromWire(wire.profile()),
                          .list_sizes = {wire.list_sizes().begin(), wire.list_sizes().end()}};
  if (wire.has_probe()) forecast.probe = GetProbe(wire.probe());
  return forecast;
}

}  // namespace mneme::client
