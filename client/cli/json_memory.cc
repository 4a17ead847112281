// Memories and forecasts as JSON.
#include <variant>

#include "client/cli/dense_flags.h"
#include "client/cli/describe.h"
#include "client/cli/json.h"
#include "client/cli/text.h"

namespace mneme::cli {
namespace {

using cli::ToJson;  // so that the overloads below join, not hide, those of the header

template <typename Value>
Json OrNull(const std::optional<Value>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json OrAuto(const std::optional<double>& value) { return value ? Json(*value) : Json("auto"); }

Json ToJson(const client::IndexSpec& spec) {
  Json json;
  if (const auto* binary = std::get_if<client::BinaryIndexSpec>(&spec.kind)) {
    json = {{"kind", "binary"},
            {"bits", binary->bits},
            {"rotation_seed", binary->rotation_seed},
            {"no_centering", binary->no_centering},
            {"tile_size", binary->tile_size},
            {"tile_keep", binary->tile_keep}};
  } else {
    const auto& graph = std::get<client::GraphIndexSpec>(spec.kind);
    json = {{"kind", "graph"},
            {"links", graph.links},
            {"construction_width", graph.construction_width},
            {"seed", graph.seed}};
  }
  json["target_recall"] = spec.target_recall;
  json["rescore_depth"] = spec.rescore_depth;
  return json;
}

Json ToJson(const client::MeasuredRecall& recall) {
  return {{"recall", recall.recall}, {"low", recall.low}, {"high", recall.high}};
}

Json ToJson(const client::IndexDepth& line) {
  return {{"depth", line.depth},
          {"recall", ToJson(line.recall)},
          {"candidates_us", line.candidates_us},
          {"rescore_us", line.rescore_us}};
}

Json ToJson(const client::IndexStatus& index) {
  Json table = Json::array();
  for (const client::IndexDepth& line : index.table) table.push_back(ToJson(line));
  return {{"fallback", Name(index.fallback)},
          {"why", index.why},
          {"depth", index.depth},
          {"recall", ToJson(index.recall)},
          {"rows", index.rows},
          {"exact_us", index.exact_us},
          {"table", table}};
}

Json ToJson(const client::DenseSpec& spec) {
  Json json{{"similarity", Name(spec.similarity)},
            {"separation", Name(spec.separation)},
            {"state", Name(spec.state)},
            {"steps_max", spec.steps_max},
            {"tolerance", spec.tolerance}};
  json["encoder"] = Name(spec.encoder);
  if (spec.power > 0) json["power"] = spec.power;
  if (spec.separation == client::Separation::kRelu) {
    json["no_support"] = Name(spec.no_support);
    if (!spec.beta) json["radius"] = OrAuto(spec.radius);
  }
  if (TakesBeta(spec) && !spec.radius) json["beta"] = OrAuto(spec.beta);
  if (spec.index) json["index"] = ToJson(*spec.index);
  return json;
}

Json ToJson(const client::LinearSpec& spec) {
  Json json{{"rule", Name(spec.rule)},
            {"lambda", OrAuto(spec.lambda)},
            {"partitions", spec.partitions},
            {"key_normalization", Name(spec.key_normalization)},
            {"response_normalization", Name(spec.response_normalization)}};
  if (spec.beta) json["beta"] = *spec.beta;
  if (spec.gamma) json["gamma"] = *spec.gamma;
  if (const auto* size = std::get_if<client::ListSize>(&spec.tail)) json["list_size"] = size->items;
  if (const auto* fraction = std::get_if<client::TailFraction>(&spec.tail)) {
    json["tail_fraction"] = fraction->share;
  }
  json["load_policy"] = Name(spec.load_policy);
  if (spec.load_limit > 0) json["load_limit"] = spec.load_limit;
  json["fast_statistics"] = spec.fast_statistics;
  if (!spec.key_mean.empty()) json["key_mean"] = ToJson(std::span(spec.key_mean));
  return json;
}

Json ToJson(const client::FeatureSpec& spec) {
  Json json{{"kind", Name(spec.kind)},    {"features", spec.features},
            {"beta", spec.beta},          {"seed", spec.seed},
            {"rate", spec.rate},          {"steps_max", spec.steps_max},
            {"tolerance", spec.tolerance}};
  if (spec.gamma) json["gamma"] = *spec.gamma;
  if (spec.items_expected > 0) json["items_expected"] = spec.items_expected;
  if (spec.cue_noise > 0) json["cue_noise"] = spec.cue_noise;
  return json;
}

Json ToJson(const client::LoadMeter& meter) {
  return {{"load", meter.load},
          {"capacity_items", meter.capacity_items},
          {"used", meter.used},
          {"criterion", meter.criterion},
          {"phase", Name(meter.phase)}};
}

Json ToJson(const client::TrainedState& trained) {
  return {{"epoch", ToJson(trained.epoch)},       {"items", trained.items},
          {"certified", trained.certified},       {"list_size", trained.list_size},
          {"radius_min", trained.radius_min},     {"loss", trained.loss},
          {"weights_norm", trained.weights_norm}, {"score_sigmas", trained.score_sigmas},
          {"delta_count", trained.delta_count}};
}

Json ToJson(const client::EncoderFigures& figures) {
  return {{"largest_cosine", figures.largest_cosine},
          {"top1", figures.top1},
          {"margin", figures.margin}};
}

Json ToJson(const client::EncoderState& encoder) {
  Json json{{"epoch", ToJson(encoder.epoch)}, {"objective", Name(encoder.objective)},
            {"items", encoder.items},         {"cue_noise", encoder.cue_noise},
            {"kept_step", encoder.kept_step}, {"loss", encoder.loss},
            {"warning", encoder.warning}};
  if (encoder.start) json["start"] = ToJson(*encoder.start);
  if (encoder.kept) json["kept"] = ToJson(*encoder.kept);
  return json;
}

Json ToJson(const client::ItemPolicy& policy) {
  Json json = Json::object();
  if (policy.ttl) json["ttl_s"] = std::chrono::duration<double>(*policy.ttl).count();
  if (policy.items_max > 0) json["items_max"] = policy.items_max;
  if (policy.bytes_max > 0) json["bytes_max"] = policy.bytes_max;
  if (policy.full_policy != client::FullPolicy::kDefault) {
    json["full_policy"] = Name(policy.full_policy);
  }
  return json;
}

Json ToJson(const client::MemoryState& state) {
  Json json{{"item_count", state.item_count},
            {"position", state.position},
            {"checkpoint_position", state.checkpoint_position},
            {"expired_count", state.expired_count},
            {"evicted_count", state.evicted_count},
            {"memory_bytes", state.memory_bytes},
            {"fixed_bytes", state.fixed_bytes},
            {"row_bytes", state.row_bytes},
            {"bytes", BytesToJson(state.bytes)},
            {"beta", state.beta},
            {"beta_fallback", state.beta_fallback},
            {"lambda", state.lambda},
            {"load", state.load},
            {"partitions", state.partitions},
            {"suppressed_count", state.suppressed_count},
            {"health", Name(state.health)},
            {"health_reason", state.health_reason},
            {"weights_epoch", ToJson(state.weights_epoch)}};
  if (state.radius > 0) {
    json["radius"] = state.radius;
    json["shadowed_count"] = state.shadowed_count;
    json["shadowed_items"] = state.shadowed_items;
  }
  if (state.load_meter) json["load_meter"] = ToJson(*state.load_meter);
  if (state.trained) json["trained"] = ToJson(*state.trained);
  if (state.encoder) json["encoder"] = ToJson(*state.encoder);
  if (state.index) json["index"] = ToJson(*state.index);
  return json;
}

Json ToJson(const client::Prediction& prediction) {
  return {{"quantity", prediction.quantity},
          {"value", prediction.value},
          {"theory", OrNull(prediction.theory)},
          {"measured", OrNull(prediction.measured)},
          {"measured_error", prediction.measured_error},
          {"probe_disagrees", prediction.probe_disagrees},
          {"formula", prediction.formula},
          {"assumption", prediction.assumption}};
}

Json ToJson(const client::Probe& probe) {
  return {{"time", FormatTime(probe.time)},
          {"epoch", ToJson(probe.epoch)},
          {"items", probe.items},
          {"cue_cosine", probe.cue_cosine},
          {"score_std_ratio", probe.score_std_ratio}};
}

Json ToJson(const client::CurvePoint& point) {
  return {{"load", point.load}, {"items", point.items}, {"hits", point.hits}};
}

Json ToJson(const client::ProfilePoint& point) {
  return {{"percentile", point.percentile},
          {"theory", point.theory},
          {"measured", OrNull(point.measured)}};
}

template <typename Value>
Json All(const std::vector<Value>& values) {
  Json json = Json::array();
  for (const Value& value : values) json.push_back(ToJson(value));
  return json;
}

}  // namespace

Json ToJson(const client::IndexReport& report) {
  Json json{{"fallback", Name(report.fallback)}};
  if (report.fallback != client::IndexFallback::kNone) return json;
  json["recall"] = ToJson(report.recall);
  json["depth"] = report.depth;
  json["rows"] = report.rows;
  return json;
}

Json ToJson(const client::Epoch& epoch) {
  return {{"uid", epoch.uid}, {"position", epoch.position}, {"job", epoch.job}};
}

Json ToJson(const client::Memory& memory) {
  const client::MemorySpec& spec = memory.spec;
  Json json{{"name", spec.name},
            {"uid", memory.uid},
            {"etag", memory.etag},
            {"create_time", FormatTime(memory.create_time)},
            {"update_time", FormatTime(memory.update_time)},
            {"description", spec.description},
            {"labels", spec.labels},
            {"key_dim", spec.key_dim},
            {"response_dim", spec.response_dim},
            {"retain", Name(spec.retain)}};
  json["model"] = ModelName(memory);
  std::visit([&json](const auto& model) { json["spec"] = ToJson(model); }, spec.model);
  json["item_policy"] = ToJson(spec.item_policy);
  json["frozen"] = memory.frozen;
  json["state"] = ToJson(memory.state);
  return json;
}

Json ToJson(const client::Warning& warning) {
  return {
      {"reason", warning.reason}, {"message", warning.message}, {"next_step", warning.next_step}};
}

Json ToJson(const client::ForecastResult& forecast) {
  Json json{{"items", forecast.items},
            {"load", forecast.load},
            {"load_effective", forecast.load_effective},
            {"key_dim_effective", forecast.key_dim_effective},
            {"response_dim_effective", forecast.response_dim_effective},
            {"phase", Name(forecast.phase)},
            {"predictions", All(forecast.predictions)},
            {"capacity_items", forecast.capacity_items},
            {"items_left", forecast.items_left},
            {"capacity_formula", forecast.capacity_formula},
            {"memory_bytes", forecast.memory_bytes},
            {"bytes", BytesToJson(forecast.bytes)}};
  if (forecast.probe) json["probe"] = ToJson(*forecast.probe);
  json["warnings"] = All(forecast.warnings);
  json["list_sizes"] = forecast.list_sizes;
  json["curve"] = All(forecast.curve);
  json["profile"] = All(forecast.profile);
  return json;
}

}  // namespace mneme::cli
