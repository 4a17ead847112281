#include "client/cli/json.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <type_traits>
#include <variant>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/cli/context.h"
#include "client/cli/text.h"

namespace mneme::cli {
namespace {

using cli::ToJson;  // so that the overloads below join, not hide, those of the header

// The double with the fewest digits that reads back as the same float: 0.1, not
// 0.10000000149011612.
double Shortest(float number) {
  std::array<char, 32> digits;
  const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  double shortest = number;
  std::from_chars(digits.data(), written.ptr, shortest);
  return shortest;
}

bool IsUtf8(const std::string& text) {
  try {
    nlohmann::json(text).dump();
    return true;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

void PutPayload(const std::string& payload, Json& out) {
  if (payload.empty()) return;
  if (IsUtf8(payload)) {
    out["payload"] = payload;
  } else {
    out["payload_base64"] = absl::Base64Escape(payload);
  }
}

Json ToJson(const client::AttributeValue& value) {
  return std::visit(
      [](const auto& v) -> Json {
        if constexpr (std::is_same_v<std::decay_t<decltype(v)>, client::Timestamp>) {
          return {{"timestamp", FormatTime(v)}};
        } else {
          return v;
        }
      },
      value);
}

Json ToJson(const client::Certificate& certificate) {
  Json json{{"certified", certificate.certified}, {"radius", certificate.radius}};
  if (certificate.distance) {
    json["distance"] = *certificate.distance;
    json["inside_radius"] = certificate.inside_radius;
  }
  return json;
}

Json ToJson(const client::ScoredItem& item) {
  Json json{{"rank", item.rank}, {"id", ToJson(item.id)}};
  if (!item.found) {
    json["found"] = false;
    return json;
  }
  json["score"] = item.score;
  json["share"] = item.share;
  if (item.certificate) json["certificate"] = ToJson(*item.certificate);
  PutPayload(item.payload, json);
  return json;
}

Json ToJson(const std::vector<client::ScoredItem>& items) {
  Json json = Json::array();
  for (const client::ScoredItem& item : items) json.push_back(ToJson(item));
  return json;
}

absl::Status WrongAttribute(const std::string& name) {
  return UsageError(
      std::string("attribute '").append(name).append("' has a value of no known type"), "",
      "a text, whole number (64 bits with sign), real number, bool, a list of texts or numbers, or "
      "{\"timestamp\": \"...\"} of a year from 1678 to 2261",
      "Change the value.");
}

// A whole number that an int64 holds; larger ones would come out as others.
bool IsInt64(const Json& json) {
  return json.is_number_integer() &&
         (!json.is_number_unsigned() ||
          json.get<uint64_t>() <= uint64_t{std::numeric_limits<int64_t>::max()});
}

// A list is of whole numbers, of real ones, or else of texts.
absl::StatusOr<client::AttributeValue> ListFromJson(const std::string& name, const Json& json) {
  bool whole = !json.empty();
  bool real = !json.empty();
  bool text = true;
  for (const Json& element : json) {
    if (element.is_number_integer() && !IsInt64(element)) return WrongAttribute(name);
    whole = whole && element.is_number_integer();
    real = real && element.is_number();
    text = text && element.is_string();
  }
  if (whole) return json.get<std::vector<int64_t>>();
  if (real) return json.get<std::vector<double>>();
  if (text) return json.get<std::vector<std::string>>();
  return WrongAttribute(name);
}

// What int64 nanoseconds reach: the years 1678 to 2261.
bool InNanos(absl::Time time) {
  return time >= absl::FromUnixNanos(std::numeric_limits<int64_t>::min()) &&
         time <= absl::FromUnixNanos(std::numeric_limits<int64_t>::max());
}

absl::StatusOr<client::AttributeValue> ValueFromJson(const std::string& name, const Json& json) {
  if (json.is_string()) return json.get<std::string>();
  if (json.is_boolean()) return json.get<bool>();
  if (IsInt64(json)) return json.get<int64_t>();
  if (json.is_number_integer()) return WrongAttribute(name);
  if (json.is_number()) return json.get<double>();
  if (json.is_array()) return ListFromJson(name, json);
  if (json.is_object() && json.size() == 1 && json.contains("timestamp") &&
      json["timestamp"].is_string()) {
    absl::Time time;
    std::string error;
    const std::string text = json["timestamp"].get<std::string>();
    if (absl::ParseTime(absl::RFC3339_full, text, &time, &error) && InNanos(time)) {
      return client::Timestamp(std::chrono::nanoseconds(absl::ToUnixNanos(time)));
    }
  }
  return WrongAttribute(name);
}

}  // namespace

Json ErrorToJson(const absl::Status& status) {
  const client::Error error = client::GetError(status);
  return {{"code", absl::StatusCodeToString(error.code)},
          {"reason", error.reason},
          {"message", error.message}};
}

Json ToJson(const client::ItemId& id) {
  if (id.is_text()) return std::string(id.text());
  return id.number();
}

Json ToJson(const client::Attributes& attributes) {
  Json json = Json::object();
  for (const auto& [name, value] : attributes) json[name] = ToJson(value);
  return json;
}

Json ToJson(std::span<const float> numbers) {
  Json json = Json::array();
  for (const float number : numbers) json.push_back(Shortest(number));
  return json;
}

Json ToJson(const client::Item& item) {
  Json json{{"id", ToJson(item.id)}};
  if (!item.key.empty()) json["key"] = ToJson(std::span(item.key));
  if (!item.response.empty()) json["response"] = ToJson(std::span(item.response));
  json["weight"] = Shortest(item.weight);
  PutPayload(item.payload, json);
  if (!item.attributes.empty()) json["attributes"] = ToJson(item.attributes);
  json["row"] = item.row;
  if (item.expire_time) json["expire_time"] = FormatTime(*item.expire_time);
  if (!item.etag.empty()) json["etag"] = item.etag;
  return json;
}

namespace {

void AddShortfall(client::Shortfall shortfall, Json& json) {
  if (shortfall != client::Shortfall::kUnspecified) json["shortfall"] = Name(shortfall);
}

}  // namespace

Json ToJson(const client::CueResult& result) {
  if (!result.error.ok()) return {{"error", ErrorToJson(result.error)}};
  Json json{
      {"status", Name(result.status)},   {"steps", result.steps}, {"energy", result.energy},
      {"confidence", result.confidence}, {"n_eff", result.n_eff}, {"n_support", result.n_support},
      {"z_best", result.z_best},         {"z_gap", result.z_gap}, {"top", ToJson(result.top)}};
  if (result.answered_by != client::NoSupportPolicy::kDefault) {
    json["answered_by"] = Name(result.answered_by);
  }
  if (result.beta > 0) json["beta"] = result.beta;
  if (result.radius > 0) json["radius"] = result.radius;
  AddShortfall(result.shortfall, json);
  return json;
}

Json ToJson(const client::CueList& list) {
  if (!list.error.ok()) return {{"error", ErrorToJson(list.error)}};
  Json json{{"status", Name(list.status)},
            {"z_best", list.z_best},
            {"z_gap", list.z_gap},
            {"score_mean", list.score_mean},
            {"score_std", list.score_std},
            {"mass", list.mass},
            {"share_error", list.share_error},
            {"tail_average", list.tail_average},
            {"items", ToJson(list.items)}};
  AddShortfall(list.shortfall, json);
  return json;
}

Json ToJson(const client::ServerInfo& info) {
  const client::Limits& limits = info.limits;
  const client::Counters& counters = info.counters;
  return {{"version", info.version},
          {"start_time", FormatTime(info.start_time)},
          {"uptime_s", std::chrono::duration<double>(info.uptime).count()},
          {"memory_count", info.memory_count},
          {"memory_bytes", info.memory_bytes},
          {"instruction_set", info.instruction_set},
          {"blas_core", info.blas_core},
          {"scan_threads", info.scan_threads},
          {"limits",
           {{"rows_per_store_max", limits.rows_per_store_max},
            {"cues_max", limits.cues_max},
            {"list_size_max", limits.list_size_max},
            {"dimension_max", limits.dimension_max},
            {"payload_bytes_max", limits.payload_bytes_max},
            {"message_bytes_max", limits.message_bytes_max},
            {"memories_max", limits.memories_max},
            {"partitions_max", limits.partitions_max}}},
          {"counters",
           {{"commits", counters.commits},
            {"syncs", counters.syncs},
            {"writes", counters.writes},
            {"group_writes_max", counters.group_writes_max},
            {"cues_inline", counters.cues_inline},
            {"cues_batched", counters.cues_batched},
            {"batches", counters.batches}}},
          {"startup", ToJson(info.startup)},
          {"resources", ToJson(info.resources)},
          {"all_limits", ToJson(info.all_limits)}};
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<client::ItemId> IdFromJson(const Json& json) {
  if (json.is_number_unsigned()) return client::ItemId(json.get<uint64_t>());
  if (json.is_string() && !json.get<std::string>().empty()) {
    return client::ItemId(json.get<std::string>());
  }
  return UsageError("\"id\" is not an id", Dump(json), "a whole number from 0 on, or a text",
                    "Change or leave out the id.");
}

absl::StatusOr<client::Attributes> AttributesFromJson(const Json& json) {
  if (!json.is_object()) {
    return UsageError("\"attributes\" is not an object", Dump(json), "{\"name\": value, ...}",
                      "Change the attributes.");
  }
  client::Attributes attributes;
  for (const auto& [name, element] : json.items()) {
    auto value = ValueFromJson(name, element);
    if (!value.ok()) return value.status();
    attributes.emplace(name, *std::move(value));
  }
  return attributes;
}

absl::Status AppendNumbers(const Json& json, std::vector<float>& numbers) {
  if (!json.is_array()) {
    return UsageError("a vector is not an array", Dump(json).substr(0, 40), "[0.1, 0.2, ...]",
                      "Write the vector as an array of numbers.");
  }
  numbers.reserve(numbers.size() + json.size());
  for (const Json& element : json) {
    if (!element.is_number()) {
      return UsageError("a vector holds something else than numbers", Dump(element).substr(0, 40),
                        "numbers only", "Change the vector.");
    }
    numbers.push_back(element.get<float>());
    if (!std::isfinite(numbers.back())) {
      return UsageError("a vector holds a number that float32 does not", Dump(element),
                        "finite numbers, of magnitude at most 3.4e38",
                        "Scale the vector, or leave the item out.");
    }
  }
  return absl::OkStatus();
}

}  // namespace mneme::cli
