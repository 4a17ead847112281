// How much main memory the daemon may use, and who says so.
#ifndef MNEME_SERVER_CONFIG_MEMORY_LIMIT_H_
#define MNEME_SERVER_CONFIG_MEMORY_LIMIT_H_

#include <cstdint>
#include <string>

namespace mneme::server {

struct MemoryLimit {
  uint64_t bytes = 0;
  std::string source;  // "configuration", "cgroup" or "machine"
};

// `configured`, unless it is 0; else 80 % of the smaller of: the tightest limit of the control
// groups that this process is in (version 2, or the memory controller of version 1; the group
// itself and those above it), and the machine's memory. `root` stands for / (a test gives a folder
// of its own).
MemoryLimit ChooseMemoryLimit(uint64_t configured, const std::string& root = "");

// How a limit is split. The storage gets what it is to have, and calls under way a quarter
// together; what is left of the limit beside these and the process itself is for memories.
struct MemoryShares {
  uint64_t storage = 0;   // the storage engine's caches and buffers: at most a quarter
  uint64_t calls = 0;     // bytes of requests and answers under way
  uint64_t reserved = 0;  // both, and the process: not for memories
};
MemoryShares SplitMemory(uint64_t limit_bytes, uint64_t storage_bytes);

}  // namespace mneme::server

#endif  // MNEME_SERVER_CONFIG_MEMORY_LIMIT_H_
