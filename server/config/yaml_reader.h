// Reads YAML documents whose keys are known: an unknown key, one that stands there twice and a
// value of another kind are refused with their line. What is made of it is the reader's own.
#ifndef MNEME_SERVER_CONFIG_YAML_READER_H_
#define MNEME_SERVER_CONFIG_YAML_READER_H_

#include <yaml-cpp/yaml.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace mneme::server {

// One kind of file. Thread-safe: holds no state but what its errors say.
class YamlReader {
 public:
  // Reads the value of one key, or one entry of a list.
  using Reader = std::function<absl::Status(const YAML::Node&)>;

  // Of every error; both must outlive the reader.
  constexpr YamlReader(std::string_view reason, std::string_view next_step)
      : reason_(reason), next_step_(next_step) {}

  // INVALID_ARGUMENT with the line of `node`.
  absl::Status Bad(const YAML::Node& node, std::string_view given, std::string_view expected) const;
  absl::Status ReadMap(const YAML::Node& node, const std::map<std::string, Reader>& readers) const;
  absl::Status ReadList(const YAML::Node& node, size_t most, const Reader& each) const;
  // Hands the root of the document `text` to `root`; errors begin with `where`.
  absl::Status ReadDocument(const std::string& text, const std::string& where,
                            const Reader& root) const;

 private:
  std::string_view reason_;
  std::string_view next_step_;
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_CONFIG_YAML_READER_H_
