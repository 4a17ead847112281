// Long work, and what administrators ask for, as JSON.
#include "client/cli/json.h"
#include "client/cli/text.h"

namespace mneme::cli {
namespace {

using cli::ToJson;  // so that the overloads below join, not hide, those of the header

Json ToJson(const client::TrainProgress& training) {
  Json json{{"memory", training.memory},     {"phase", training.phase},
            {"progress", training.progress}, {"steps", training.steps},
            {"loss", training.loss},         {"start_time", FormatTime(training.start_time)}};
  if (training.expected_end_time) {
    json["expected_end_time"] = FormatTime(*training.expected_end_time);
  }
  return json;
}

Json ToJson(const client::AdminProgress& admin) {
  Json json{{"kind", admin.kind},
            {"subject", admin.subject},
            {"phase", admin.phase},
            {"progress", admin.progress},
            {"start_time", FormatTime(admin.start_time)}};
  if (admin.expected_end_time) json["expected_end_time"] = FormatTime(*admin.expected_end_time);
  return json;
}

Json ToJson(const client::BackupMemory& memory) {
  Json json{{"name", memory.name},
            {"uid", memory.uid},
            {"position", memory.position},
            {"items", memory.items},
            {"samples", memory.samples}};
  if (!memory.degraded_reason.empty()) json["degraded_reason"] = memory.degraded_reason;
  return json;
}

Json ToJson(const client::NamedLimit& limit) {
  return {{"name", limit.name},
          {"value", limit.value},
          {"unit", limit.unit},
          {"description", limit.description},
          {"configurable", limit.configurable}};
}

}  // namespace

Json BytesToJson(const std::vector<client::ByteAccount>& bytes) {
  Json json = Json::object();
  for (const client::ByteAccount& account : bytes) json[account.what] = account.bytes;
  return json;
}

Json ToJson(const client::Operation& operation) {
  Json json{{"name", operation.name}, {"done", operation.done}};
  if (operation.training) json["training"] = ToJson(*operation.training);
  if (operation.admin) json["admin"] = ToJson(*operation.admin);
  if (!operation.error.ok()) json["error"] = ErrorToJson(operation.error);
  if (operation.memory) json["memory"] = ToJson(*operation.memory);
  if (operation.backup) json["backup"] = ToJson(*operation.backup);
  if (operation.restored) {
    json["restored"] = {{"memories", AllToJson(operation.restored->memories)},
                        {"samples_compared", operation.restored->samples_compared}};
  }
  if (operation.report) json["report"] = ToJson(*operation.report);
  return json;
}

Json ToJson(const client::Alias& alias) {
  return {{"name", alias.name},
          {"memory", alias.memory},
          {"update_time", FormatTime(alias.update_time)}};
}

Json ToJson(const client::Backup& backup) {
  Json memories = Json::array();
  for (const client::BackupMemory& memory : backup.memories) memories.push_back(ToJson(memory));
  return {{"name", backup.name},
          {"create_time", FormatTime(backup.create_time)},
          {"bytes", backup.bytes},
          {"new_bytes", backup.new_bytes},
          {"description", backup.description},
          {"memories", memories}};
}

Json ToJson(const client::MemoryUsage& usage) {
  Json json{{"name", usage.name},
            {"items", usage.items},
            {"memory", BytesToJson(usage.memory)},
            {"memory_bytes", usage.memory_bytes},
            {"memory_bytes_twice", usage.memory_bytes_twice},
            {"disk", BytesToJson(usage.disk)},
            {"disk_bytes", usage.disk_bytes},
            {"disk_bytes_twice", usage.disk_bytes_twice},
            {"log_records", usage.log_records}};
  if (usage.top1) json["top1"] = *usage.top1;
  if (usage.top1_twice) json["top1_twice"] = *usage.top1_twice;
  return json;
}

Json ToJson(const client::Startup& startup) {
  Json json{{"done", startup.done},
            {"recovery_mode", startup.recovery_mode},
            {"memories_done", startup.memories_done},
            {"memories_total", startup.memories_total},
            {"rows_done", startup.rows_done},
            {"rows_total", startup.rows_total},
            {"memory", startup.memory},
            {"elapsed_s", std::chrono::duration<double>(startup.elapsed).count()}};
  if (startup.remaining) {
    json["remaining_s"] = std::chrono::duration<double>(*startup.remaining).count();
  }
  return json;
}

Json ToJson(const client::Resources& resources) {
  return {{"memory_bytes_max", resources.memory_bytes_max},
          {"memory_limit_source", resources.memory_limit_source},
          {"memory_bytes_used", resources.memory_bytes_used},
          {"resident_bytes", resources.resident_bytes},
          {"disk_bytes_free", resources.disk_bytes_free},
          {"disk_bytes_reserve", resources.disk_bytes_reserve},
          {"disk_bytes_used", resources.disk_bytes_used}};
}

Json ToJson(const std::vector<client::NamedLimit>& limits) {
  Json json = Json::array();
  for (const client::NamedLimit& limit : limits) json.push_back(ToJson(limit));
  return json;
}

}  // namespace mneme::cli
