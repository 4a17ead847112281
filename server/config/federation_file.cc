#include "server/config/federation_file.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <utility>

#include "absl/strings/str_join.h"
#include "core/base/status.h"

namespace mneme::server {
namespace {

namespace fed = mneme::federation;

constexpr double kRoundMillisMax = 3'600'000;

absl::Status BadFile(const YAML::Node& node, const std::string& given,
                     const std::string& expected) {
  return InvalidArgument(
      absl::StrFormat("line %d: found %s, expected %s", node.Mark().line + 1, given, expected),
      {.reason = "FEDERATION_FILE",
       .given = given,
       .expected = expected,
       .next_step = "See docs/federation.md for what the file may say."});
}

// Reads the value of one key into what `T` holds.
using Reader = std::function<absl::Status(const YAML::Node&)>;

absl::Status ReadMap(const YAML::Node& node, const std::map<std::string, Reader>& readers) {
  if (!node.IsMap()) return BadFile(node, "no keys", "`key: value` lines");
  for (const auto& entry : node) {
    const std::string key = entry.first.as<std::string>("");
    const auto reader = readers.find(key);
    if (reader == readers.end()) {
      std::vector<std::string> known;
      for (const auto& [name, unused] : readers) known.push_back(name);
      return BadFile(entry.first, absl::StrCat("the key '", key, "'"),
                     absl::StrCat("one of ", absl::StrJoin(known, ", ")));
    }
    MNEME_RETURN_IF_ERROR(reader->second(entry.second));
  }
  return absl::OkStatus();
}

absl::Status ReadList(const YAML::Node& node, size_t most, const Reader& each) {
  if (!node.IsSequence() || node.size() > most) {
    return BadFile(node, node.IsSequence() ? absl::StrCat(node.size(), " entries") : "no list",
                   absl::StrCat("a list of at most ", most));
  }
  for (const YAML::Node& entry : node) MNEME_RETURN_IF_ERROR(each(entry));
  return absl::OkStatus();
}

Reader Text(std::string* out) {
  return [out](const YAML::Node& node) -> absl::Status {
    if (!node.IsScalar() || node.Scalar().empty()) return BadFile(node, "no text", "a text");
    *out = node.Scalar();
    return absl::OkStatus();
  };
}

Reader Real(std::function<void(double)> set, double least, double most) {
  return [set = std::move(set), least, most](const YAML::Node& node) -> absl::Status {
    double value = 0;
    const bool is_number = node.IsScalar() && YAML::convert<double>::decode(node, value);
    if (!is_number || !(value >= least && value <= most)) {
      return BadFile(node, node.IsScalar() ? node.Scalar() : "no number",
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
      return BadFile(node, node.IsScalar() ? node.Scalar() : "no number", "a whole number");
    }
    *out = static_cast<Int>(value);
    return absl::OkStatus();
  };
}

Reader Switch(bool* out) {
  return [out](const YAML::Node& node) -> absl::Status {
    if (!node.IsScalar() || !YAML::convert<bool>::decode(node, *out)) {
      return BadFile(node, node.IsScalar() ? node.Scalar() : "no value", "true or false");
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
      return BadFile(
          node, node.IsScalar() ? node.Scalar() : "no name",
          absl::StrCat("one of ", absl::StrJoin(names, ", ", [](std::string* text, auto one) {
                         text->append(one);
                       })));
    }
    *out = static_cast<Enum>(name - names.begin());
    return absl::OkStatus();
  };
}

absl::Status ReadSpec(const YAML::Node& node, fed::Spec* spec) {
  fed::StepSpec& steps = spec->steps;
  fed::PrivacySpec& privacy = spec->privacy;
  fed::WireSpec& wire = spec->wire;
  return ReadMap(node, {{"key_dim", Whole(&spec->d_k)},
                        {"response_dim", Whole(&spec->d_v)},
                        {"loss", Choice(&spec->loss)},
                        {"huber_delta", Real(&spec->huber_delta)},
                        {"decay", Real(&spec->decay)},
                        {"radius", Real(&spec->radius)},
                        {"transport", Choice(&spec->transport)},
                        {"combine", Choice(&spec->combine)},
                        {"schedule", Choice(&steps.schedule)},
                        {"step_scale", Real([&steps](double c) { steps.c = c; }, 0, fed::kRealMax)},
                        {"step_size", Real(&steps.eta)},
                        {"step_size_max", Real(&steps.eta_max)},
                        {"horizon", Whole(&steps.horizon)},
                        {"gradient_bound", Real(&steps.gradient_bound)},
                        {"stability_cap", Switch(&steps.stability_cap)},
                        {"min_contributors", Whole(&privacy.min_contributors)},
                        {"min_items", Whole(&privacy.min_items)},
                        {"max_hold_rounds", Whole(&privacy.max_hold_rounds)},
                        {"share_items", Switch(&privacy.share_items)},
                        {"wire_type", Choice(&wire.type)},
                        {"compression", Choice(&wire.compression)},
                        {"topk_share", Real(&wire.topk_share)},
                        {"error_feedback", Switch(&wire.error_feedback)},
                        {"batch_max", Whole(&spec->b_max)},
                        {"lag_max", Whole(&spec->lag_max)},
                        {"max_delay", Whole(&spec->max_delay)},
                        {"loss_correction", Choice(&spec->loss_correction)},
                        {"staleness_damping", Real(&spec->staleness_damping)},
                        {"clip", Real(&spec->clip)},
                        {"checkpoint_rounds", Whole(&spec->checkpoint_rounds)},
                        {"probe_rounds", Whole(&spec->probe_rounds)}});
}

absl::Status ReadInterest(const YAML::Node& node, std::map<std::string, double>* interest) {
  if (!node.IsMap() || node.size() > fed::kPlanNodesMax)
    return BadFile(node, "no interest", "`node: weight` pairs");
  for (const auto& entry : node) {
    double weight = 0;
    if (!YAML::convert<double>::decode(entry.second, weight)) {
      return BadFile(entry.second, "no number", "a weight of at least 0");
    }
    (*interest)[entry.first.as<std::string>("")] = weight;
  }
  return absl::OkStatus();
}

absl::Status ReadNode(const YAML::Node& node, fed::PlanInput* input) {
  fed::PlanNode one;
  std::map<std::string, double> interest;
  MNEME_RETURN_IF_ERROR(ReadMap(
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
    return ReadList(in, 2, [&](const YAML::Node& end) {
      between.emplace_back();
      return Text(&between.back())(end);
    });
  };
  MNEME_RETURN_IF_ERROR(
      ReadMap(node, {{"between", ends},
                     {"delay_ms", Real([&](double given) { millis = given; }, 0.001,
                                       static_cast<double>(fed::kLinkDelayMicrosMax) / 1000)}}));
  if (between.size() != 2) {
    return BadFile(node, absl::StrCat(between.size(), " ends"), "between: [one, another]");
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
  MNEME_RETURN_IF_ERROR(ReadMap(
      node, {{"name", Text(&out->name)},
             {"memory", Text(&out->memory)},
             {"round_ms", Real(round, 1, kRoundMillisMax)},
             {"planner", Choice(&out->plan.objective)},
             {"interest_floor", Real(&out->plan.interest_floor)},
             {"items_per_round", Real(&out->plan.items_per_round)},
             {"spec", [&](const YAML::Node& in) { return ReadSpec(in, &out->input.spec); }},
             {"nodes",
              [&](const YAML::Node& in) {
                return ReadList(in, fed::kPlanNodesMax,
                                [&](const YAML::Node& one) { return ReadNode(one, &out->input); });
              }},
             {"links", [&](const YAML::Node& in) {
                has_links = true;
                return ReadList(in, fed::kPlanNodesMax * fed::kPlanNodesMax,
                                [&](const YAML::Node& one) { return ReadLink(one, &out->input); });
              }}}));
  if (out->name.empty()) return BadFile(node, "no name", "name: of the federation");
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
  const auto read = [&]() -> absl::Status {
    // yaml-cpp throws on malformed documents.
    try {
      const Reader one = [&out](const YAML::Node& node) -> absl::Status {
        out.emplace_back();
        MNEME_RETURN_IF_ERROR(ReadFederation(node, &out.back()));
        const auto twice = std::ranges::find(out, out.back().name, &StaticFederation::name);
        if (twice == out.end() - 1) return absl::OkStatus();
        return BadFile(node, absl::StrCat("a second '", out.back().name, "'"), "names once each");
      };
      return ReadMap(YAML::Load(yaml), {{"federations", [&](const YAML::Node& list) {
                                           return ReadList(list, kFederationsMax, one);
                                         }}});
    } catch (const YAML::Exception& error) {
      return InvalidArgument(
          absl::StrFormat("line %d: this is no YAML: %s", error.mark.line + 1, error.msg),
          {.reason = "FEDERATION_FILE",
           .given = error.msg,
           .expected = "a YAML document",
           .next_step = "See docs/federation.md for what the file may say."});
    }
  };
  const absl::Status status = read();
  if (!status.ok()) return Annotate(status, where);
  return out;
}

absl::StatusOr<std::vector<StaticFederation>> ReadFederationFile(const std::string& path) {
  std::error_code error;
  const uintmax_t bytes = std::filesystem::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  if (error || !file || bytes > kFederationFileBytesMax) {
    return NotFound(
        absl::StrFormat("cannot read %s", path),
        {.reason = "FEDERATION_FILE",
         .given = path,
         .expected = absl::StrFormat("a file of at most %d bytes", kFederationFileBytesMax),
         .next_step = "Correct federation.file, or leave it out."});
  }
  std::ostringstream text;
  text << file.rdbuf();
  return ParseFederations(text.str(), path);
}

}  // namespace mneme::server
