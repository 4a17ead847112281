// Reads the configuration from a YAML file, the environment and flags.
#ifndef MNEME_SERVER_CONFIG_LOAD_H_
#define MNEME_SERVER_CONFIG_LOAD_H_

#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/config/config.h"

namespace mneme::server {

// Applies a YAML document of nested maps with scalar leaves. Errors name `where` and the line.
absl::Status ApplyYaml(Config& config, const std::string& text, const std::string& where);
// As above, from a file. NotFound when it cannot be read.
absl::Status ApplyYamlFile(Config& config, const std::string& path);
// Applies MNEME_... variables; `getenv` gives the value or null. An unknown MNEME_ variable cannot
// be seen this way; `names` (all variables that are set) lets it be reported.
absl::Status ApplyEnvironment(Config& config, const std::map<std::string, std::string>& variables);

// The configuration as YAML with a comment on each key: what `mnemed config print` shows.
std::string PrintConfig(const Config& config);

}  // namespace mneme::server

#endif  // MNEME_SERVER_CONFIG_LOAD_H_
