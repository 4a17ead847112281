#include "server/config/federation_file.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <utility>

#include "absl/strings/str_join.h"
#include "core/base/status.h"
#include "core/federation/spec_fields.h"
#include "server/config/text_file.h"
#include "server/config/yaml_reader.h"

namespace mneme::server {
namespace {

namespace fed = mneme::federation;

constexpr double kRoundMillisMax = 3'600'000;

constexpr YamlReader kYaml("FEDERATION_FILE", "See docs/federation.md for what the file may say.");

using Reader = YamlReader::Reader;

Reader Text(std::string* out) {
  return [out](const YAML::Node& node) -> absl::Status {
    if (!node.IsScalar() || node.Scalar().empty()) return kYaml.Bad(node, "no text", "a text");
    *out = node.Scalar();
    return absl::OkStatus();
  };
}

Reader Real(std::function<void(double)> set, double least, double most) {
  return [set = std::move(set), least, most](const YAML::Node& node) -> absl::Status {
    double value = 0;
    const bool is_number = node.IsScalar() && YAML::convert<double>::decode(node, value);
    if (!is_number || !(value >= least && value <= most)) {
      return kYaml.Bad(node, node.IsScalar() ? node.Scalar() : "no number",
                       absl::StrCat("a number from ", least, " to ", most));
    }
    set(value);
    return absl::OkStatus();
  };
}

Reader Real(double* out) {
  return Real([out](double value) { *out = value; }, -fed::kRealMax, fed::kRealMax);
}

template <typename Int>
Reader Whole(Int* out) {
  return [out](const YAML::Node& node) -> absl::Status {
    uint64_t value = 0;
    const bool is_number = node.IsScalar() && YAML::convert<uint64_t>::decode(node, value);
    if (!is_number || value > std::numeric_limits<Int>::max()) {
      return kYaml.Bad(node, node.IsScalar() ? node.Scalar() : "no number", "a whole number");
    }
    *out = static_cast<Int>(value);
    return absl::OkStatus();
  };
}

Reader Switch(bool* out) {
  return [out](const YAML::Node& node) -> absl::Status {
    if (!node.IsScalar() || !YAML::convert<bool>::decode(node, *out)) {
      return kYaml.Bad(node, node.IsScalar() ? node.Scalar() : "no value", "true or false");
    }
    return absl::OkStatus();
  };
}

template <typename Enum>
Reader Choice(Enum* out) {
  return [out](const YAML::Node& node) -> absl::Status {
    const auto& names = fed::kNames<Enum>;
    const auto name = std::ranges::find(names, node.IsScalar() ? node.Scalar() : "");
    if (name == names.end()) {
      return kYaml.Bad(
          node, node.IsScalar() ? node.Scalar() : "no name",
          absl::StrCat("one of ", absl::StrJoin(names, ", ", [](std::string* text, auto one) {
                         text->append(one);
                       })));
    }
    *out = static_cast<Enum>(name - names.begin());
    return absl::OkStatus();
  };
}

// By what the field holds.
Reader FieldReader(uint32_t& field) { return Whole(&field); }
Reader FieldReader(uint64_t& field) { return Whole(&field); }
Reader FieldReader(double& field) { return Real(&field); }
Reader FieldReader(bool& field) { return Switch(&field); }
Reader FieldReader(std::optional<double>& field) {
  return Real([&field](double value) { field = value; }, 0, fed::kRealMax);
}
template <typename Enum>
Reader FieldReader(Enum& field) {
  return Choice(&field);
}

absl::Status ReadSpec(const YAML::Node& node, fed::Spec* spec) {
  std::map<std::string, Reader> readers;
  fed::VisitFields(*spec, [&](const char* key, auto& field) { readers[key] = FieldReader(field); });
  return kYaml.ReadMap(node, readers);
}

absl::Status ReadInterest(const YAML::Node& node, std::map<std::string, double>* interest) {
  if (!node.IsMap() || node.size() > fed::kPlanNodesMax)
    return kYaml.Bad(node, "no interest", "`node: weight` pairs");
  for (const auto& entry : node) {
    double weight = 0;
    if (!YAML::convert<double>::decode(entry.second, weight)) {
      return kYaml.Bad(entry.second, "no number", "a weight of at least 0");
    }
    (*interest)[entry.first.as<std::string>("")] = weight;
  }
  return absl::OkStatus();
}

absl::Status ReadNode(const YAML::Node& node, fed::PlanInput* input) {
  fed::PlanNode one;
  std::map<std::string, double> interest;
  MNEME_RETURN_IF_ERROR(kYaml.ReadMap(
      node, {{"name", Text(&one.name)},
             {"address", Text(&one.address)},
             {"interest", [&](const YAML::Node& in) { return ReadInterest(in, &interest); }}}));
  for (const auto& [wanted, weight] : interest)
    input->interest.push_back({.root = one.name, .node = wanted, .weight = weight});
  input->nodes.push_back(std::move(one));
  return absl::OkStatus();
}

absl::Status ReadLink(const YAML::Node& node, fed::PlanInput* input) {
  std::vector<std::string> between;
  double millis = 1;
  const Reader ends = [&](const YAML::Node& in) {
    return kYaml.ReadList(in, 2, [&](const YAML::Node& end) {
      between.emplace_back();
      return Text(&between.back())(end);
    });
  };
  MNEME_RETURN_IF_ERROR(kYaml.ReadMap(
      node, {{"between", ends},
             {"delay_ms", Real([&](double given) { millis = given; }, 0.001,
                               static_cast<double>(fed::kLinkDelayMicrosMax) / 1000)}}));
  if (between.size() != 2) {
    return kYaml.Bad(node, absl::StrCat(between.size(), " ends"), "between: [one, another]");
  }
  input->links.push_back({.a = between[0],
                          .b = between[1],
                          .delay_micros = static_cast<int64_t>(std::llround(millis * 1000))});
  return absl::OkStatus();
}

absl::Status ReadFederation(const YAML::Node& node, StaticFederation* out) {
  bool has_links = false;
  const auto round = [out](double millis) {
    out->round = std::chrono::milliseconds(std::llround(millis));
  };
  MNEME_RETURN_IF_ERROR(kYaml.ReadMap(
      node, {{"name", Text(&out->name)},
             {"memory", Text(&out->memory)},
             {"round_ms", Real(round, 1, kRoundMillisMax)},
             {"planner", Choice(&out->plan.objective)},
             {"interest_floor", Real(&out->plan.interest_floor)},
             {"items_per_round", Real(&out->plan.items_per_round)},
             {"spec", [&](const YAML::Node& in) { return ReadSpec(in, &out->input.spec); }},
             {"nodes",
              [&](const YAML::Node& in) {
                return kYaml.ReadList(in, fed::kPlanNodesMax, [&](const YAML::Node& one) {
                  return ReadNode(one, &out->input);
                });
              }},
             {"links", [&](const YAML::Node& in) {
                has_links = true;
                return kYaml.ReadList(
                    in, fed::kPlanNodesMax * fed::kPlanNodesMax,
                    [&](const YAML::Node& one) { return ReadLink(one, &out->input); });
              }}}));
  if (out->name.empty()) return kYaml.Bad(node, "no name", "name: of the federation");
  if (out->memory.empty()) out->memory = out->name;
  if (!has_links) fed::LinkAllToAll(&out->input);
  out->plan.created_by = "file";
  const absl::Status planned = fed::MakePlan(out->input, out->plan).status();
  return planned.ok() ? planned
                      : Annotate(planned, absl::StrFormat("federation '%s', line %d", out->name,
                                                          node.Mark().line + 1));
}

}  // namespace

absl::StatusOr<std::vector<StaticFederation>> ParseFederations(const std::string& yaml,
                                                               const std::string& where) {
  std::vector<StaticFederation> out;
  const Reader one = [&out](const YAML::Node& node) -> absl::Status {
    out.emplace_back();
    MNEME_RETURN_IF_ERROR(ReadFederation(node, &out.back()));
    const auto twice = std::ranges::find(out, out.back().name, &StaticFederation::name);
    if (twice == out.end() - 1) return absl::OkStatus();
    return kYaml.Bad(node, absl::StrCat("a second '", out.back().name, "'"), "names once each");
  };
  const Reader all = [&one](const YAML::Node& list) {
    return kYaml.ReadList(list, kFederationsMax, one);
  };
  MNEME_RETURN_IF_ERROR(kYaml.ReadDocument(yaml, where, [&all](const YAML::Node& root) {
    return kYaml.ReadMap(root, {{"federations", all}});
  }));
  return out;
}

absl::StatusOr<std::vector<StaticFederation>> ReadFederationFile(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadTextFile(path, kFederationFileBytesMax);
  if (text.ok()) return ParseFederations(*text, path);
  return NotFound(
      absl::StrCat("federation.file: ", text.status().message()),
      {.reason = "FEDERATION_FILE",
       .given = path,
       .expected = absl::StrFormat("a file of at most %d bytes", kFederationFileBytesMax),
       .next_step = "Correct federation.file, or leave it out."});
}

}  // namespace mneme::server
