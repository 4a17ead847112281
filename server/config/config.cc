#include "server/config/config.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <numeric>

#include "core/base/status.h"

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

bool IsLoopback(std::string_view listen) {
  for (std::string_view prefix :
       {"127.", "localhost:", "[::1]:", "ipv4:127.", "ipv6:[::1]", "unix:"}) {
    if (listen.substr(0, prefix.size()) == prefix) return true;
  }
  return false;
}

std::vector<ConfigKey> MakeKeys() {
  constexpr uint64_t k32 = std::numeric_limits<uint32_t>::max();
  return {
      Text("server.listen",
           "Address for gRPC, host:port (port 0: a free one) or unix:PATH. Loopback only.",
           &Config::listen),
      Text("server.port_file", "Write the port in use to this file once the server listens.",
           &Config::port_file),
      Number("server.grace_seconds", "On SIGTERM: seconds for calls under way to finish.", 0, 3600,
             [](Config& c) -> uint64_t& { return c.grace_seconds; }),
      Number("server.answer_seconds",
             "Seconds for a client to take a large answer; then the call is dropped.", 1, 86'400,
             [](Config& c) -> uint64_t& { return c.answer_seconds; }),
      Text("data.dir", "Data directory; made if absent.", &Config::data_dir),
      Text(
          "data.backup_dir",
          "Where backups lie; empty: a folder beside the data directory, with -backups at its end.",
          &Config::backup_dir),
      Number(
          "data.disk_bytes_reserve", "Stores are refused while fewer bytes of the disk are free.",
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
      Choice("log.level", "Least level to log: trace, debug, info, warning, error.",
             &Config::log_level, {"trace", "debug", "info", "warning", "error"}),
      Choice("log.format", "text, or json (one object a line).", &Config::log_format,
             {"text", "json"}),
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

absl::Status ValidateConfig(const Config& config) {
  if (!IsLoopback(config.listen)) {
    return InvalidArgument(
        absl::StrFormat("server.listen: '%s' is not a loopback address", config.listen),
        {.reason = "CONFIG_VALUE",
         .given = config.listen,
         .expected = "127.0.0.1:PORT, [::1]:PORT, localhost:PORT or unix:PATH",
         .next_step = "There is no TLS or authentication yet: listen on loopback, behind a tunnel "
                      "or a proxy that has both."});
  }
  if (!HasPort(config.listen)) {
    return BadValue("server.listen", config.listen,
                    "host:port with a port from 0 to 65535, or unix:PATH");
  }
  if (config.data_dir.empty()) return BadValue("data.dir", "", "a directory");
  return absl::OkStatus();
}

std::string BackupDirectory(const Config& config) {
  if (!config.backup_dir.empty()) return config.backup_dir;
  std::string beside = config.data_dir;
  while (beside.size() > 1 && beside.back() == '/') beside.pop_back();
  return beside + "-backups";
}

}  // namespace mneme::server
