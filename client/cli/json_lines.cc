#include "client/cli/json_lines.h"

#include <fstream>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/cli/context.h"
#include "client/cli/json.h"
#include "client/cli/units.h"

namespace mneme::cli {
namespace {

constexpr size_t kLineBytesMax = 256 << 20;
constexpr int kDepthMax = 8;  // of what is nested: an item needs 3

absl::StatusOr<Json> ParseLine(const std::string& line) {
  bool too_deep = false;
  // What is refused here is left out of the value, so that nothing deep is ever built.
  const auto keep = [&too_deep](int depth, Json::parse_event_t, const Json&) {
    too_deep = too_deep || depth > kDepthMax;
    return depth <= kDepthMax;
  };
  Json json = Json::parse(line, keep, /*allow_exceptions=*/false);
  if (too_deep) {
    return UsageError("nests its values too deeply", absl::StrCat("more than ", kDepthMax),
                      absl::StrCat("at most ", kDepthMax, " levels"), "Write flat lists.");
  }
  return json;
}

class JsonRows final : public RowSource {
 public:
  JsonRows(std::string name, std::unique_ptr<std::ifstream> file, std::istream& in)
      : name_(std::move(name)), file_(std::move(file)), in_(file_ ? *file_ : in) {}

  std::optional<uint64_t> total() const override { return std::nullopt; }

  absl::StatusOr<Rows> Read(size_t rows_max, size_t bytes_max) override {
    Rows rows;
    std::string line;
    while (rows.keys.rows < rows_max && rows.keys.data.size() * sizeof(float) < bytes_max &&
           std::getline(in_, line)) {
      ++line_number_;
      if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
      if (absl::Status status = AddLine(line, rows); !status.ok()) return WithPlace(status);
    }
    if (in_.bad()) return LinesBroken(name_, line_number_);
    return rows;
  }

 private:
  absl::Status AddLine(const std::string& line, Rows& rows) {
    if (line.size() > kLineBytesMax) {
      return UsageError("is too long", absl::StrCat(line.size(), " bytes"),
                        absl::StrCat("at most ", kLineBytesMax), "Write one item a line.");
    }
    auto parsed = ParseLine(line);
    if (!parsed.ok()) return parsed.status();
    Json json = *std::move(parsed);
    if (json.is_array()) json = Json{{"key", std::move(json)}};
    if (!json.is_object()) {
      return UsageError("is not JSON", line.substr(0, 40), "{\"key\": [...], ...} or [...]",
                        "Write one object or array a line.");
    }
    const bool has_id = json.contains("id");
    const bool has_response = json.contains("response");
    if (absl::Status s = CheckFields(json, has_id, has_response); !s.ok()) return s;
    first_ = false;
    has_id_ = has_id;
    has_response_ = has_response;
    if (absl::Status s = AddVector(json["key"], "key", rows.keys); !s.ok()) return s;
    if (has_response) {
      if (absl::Status s = AddVector(json["response"], "response", rows.responses); !s.ok()) {
        return s;
      }
    }
    if (has_id) {
      auto id = IdFromJson(json["id"]);
      if (!id.ok()) return id.status();
      rows.ids.push_back(*std::move(id));
    }
    return AddOptional(json, rows);
  }

  absl::Status CheckFields(const Json& json, bool has_id, bool has_response) const {
    static constexpr std::string_view kFields =
        "id, key, response, weight, payload, payload_base64, attributes, "
        "expire_time, if_etag, etag, row";
    for (const auto& [field, value] : json.items()) {
      const std::string list = absl::StrCat(", ", std::string(kFields), ",");
      if (list.find(absl::StrCat(", ", field, ",")) == std::string::npos) {
        return UsageError(absl::StrCat("has an unknown field \"", field, "\""), field, kFields,
                          "Remove it, or put it under \"attributes\".");
      }
    }
    if (!json.contains("key")) {
      return UsageError("has no \"key\"", "", "\"key\": [...]", "Add the key.");
    }
    if (!first_ && (has_id != has_id_ || has_response != has_response_)) {
      return UsageError("has other columns than the lines before it", "",
                        "\"id\" and \"response\" in all lines or in none",
                        "Give ids and responses to all lines, or split the file.");
    }
    return absl::OkStatus();
  }

