#include "server/config/config.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <numeric>

#include "absl/strings/str_split.h"
#include "core/base/status.h"
#include "core/federation/records.h"

namespace mneme::server {
namespace {

constexpr uint64_t kMemoryBytesLeast = 64ull << 20;

absl::Status BadValue(std::string_view key, std::string_view given, std::string_view expected) {
  return InvalidArgument(
      absl::StrFormat("%s: '%s' is not %s", AbslView(key), AbslView(given), AbslView(expected)),
      {.reason = "CONFIG_VALUE",
       .given = std::string(given),
       .expected = std::string(expected),
       .next_step = "Correct the value; `mnemed config print` shows all keys."});
}

ConfigKey Text(std::string name, std::string help, std::string Config::*field) {
  return {.name = std::move(name),
          .help = std::move(help),
          .set =
              [field](Config& config, std::string_view value) {
                config.*field = value;
                return absl::OkStatus();
              },
          .get = [field](const Config& config) { return config.*field; }};
}

ConfigKey Choice(std::string name, std::string help, std::string Config::*field,
                 std::vector<std::string> choices) {
  ConfigKey key = Text(name, std::move(help), field);
  key.set = [name, field, choices](Config& config, std::string_view value) -> absl::Status {
    if (std::find(choices.begin(), choices.end(), value) == choices.end()) {
      std::string expected = "one of";
      for (const std::string& choice : choices) expected += " " + choice;
      return BadValue(name, value, expected);
    }
    config.*field = value;
    return absl::OkStatus();
  };
  return key;
}

// A whole number in [least, most]; with `bytes`, also 64k, 256M, 4G (powers of 1024).
absl::StatusOr<uint64_t> ParseNumber(std::string_view name, std::string_view value, uint64_t least,
                                     uint64_t most, bool bytes) {
  const std::string expected = absl::StrFormat("a whole number from %d to %d%s", least, most,
                                               bytes ? ", or one with k, M or G" : "");
  std::string_view digits = value;
  uint64_t unit = 1;
  if (bytes && !digits.empty()) {
    const std::string_view units = "kMG";
    const size_t power = units.find(digits.back());
    if (power != std::string_view::npos) {
      unit = uint64_t{1} << (10 * (power + 1));
      digits.remove_suffix(1);
    }
  }
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size() || number > most / unit)
    return BadValue(name, value, expected);
  number *= unit;
  if (number < least || number > most) return BadValue(name, value, expected);
  return number;
}

template <typename Get>  // Config& -> some unsigned integer &
ConfigKey Number(std::string name, std::string help, uint64_t least, uint64_t most, Get field,
                 bool bytes = false) {
  return {
      .name = name,
      .help = std::move(help),
      .set = [=](Config& config, std::string_view value) -> absl::Status {
        MNEME_ASSIGN_OR_RETURN(const uint64_t number, ParseNumber(name, value, least, most, bytes));
        auto& target = field(config);
        target = static_cast<std::remove_reference_t<decltype(target)>>(number);
        return absl::OkStatus();
      },
      .get =
          [=](const Config& config) { return std::to_string(field(const_cast<Config&>(config))); }};
}

ConfigKey Switch(std::string name, std::string help, bool Config::*field) {
  return {.name = name,
          .help = std::move(help),
          .set = [name, field](Config& config, std::string_view value) -> absl::Status {
            if (value != "true" && value != "false") return BadValue(name, value, "true or false");
            config.*field = value == "true";
            return absl::OkStatus();
          },
          .get = [field](const Config& config) { return config.*field ? "true" : "false"; }};
}

// A number from 0 to 1.
ConfigKey Share(std::string name, std::string help, double Config::*field) {
  return {.name = name,
          .help = std::move(help),
          .set = [name, field](Config& config, std::string_view value) -> absl::Status {
            double number = 0;
            const char* const last = value.data() + value.size();
            const auto [end, error] = std::from_chars(value.data(), last, number);
            if (error != std::errc() || end != last || !(number >= 0 && number <= 1)) {
              return BadValue(name, value, "a number from 0 to 1");
            }
            config.*field = number;
            return absl::OkStatus();
          },
          .get = [field](const Config& config) { return absl::StrCat(config.*field); }};
}

// 0, or enough to start with.
ConfigKey MemoryLimit(std::string name, std::string help) {
  ConfigKey key = Number(
      name, std::move(help), 0, 1ull << 50,
      [](Config& c) -> uint64_t& { return c.memory_bytes_max; }, true);
  key.set = [name, set = key.set](Config& config, std::string_view value) -> absl::Status {
    MNEME_RETURN_IF_ERROR(set(config, value));
    if (config.memory_bytes_max == 0 || config.memory_bytes_max >= kMemoryBytesLeast) {
      return absl::OkStatus();
    }
    return BadValue(name, value, absl::StrFormat("0, or at least %d", kMemoryBytesLeast));
  };
  return key;
}

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

// host:port with a port from 0 to 65535, or unix:PATH.
bool HasPort(std::string_view listen) {
  if (listen.starts_with("unix:")) return listen.size() > 5;
  const size_t colon = listen.rfind(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view digits = listen.substr(colon + 1);
  uint32_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return error == std::errc() && end == digits.data() + digits.size() && port <= 65'535;
}

// `knows_callers`: those who come to this address are asked who they are.
absl::Status CheckAddress(const Config& config, std::string_view key, const std::string& listen,
                          bool knows_callers) {
  if (!HasPort(listen)) {
    return BadValue(key, listen, "host:port with a port from 0 to 65535, or unix:PATH");
  }
  const bool has_tls = !config.tls_certificate.empty();
  if (IsLoopback(listen) || (has_tls && knows_callers) || config.allow_insecure) {
    return absl::OkStatus();
  }
  return InvalidArgument(
      absl::StrFormat("%s: '%s' is not a loopback address, and there is no %s", AbslView(key),
                      listen, has_tls ? "authentication" : "TLS"),
      {.reason = "CONFIG_VALUE",
       .given = listen,
       .expected = "127.0.0.1:PORT, [::1]:PORT, localhost:PORT or unix:PATH",
       .next_step = has_tls
                        ? "Set auth.file (docs/security.md), or tls.client_certificates: required."
                        : "Set tls.certificate, tls.key and auth.file (docs/security.md), or say "
                          "server.allow_insecure: true where the network itself is safe."});
}

// TLS that is half configured, or asks for what it does not have.
absl::Status CheckTls(const Config& config) {
  const auto needs = [](std::string_view key, std::string_view other) {
    return BadValue(key, "", absl::StrCat("a PEM file, which ", AbslView(other), " needs"));
  };
  if (config.tls_certificate.empty() != config.tls_key.empty()) {
    return config.tls_key.empty() ? needs("tls.key", "tls.certificate")
                                  : needs("tls.certificate", "tls.key");
  }
  if (!config.tls_client_ca.empty() && config.tls_certificate.empty()) {
    return needs("tls.certificate", "tls.client_ca");
  }
  if (config.tls_client_certificates == "required" && config.tls_client_ca.empty()) {
    return needs("tls.client_ca", "tls.client_certificates: required");
  }
  const bool has_peers = !config.federation_file.empty() || !config.federation_etcd.empty();
  if (has_peers && !config.tls_certificate.empty() && config.tls_client_ca.empty()) {
    return needs("tls.client_ca", config.federation_file.empty()
                                      ? "federation.etcd together with TLS"
                                      : "federation.file together with TLS");
  }
  return absl::OkStatus();
}

// Part of it without the other part, or a password that goes to another machine in the clear.
absl::Status CheckEtcd(const Config& config) {
  const std::pair<std::string_view, const std::string&> all[] = {
      {"federation.etcd_tls_ca", config.etcd_tls_ca},
      {"federation.etcd_tls_certificate", config.etcd_tls_certificate},
      {"federation.etcd_tls_key", config.etcd_tls_key},
      {"federation.etcd_tls_server_name", config.etcd_tls_server_name},
      {"federation.etcd_user", config.federation_etcd_user},
      {"federation.etcd_password_file", config.federation_etcd_password_file}};
  const auto needs = [&](size_t key, size_t other) -> absl::Status {
    if (all[key].second.empty() || !all[other].second.empty()) return absl::OkStatus();
    return BadValue(all[other].first, "",
                    absl::StrCat("a value, which ", AbslView(all[key].first), " needs"));
  };
  for (const auto& [key, other] : {std::pair(1, 2), {2, 1}, {1, 0}, {3, 0}, {4, 5}, {5, 4}})
    MNEME_RETURN_IF_ERROR(needs(static_cast<size_t>(key), static_cast<size_t>(other)));
  for (const auto& [key, value] : all) {
    if (!value.empty() && config.federation_etcd.empty())
      return BadValue("federation.etcd", "",
                      absl::StrCat("a value, which ", AbslView(key), " needs"));
  }
  if (config.federation_etcd_user.empty() || !config.etcd_tls_ca.empty() || config.allow_insecure)
    return absl::OkStatus();
  const std::vector<std::string> endpoints =
      absl::StrSplit(config.federation_etcd, absl::ByAnyChar(", "), absl::SkipEmpty());
  for (const std::string& endpoint : endpoints) {
    if (IsLoopback(endpoint)) continue;
    return BadValue("federation.etcd_tls_ca", "",
                    "a PEM file, as it must be where a password goes beyond this machine");
  }
  return absl::OkStatus();
}

// A collector that cannot be one, or half of its TLS.
absl::Status CheckTracing(const Config& config) {
  const std::string& endpoint = config.tracing_endpoint;
  if (!endpoint.empty() && (!HasPort(endpoint) || endpoint.find("://") != std::string::npos)) {
    return BadValue("tracing.otlp_endpoint", endpoint, "host:port, or unix:PATH");
  }
  if (config.tracing_tls || config.tracing_tls_ca.empty()) return absl::OkStatus();
  return BadValue("tracing.tls", "false", "true, which tracing.tls_ca needs");
}

absl::Status CheckHttp(const Config& config) {
  if (config.http_listen == "none") return absl::OkStatus();
  if (config.http_listen.starts_with("unix:")) {
    return BadValue("http.listen", config.http_listen,
                    "host:port with a port from 0 to 65535, or none");
  }
  MNEME_RETURN_IF_ERROR(CheckListen(config, "http.listen", config.http_listen));
  if (config.http_tls && config.tls_certificate.empty()) {
    return BadValue("tls.certificate", "", "a PEM file, which http.tls needs");
  }
  if (!IsLoopback(config.http_listen) && !config.http_tls && !config.allow_insecure) {
    return BadValue("http.listen", config.http_listen,
                    "a loopback address, as it must be without http.tls: true");
  }
  // Certificates are not seen there: without keys everybody on this machine would be let in.
  if (config.tls_client_certificates == "required" && config.auth_file.empty()) {
    return BadValue("http.listen", config.http_listen,
                    "none, which tls.client_certificates: required without auth.file needs");
  }
  return absl::OkStatus();
}

// A key whose value may change under a running server.
ConfigKey Live(ConfigKey key) {
  key.live = true;
  return key;
}

std::vector<ConfigKey> MakeKeys() {
  constexpr uint64_t k32 = std::numeric_limits<uint32_t>::max();
  return {
      Text(
          "server.listen",
          "Address for gRPC, host:port (port 0: a free one) or unix:PATH. Beyond loopback it takes "
          "TLS and authentication.",
          &Config::listen),
      Switch("server.allow_insecure",
             "Serve addresses beyond loopback although TLS or authentication is missing.",
             &Config::allow_insecure),
      Text("server.port_file", "Write the port in use to this file once the server listens.",
           &Config::port_file),
      Live(Number("server.drain_seconds",
                  "On SIGTERM: seconds to go on serving while health says NOT_SERVING, so that "
                  "load balancers turn away first.",
                  0, 3600, [](Config& c) -> uint64_t& { return c.drain_seconds; })),
      Live(Number("server.grace_seconds", "Then: seconds for calls under way to finish.", 0, 3600,
                  [](Config& c) -> uint64_t& { return c.grace_seconds; })),
      Live(Number("server.answer_seconds",
                  "Seconds for a client to take a large answer; then the call is dropped.", 1,
                  86'400, [](Config& c) -> uint64_t& { return c.answer_seconds; })),
      Number("server.connections_max", "gRPC connections at once; further ones are closed.", 1,
             1'000'000, [](Config& c) -> uint64_t& { return c.connections_max; }),
      Number("server.connections_per_address_max",
             "... of these, from one IPv4 address, or one /64 of IPv6.", 1, 1'000'000,
             [](Config& c) -> uint64_t& { return c.connections_per_address_max; }),
      Text("data.dir", "Data directory; made if absent.", &Config::data_dir),
      Text(
          "data.backup_dir",
          "Where backups lie; empty: a folder beside the data directory, with -backups at its end.",
          &Config::backup_dir),
      Number(
          "data.disk_bytes_reserve",
          "Stores are refused while fewer bytes of the disk are free, and backups leave as many on "
          "theirs. A file holds a quarter of them, for deleting where others fill the disk.",
          0, 1ull << 50, [](Config& c) -> uint64_t& { return c.disk_bytes_reserve; }, true),
      Number(
          "data.storage_memory_bytes",
          "Bytes for the storage engine's caches and buffers; at most a quarter of all memory.",
          16ull << 20, 1ull << 40, [](Config& c) -> uint64_t& { return c.storage_memory_bytes; },
          true),
      Number(
          "data.write_ahead_log_bytes", "Most bytes of write-ahead log; bounds the time to start.",
          4ull << 20, 1ull << 32, [](Config& c) -> uint64_t& { return c.write_ahead_log_bytes; },
          true),
      Live(Choice("log.level", "Least level to log: trace, debug, info, warning, error.",
                  &Config::log_level, {"trace", "debug", "info", "warning", "error"})),
      Choice("log.format", "text, or json (one object a line).", &Config::log_format,
             {"text", "json"}),
      Live(Number("log.slow_query_millis",
                  "Calls that take as many milliseconds are logged; 0: none.", 0, 86'400'000,
                  [](Config& c) -> uint64_t& { return c.slow_query_millis; })),
      Number("engine.scan_threads", "Threads that answer dear cues; 0: one a core.", 0, 1024,
             [](Config& c) -> uint64_t& { return c.scan_threads; }),
      Number("engine.scan_nice", "How much less priority scans have than the network, 0 to 19.", 0,
             19, [](Config& c) -> uint64_t& { return c.scan_nice; }),
      Number("engine.read_threads", "Threads for reads of items from disk.", 1, 256,
             [](Config& c) -> uint64_t& { return c.read_threads; }),
      Number("engine.train_threads",
             "Threads of one training, at the lowest priority; 0: one a core.", 0, 1024,
             [](Config& c) -> uint64_t& { return c.train_threads; }),
      MemoryLimit("engine.memory_bytes_max",
                  "Bytes of main memory for everything; 0: 80 % of what the control group or the "
                  "machine has."),
      Text("math.blas_kernel",
           "auto (by CPUID), inherit (from OPENBLAS_CORETYPE), or an OpenBLAS core's name.",
           &Config::blas_kernel),
      Text("federation.file",
           "Describes the federations that this server takes part in; the same on all nodes. "
           "Empty: it takes part in none.",
           &Config::federation_file),
      Text("federation.etcd",
           "Where federations are kept instead of a file: the client addresses of an etcd, "
           "host:port,host:port.",
           &Config::federation_etcd),
      Text("federation.etcd_tls_ca",
           "PEM file of the authorities that sign etcd's certificates; empty: no TLS to etcd.",
           &Config::etcd_tls_ca),
      Text("federation.etcd_tls_certificate",
           "PEM file of the certificate that etcd is shown, with its chain; empty: none.",
           &Config::etcd_tls_certificate),
      Text("federation.etcd_tls_key", "PEM file of that certificate's key.", &Config::etcd_tls_key),
      Text("federation.etcd_tls_server_name",
           "The name in etcd's certificates; empty: the host of each endpoint.",
           &Config::etcd_tls_server_name),
      Text("federation.etcd_user", "etcd's user for this server; empty: none.",
           &Config::federation_etcd_user),
      Text("federation.etcd_password_file", "File with that user's password in its first line.",
           &Config::federation_etcd_password_file),
      Number("federation.lease_seconds",
             "Seconds without a word until a node counts as away; the same on all servers.", 2, 600,
             [](Config& c) -> uint64_t& { return c.federation_lease_seconds; }),
      Number("federation.debounce_millis",
             "Milliseconds that something must have changed for until there is a new plan.", 1,
             3'600'000, [](Config& c) -> uint64_t& { return c.federation_debounce_millis; }),
      Number("federation.epoch_millis", "Milliseconds between two plans at least.", 1, 3'600'000,
             [](Config& c) -> uint64_t& { return c.federation_epoch_millis; }),
      Text("federation.node", "The name of this server's node in federations.",
           &Config::federation_node),
      Text("peer.listen",
           "Address for other nodes of federations, host:port or unix:PATH. Beyond loopback it "
           "takes TLS and tls.client_ca.",
           &Config::peer_listen),
      Text("peer.advertise",
           "Where other nodes dial this server, host:port or unix:PATH; empty: peer.listen.",
           &Config::peer_advertise),
      Text("http.listen",
           "Address for HTTP (health, metrics, JSON), host:port (port 0: a free one), or none.",
           &Config::http_listen),
      Text("http.port_file", "Write the HTTP port in use to this file once it is open.",
           &Config::http_port_file),
      Switch("http.tls", "HTTPS with tls.certificate; taken beyond loopback.", &Config::http_tls),
      Text("http.allowed_hosts",
           "Names besides localhost, with commas between them, that requests may be for (header "
           "Host) on a loopback address without auth.file; *: any.",
           &Config::http_allowed_hosts),
      Number("http.connections_max", "HTTP connections at once; further ones are closed.", 1,
             10'000, [](Config& c) -> uint64_t& { return c.http_connections_max; }),
      Number("http.connections_per_address_max", "... of these, from one address.", 1, 10'000,
             [](Config& c) -> uint64_t& { return c.http_connections_per_address_max; }),
      Number("http.idle_seconds", "Seconds without a byte until an HTTP connection is closed.", 1,
             3600, [](Config& c) -> uint64_t& { return c.http_idle_seconds; }),
      Number("http.request_seconds",
             "Seconds for an HTTP request to come in whole; then its connection is closed.", 1,
             3600, [](Config& c) -> uint64_t& { return c.http_request_seconds; }),
      Number("http.call_seconds", "Seconds for a call over HTTP that does not say Grpc-Timeout.", 1,
             86'400, [](Config& c) -> uint64_t& { return c.http_call_seconds; }),
      Text("tls.certificate", "PEM file of the certificate and its chain; empty: no TLS.",
           &Config::tls_certificate),
      Text("tls.key", "PEM file of the certificate's key.", &Config::tls_key),
      Text("tls.client_ca",
           "PEM file of the authorities that sign certificates of clients and of other nodes; "
           "empty: clients are not asked for one.",
           &Config::tls_client_ca),
      Choice("tls.client_certificates",
             "optional: a client without a certificate may come with a key; or required.",
             &Config::tls_client_certificates, {"optional", "required"}),
      Number(
          "tls.watch_seconds",
          "Seconds between looks whether the files of tls hold something new, which is then used; "
          "0: at reloads alone.",
          0, 86'400, [](Config& c) -> uint64_t& { return c.tls_watch_seconds; }),
      Text("auth.file", "Who may do what (docs/security.md); empty: everybody everything.",
           &Config::auth_file),
      Text("audit.file", "JSON lines on who did what are appended there; empty: none.",
           &Config::audit_file),
      Switch("audit.reads", "Audit reads too, not writes and administration alone.",
             &Config::audit_reads),
      Text("tracing.otlp_endpoint",
           "Collector that spans of calls are sent to, by OTLP over gRPC, host:port or unix:PATH; "
           "empty: none are made.",
           &Config::tracing_endpoint),
      Live(Share("tracing.sample_ratio",
                 "Share of the calls without a traceparent that are traced, 0 to 1; a call with "
                 "one is if its caller says so.",
                 &Config::tracing_sample_ratio)),
      Switch("tracing.tls", "Send spans by TLS.", &Config::tracing_tls),
      Text("tracing.tls_ca",
           "PEM file of the authorities that sign the collector's certificate; empty: the "
           "system's.",
           &Config::tracing_tls_ca),
      Number("limits.rows_per_store_max", "Rows in one Store or DeleteItems.", 1, 1u << 20,
             [](Config& c) -> uint32_t& { return c.limits.rows_per_store_max; }),
      Number("limits.cues_max", "Cues in one Retrieve or ListwiseQuery.", 1, 1u << 16,
             [](Config& c) -> uint32_t& { return c.limits.cues_max; }),
      Number("limits.list_size_max", "Length of a list.", 1, 1u << 16,
             [](Config& c) -> uint32_t& { return c.limits.list_size_max; }),
      Number("limits.dimension_max", "Numbers in a key or a response.", 1, 1u << 20,
             [](Config& c) -> uint32_t& { return c.limits.dimension_max; }),
      Number(
          "limits.payload_bytes_max", "Bytes of a payload.", 0, 64u << 20,
          [](Config& c) -> uint32_t& { return c.limits.payload_bytes_max; }, true),
      Number(
          "limits.message_bytes_max", "Bytes of a request.", 4096, 1ull << 30,
          [](Config& c) -> uint64_t& { return c.limits.message_bytes_max; }, true),
      Number("limits.memories_max", "Memories.", 1, k32,
             [](Config& c) -> uint32_t& { return c.limits.memories_max; }),
      Number("limits.partitions_max", "Partitions of a linear memory.", 1, 1u << 16,
             [](Config& c) -> uint32_t& { return c.limits.partitions_max; }),
      Number(
          "limits.fixed_bytes_max", "Bytes of the matrices of one linear memory.", 1, 1ull << 40,
          [](Config& c) -> uint64_t& { return c.limits.fixed_bytes_max; }, true),
  };
}

}  // namespace

std::string ConfigKey::environment() const {
  std::string out = "MNEME_" + name;
  for (char& c : out)
    c = c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

const std::vector<ConfigKey>& ConfigKeys() {
  static const std::vector<ConfigKey> keys = MakeKeys();
  return keys;
}

absl::Status SetKey(Config& config, std::string_view name, std::string_view value) {
  const ConfigKey* nearest = nullptr;
  size_t nearest_distance = 0;
  for (const ConfigKey& key : ConfigKeys()) {
    if (key.name == name) return key.set(config, value);
    const size_t distance = EditDistance(key.name, name);
    if (nearest == nullptr || distance < nearest_distance) {
      nearest = &key;
      nearest_distance = distance;
    }
  }
  return InvalidArgument(
      absl::StrFormat("there is no configuration key '%s'; did you mean '%s'?", AbslView(name),
                      nearest->name),
      {.reason = "CONFIG_KEY",
       .given = std::string(name),
       .expected = nearest->name,
       .next_step = "Correct or remove the key; `mnemed config print` shows all of them."});
}

bool IsLoopback(std::string_view listen) {
  for (std::string_view prefix :
       {"127.", "localhost:", "[::1]:", "ipv4:127.", "ipv6:[::1]", "unix:"}) {
    if (listen.substr(0, prefix.size()) == prefix) return true;
  }
  return false;
}

absl::Status CheckListen(const Config& config, std::string_view key, const std::string& listen) {
  return CheckAddress(config, key, listen,
                      !config.auth_file.empty() || config.tls_client_certificates == "required");
}

absl::Status ValidateConfig(const Config& config) {
  MNEME_RETURN_IF_ERROR(CheckTls(config));
  MNEME_RETURN_IF_ERROR(CheckTracing(config));
  MNEME_RETURN_IF_ERROR(CheckListen(config, "server.listen", config.listen));
  MNEME_RETURN_IF_ERROR(CheckHttp(config));
  if (config.data_dir.empty()) return BadValue("data.dir", "", "a directory");
  MNEME_RETURN_IF_ERROR(CheckEtcd(config));
  if (config.federation_file.empty() && config.federation_etcd.empty()) return absl::OkStatus();
  if (!config.federation_file.empty() && !config.federation_etcd.empty()) {
    return BadValue("federation.etcd", config.federation_etcd,
                    "empty where federation.file is set");
  }
  if (config.federation_node.empty()) {
    return BadValue("federation.node", "", "the name of this server's node in its federations");
  }
  if (!config.federation_etcd.empty())
    MNEME_RETURN_IF_ERROR(federation::CheckName("node", config.federation_node));
  const bool any_address =
      config.peer_listen.starts_with("0.0.0.0:") || config.peer_listen.starts_with("[::]:");
  const bool needed = any_address && !config.federation_etcd.empty();
  if (config.peer_advertise.empty() ? needed : !HasPort(config.peer_advertise)) {
    return BadValue("peer.advertise", config.peer_advertise,
                    "where other nodes dial this server, host:port or unix:PATH");
  }
  // Other nodes show certificates wherever there is TLS.
  return CheckAddress(config, "peer.listen", config.peer_listen, !config.tls_certificate.empty());
}

std::string BackupDirectory(const Config& config) {
  if (!config.backup_dir.empty()) return config.backup_dir;
  std::string beside = config.data_dir;
  while (beside.size() > 1 && beside.back() == '/') beside.pop_back();
  return beside + "-backups";
}

}  // namespace mneme::server
