#include "server/config/load.h"

#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "core/base/status.h"

namespace mneme::server {
namespace {

// Variables of other programs of the family.
bool IsForeign(const std::string& name) { return name == "MNEME_SERVER" || name == "MNEME_CONFIG"; }

absl::Status ApplyNode(Config& config, const YAML::Node& node, const std::string& prefix,
                       const std::string& where) {
  if (node.IsMap()) {
    for (const auto& entry : node) {
      const std::string key = entry.first.as<std::string>();
      MNEME_RETURN_IF_ERROR(
          ApplyNode(config, entry.second, prefix.empty() ? key : prefix + "." + key, where));
    }
    return absl::OkStatus();
  }
  const std::string place = absl::StrFormat("%s, line %d", where, node.Mark().line + 1);
  if (!node.IsScalar()) {
    return InvalidArgument(absl::StrFormat("%s: '%s' is not a single value", place, prefix),
                           {.reason = "CONFIG_VALUE",
                            .given = "a list or nothing",
                            .expected = "a value",
                            .next_step = "Write `key: value`."});
  }
  return Annotate(SetKey(config, prefix, node.as<std::string>()), place);
}

}  // namespace

absl::Status ApplyYaml(Config& config, const std::string& text, const std::string& where) {
  // yaml-cpp throws on malformed documents.
  try {
    const YAML::Node root = YAML::Load(text);
    if (root.IsNull()) return absl::OkStatus();
    if (!root.IsMap()) {
      return InvalidArgument(
          absl::StrCat(where, ": a map of keys is expected"),
          {.reason = "CONFIG_FILE", .next_step = "See `mnemed config print` for the form."});
    }
    return ApplyNode(config, root, "", where);
  } catch (const YAML::Exception& e) {
    return InvalidArgument(absl::StrCat(where, ": ", e.what()),
                           {.reason = "CONFIG_FILE",
                            .next_step = "Correct the YAML; `mnemed config check` tries it."});
  }
}

absl::Status ApplyYamlFile(Config& config, const std::string& path) {
  std::ifstream file(path);  // which opens directories too
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::error_code ignored;
  if (!file || std::filesystem::is_directory(path, ignored)) {
    return NotFound(absl::StrFormat("the configuration file '%s' cannot be read", path),
                    {.reason = "CONFIG_FILE",
                     .given = path,
                     .expected = "a readable YAML file",
                     .next_step = "Correct the path, or leave --config out to run on defaults."});
  }
  return ApplyYaml(config, text, path);
}

absl::Status ApplyEnvironment(Config& config, const std::map<std::string, std::string>& variables) {
  for (const auto& [name, value] : variables) {
    if (name.rfind("MNEME_", 0) != 0 || IsForeign(name)) continue;
    const ConfigKey* found = nullptr;
    for (const ConfigKey& key : ConfigKeys()) {
      if (key.environment() == name) found = &key;
    }
    // An unknown one is looked up as a key, so that the error suggests the nearest name.
    std::string guess = found != nullptr ? found->name : name.substr(6);
    if (found == nullptr) {
      for (char& c : guess)
        c = c == '_' ? '.' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    MNEME_RETURN_IF_ERROR(Annotate(SetKey(config, guess, value), "environment variable " + name));
  }
  return absl::OkStatus();
}

std::string PrintConfig(const Config& config) {
  std::string out;
  std::string section;
  for (const ConfigKey& key : ConfigKeys()) {
    const size_t dot = key.name.find('.');
    if (const std::string own = key.name.substr(0, dot); own != section) {
      out += absl::StrCat(section.empty() ? "" : "\n", own, ":\n");
      section = own;
    }
    const std::string value = key.get(config);
    out += absl::StrFormat("  # %s\n  %s: %s\n", key.help, key.name.substr(dot + 1),
                           value.empty() ? "\"\"" : value);
  }
  return out;
}

}  // namespace mneme::server
