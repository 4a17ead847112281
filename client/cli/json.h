// Values as JSON, one form for what is read and what is written: an item printed by `items list
// --json` can be stored again. Fields keep their order, so that output is stable.
//
//   {"id": 7, "key": [0.1, ...], "response": [...], "weight": 1, "payload": "text", "attributes":
//   {"year": 1999}}
//
// Payloads that are not UTF-8 go as "payload_base64". A moment in time is {"timestamp":
// "1999-12-31T23:59:59Z"}.
//
// Threads: plain functions.
#ifndef MNEME_CLIENT_CLI_JSON_H_
#define MNEME_CLIENT_CLI_JSON_H_

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mneme/client.h"

namespace mneme::cli {

using Json = nlohmann::ordered_json;

Json ToJson(const client::ItemId& id);
Json ToJson(const client::Attributes& attributes);
Json ToJson(const client::Epoch& epoch);
Json ToJson(const client::Memory& memory);
Json ToJson(const client::Warning& warning);
Json ToJson(const client::Operation& operation);
Json ToJson(const client::AnalysisReport& report);
Json ToJson(const client::Alias& alias);
Json ToJson(const client::Backup& backup);
Json ToJson(const client::Federation& federation);
Json ToJson(const client::FederationLeftOut& left);
Json ToJson(const client::FederationPlan& plan);
Json ToJson(const client::FederationStatus& status);
Json ToJson(const client::RegretPoint& point);
Json ToJson(const client::MemoryUsage& usage);
Json ToJson(const client::Startup& startup);
Json ToJson(const client::Resources& resources);
Json ToJson(const std::vector<client::NamedLimit>& limits);
// {"W": 262144, ...}, in the server's order.
Json BytesToJson(const std::vector<client::ByteAccount>& bytes);
Json ToJson(const client::ForecastResult& forecast);
Json ToJson(const client::Item& item);
Json ToJson(const client::CueResult& result);
Json ToJson(const client::CueList& list);
Json ToJson(const client::Explanation& explanation);
Json ToJson(const client::IndexReport& report);
Json ToJson(const client::ServerInfo& info);
Json ToJson(std::span<const float> numbers);

Json ErrorToJson(const absl::Status& status);
// An array of all of them.
template <typename Value>
Json AllToJson(const std::vector<Value>& values) {
  Json json = Json::array();
  for (const Value& value : values) json.push_back(ToJson(value));
  return json;
}

// One line, bytes that are not UTF-8 replaced.
std::string Dump(const Json& json);

absl::StatusOr<client::ItemId> IdFromJson(const Json& json);
absl::StatusOr<client::Attributes> AttributesFromJson(const Json& json);
// Appends an array of finite numbers.
absl::Status AppendNumbers(const Json& json, std::vector<float>& numbers);

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_JSON_H_
