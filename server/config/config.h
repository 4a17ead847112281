// The configuration of mnemed: one table of keys, each settable in the YAML file, as a flag and in
// the environment.
//
//   key            data.dir
//   YAML           data:
//                    dir: /var/lib/mneme
//   flag           --data.dir=/var/lib/mneme
//   environment    MNEME_DATA_DIR=/var/lib/mneme
//
// A flag wins over the environment, the environment over the file, the file over the default.
#ifndef MNEME_SERVER_CONFIG_CONFIG_H_
#define MNEME_SERVER_CONFIG_CONFIG_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "core/engine/limits.h"

namespace mneme::server {

struct Config {
  std::string listen = "127.0.0.1:7411";
  std::string port_file;
  uint64_t grace_seconds = 20;
  uint64_t answer_seconds = 60;
  std::string data_dir = "mneme-data";
  std::string backup_dir;  // empty: BackupDirectory
  uint64_t disk_bytes_reserve = 256ull << 20;
  uint64_t storage_memory_bytes = 256ull << 20;
  uint64_t write_ahead_log_bytes = 128ull << 20;
  std::string log_level = "info";
  std::string log_format = "text";
  uint64_t scan_threads = 0;  // 0: one a core
  uint64_t scan_nice = 10;
  uint64_t read_threads = 2;
  uint64_t train_threads = 0;
  uint64_t memory_bytes_max = 0;  // 0: ChooseMemoryLimit
  std::string blas_kernel = "auto";
  engine::Limits limits;
};

struct ConfigKey {
  std::string name;  // "data.dir"
  std::string help;  // a sentence, with the unit
  std::function<absl::Status(Config&, std::string_view)> set;
  std::function<std::string(const Config&)> get;

  std::string flag() const { return "--" + name; }
  std::string environment() const;  // "MNEME_DATA_DIR"
};

// All keys, in the order in which they are shown.
const std::vector<ConfigKey>& ConfigKeys();

// Sets one key. InvalidArgument: unknown (with the nearest name), or a bad value (with what is
// allowed).
absl::Status SetKey(Config& config, std::string_view name, std::string_view value);

// What no single key can tell: a public address without protection, for instance.
absl::Status ValidateConfig(const Config& config);

// Where backups lie: as configured, or beside the data directory, so that a lost data directory
// does not take them along.
std::string BackupDirectory(const Config& config);

}  // namespace mneme::server

#endif  // MNEME_SERVER_CONFIG_CONFIG_H_
