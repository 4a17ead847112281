#include "server/config/load.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>

#include "core/base/status.h"
#include "server/config/text_file.h"

namespace mneme::server {
namespace {

// Variables of other programs of the family.
bool IsForeign(const std::string& name) {
  return name == "MNEME_SERVER" || name == "MNEME_CONFIG" || name == "MNEME_API_KEY" ||
         name == "MNEME_TOKEN" || name == "MNEME_TLS_CA";
}

// Of maps in maps. A key has two parts; an alias inside of its own anchor has no end.
constexpr int kDepthMax = 4;
constexpr size_t kConfigFileBytesMax = 1u << 20;

absl::Status ApplyNode(Config& config, const YAML::Node& node, const std::string& prefix,
                       const std::string& where, int depth) {
  const std::string place = absl::StrFormat("%s, line %d", where, node.Mark().line + 1);
  if (depth > kDepthMax) {
    return InvalidArgument(absl::StrFormat("%s: '%s' is nested too deeply", place, prefix),
                           {.reason = "CONFIG_VALUE",
                            .given = absl::StrCat("more than ", kDepthMax, " levels"),
                            .expected = "a section with keys in it",
                            .next_step = "Write `section:` and `  key: value` below it."});
  }
  if (node.IsMap() && node.size() > 0) {
    for (const auto& entry : node) {
      const std::string key = entry.first.as<std::string>();
      MNEME_RETURN_IF_ERROR(ApplyNode(config, entry.second,
                                      prefix.empty() ? key : absl::StrCat(prefix, ".", key), where,
                                      depth + 1));
    }
    return absl::OkStatus();
  }
  if (!node.IsScalar()) {
    return InvalidArgument(absl::StrFormat("%s: '%s' is not a single value", place, prefix),
                           {.reason = "CONFIG_VALUE",
                            .given = "a list or nothing",
                            .expected = "a value",
                            .next_step = "Write `key: value`."});
  }
  return Annotate(SetKey(config, prefix, node.as<std::string>()), place);
}

// The value as YAML reads it back: plain where that is a plain word, else between quotes.
std::string ToYaml(const std::string& value) {
  const auto is_plain = [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) || std::string_view("/_.-:").find(static_cast<char>(c)) !=
                                               std::string_view::npos);
  };
  const bool is_word =
      !value.empty() && (std::isalnum(static_cast<unsigned char>(value[0])) || value[0] == '/');
  if (is_word && std::all_of(value.begin(), value.end(), is_plain) && value.back() != ':' &&
      !YAML::IsNullString(value)) {
    return value;
  }
  std::string out = "\"";
  for (const char c : value) {
    if (static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\' || c == 0x7f) {
      out += absl::StrFormat("\\x%02x", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
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
    if (root.size() == 0) return absl::OkStatus();
    return ApplyNode(config, root, "", where, 0);
  } catch (const YAML::Exception& e) {
    return InvalidArgument(absl::StrCat(where, ": ", e.what()),
                           {.reason = "CONFIG_FILE",
                            .next_step = "Correct the YAML; `mnemed config check` tries it."});
  }
}

absl::Status ApplyYamlFile(Config& config, const std::string& path) {
  const absl::StatusOr<std::string> text = ReadTextFile(path, kConfigFileBytesMax);
  if (text.ok() && text->empty()) {
    // Cut off, more likely than meant: a reload would put every limit back to its default.
    return InvalidArgument(absl::StrCat("the configuration file ", path, " is empty"),
                           {.reason = "CONFIG_FILE",
                            .given = path,
                            .expected = "at least one line, which may be a comment",
                            .next_step = "Write the file again, or leave --config out to run on "
                                         "defaults."});
  }
  if (text.ok()) return ApplyYaml(config, *text, path);
  return NotFound(
      absl::StrCat("the configuration file ", text.status().message()),
      {.reason = "CONFIG_FILE",
       .given = path,
       .expected = absl::StrCat("a readable YAML file of at most ", kConfigFileBytesMax, " bytes"),
       .next_step = "Correct the path, or leave --config out to run on defaults."});
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
    out += absl::StrFormat("  # %s\n  %s: %s\n", key.help, key.name.substr(dot + 1),
                           ToYaml(key.get(config)));
  }
  return out;
}

}  // namespace mneme::server
