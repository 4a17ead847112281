// An explanation as JSON.
#include "client/cli/json.h"

namespace mneme::cli {
namespace {

double Millis(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

Json ToJson(const client::ExplainStage& stage) {
  Json json{{"name", stage.name},
            {"start_ms", Millis(stage.start)},
            {"elapsed_ms", Millis(stage.elapsed)}};
  if (stage.parts == 0) return json;
  json["parts"] = stage.parts;
  json["bytes"] = stage.bytes;
  json["threads"] = stage.threads;
  return json;
}

Json ToJson(const client::ExplainCue& cue) {
  if (!cue.error.ok()) return {{"error", ErrorToJson(cue.error)}};
  Json json{{"status", Name(cue.status)}, {"steps", cue.steps}, {"listed", cue.listed}};
  if (cue.best && cue.best->found) {
    json["best"] = {{"id", cli::ToJson(cue.best->id)}, {"score", cue.best->score}};
  }
  json["rows_survived"] = cue.rows_survived;
  json["rows_rescored"] = cue.rows_rescored;
  return json;
}

Json ToJson(const client::ExplainChoice& choice) {
  return {{"subject", choice.subject},
          {"reason", choice.reason},
          {"message", choice.message},
          {"next_step", choice.next_step}};
}

template <typename Value>
Json All(const std::vector<Value>& values) {
  Json json = Json::array();
  for (const Value& value : values) json.push_back(ToJson(value));
  return json;
}

}  // namespace

Json ToJson(const client::Explanation& told) {
  Json json{{"memory", told.memory},
            {"model", told.model},
            {"kernel", told.kernel},
            {"items", told.items},
            {"path", Name(told.path)},
            {"choices", All(told.choices)},
            {"exactness", Name(told.exactness)},
            {"proof", Name(told.proof)},
            {"certificates", Name(told.certificates)},
            {"epoch", ToJson(told.epoch)},
            {"rows", told.rows},
            {"tiles", told.tiles},
            {"items_scored", told.items_scored},
            {"cues", told.cues},
            {"batch_cues", told.batch_cues},
            {"batch_requests", told.batch_requests},
            {"estimate_ms", Millis(told.estimate)},
            {"scan_threads", told.scan_threads},
            {"instruction_set", told.instruction_set},
            {"blas_core", told.blas_core},
            {"stages", All(told.stages)},
            {"elapsed_ms", Millis(told.elapsed)},
            {"answer_bytes", told.answer_bytes},
            {"answers", All(told.answers)},
            {"advice", AllToJson(told.advice)}};
  if (told.index) json["index"] = ToJson(*told.index);
  return json;
}

}  // namespace mneme::cli