  static absl::Status AddVector(const Json& json, std::string_view field, client::Matrix& matrix) {
    const size_t before = matrix.data.size();
    if (absl::Status s = AppendNumbers(json, matrix.data); !s.ok()) return s;
    const size_t cols = matrix.data.size() - before;
    if (cols == 0) {
      return UsageError(std::string(field).append(" has no numbers"), "[]", "at least one number",
                        "Give the vector, or leave the line out.");
    }
    if (matrix.rows > 0 && cols != matrix.cols) {
      return UsageError(std::string(field).append(" has another length than the ones before it"),
                        absl::StrCat(cols), absl::StrCat(matrix.cols),
                        "Give all vectors the same length.");
    }
    matrix.cols = cols;
    ++matrix.rows;
    return absl::OkStatus();
  }

  // The columns that a line may leave out; each begins with the first line that has it.
  static absl::Status AddOptional(const Json& json, Rows& rows) {
    const size_t row = rows.keys.rows - 1;
    if (json.contains("weight")) {
      if (!json["weight"].is_number()) {
        return UsageError("\"weight\" is not a number", Dump(json["weight"]), "a positive number",
                          "Change or leave out the weight.");
      }
      rows.weights.resize(row, 1.0f);
      rows.weights.push_back(json["weight"].get<float>());
    } else if (!rows.weights.empty()) {
      rows.weights.push_back(1.0f);
    }
    auto payload = GetPayload(json);
    if (!payload.ok()) return payload.status();
    if (!payload->empty() || !rows.payloads.empty()) {
      rows.payloads.resize(row);
      rows.payloads.push_back(*std::move(payload));
    }
    if (json.contains("attributes")) {
      auto attributes = AttributesFromJson(json["attributes"]);
      if (!attributes.ok()) return attributes.status();
      rows.attributes.resize(row);
      rows.attributes.push_back(*std::move(attributes));
    } else if (!rows.attributes.empty()) {
      rows.attributes.emplace_back();
    }
    return AddConditions(json, rows);
  }

  // When the item expires, and which version of it the line may replace. (What `items list` prints
  // as "etag" is no condition, so that a listing can be stored as it is.)
  static absl::Status AddConditions(const Json& json, Rows& rows) {
    const size_t row = rows.keys.rows - 1;
    if (json.contains("expire_time")) {
      if (!json["expire_time"].is_string()) {
        return UsageError("\"expire_time\" is not a text", Dump(json["expire_time"]).substr(0, 40),
                          "RFC 3339, like \"2030-01-01T00:00:00Z\"", "Put it between quotes.");
      }
      const auto time = ParseTime(json["expire_time"].get<std::string>());
      if (!time.ok()) return time.status();
      rows.expire_times.resize(row);
      rows.expire_times.push_back(*time);
    } else if (!rows.expire_times.empty()) {
      rows.expire_times.emplace_back();
    }
    if (json.contains("if_etag") && json["if_etag"].is_string()) {
      rows.etags.resize(row);
      rows.etags.push_back(json["if_etag"].get<std::string>());
    } else if (json.contains("if_etag")) {
      return UsageError("\"if_etag\" is not a text", Dump(json["if_etag"]).substr(0, 40),
                        "an etag as `items get` shows it", "Put it between quotes.");
    } else if (!rows.etags.empty()) {
      rows.etags.emplace_back();
    }
    return absl::OkStatus();
  }

  static absl::StatusOr<std::string> GetPayload(const Json& json) {
    if (json.contains("payload")) {
      if (json["payload"].is_string()) return json["payload"].get<std::string>();
      return UsageError("\"payload\" is not a text", Dump(json["payload"]).substr(0, 40),
                        "a text, or bytes as \"payload_base64\"", "Put it between quotes.");
    }
    if (!json.contains("payload_base64")) return std::string();
    std::string bytes;
    if (json["payload_base64"].is_string() &&
        absl::Base64Unescape(json["payload_base64"].get<std::string>(), &bytes)) {
      return bytes;
    }
    return UsageError("\"payload_base64\" is not base64", "", "a text in base64",
                      "Encode it again.");
  }

  absl::Status WithPlace(const absl::Status& status) const {
    client::Error error = client::GetError(status);
    error.message = absl::StrCat(name_, " line ", line_number_, ": ", error.message);
    return client::MakeError(error);
  }

  const std::string name_;
  const std::unique_ptr<std::ifstream> file_;
  std::istream& in_;
  uint64_t line_number_ = 0;
  bool first_ = true;
  bool has_id_ = false;
  bool has_response_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RowSource>> OpenJsonLines(const std::string& path,
                                                         std::istream& in) {
  if (path == "-") return std::make_unique<JsonRows>("stdin", nullptr, in);
  auto file = std::make_unique<std::ifstream>(path);
  if (!*file) {
    return UsageError(path + ": cannot be opened", path, "a file that can be read",
                      "Check the name and the permissions.");
  }
  return std::make_unique<JsonRows>(path, std::move(file), in);
}

}  // namespace mneme::cli
