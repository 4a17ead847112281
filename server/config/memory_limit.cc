#include "server/config/memory_limit.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>
#include <string_view>

namespace mneme::server {
namespace {

constexpr uint64_t kNone = std::numeric_limits<uint64_t>::max();
// Programs, stacks, the network's buffers, what the allocator holds back.
constexpr uint64_t kProcessBytes = 64ull << 20;

// The number in a file; kNone for "max", for version 1's way to say so, and where there is no file.
uint64_t ReadLimit(const std::string& path) {
  std::ifstream file(path);
  uint64_t bytes = kNone;
  if (!(file >> bytes)) return kNone;
  return bytes >= (uint64_t{1} << 62) ? kNone : bytes;
}

// The least limit in a group's folder and in those above it, up to `top`.
uint64_t TightestLimit(const std::string& top, std::string group, const std::string& file) {
  uint64_t least = kNone;
  while (true) {
    least = std::min(least, ReadLimit(top + group + "/" + file));
    const size_t slash = group.rfind('/');
    if (slash == std::string::npos) return least;
    group.resize(slash);
  }
}

// /proc/self/cgroup has a line a hierarchy: "0::/group" (version 2), "4:memory:/group" (version 1).
// In a container the folders of the group are often mounted as the root of the hierarchy: the walk
// upwards finds them there.
uint64_t ControlGroupLimit(const std::string& root) {
  std::ifstream file(root + "/proc/self/cgroup");
  uint64_t least = kNone;
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    std::string group = line.substr(second + 1);
    if (group == "/") group.clear();
    if (controllers == ",,") {
      least = std::min(least, TightestLimit(root + "/sys/fs/cgroup", group, "memory.max"));
    } else if (controllers.find(",memory,") != std::string::npos) {
      least = std::min(
          least, TightestLimit(root + "/sys/fs/cgroup/memory", group, "memory.limit_in_bytes"));
    }
  }
  return least;
}

// "MemTotal:  24566104 kB"
uint64_t MachineBytes(const std::string& root) {
  std::ifstream file(root + "/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    uint64_t kilobytes = 0;
    if (words >> name >> kilobytes && name == "MemTotal:") return kilobytes << 10;
  }
  return kNone;
}

}  // namespace

MemoryLimit ChooseMemoryLimit(uint64_t configured, const std::string& root) {
  if (configured > 0) return {.bytes = configured, .source = "configuration"};
  const uint64_t machine = MachineBytes(root);
  const uint64_t group = ControlGroupLimit(root);
  const uint64_t least = std::min(machine, group);
  if (least == kNone) return {.bytes = 0, .source = "machine"};  // there is none that can be told
  return {.bytes = least / 10 * 8, .source = group < machine ? "cgroup" : "machine"};
}

MemoryShares SplitMemory(uint64_t limit_bytes, uint64_t storage_bytes) {
  if (limit_bytes == 0) return {.storage = storage_bytes, .calls = kNone / 4, .reserved = 0};
  MemoryShares shares{.storage = std::min(storage_bytes, limit_bytes / 4),
                      .calls = limit_bytes / 4};
  shares.reserved = shares.storage + shares.calls + std::min(kProcessBytes, limit_bytes / 8);
  return shares;
}

}  // namespace mneme::server
