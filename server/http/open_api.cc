#include "server/http/open_api.h"

#include <google/protobuf/descriptor.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "core/base/status.h"
#include "google/rpc/status.pb.h"

namespace mneme::server {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using Json = nlohmann::ordered_json;

// Messages whose JSON is not an object of their fields.
const std::map<std::string_view, Json>& SpecialSchemas() {
  static const std::map<std::string_view, Json> schemas = {
      {"google.protobuf.Timestamp", {{"type", "string"}, {"format", "date-time"}}},
      {"google.protobuf.Duration",
       {{"type", "string"}, {"description", "Seconds with an s behind: 1.5s"}}},
      {"google.protobuf.FieldMask",
       {{"type", "string"}, {"description", "Names of fields, with commas between"}}},
      {"google.protobuf.Empty", {{"type", "object"}}},
      {"google.protobuf.Any",
       {{"type", "object"},
        {"properties", {{"@type", {{"type", "string"}}}}},
        {"required", Json::array({"@type"})}}}};
  return schemas;
}

// A schema for each message that is met on the way.
class Schemas {
 public:
  // Of a message, by reference.
  Json Of(const Descriptor& message) {
    const auto special = SpecialSchemas().find(message.full_name());
    if (special != SpecialSchemas().end()) return special->second;
    if (seen_.insert(message.full_name()).second) made_[message.full_name()] = Make(message);
    return {{"$ref", "#/components/schemas/" + message.full_name()}};
  }
  const std::map<std::string, Json>& made() const { return made_; }

 private:
  Json Make(const Descriptor& message) {
    Json properties = Json::object();
    for (int i = 0; i < message.field_count(); ++i) {
      const FieldDescriptor& field = *message.field(i);
      properties[field.json_name()] = OfField(field);
    }
    Json out = {{"type", "object"}, {"properties", properties}};
    std::string choices;
    for (int i = 0; i < message.real_oneof_decl_count(); ++i) {
      const google::protobuf::OneofDescriptor& choice = *message.oneof_decl(i);
      absl::StrAppend(&choices, choices.empty() ? "" : " ", "At most one of");
      for (int f = 0; f < choice.field_count(); ++f)
        absl::StrAppend(&choices, f == 0 ? " " : ", ", choice.field(f)->json_name());
      choices += ".";
    }
    if (!choices.empty()) out["description"] = choices;
    return out;
  }

  Json OfField(const FieldDescriptor& field) {
    if (field.is_map()) {
      return {{"type", "object"},
              {"additionalProperties", OfValue(*field.message_type()->map_value())}};
    }
    if (field.is_repeated()) return {{"type", "array"}, {"items", OfValue(field)}};
    return OfValue(field);
  }

  Json OfValue(const FieldDescriptor& field) {
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        return {{"type", "integer"}, {"format", "int32"}};
      case FieldDescriptor::CPPTYPE_UINT32:
        return {{"type", "integer"}, {"format", "uint32"}, {"minimum", 0}};
      case FieldDescriptor::CPPTYPE_INT64:
        return {{"type", Json::array({"string", "integer"})}, {"format", "int64"}};
      case FieldDescriptor::CPPTYPE_UINT64:
        return {{"type", Json::array({"string", "integer"})}, {"format", "uint64"}};
      case FieldDescriptor::CPPTYPE_FLOAT:
      case FieldDescriptor::CPPTYPE_DOUBLE:  // "NaN", "Infinity" and "-Infinity" are strings
        return {
            {"type", Json::array({"number", "string"})},
            {"format", field.cpp_type() == FieldDescriptor::CPPTYPE_FLOAT ? "float" : "double"}};
      case FieldDescriptor::CPPTYPE_BOOL:
        return {{"type", "boolean"}};
      case FieldDescriptor::CPPTYPE_STRING:
        if (field.type() == FieldDescriptor::TYPE_BYTES)
          return {{"type", "string"}, {"contentEncoding", "base64"}};
        return {{"type", "string"}};
      case FieldDescriptor::CPPTYPE_ENUM: {
        Json names = Json::array();
        for (int i = 0; i < field.enum_type()->value_count(); ++i)
          names.push_back(field.enum_type()->value(i)->name());
        return {{"type", "string"}, {"enum", names}};
      }
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return Of(*field.message_type());
    }
    return Json::object();
  }

  std::set<std::string> seen_;
  std::map<std::string, Json> made_;
};

Json JsonBody(Json schema) {
  return {{"content", {{"application/json", {{"schema", std::move(schema)}}}}}};
}

Json MakeOperation(const RpcPath& path, Schemas& schemas) {
  const google::protobuf::MethodDescriptor& method = *path.method->descriptor;
  Json out;
  out["operationId"] = method.name();
  out["tags"] = Json::array({method.service()->name()});
  if (!path.field.empty()) {
    out["parameters"] = Json::array({{{"name", "name"},
                                      {"in", "path"},
                                      {"required", true},
                                      {"description", "Sets `" + path.field + "` of the request."},
                                      {"schema", {{"type", "string"}}}}});
  }
  out["requestBody"] = JsonBody(schemas.Of(*method.input_type()));
  Json answer = JsonBody(schemas.Of(*method.output_type()));
  answer["description"] = method.output_type()->name();
  Json error = JsonBody(schemas.Of(*google::rpc::Status::descriptor()));
  error["description"] = "An error";
  out["responses"] = {{"200", answer}, {"default", error}};
  return out;
}

Json MakePage(std::string_view path, Page page) {
  const bool json = page == Page::kReady || page == Page::kOpenApi;
  Json answer = {{"description", std::string(path.substr(1))},
                 {"content",
                  {{json ? "application/json" : "text/plain",
                    {{"schema", {{"type", json ? "object" : "string"}}}}}}}};
  Json responses = {{"200", answer}};
  if (page == Page::kReady) {
    answer["description"] = "not ready";
    responses["503"] = answer;
  }
  return {{"get", {{"operationId", std::string(path.substr(1))}, {"responses", responses}}}};
}

}  // namespace

std::string MakeOpenApi(const Routes& routes) {
  Schemas schemas;
  Json paths = Json::object();
  for (const auto& [path, page] : Routes::pages()) paths[path] = MakePage(path, page);
  for (const auto& [rule, path] : routes.rpcs()) {
    const std::string at =
        absl::StrCat("/v1/", path.collection, path.field.empty() ? "" : "/{name}",
                     path.verb.empty() ? "" : ":", path.verb);
    paths[at] = {{"post", MakeOperation(path, schemas)}};
  }
  Json out;
  out["openapi"] = "3.1.0";
  out["info"] = {{"title", "mneme"},
                 {"version", "v1"},
                 {"description",
                  "Networked associative memory. Each RPC of mneme.v1 as a POST of "
                  "its request in protobuf's JSON mapping."}};
  out["paths"] = paths;
  out["components"]["schemas"] = schemas.made();
  out["components"]["securitySchemes"]["key"] = {{"type", "http"}, {"scheme", "bearer"}};
  out["security"] = Json::array({Json::object(), {{"key", Json::array()}}});
  return out.dump(1) + "\n";
}

}  // namespace mneme::server
