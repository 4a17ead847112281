#include "server/config/yaml_reader.h"

#include <set>
#include <vector>

#include "absl/strings/str_join.h"
#include "core/base/status.h"

namespace mneme::server {

absl::Status YamlReader::Bad(const YAML::Node& node, std::string_view given,
                             std::string_view expected) const {
  return InvalidArgument(absl::StrFormat("line %d: found %s, expected %s", node.Mark().line + 1,
                                         AbslView(given), AbslView(expected)),
                         {.reason = std::string(reason_),
                          .given = std::string(given),
                          .expected = std::string(expected),
                          .next_step = std::string(next_step_)});
}

absl::Status YamlReader::ReadMap(const YAML::Node& node,
                                 const std::map<std::string, Reader>& readers) const {
  if (!node.IsMap()) return Bad(node, "no keys", "`key: value` lines");
  std::set<std::string> seen;
  for (const auto& entry : node) {
    const std::string key = entry.first.as<std::string>("");
    const auto reader = readers.find(key);
    if (reader == readers.end()) {
      std::vector<std::string> known;
      for (const auto& [name, unused] : readers) known.push_back(name);
      return Bad(entry.first, absl::StrCat("the key '", key, "'"),
                 absl::StrCat("one of ", absl::StrJoin(known, ", ")));
    }
    if (!seen.insert(key).second) {
      return Bad(entry.first, absl::StrCat("'", key, "' again"), "it once");
    }
    MNEME_RETURN_IF_ERROR(reader->second(entry.second));
  }
  return absl::OkStatus();
}

absl::Status YamlReader::ReadList(const YAML::Node& node, size_t most, const Reader& each) const {
  if (!node.IsSequence() || node.size() > most) {
    return Bad(node, node.IsSequence() ? absl::StrCat(node.size(), " entries") : "no list",
               absl::StrCat("a list of at most ", most));
  }
  for (const YAML::Node& entry : node) MNEME_RETURN_IF_ERROR(each(entry));
  return absl::OkStatus();
}

absl::Status YamlReader::ReadDocument(const std::string& text, const std::string& where,
                                      const Reader& root) const {
  // yaml-cpp throws on malformed documents.
  try {
    const absl::Status status = root(YAML::Load(text));
    return status.ok() ? status : Annotate(status, where);
  } catch (const YAML::Exception& error) {
    return InvalidArgument(
        absl::StrFormat("%s: line %d: this is no YAML: %s", where, error.mark.line + 1, error.msg),
        {.reason = std::string(reason_),
         .given = error.msg,
         .expected = "a YAML document",
         .next_step = std::string(next_step_)});
  }
}

}  // namespace mneme::server
