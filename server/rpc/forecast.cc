// Forecast.
#include <utility>

#include "core/base/status.h"
#include "server/rpc/call.h"
#include "server/rpc/convert.h"
#include "server/rpc/memory_service.h"
#include "server/rpc/tokens.h"

namespace mneme::server {
namespace {

absl::StatusOr<engine::ProbeMode> DecodeProbeMode(v1::ProbeMode mode) {
  switch (mode) {
    case v1::PROBE_MODE_UNSPECIFIED:
    case v1::PROBE_MODE_NEWEST:
      return engine::ProbeMode::kNewest;
    case v1::PROBE_MODE_NOW:
      return engine::ProbeMode::kNow;
    case v1::PROBE_MODE_NONE:
      return engine::ProbeMode::kNone;
    default:
      return UnknownEnum("probe", mode);
  }
}

absl::StatusOr<engine::ForecastCommand> DecodeForecast(const v1::ForecastRequest& request,
                                                       DecodeArena&) {
  engine::ForecastCommand command;
  switch (request.subject_case()) {
    case v1::ForecastRequest::kMemory: {
      MNEME_ASSIGN_OR_RETURN(command.memory, DecodeMemoryName(request.memory(), "memory"));
      break;
    }
    case v1::ForecastRequest::kPlanned: {
      MNEME_ASSIGN_OR_RETURN(command.planned, DecodeSpec(request.planned().memory()));
      command.planned_items = request.planned().items();
      command.key_dim_effective = request.planned().key_dim_effective();
      command.response_dim_effective = request.planned().response_dim_effective();
      break;
    }
    case v1::ForecastRequest::SUBJECT_NOT_SET:
      return InvalidArgument("the forecast has no subject",
                             {.reason = "FORECAST",
                              .given = "neither memory nor planned",
                              .expected = "one of them",
                              .next_step = "Name a memory, or describe a planned one."});
  }
  command.list_sizes = {request.list_sizes().begin(), request.list_sizes().end()};
  if (request.cue_cosine() != 0) command.cue_cosine = request.cue_cosine();
  if (request.error_target() != 0) command.error_target = request.error_target();
  MNEME_ASSIGN_OR_RETURN(command.probe, DecodeProbeMode(request.probe()));
  if (request.probe_items() > 0) command.probe_items = request.probe_items();
  if (request.seed() > 0) command.seed = request.seed();
  command.curve_points = request.curve_points();
  return command;
}

void EncodeQuantity(const engine::ForecastQuantity& from, v1::Prediction* to) {
  to->set_quantity(from.quantity);
  to->set_value(from.value);
  if (from.theory.has_value()) to->set_theory(*from.theory);
  if (from.measured.has_value()) to->set_measured(*from.measured);
  to->set_measured_error(from.measured_error);
  to->set_probe_disagrees(from.probe_disagrees);
  to->set_formula(from.formula);
  to->set_assumption(from.assumption);
}

void EncodeProbe(const engine::ForecastReply& reply, v1::Probe* to) {
  EncodeTimestamp(reply.probe->time_unix_nanos, to->mutable_time());
  to->mutable_epoch()->set_uid(FormatUid(reply.uid));
  to->mutable_epoch()->set_position(reply.probe->position);
  to->set_items(reply.probe->ranks.size());
  to->set_cue_cosine(reply.probe->cue_cosine);
  to->set_score_std_ratio(reply.score_std_ratio);
}

void EncodeForecast(const engine::ForecastReply& reply, v1::ForecastResponse* to) {
  to->set_items(reply.items);
  to->set_load(reply.load);
  to->set_load_effective(reply.load_effective);
  to->set_key_dim_effective(reply.key_dim_effective);
  to->set_response_dim_effective(reply.response_dim_effective);
  to->set_phase(EncodePhase(reply.phase));
  for (const engine::ForecastQuantity& quantity : reply.quantities) {
    EncodeQuantity(quantity, to->add_predictions());
  }
  to->set_capacity_items(reply.capacity_items);
  to->set_items_left(reply.items_left);
  to->set_capacity_formula(reply.capacity_formula);
  EncodeBytes(reply.bytes, to->mutable_bytes());
  uint64_t bytes = 0;
  for (const models::ByteAccount& account : reply.bytes) bytes += account.bytes;
  to->set_memory_bytes(bytes);
  if (reply.probe.has_value()) EncodeProbe(reply, to->mutable_probe());
  EncodeWarnings(reply.warnings, to->mutable_warnings());
  for (const engine::ForecastCurvePoint& point : reply.curve) {
    v1::CurvePoint& out = *to->add_curve();
    out.set_load(point.load);
    out.set_items(point.items);
    out.mutable_hits()->Add(point.hits.begin(), point.hits.end());
  }
  for (const engine::ForecastProfilePoint& point : reply.profile) {
    v1::ProfilePoint& out = *to->add_profile();
    out.set_percentile(point.percentile);
    out.set_theory(point.theory);
    if (point.measured.has_value()) out.set_measured(*point.measured);
  }
  to->mutable_list_sizes()->Add(reply.list_sizes.begin(), reply.list_sizes.end());
}

}  // namespace

MemoryServiceImpl::Reactor* MemoryServiceImpl::Forecast(Context* context,
                                                        const v1::ForecastRequest* request,
                                                        v1::ForecastResponse* response) {
  return Serve<Verb::kRead>(
      bounds_, context, request, response, DecodeForecast,
      [this, context](engine::ForecastCommand command, engine::Done<engine::ForecastReply> done) {
        command.cancelled = [context] { return context->IsCancelled(); };
        engine_.Forecast(std::move(command), std::move(done));
      },
      EncodeForecast);
}

}  // namespace mneme::server
