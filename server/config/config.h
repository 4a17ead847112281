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
  uint64_t drain_seconds = 0;
  uint64_t grace_seconds = 20;
  uint64_t answer_seconds = 60;
  uint64_t connections_max = 4'096;
  uint64_t connections_per_address_max = 512;
  std::string data_dir = "mneme-data";
  std::string backup_dir;  // empty: BackupDirectory
  uint64_t disk_bytes_reserve = 256ull << 20;
  uint64_t storage_memory_bytes = 256ull << 20;
  uint64_t write_ahead_log_bytes = 128ull << 20;
  std::string log_level = "info";
  std::string log_format = "text";
  uint64_t slow_query_millis = 0;  // 0: none is logged
  uint64_t scan_threads = 0;       // 0: one a core
  uint64_t scan_nice = 10;
  uint64_t read_threads = 2;
  uint64_t train_threads = 0;
  uint64_t memory_bytes_max = 0;  // 0: ChooseMemoryLimit
  std::string blas_kernel = "auto";
  std::string federation_file;  // empty: this server takes part in none
  std::string federation_etcd;  // likewise; not both
  std::string etcd_tls_ca;      // empty: no TLS to etcd
  std::string etcd_tls_certificate;
  std::string etcd_tls_key;
  std::string etcd_tls_server_name;
  std::string federation_etcd_user;
  std::string federation_etcd_password_file;
  uint64_t federation_lease_seconds = 10;
  uint64_t federation_debounce_millis = 2'000;
  uint64_t federation_epoch_millis = 10'000;
  std::string federation_node;
  std::string peer_listen = "127.0.0.1:7413";
  std::string peer_advertise;                  // empty: peer_listen
  std::string http_listen = "127.0.0.1:7412";  // "none": no HTTP port
  std::string http_port_file;
  bool http_tls = false;
  std::string http_allowed_hosts;  // with commas between them
  uint64_t http_connections_max = 256;
  uint64_t http_connections_per_address_max = 128;
  uint64_t http_idle_seconds = 30;
  uint64_t http_request_seconds = 60;
  uint64_t http_call_seconds = 120;
  bool allow_insecure = false;
  std::string tls_certificate;  // empty: no TLS
  std::string tls_key;
  std::string tls_client_ca;  // empty: clients are not asked for certificates
  std::string tls_client_certificates = "optional";
  uint64_t tls_watch_seconds = 60;  // 0: not watched
  std::string auth_file;            // empty: everybody may do everything
  std::string audit_file;           // empty: no audit log
  bool audit_reads = false;
  std::string tracing_endpoint;  // empty: nothing is traced
  double tracing_sample_ratio = 0.01;
  bool tracing_tls = false;
  std::string tracing_tls_ca;  // empty: the system's authorities
  engine::Limits limits;
};

struct ConfigKey {
  std::string name;  // "data.dir"
  std::string help;  // a sentence, with the unit
  std::function<absl::Status(Config&, std::string_view)> set;
  std::function<std::string(const Config&)> get;
  bool live = false;  // may change under a running server

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

// Who may come to an address: loopback is for all; others take TLS and authentication, unless
// server.allow_insecure says that they need not. `key` names it in errors. InvalidArgument.
absl::Status CheckListen(const Config& config, std::string_view key, const std::string& listen);
// 127.0.0.0/8, ::1, localhost or a Unix socket.
bool IsLoopback(std::string_view listen);

// Where backups lie: as configured, or beside the data directory, so that a lost data directory
// does not take them along.
std::string BackupDirectory(const Config& config);

}  // namespace mneme::server

#endif  // MNEME_SERVER_CONFIG_CONFIG_H_
