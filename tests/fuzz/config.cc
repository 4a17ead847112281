// Configuration files, single keys and the environment as somebody may write them: any text.
#include "server/config/config.h"

#include <map>

#include "core/base/status.h"
#include "server/config/load.h"
#include "tests/fuzz/fuzz.h"

namespace mneme::fuzz {
namespace {

using server::Config;
using server::ConfigKey;

void CheckRefused(const absl::Status& status) {
  CheckError(status, {absl::StatusCode::kInvalidArgument});
}

// What `mnemed config print` shows is read back as it was.
void CheckPrint(const Config& config) {
  Config again;
  const absl::Status status = server::ApplyYaml(again, server::PrintConfig(config), "printed");
  MNEME_CHECK(status.ok());
  for (const ConfigKey& key : server::ConfigKeys()) MNEME_CHECK(key.get(again) == key.get(config));
}

void CheckFile(std::string_view text) {
  Config config;
  const absl::Status status = server::ApplyYaml(config, std::string(text), "file");
  if (!status.ok()) return CheckRefused(status);
  if (const absl::Status valid = server::ValidateConfig(config); !valid.ok()) CheckRefused(valid);
  CheckPrint(config);
}

void CheckKey(const ConfigKey& key, std::string_view value) {
  Config config;
  const absl::Status status = server::SetKey(config, key.name, value);
  if (!status.ok()) return CheckRefused(status);
  Config again;
  MNEME_CHECK(server::SetKey(again, key.name, key.get(config)).ok());
  MNEME_CHECK(key.get(again) == key.get(config));
}

void CheckEnvironment(const std::string& name, std::string_view value) {
  Config config;
  const absl::Status status =
      server::ApplyEnvironment(config, {{"MNEME_" + name, std::string(value)}});
  if (!status.ok()) CheckRefused(status);
}

std::string KeySeed(uint8_t key, std::string_view value) {
  return std::string{'\1', static_cast<char>(key)}.append(value);
}

}  // namespace

// 0: a file. 1: which key, and its value. 2: a variable.
void TestOne(std::string_view bytes) {
  Input in(bytes);
  switch (in.Byte() % 3) {
    case 0:
      return CheckFile(in.rest());
    case 1: {
      const std::vector<ConfigKey>& keys = server::ConfigKeys();
      const ConfigKey& key = keys[in.Byte() % keys.size()];
      return CheckKey(key, in.rest());
    }
    case 2: {
      const std::string name(in.Chunk());
      return CheckEnvironment(name, in.rest());
    }
  }
}

std::vector<Seed> Seeds() {
  const std::string file(1, '\0'), variable(1, '\2');
  return {{"file_printed", file + server::PrintConfig({})},
          {"file_flow", file + "{data: {dir: /d, storage_memory_bytes: 64M}, log: {level: debug}}"},
          {"file_anchor", file + "data: &d {dir: x}\nlog: {level: info}\n"},
          {"file_cycle", file + "data: &d\n  dir: *d\n"},
          {"file_quoted", file + "data: {dir: \"a: b # c\"}\n"},
          {"key_bytes", KeySeed(4, "256M")},
          {"key_number", KeySeed(2, "20")},
          {"key_choice", KeySeed(6, "info")},
          {"key_text", KeySeed(3, "a: b # c")},
          {"variable", variable + MakeChunk("DATA_DIR") + "/d"}};
}

}  // namespace mneme::fuzz
